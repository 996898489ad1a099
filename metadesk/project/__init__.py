"""A project: the sheets of a workbook with everything that was decided about them."""

from metadesk.project.project import Project, ProjectSheet, Source

__all__ = ["Project", "ProjectSheet", "Source"]
