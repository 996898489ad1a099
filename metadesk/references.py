"""Where the methods come from: short citations by key, printed beside their numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """A published source, as a reviewer would cite it in a methods section."""

    key: str
    authors: str
    year: int
    title: str
    where: str
    doi: str = ""

    @property
    def short(self) -> str:
        """Authors and year, for a footnote."""
        return f"{self.authors} ({self.year})"

    @property
    def full(self) -> str:
        """The whole citation on one line."""
        doi = f" doi:{self.doi}" if self.doi else ""
        return f"{self.authors} ({self.year}). {self.title}. {self.where.rstrip('.')}.{doi}"
