"""Models: a spec and data in, a :class:`FitResult` out."""

from metadesk.models.result import (
    Coefficients,
    FitResult,
    FitStatistics,
    Heterogeneity,
    Interval,
    Omnibus,
    Quantity,
    Spread,
    Status,
    VarianceComponent,
)

__all__ = [
    "Coefficients",
    "FitResult",
    "FitStatistics",
    "Heterogeneity",
    "Interval",
    "Omnibus",
    "Quantity",
    "Spread",
    "Status",
    "VarianceComponent",
]
