"""How a value agrees with the reference: the tolerances of the two layouts, entry by entry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from cases import NO_VALUE, Case

Path = tuple[str, ...]
ABSENT = object()


@dataclass(frozen=True)
class Disagreement:
    """One entry that does not agree."""

    name: str
    got: Any
    expected: Any

    @property
    def relative_error(self) -> float:
        """Relative error where both are numbers, else NaN."""
        if not all(isinstance(v, int | float) for v in (self.got, self.expected)):
            return math.nan
        if self.expected == 0:
            return math.inf
        return abs(self.got - self.expected) / abs(self.expected)

    def __str__(self) -> str:
        return (
            f"{self.name}: got {self.got!r}, expected {self.expected!r}, "
            f"relative error {self.relative_error:.2e}"
        )


def compare(case: Case, got: dict[str, Any]) -> list[Disagreement]:
    """List every entry of ``case.expect`` that ``got`` lacks or has differently."""
    tolerance = _MetaTolerance(case) if case.layout == "meta" else _TrialTolerance(case)
    found: list[Disagreement] = []
    _walk((), plain(got), case.expect, tolerance, found)
    return found


def plain(value: Any) -> Any:
    """Turn arrays, tuples and numpy scalars into what JSON would hold."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [plain(v) for v in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def _walk(path: Path, got: Any, expected: Any, tolerance: Any, found: list[Disagreement]) -> None:
    name = ".".join(path)
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            found.append(Disagreement(name, _shown(got), "a block"))
            return
        for key, value in expected.items():
            _walk((*path, key), got.get(key, ABSENT), value, tolerance, found)
    elif isinstance(expected, list):
        if isinstance(got, int | float) and len(expected) == 1:
            got = [got]
        if not isinstance(got, list) or len(got) != len(expected):
            found.append(Disagreement(name, _shown(got), f"{len(expected)} values"))
            return
        for i, value in enumerate(expected):
            _walk((*path, str(i)), got[i], value, tolerance, found)
    elif expected == NO_VALUE:
        return
    elif got is ABSENT or not _agrees(path, got, expected, tolerance):
        found.append(Disagreement(name, _shown(got), expected))


def _shown(got: Any) -> Any:
    if got is ABSENT:
        return "nothing"
    return f"{len(got)} values" if isinstance(got, list) else got


def _agrees(path: Path, got: Any, expected: Any, tolerance: Any) -> bool:
    if expected in ("Infinity", "-Infinity"):
        return bool(got == float(expected.replace("Infinity", "inf")) or got == expected)
    if isinstance(expected, list) and len(expected) == 1:
        expected = expected[0]
    if expected is None or isinstance(expected, bool | str):
        return bool(got == expected)
    if isinstance(got, list) and len(got) == 1:
        got = got[0]
    if not isinstance(got, int | float) or isinstance(got, bool):
        return False
    return bool(tolerance(path, float(got), float(expected)))


class _MetaTolerance:
    """abs(x - e) <= atol + tol * abs(e), with other values of tol by name."""

    def __init__(self, case: Case) -> None:
        self.tol, self.atol = case.raw["tol"], case.raw.get("atol", 0.0)
        self.by_name = case.raw.get("tol_by_name", {})

    def __call__(self, path: Path, got: float, expected: float) -> bool:
        tol = next((self.by_name[n] for n in reversed(path) if n in self.by_name), self.tol)
        return abs(got - expected) <= self.atol + tol * abs(expected)


