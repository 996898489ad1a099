"""Effect sizes, conversions and aggregation: from a case's spec to the public functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from cases import Case, runs

from metadesk.effects import EffectSizes, compute


def table_rows(case: Case) -> np.ndarray:
    """Positions of the table's rows that the case is about."""
    chosen = case.spec.get("rows")
    k = len(next(iter(case.table.values())))
    return np.arange(k) if chosen is None else np.array(chosen) - 1


def effects_from_spec(case: Case) -> EffectSizes:
    """Effect sizes of the spec's rows, from raw columns or from given estimates."""
    rows, spec = table_rows(case), case.spec
    if spec.get("es"):
        es = spec["es"]
        columns = {role: case.column(name)[rows] for role, name in es["roles"].items()}
        return compute(es["measure"], columns, _options(es))
    given = [role for role in ("yi", "vi", "sei") if spec.get(role)]
    columns = {role: case.column(spec[role])[rows] for role in given}
    return compute("GEN", columns)


def _options(es: dict[str, Any]) -> dict[str, Any]:
    """The spec's options; tetrachoric correlations stop where the reference's search stops."""
    options = dict(es.get("options") or {})
    if es["measure"] in ("RTET", "ZTET"):
        options["search"] = "coarse"
    return options


# The reference gives a variance also where only the estimate is missing, if sizes determine it.
_SIZE_ALONE = {
    "ZCOR": {"ri": 0.0, "ti": 0.0, "pi": 1.0}, "ZPCOR": {"ri": 0.0, "ti": 0.0, "pi": 1.0},
    "ZR2": {"r2i": 0.5, "Fi": 1.0}, "ABT": {"ai": 0.5}, "VR": {"sd1i": 1.0, "sd2i": 1.0},
    "VRC": {"sd1i": 1.0, "sd2i": 1.0}, "SDLN": {"sdi": 1.0}, "IRS": {"xi": 1.0},
    "IRFT": {"xi": 1.0}, "IRSD": {"x1i": 1.0, "x2i": 1.0},
}  # fmt: skip


def _variances(case: Case, got: EffectSizes) -> np.ndarray:
    """Variances, with those that the reference gives to rows without an estimate."""
    es = case.spec.get("es")
    if not es or es["measure"] not in _SIZE_ALONE:
        return got.vi
    rows, filler = table_rows(case), _SIZE_ALONE[es["measure"]]
    columns = {role: case.column(name)[rows] for role, name in es["roles"].items()}
    filled = {
        role: np.where(np.isnan(values), filler[role], values) if role in filler else values
        for role, values in columns.items()
    }
    again = compute(es["measure"], filled, _options(es))
    return np.where(np.isnan(got.yi), again.vi, got.vi)


@runs("escalc", "from_test")
def effect_sizes(case: Case) -> dict[str, Any]:
    """yi and vi of every row; with a level also Wald tests and intervals."""
    got = effects_from_spec(case)
    answer: dict[str, Any] = {"yi": got.yi, "vi": _variances(case, got)}
    if case.spec.get("level"):
        lower, upper = got.ci(case.spec["level"] / 100.0)
        answer |= {"sei": got.sei, "zi": got.zi, "pval": got.pval}
        answer |= {"ci_lb": lower, "ci_ub": upper}
    return answer
