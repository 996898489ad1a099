"""Rules about rare events: zero cells, Peto's conditions, models that need more than there is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from metadesk.advice.rule import Rule
from metadesk.analysis.result import AnalysisResult, StudyResult

BRADBURN = "Bradburn et al. (2007), Stat Med 26:53"
XU = "Xu et al. (2021), BMC Medicine"
HANDBOOK = "Cochrane Handbook for Systematic Reviews of Interventions, chapter 10.4"
SPARSE_SHARE = 0.10  # of the studies with a zero cell, above which added halves decide too much
UNEVEN, LARGE_LOG_OR, RARE_RISK = 2.0, 1.0, 0.05
FEW_STUDIES, FEW_EVENTS = 5, 20
INVERSE_VARIANCE = ("fixed", "random", "mixed", "hc")
WITHOUT_HALVES = ("mh", "peto", "glmm", "sparse", "firth", "beta-binomial")
RATIOS = ("OR", "RR", "PETO", "IRR")


@dataclass(frozen=True)
class Arms:
    """One study's events and sizes of the two groups; NaN where the sheet does not say."""

    study: StudyResult
    events: tuple[float, float]
    sizes: tuple[float, float]

    @property
    def has_zero(self) -> bool:
        """Whether a cell of its table is zero."""
        rest = (n - e for e, n in zip(self.events, self.sizes, strict=True))
        return 0.0 in self.events or any(v == 0.0 for v in rest)

    @property
    def both_zero(self) -> bool:
        """Whether nobody had an event."""
        return self.events == (0.0, 0.0)


def arms_of(result: AnalysisResult) -> tuple[Arms, ...]:
    """The studies whose events the sheet reports, used or not, but for those a person left out."""
    columns = {c.key: c.values for c in result.data_columns}
    events = next((p for p in (("ai", "ci"), ("x1i", "x2i")) if set(p) <= set(columns)), None)
    if events is None:
        return ()
    found = []
    for i, study in enumerate(result.studies):
        pair = tuple(columns[key][i] for key in events)
        if study.by_person or not study.listed or None in pair:
            continue
        sizes = tuple(columns[k][i] if k in columns else None for k in ("n1i", "n2i"))
        events_of = (_number(pair[0]), _number(pair[1]))
        found.append(Arms(study, events_of, (_number(sizes[0]), _number(sizes[1]))))
    return tuple(found)


def no_halves_needed(result: AnalysisResult) -> str:
    """Say that zero cells need nothing added in this model."""
    if result.main is None or result.main.model not in WITHOUT_HALVES:
        return ""
    single = [a for a in arms_of(result) if a.study.used and a.has_zero and not a.both_zero]
    if not single:
        return ""
    return (
        f"{_studies(len(single))} no events in one group. This model needs no added ½, which would "
        "bias the result, most where groups differ in size."
    )


def nobody_had_an_event(result: AnalysisResult) -> str:
    """Say what became of studies without any event."""
    if result.main is None or result.measure not in RATIOS:
        return ""
    empty = [a for a in arms_of(result) if a.both_zero]
    if not empty:
        return ""
    if result.main.model == "beta-binomial":
        return f"{_studies(len(empty))} no events in either group; this model keeps them."
    return (
        f"{_studies(len(empty))} no events in either group. They say nothing about a ratio but "
        "still inform the absolute risk; they stay in the tables. The beta-binomial model keeps "
        "them in the pooled effect as well."
    )


def petos_conditions(result: AnalysisResult) -> str:
    """Name the condition of Peto's method that does not hold."""
    if result.main is None or result.main.model != "peto":
        return ""
    arms = [a for a in arms_of(result) if a.study.used]
    broken = []
    ratios = [max(a.sizes) / min(a.sizes) for a in arms if min(a.sizes) > 0]
    if ratios and max(ratios) > UNEVEN:
        broken.append("groups differ in size by more than 2 to 1")
    if abs(result.main.pooled.value) > LARGE_LOG_OR:
        broken.append("the effect is large")
    total = math.fsum(n for a in arms for n in a.sizes if n == n)
    events = math.fsum(e for a in arms for e in a.events)
    if total > 0 and events / total > RARE_RISK:
        broken.append(f"events are not rare ({100 * events / total:.0f}% of people)")
    if not broken:
        return ""
    return (
        "Peto's method can be trusted for rare events, groups of equal size and small effects. "
        f"Here {'; '.join(broken)}. Mantel–Haenszel has no such conditions."
    )


def sparse_for_inverse_variance(result: AnalysisResult) -> str:
    """Caution against inverse-variance weights where many cells are zero."""
    if result.main is None or result.main.model not in INVERSE_VARIANCE:
        return ""
    arms = [a for a in arms_of(result) if a.study.used]
    zero = sum(a.has_zero for a in arms)
    if result.measure not in RATIOS or not arms or zero / len(arms) <= SPARSE_SHARE:
        return ""
    return (
        f"{_studies(zero)} a zero cell. Weights by inverse variance rest on the ½ that was added "
        "there. Take Mantel–Haenszel or a model of the counts (GLMM), which add nothing."
    )


def too_little_for_a_glmm(result: AnalysisResult) -> str:
    """Say that a mixed model of the counts wants more than there is."""
    fit = result.main
    if fit is None or fit.model not in ("glmm", "sparse", "beta-binomial"):
        return ""
    events = math.fsum(e for a in arms_of(result) if a.study.used for e in a.events)
    known = bool(arms_of(result))
    if fit.k >= FEW_STUDIES and not (known and events < FEW_EVENTS):
        return ""
    what = f"{fit.k} studies" if fit.k < FEW_STUDIES else f"{events:.0f} events in all"
    return (
        f"{what} are little for a mixed model of the counts: its variance and its interval are "
        "rough. Show Mantel–Haenszel beside it."
    )


def _studies(n: int) -> str:
    return "1 study has" if n == 1 else f"{n} studies have"


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


RARE_EVENTS = (
    Rule("C1", "Nothing is added to zero cells", "note", BRADBURN, no_halves_needed),
    Rule("C2", "No events in either group", "caution", XU, nobody_had_an_event),
    Rule("C3", "Conditions of Peto's method", "strong", BRADBURN, petos_conditions),
    Rule(
        "C4", "Zero cells under inverse variance", "strong", HANDBOOK, sparse_for_inverse_variance
    ),
    Rule("C5", "Little for a mixed model", "caution", HANDBOOK, too_little_for_a_glmm),
)
