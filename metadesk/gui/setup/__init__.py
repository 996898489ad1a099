"""The model panel: what is measured, which model, in which words."""
