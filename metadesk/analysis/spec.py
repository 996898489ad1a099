"""What is wanted: one frozen, versioned request that window, command line and files share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from metadesk.errors import FileProblem, SpecProblem
from metadesk.table.outcomes import ALL

SPEC_VERSION = 1
MOST_PERMUTATIONS = 1_000_000
EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Labels:
    """The words of this review that appear in tables and figures.

    ``better`` says which direction is good for patients: 'lower', 'higher', or '' when nobody did.
    """

    title: str = ""
    outcome: str = ""
    group1: str = ""
    group2: str = ""
    favours_left: str = ""
    favours_right: str = ""
    better: str = ""


@dataclass(frozen=True)
class AnalysisSpec:
    """One analysis of one sheet.

    ``measure`` is a key of ``effects.MEASURES`` ('' lets the engine take what the roles suggest),
    ``model`` one of ``models.meta.MODELS``. Options are plain mappings here and are checked against
    the option fields of their family. ``roles`` maps a role to a column name and overrides what the
    sheet says; ``moderators`` is a formula such as ``~ ablat + factor(alloc)``, ``scale`` one for
    the spread of true effects where the model explains that too. ``subgroup`` names
    a column, ``subgroup_tau2`` says whether its groups share one tau². ``compare`` lists further
    models to stand beside the main one, each with ``model``, ``options``, ``moderators`` and
    ``scale``. ``outcome`` names the outcome of a long sheet that is analysed: '' takes the one with
    the most rows, 'all' all of them together; what is meant is :attr:`outcome_meant`.
    ``predict_at`` lists values of the moderators at which the model is asked what it expects;
    ``permutations`` is how many rearrangements a permutation test makes, 0 for none.
    ``tests`` says how hypotheses are tested beyond the model's own table (see
    :class:`metadesk.analysis.testing.Testing`), ``test_together`` lists sets of terms or
    coefficients that are tested jointly.
    ``routes`` maps a row id to the route a person chose for it ('!key': a refused one).
    ``dependence`` says what to do with several effects of one study (see
    :class:`metadesk.analysis.covariances.Dependence`), ``plain`` which baseline risk or scale the
    plain numbers are about (see :class:`metadesk.analysis.plain.PlainChoice`). ``adjustments``
    lists what is done to rows before their effects are worked out (see
    :func:`metadesk.analysis.adjusting.adjusted`); what was done in the sheet itself stands there.
    """

    kind: ClassVar[str] = "studies"

    measure: str = ""
    model: str = "random"
    level: float = 0.95
    measure_options: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    model_options: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    roles: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    moderators: str = ""
    scale: str = ""
    outcome: str = ""
    subgroup: str = ""
    subgroup_tau2: str = "separate"
    compare: tuple[Mapping[str, Any], ...] = ()
    predict_at: tuple[Mapping[str, Any], ...] = ()
    permutations: int = 0
    tests: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    test_together: tuple[tuple[str, ...], ...] = ()
    adjustments: tuple[Mapping[str, Any], ...] = ()
    routes: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    dependence: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    plain: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    sheet: str = ""
    labels: Labels = field(default_factory=Labels)
    preset: str = "cochrane-2025"
    version: int = SPEC_VERSION

    @property
    def outcome_meant(self) -> str:
        """The outcome asked for; all where several outcomes of a study are what is asked about."""
        why = str(self.dependence.get("why", "outcomes"))
        several = "outcomes" in why.split("-") or why == "matrix"
        if not self.outcome and several and self.dependence.get("use", "none") != "none":
            return ALL
        return self.outcome

    def with_options(self, **options: Any) -> AnalysisSpec:
        """The same request with these model options changed; the preset no longer applies."""
        return replace(self, model_options={**self.model_options, **options}, preset="")

    def to_plain(self) -> dict[str, Any]:
        """The request as JSON can hold it."""
        plain: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, Labels):
                value = {g.name: getattr(value, g.name) for g in fields(value)}
            elif isinstance(value, tuple):
                value = [list(one) if isinstance(one, tuple) else _block(one) for one in value]
            elif isinstance(value, Mapping):
                value = _block(value)
            plain[f.name] = value
        return plain

    @classmethod
    def from_plain(cls, given: Mapping[str, Any]) -> AnalysisSpec:
        """Read a request from what JSON held.

        Raises
        ------
        SpecProblem
            If a field is unknown, of the wrong kind, or written by a newer metadesk.
        """
        known = {f.name for f in fields(cls)}
        for name in given:
            if name not in known:
                raise SpecProblem(
                    f"The spec has no field '{name}'; it knows {', '.join(sorted(known))}."
                )
        values = dict(given)
        _check_kinds(values)
        check_version(values, SPEC_VERSION)
        values["version"] = SPEC_VERSION
        blocks = (
            "measure_options", "model_options", "roles", "routes", "labels", "dependence", "plain",
            "tests",
        )  # fmt: skip
        for name in blocks:
            if name in values and not isinstance(values[name], Mapping):
                raise SpecProblem(f"'{name}' in the spec must be a block of names and values.")
        if "labels" in values:
            values["labels"] = read_labels(values["labels"])
        if "routes" in values:
            values["routes"] = _read_routes(values["routes"])
        if values.get("subgroup_tau2", "separate") not in ("separate", "common"):
            raise SpecProblem("'subgroup_tau2' in the spec is separate or common.")
        values["compare"] = tuple(_other_model(one) for one in values.get("compare", ()))
        values["adjustments"] = tuple(_adjustment(one) for one in values.get("adjustments", ()))
        values["predict_at"] = tuple(_place(one) for one in values.get("predict_at", ()))
        together = values.get("test_together", ())
        values["test_together"] = tuple(_tested_together(one) for one in together)
        many = values.get("permutations", 0)
        if (
            isinstance(many, bool)
            or not isinstance(many, int)
            or not 0 <= many <= MOST_PERMUTATIONS
        ):
            raise SpecProblem(
                f"'permutations' is a whole number up to {MOST_PERMUTATIONS:,}, 0 for none."
            )
        level = values.get("level", 0.95)
        if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
            raise SpecProblem(
                f"'level' is the confidence level as a proportion, such as 0.95, not {level!r}."
            )
        return cls(**values)


def _block(value: Mapping[Any, Any]) -> dict[str, Any]:
    """A block of names and values as JSON can hold it."""
    return {str(k): list(v) if isinstance(v, tuple) else v for k, v in value.items()}


WORDS = (
    "measure", "model", "moderators", "scale", "outcome", "subgroup", "subgroup_tau2", "sheet",
    "preset",
)  # fmt: skip
LISTS = ("compare", "predict_at", "test_together", "adjustments")


def _check_kinds(values: Mapping[str, Any]) -> None:
    """Refuse fields that are not even of the kind that they must be."""
    for name in WORDS:
        if not isinstance(values.get(name, ""), str):
            raise SpecProblem(f"'{name}' in the spec is a word in quotes, not {values[name]!r}.")
    for name in LISTS:
        if not isinstance(values.get(name, ()), list | tuple):
            raise SpecProblem(f"'{name}' in the spec is a list, not {values[name]!r}.")


def check_version(values: Mapping[str, Any], newest: int) -> None:
    """Refuse a request that a newer metadesk wrote."""
    version = values.get("version", newest)
    if isinstance(version, bool) or not isinstance(version, int):
        raise SpecProblem(f"'version' in the spec is a whole number, not {version!r}.")
    if version > newest:
        raise SpecProblem(
            f"The spec was written by a newer metadesk (version {version}, this one reads up to "
            f"{newest}). Update metadesk."
        )


def _read_routes(given: Mapping[Any, Any]) -> dict[int, str]:
    try:
        return {int(row): str(route) for row, route in given.items()}
    except ValueError:
        raise SpecProblem(
            "'routes' in the spec names for a row (its number in the table) the route to take, "
            'such as {"3": "counts"}.'
        ) from None


def _other_model(given: Any) -> Mapping[str, Any]:
    known = {"model", "options", "moderators", "scale", "label"}
    whole = isinstance(given, Mapping) and "model" in given and not set(given) - known
    if not whole or not isinstance(given.get("options", {}), Mapping):
        raise SpecProblem(
            "'compare' in the spec is a list of models, each with 'model' and, where wanted, "
            "'options', 'moderators', 'scale' and 'label'."
        )
    return dict(given)


def _tested_together(given: Any) -> tuple[str, ...]:
    whole = isinstance(given, list | tuple) and given and all(isinstance(w, str) for w in given)
    if not whole:
        raise SpecProblem(
            "'test_together' in the spec is a list of lists, each with the moderators that are "
            'tested together, such as [["ablat", "factor(alloc)"]].'
        )
    return tuple(given)


def _adjustment(given: Any) -> Mapping[str, Any]:
    rows = given.get("rows", ()) if isinstance(given, Mapping) else None
    numbers = (
        [v for k, v in given.items() if k not in ("do", "rows")] if rows is not None else [None]
    )
    told = all(isinstance(v, int | float) and not isinstance(v, bool) for v in numbers)
    if rows is None or "do" not in given or not isinstance(rows, list | tuple) or not told:
        raise SpecProblem(
            "'adjustments' in the spec is a list, each with 'do', where wanted 'rows' (a list of "
            'studies), and numbers, such as {"do": "cluster", "rows": ["Chen 2011"], '
            '"cluster_size": 20, "icc": 0.05}.'
        )
    return {**given, "rows": tuple(str(row) for row in rows)} if "rows" in given else dict(given)


def _place(given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping) or not given:
        raise SpecProblem(
            "'predict_at' in the spec is a list of places, each with a value for every moderator, "
            'such as {"ablat": 33}.'
        )
    return dict(given)


def read_labels(given: Mapping[str, Any]) -> Labels:
    """Read the words of a request from what JSON held."""
    known = [f.name for f in fields(Labels)]
    for name in given:
        if name not in known:
            raise SpecProblem(f"'labels' has no field '{name}'; it knows {', '.join(known)}.")
    if given.get("better", "") not in ("", "lower", "higher"):
        raise SpecProblem("'better' in 'labels' is lower, higher, or left empty.")
    return Labels(**{k: str(v) for k, v in given.items()})


def read_spec(path: Path) -> AnalysisSpec:
    """Read a request for studies from a JSON file."""
    return AnalysisSpec.from_plain(read_spec_file(path))


def read_spec_file(path: Path) -> Mapping[str, Any]:
    """What a spec file holds, as one JSON object."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise FileProblem(f"The spec '{path}' cannot be read: {problem.strerror}.") from None
    except UnicodeDecodeError:
        raise FileProblem(f"The spec '{path}' is not a text file (UTF-8).") from None
    except ValueError as problem:
        raise FileProblem(f"The spec '{path}' is not valid JSON: {problem}.") from None
    if not isinstance(given, Mapping):
        raise SpecProblem(f"The spec '{path}' must hold one JSON object.")
    return given
