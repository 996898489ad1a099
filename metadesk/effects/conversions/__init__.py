"""Conversions between what papers report and what formulas need: each named, cited, reversible."""
