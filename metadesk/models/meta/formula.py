"""Formulas in words: ``~ dose + factor(region) + dose:region`` into terms, and back.

Grammar: terms joined by ``+``; ``- 1`` or ``+ 0`` leaves the intercept out; ``a:b`` is an
interaction, ``a*b`` both and their interaction; ``x^2`` a power, ``centre(x)`` the number minus
its mean, ``factor(x)`` categories, ``factor(x, ref="level")`` with the reference level, ``factor(x,
contrast="sum")`` with other contrasts. Column names with blanks stand in backticks. Columns that
hold words need no ``factor``.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from metadesk.errors import SpecProblem
from metadesk.models.meta.design import CONTRASTS, Continuous, Factor, Interaction, Term

_TOKEN = re.compile(
    r"\s*(?:(?P<name>`[^`]+`|[^\W\d][\w.]*)|(?P<number>\d+(?:\.\d+)?)|"
    r"(?P<text>\"[^\"]*\"|'[^']*')|(?P<mark>[-+*:^(),=~]))"
)


@dataclass(frozen=True)
class Formula:
    """Terms in order, and whether there is an intercept."""

    terms: tuple[Term, ...]
    intercept: bool = True


def parse_formula(text: str, words: Collection[str] = ()) -> Formula:
    """Read a formula.

    Parameters
    ----------
    text : str
        With or without the leading ``~``.
    words : collection of str
        Columns that hold words rather than numbers; they become factors by themselves.

    Raises
    ------
    SpecProblem
        With the place in the formula that cannot be read.
    """
    return _Parser(text, frozenset(words)).formula()


def write_formula(formula: Formula) -> str:
    """Write terms as a formula that :func:`parse_formula` reads back."""
    parts = [_written(term) for term in formula.terms]
    if not formula.intercept:
        parts = ["0", *parts]
    return f"~ {' + '.join(parts) or '1'}"


def _written(term: Term) -> str:
    match term:
        case Interaction(parts=parts):
            return ":".join(_written(part) for part in parts)
        case Continuous(column=column, power=power, centre=centre):
            name = _quoted(column)
            if centre == "mean":
                name = f"centre({name})"
            elif centre is not None:
                name = f"centre({name}, {float(centre):g})"
            return name if power == 1 else f"{name}^{power}"
        case Factor(column=column, reference=reference, contrast=contrast):
            more = "" if reference is None else f', ref="{reference}"'
            more += "" if contrast == "treatment" else f', contrast="{contrast}"'
            return f"factor({_quoted(column)}{more})"


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[^\W\d][\w.]*", name) else f"`{name}`"


class _Parser:
    """Recursive descent over the tokens; ``at`` is the next one."""

    def __init__(self, text: str, words: frozenset[str]) -> None:
        self.text, self.words = text, words
        self.tokens = self._tokens(text)
        self.at = 0

    def _tokens(self, text: str) -> list[tuple[str, str, int]]:
        found, place = [], 0
        stripped = text.rstrip()
        while place < len(stripped):
            match = _TOKEN.match(stripped, place)
            if match is None or match.lastgroup is None:
                raise SpecProblem(
                    f"The formula '{text}' cannot be read from '{stripped[place:].strip()}' on."
                )
            kind = match.lastgroup
            found.append((kind, match.group(kind), match.start(kind)))
            place = match.end()
        return found

    def _peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def _next(self, *wanted: str) -> str:
        if self.at >= len(self.tokens):
            self._fail("something is missing at the end")
        kind, value, _ = self.tokens[self.at]
        if wanted and value not in wanted and kind not in wanted:
            self._fail(f"'{value}' stands where {' or '.join(wanted)} is expected")
        self.at += 1
        return value

    def _fail(self, why: str) -> None:
        raise SpecProblem(
            f"The formula '{self.text.strip()}' cannot be read: {why}. "
            "An example: ~ dose + factor(region) + dose:region."
        )

    def formula(self) -> Formula:
        """The whole formula."""
        if self._peek() == "~":
            self._next()
        terms: list[Term] = []
        intercept, sign = True, "+"
        if self._peek() == "-":
            sign = self._next()
        while True:
            if self._peek() in ("0", "1") and self._alone():
                one = self._next() == "1"
                intercept = one == (sign == "+")
            elif sign == "-":
                self._fail("only the intercept can be taken away (- 1)")
            else:
                terms += [t for t in self._product() if t not in terms]
            if self.at == len(self.tokens):
                return Formula(_by_order(_as_declared(terms)), intercept)
            sign = self._next("+", "-")

    def _alone(self) -> bool:
        following = self.tokens[self.at + 1][1] if self.at + 1 < len(self.tokens) else "+"
        return following in ("+", "-")

    def _product(self) -> list[Term]:
        """``a * b`` is every term and every interaction of them."""
        factors = [self._interaction()]
        while self._peek() == "*":
            self._next()
            factors.append(self._interaction())
        if len(factors) == 1:
            return [_joined(factors[0])]
        subsets = itertools.chain.from_iterable(
            itertools.combinations(factors, n) for n in range(1, len(factors) + 1)
        )
        return [_joined([part for factor in subset for part in factor]) for subset in subsets]

    def _interaction(self) -> list[Continuous | Factor]:
        parts = [self._power()]
        while self._peek() == ":":
            self._next()
            parts.append(self._power())
        return parts

    def _power(self) -> Continuous | Factor:
        base = self._base()
        if self._peek() != "^":
            return base
        self._next()
        power = self._next("number")
        if isinstance(base, Factor) or not power.isdigit() or int(power) < 1:
            self._fail("a power is a whole number of a numeric column")
        assert isinstance(base, Continuous)
        return replace(base, power=int(power))

    def _base(self) -> Continuous | Factor:
        name = self._next("name", "(")
        if name == "(":
            inner = self._power()
            self._next(")")
            return inner
        if self._peek() == "(":
            return self._call(name)
        column = name.strip("`")
        return Factor(column) if column in self.words else Continuous(column)

    def _call(self, function: str) -> Continuous | Factor:
        if function == "I":
            self._next("(")
            inner = self._power()
            self._next(")")
            return inner
        if function not in ("factor", "centre", "center"):
            self._fail(f"there is no function '{function}'; known: factor, centre")
        self._next("(")
        column = self._next("name").strip("`")
        if function == "factor":
            return self._factor(column)
        centre: float | str = "mean"
        if self._peek() == ",":
            self._next()
            sign = -1.0 if self._peek() == "-" and self._next() else 1.0
            centre = sign * float(self._next("number"))
        self._next(")")
        return Continuous(column, centre=centre)

    def _factor(self, column: str) -> Factor:
        made = Factor(column)
        while self._next(",", ")") == ",":
            option = self._next("name")
            self._next("=")
            value = self._next("text", "number", "name").strip("\"'`")
            if option in ("ref", "reference"):
                made = replace(made, reference=value)
            elif option in ("contrast", "contrasts"):
                if value not in CONTRASTS:
                    self._fail(f"contrasts are {', '.join(CONTRASTS)}")
                made = replace(made, contrast=value)
            else:
                self._fail(f"factor() knows ref and contrast, not '{option}'")
        return made


def _joined(parts: list[Continuous | Factor]) -> Term:
    unique = tuple(dict.fromkeys(parts))
    return unique[0] if len(unique) == 1 else Interaction(unique)


def _as_declared(terms: list[Term]) -> list[Term]:
    """In an interaction a bare name means the factor that was declared under that name."""
    declared = {t.column: t for t in terms if isinstance(t, Factor)}
    return [
        Interaction(tuple(declared.get(part.column, part) for part in t.parts))
        if isinstance(t, Interaction)
        else t
        for t in terms
    ]


def _by_order(terms: list[Term]) -> tuple[Term, ...]:
    """Main effects before interactions, as they were written otherwise."""
    size = {id(t): len(t.parts) if isinstance(t, Interaction) else 1 for t in terms}
    return tuple(sorted(terms, key=lambda t: size[id(t)]))
