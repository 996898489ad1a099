"""metadesk: from an extraction sheet to a pooled estimate, a forest plot and a results workbook."""

__version__ = "0.1.0"
