"""The BCG vaccine trials (Colditz et al. 1994) as results, for tests of what is shown of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from metadesk.analysis.engine import fit, prepare
from metadesk.analysis.presets import PRESETS
from metadesk.analysis.result import AnalysisResult
from metadesk.analysis.spec import AnalysisSpec, Labels
from metadesk.table import StudyTable, make_table

TRIALS = (
    ("Aronson", 1948, 4, 119, 11, 128),
    ("Ferguson & Simes", 1949, 6, 300, 29, 274),
    ("Rosenthal et al.", 1960, 3, 228, 11, 209),
    ("Hart & Sutherland", 1977, 62, 13536, 248, 12619),
    ("Frimodt-Møller et al.", 1973, 33, 5036, 47, 5761),
    ("Stein & Aronson", 1953, 180, 1361, 372, 1079),
    ("Vandiviere et al.", 1973, 8, 2537, 10, 619),
    ("TPT Madras", 1980, 505, 87886, 499, 87892),
    ("Coetzee & Berjak", 1968, 29, 7470, 45, 7232),
    ("Rosenthal et al.", 1961, 17, 1699, 65, 1600),
    ("Comstock et al.", 1974, 186, 50448, 141, 27197),
    ("Comstock & Webster", 1969, 5, 2493, 3, 2338),
    ("Comstock et al.", 1976, 27, 16886, 29, 17825),
)
ROLES = {"Author": "study", "Year": "year", "tp": "ai", "tn": "bi", "cp": "ci", "cn": "di"}
LABELS = Labels(
    title="BCG vaccination for prevention of tuberculosis",
    group1="Vaccinated",
    group2="Control",
    favours_left="Favours vaccine",
    favours_right="Favours control",
)


def bcg_table(n: int = len(TRIALS)) -> StudyTable:
    """The first ``n`` trials; beyond thirteen they repeat."""
    rows = [TRIALS[i % len(TRIALS)] for i in range(n)]
    columns = dict(zip(ROLES, zip(*rows, strict=True), strict=True))
    return make_table(columns, ROLES, name="BCG")


def bcg(
    *,
    model: str = "random",
    measure: str = "RR",
    table: StudyTable | None = None,
    **more: Any,
) -> AnalysisResult:
    """The trials analysed by today's defaults."""
    spec = AnalysisSpec(measure=measure, model=model, labels=LABELS, **more)
    if model == "random":
        spec = PRESETS["cochrane-2025"].apply(spec)
    return fit(prepare(spec, table or bcg_table()))


def with_excluded(reasons: dict[int, str]) -> AnalysisResult:
    """The trials with some rows left out by hand."""
    return bcg(table=replace(bcg_table(), excluded=reasons))


def estimates(
    yi: list[float | None],
    vi: list[float | None],
    names: list[str] | None = None,
    *,
    ratio: bool = False,
    excluded: dict[int, str] | None = None,
    labels: Labels | None = None,
) -> AnalysisResult:
    """Ready-made estimates pooled by today's defaults."""
    columns = {
        "Study": names or [f"Study {i + 1}" for i in range(len(yi))],
        "yi": yi,
        "vi": vi,
    }
    table = make_table(columns, {"Study": "study", "yi": "yi", "vi": "vi"})
    options = {"scale": "ratio"} if ratio else {}
    spec = AnalysisSpec(measure="GEN", measure_options=options, labels=labels or Labels())
    return fit(
        prepare(PRESETS["cochrane-2025"].apply(spec), replace(table, excluded=excluded or {}))
    )
