"""Effect sizes in the window: which measure, how a row's effect came about, what would save it."""
