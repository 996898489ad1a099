"""Tables and projects as people leave them, made by hypothesis and by hand."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from hypothesis import strategies as st

from metadesk.analysis.presets import PRESETS, default_spec
from metadesk.analysis.spec import Labels
from metadesk.analysis.trial_spec import TrialSpec
from metadesk.project import Project, ProjectSheet, Source
from metadesk.table import (
    ROLES,
    KeptStep,
    StudyTable,
    TableColumn,
    WrittenCell,
    make_table,
)

AWKWARD = (
    "=1+1", "+49", "-x", "@SUM(A1)", "=HYPERLINK(\"a\")", "_x0041_", " outer ", "NR", "#DIV/0!",
    "3,5", "2020-03-05", "TRUE", "ก ข", "a\nb", "a\tb", "\x07bell", "", "'quoted", "a" * 33_000,
)  # fmt: skip
numbers = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False)
texts = st.text(max_size=12) | st.sampled_from(AWKWARD)
values = st.none() | texts | numbers | st.booleans()
names = st.text(min_size=1, max_size=12).filter(str.strip)


@st.composite
def steps(draw) -> KeptStep:
    """Any step that may be kept with a row."""
    cells = st.builds(WrittenCell, st.integers(0, 12), values, values, st.booleans(), texts)
    return KeptStep(
        draw(st.integers(0, 99)),
        draw(texts),
        draw(texts),
        tuple(draw(st.lists(st.tuples(texts, values), max_size=2))),
        draw(texts),
        tuple(draw(st.lists(cells, max_size=3))),
        tuple(draw(st.lists(texts, max_size=2))),
        tuple(draw(st.lists(st.integers(0, 9), max_size=2))),
    )


@st.composite
def tables(draw, name: str | None = None) -> StudyTable:
    """Any table, with ids in any order, roles, guesses and rows left out."""
    titles = draw(st.lists(names, max_size=5, unique=True))
    n_rows = draw(st.integers(0, 6)) if titles else 0
    row_ids = draw(st.permutations(range(0, 3 * n_rows, 3)))
    roles = draw(st.permutations([*ROLES.keys(), *[None] * 40]))
    columns = tuple(
        TableColumn(
            2 * at + 1,
            title,
            tuple(draw(st.lists(values, min_size=n_rows, max_size=n_rows))),
            roles[at],
            draw(st.booleans()),
        )
        for at, title in enumerate(titles)
    )
    left_out = draw(st.sets(st.sampled_from(row_ids))) if row_ids else set()
    reasons = {row_id: draw(texts) for row_id in left_out}
    stepped = draw(st.sets(st.sampled_from(row_ids))) if row_ids else set()
    kept = {row_id: tuple(draw(st.lists(steps(), min_size=1, max_size=2))) for row_id in stepped}
    return StudyTable(
        columns,
        tuple(row_ids),
        MappingProxyType(reasons),
        name or draw(texts),
        draw(texts),
        tuple(draw(st.lists(texts, max_size=2))),
        MappingProxyType(kept),
    )


@st.composite
def specs(draw):
    """Requests of both kinds with some choices made."""
    if draw(st.booleans()):
        return TrialSpec(
            outcome=draw(texts), residual="ar1", level=0.9, roles={"subject": draw(texts)}
        )
    spec = draw(st.sampled_from(list(PRESETS))).apply(default_spec())
    return replace(
        spec,
        measure=draw(st.sampled_from(["", "RR", "SMD"])),
        measure_options={
            "to": draw(st.sampled_from(["all", "only0"])),
            "add": draw(st.floats(0, 1)),
        },
        roles={"ai": draw(texts)},
        moderators=draw(texts),
        compare=({"model": "fixed", "options": {"levels": (0.9, 0.95)}},),
        predict_at=({"ablat": draw(st.floats(allow_nan=False, allow_infinity=False))},),
        routes=draw(st.dictionaries(st.integers(0, 50), texts, max_size=3)),
        labels=Labels(title=draw(texts), better="lower"),
        sheet=draw(texts),
    )


@st.composite
def projects(draw) -> Project:
    """Projects of up to three sheets."""
    figures = st.dictionaries(
        st.sampled_from(["forest", "funnel"]),
        st.dictionaries(names, texts | numbers | st.tuples(numbers, numbers), max_size=3),
        max_size=2,
    )
    sheets = draw(
        st.lists(st.builds(ProjectSheet, tables(), specs(), figures), min_size=1, max_size=3)
    )
    source = draw(st.none() | st.builds(Source, texts, texts))
    return Project(tuple(sheets), draw(st.integers(0, len(sheets) - 1)), source)


def five_trials(name: str = "Trials") -> StudyTable:
    """Five trials, the fourth left out."""
    columns = {
        "Study": ("Aronson", "Ferguson", "Rosenthal", "Hart", "Frimodt"),
        "Year": (1948, 1949, 1960, 1977, 1973),
        "Events 1": (4, 6, 3, 62, 33),
        "Total 1": (123, 306, 231, 13598, 5069),
        "Events 2": (11, 29, 11, 248, 47),
        "Total 2": (139, 303, 220, 12867, 5808),
    }
    roles = dict(zip(columns, ("study", "year", "ai", "n1i", "ci", "n2i"), strict=True))
    table = make_table(columns, roles, name=name)
    return replace(table, excluded=MappingProxyType({3: "duplicate population"}))


def one_sheet(table: StudyTable | None = None) -> Project:
    """A project of one sheet with a request that is not the usual one."""
    made = table or five_trials()
    spec = replace(default_spec(), measure="OR", sheet=made.name, routes={2: "counts"})
    return Project((ProjectSheet(made, spec, {"forest": {"weights": False}}),))
