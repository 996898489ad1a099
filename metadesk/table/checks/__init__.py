"""Checks of a sheet before any analysis: a rule is a function, and ``validate`` lists them."""