_CLASS = {
    "estimate": "estimate", "fixed": "estimate", "thresholds": "estimate",
    "estimate_log": "estimate",
    "se": "se", "se_prediction": "se", "thresholds_se": "se",
    "df": "df", "den_df": "df", "df_containment": "df",
    "t": "stat", "z": "stat", "F": "stat", "p": "p",
    "ci_low": "ci", "ci_high": "ci",
    "vcov": "varcomp", "sdcor": "varcomp", "icc": "varcomp", "sigma": "varcomp",
    "correlation": "varpar", "sd_ratios": "varpar",
    "loglik": "loglik", "reml_loglik": "loglik", "reml_criterion": "loglik",
    "aic": "loglik", "bic": "loglik",
    "random_sd": "sd", "random_cov": "sd", "dispersion": "sd", "theta": "sd",
    "tau2": "tau2",
}  # fmt: skip
_BLOCKS = {"blup": "blup", "individual_effects": "blup", "conditional_modes": "blup"}
_FALL_BACK: dict[str, tuple[str, ...]] = {
    "ci": ("estimate",), "varpar": ("varcomp", "sd"), "varcomp": ("varpar", "sd"),
    "sd": ("varcomp", "varpar"), "df": ("se",), "blup": ("estimate",),
}  # fmt: skip


class _TrialTolerance:
    """Relative or absolute, either suffices; classes of entries have their own."""

    def __init__(self, case: Case) -> None:
        self.tol = case.raw["tol"] or {"default": {"rel": 1e-6}}
        self.expect = case.expect
        self.sigma = float(case.expect.get("sigma") or 0.0)

    def __call__(self, path: Path, got: float, expected: float) -> bool:
        rule = self._rule(path)
        if rule.get("skip"):
            return True
        gap = abs(got - expected)
        allowed = [rule.get("rel", 0.0) * abs(expected), rule.get("abs", 0.0), 1e-14]
        allowed.append(rule.get("abs_rel_to_se", 0.0) * self._sibling_se(path))
        allowed.append(rule.get("abs_rel_to_residual", 0.0) * self.sigma**2)
        allowed.append(rule.get("abs_rel_to_residual_sd", 0.0) * self.sigma)
        if "vcov_fixed" in path or "vcov_fixed_kenward_roger" in path:
            allowed.append(2 * rule.get("rel", 0.0) * self._largest(path[0]))
        return gap <= max(allowed)

    def _rule(self, path: Path) -> dict[str, Any]:
        table = self.tol
        if "exact_ml" in path and "exact_ml" in table:
            table = {**table, **table["exact_ml"]}
        if "method_a" in table:
            return dict(table[self._bioequivalence(path)])
        if "reml" in path and "reml" in table and "rel" in table["reml"]:
            return dict(table["reml"])
        if "published" in path and "published" in table:
            return dict(table["published"])
        kind = self._class(path)
        for name in (kind, *_FALL_BACK.get(kind, ())):
            if name in table:
                return dict(table[name])
        return dict(table.get("default") or table.get("estimate") or {"rel": 1e-6})

    def _bioequivalence(self, path: Path) -> str:
        if path[0] == "published" or path[0].startswith("published"):
            return "published"
        if path[0].startswith("method_b"):
            return "df" if path[-1] == "df" else "method_b"
        return "method_a"

    def _class(self, path: Path) -> str:
        for block, kind in _BLOCKS.items():
            if block in path:
                return kind
        names = [n for n in path if not n.isdigit()]
        if names[0] in ("vcov_fixed", "vcov_fixed_kenward_roger"):
            return "se"
        for name in reversed(names):
            if name in _CLASS:
                return _CLASS[name]
            if name.startswith("p_") or name.endswith("_p") or "_p_" in name:
                return "p"
        return "default"

    def _sibling_se(self, path: Path) -> float:
        node: Any = self.expect
        for name in path[:-1]:
            node = node[int(name)] if isinstance(node, list) else node[name]
        if isinstance(node, dict) and isinstance(node.get("se"), int | float):
            return float(node["se"])
        block = self.expect.get("fixed", {}).get(path[-1], {})
        return (
            float(block.get("satterthwaite", {}).get("se", 0.0)) if isinstance(block, dict) else 0.0
        )

    def _largest(self, block: str) -> float:
        return float(np.max(np.abs(np.asarray(self.expect[block], dtype=float))))
