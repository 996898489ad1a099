"""Option fields that describe themselves.

A family of options is a frozen dataclass whose fields are made with :func:`choice`, :func:`number`,
:func:`flag`, :func:`text`, :func:`column` or :func:`numbers`. Forms, the command line, the spec
file and the manual read the same description.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import Any, Literal, TypeVar

from metadesk.errors import SpecProblem

OptionKind = Literal["choice", "number", "integer", "flag", "text", "numbers", "column"]
T = TypeVar("T")


@dataclass(frozen=True)
class Option:
    """One option as a person meets it: its name in a spec, its title, what it may be."""

    name: str
    title: str
    kind: OptionKind
    default: Any
    choices: Mapping[str, str]
    minimum: float
    maximum: float
    help: str
    advanced: bool


def _described(title: str, kind: OptionKind, default: Any, **more: Any) -> Any:
    metadata = {"option": {"title": title, "kind": kind, **more}}
    return field(default=default, metadata=metadata)


def choice(
    title: str, choices: Mapping[str, str], default: str, *, help: str = "", advanced: bool = False
) -> Any:
    """Declare a field that takes one of ``choices`` (key in the spec: words on the screen)."""
    return _described(title, "choice", default, choices=dict(choices), help=help, advanced=advanced)


def number(
    title: str,
    default: float | None,
    *,
    minimum: float = -math.inf,
    maximum: float = math.inf,
    help: str = "",
    advanced: bool = False,
) -> Any:
    """Declare a field that takes a number from ``minimum`` to ``maximum`` (``None``: not given)."""
    return _described(
        title, "number", default, minimum=minimum, maximum=maximum, help=help, advanced=advanced
    )


def integer(
    title: str,
    default: int | None,
    *,
    minimum: float = -math.inf,
    maximum: float = math.inf,
    help: str = "",
    advanced: bool = False,
) -> Any:
    """Declare a field that takes a whole number."""
    return _described(
        title, "integer", default, minimum=minimum, maximum=maximum, help=help, advanced=advanced
    )


def flag(title: str, default: bool, *, help: str = "", advanced: bool = False) -> Any:
    """Declare a field that is on or off."""
    return _described(title, "flag", default, help=help, advanced=advanced)


def text(title: str, default: str = "", *, help: str = "", advanced: bool = False) -> Any:
    """Declare a field that takes words."""
    return _described(title, "text", default, help=help, advanced=advanced)


def column(title: str, *, help: str = "", advanced: bool = False) -> Any:
    """Declare a field that takes the name of a column of the sheet ('': the usual one)."""
    return _described(title, "column", "", help=help, advanced=advanced)


def numbers(
    title: str, default: tuple[float, ...] = (), *, help: str = "", advanced: bool = False
) -> Any:
    """Declare a field that takes several numbers."""
    return _described(title, "numbers", default, help=help, advanced=advanced)


def options_of(family: type[Any]) -> tuple[Option, ...]:
    """List the described options of a dataclass, in the order of their declaration."""
    found = []
    for f in fields(family):
        info = f.metadata.get("option")
        if info is None:
            continue
        found.append(
            Option(
                name=f.name,
                title=info["title"],
                kind=info["kind"],
                default=None if f.default is MISSING else f.default,
                choices=info.get("choices", {}),
                minimum=info.get("minimum", -math.inf),
                maximum=info.get("maximum", math.inf),
                help=info.get("help", ""),
                advanced=info.get("advanced", False),
            )
        )
    return tuple(found)


def to_plain(value: Any) -> Any:
    """Turn an options dataclass into what JSON can hold; only what differs from nothing is lost."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(v) for v in value]
    return value


def from_plain(family: type[T], given: Mapping[str, Any], *, where: str = "") -> T:
    """Make an options dataclass from a mapping, checking names and values.

    Raises
    ------
    SpecProblem
        With one sentence that names the option and what it may be.
    """
    known = {o.name: o for o in options_of(family)}
    place = f" of {where}" if where else ""
    for name in given:
        if name not in known:
            import difflib  # only a wrong name needs it

            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else f" Known: {', '.join(known)}."
            raise SpecProblem(f"There is no option '{name}'{place}.{hint}")
    return family(**{name: checked(known[name], value, place) for name, value in given.items()})


def checked(option: Option, value: Any, place: str = "") -> Any:
    """Return ``value`` in the option's own type, or say what the option may be."""
    if value is None and option.default is None:
        return None
    say = f"Option '{option.name}'{place}"
    match option.kind:
        case "choice":
            if not isinstance(value, str) or value not in option.choices:
                raise SpecProblem(
                    f"{say} cannot be '{value}'; it is one of {', '.join(option.choices)}."
                )
            return value
        case "flag":
            if not isinstance(value, bool):
                raise SpecProblem(f"{say} is true or false, not '{value}'.")
            return value
        case "text" | "column":
            return str(value)
        case "numbers":
            try:
                return tuple(float(v) for v in value)
            except (TypeError, ValueError):
                raise SpecProblem(f"{say} takes a list of numbers, not '{value}'.") from None
        case "number" | "integer":
            return _checked_number(option, value, say)


def _checked_number(option: Option, value: Any, say: str) -> float | int:
    try:
        got = float(value)
    except (TypeError, ValueError):
        raise SpecProblem(f"{say} takes a number, not '{value}'.") from None
    if not option.minimum <= got <= option.maximum:
        raise SpecProblem(
            f"{say} must lie between {option.minimum:g} and {option.maximum:g}, not {got:g}."
        )
    if option.kind == "integer":
        if got != int(got):
            raise SpecProblem(f"{say} takes a whole number, not {got:g}.")
        return int(got)
    return got
