"""Checks of a fit, to know whether the answer can be trusted."""
