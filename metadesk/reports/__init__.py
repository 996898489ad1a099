"""Results written up: documents, the results workbook, JSON."""

from metadesk.reports.compose import compose
from metadesk.reports.results_json import write_json
from metadesk.reports.workbook import write_results

__all__ = ["compose", "write_json", "write_results"]
