"""Sheets that must be put right first: compound cells, a header in the wrong place."""

from __future__ import annotations

import pytest

from metadesk.table import make_table

DIRTY = """\
Study (first author),Drug mean ± SD,Drug n,Placebo mean ± SD,Placebo n
Adams 2001*,14.92±2.06***,20,16.1 ± 2.2,21
Bea 2002,13.5 ± 1.9,25,15.0±2.0,24
Che 2003,12.9 ± 2.4,31,14.4 ± 2.6,30
Dow 2004,NR,18,NR,19
"""


@pytest.fixture
def dirty(tmp_path):
    path = tmp_path / "dirty.csv"
    path.write_text(DIRTY, encoding="utf-8")
    return path


def test_compound_cells_are_pointed_at_and_split_with_one_click(person, dirty):
    person.open(dirty)
    banner = person.window.sheet.banner
    assert "2 columns hold several numbers in each cell." in banner.label.text()
    assert banner.split.isVisible()
    banner.split.click()
    person.wait()
    assert not banner.split.isVisible()
    result = person.session.result
    assert [s.used for s in result.studies] == [True, True, True, False]
    assert result.studies[0].yi == pytest.approx(14.92 - 16.1)
    assert person.session.undo_stack.undoText() == "Split 2 columns"
    book = person.export()
    assert person.holds(book["Studies"], 14.92 - 16.1)
    person.session.undo_stack.undo()
    assert banner.split.isVisible()
    assert "Drug mean" not in {c.name for c in person.session.table.columns}


def test_one_column_is_split_from_its_own_menu(person, dirty):
    person.open(dirty)
    section = person.column("Drug mean ± SD") + 1
    line = next(x for x in person.window.sheet.header_lines(section) if x.title == "Split cells")
    assert line.enabled
    line.run()
    assert person.session.table.column("Drug sd").cells[:3] == (2.06, 1.9, 2.4)
    other = person.window.sheet.header_lines(person.column("Drug n") + 1)
    assert not next(x for x in other if x.title == "Split cells").enabled


def test_a_row_is_taken_as_the_header(person):
    table = make_table(
        {"Column A": ["1", "Study", "Adams", "Baker"], "Column B": [2019, "e1", 3, 8],
         "Column C": [2020, "n1", 50, 61], "Column D": [2021, "e2", 7, 9],
         "Column E": [2022, "n2", 52, 60]}
    )  # fmt: skip
    person.session.open_table(table)
    sheet = person.window.sheet
    sheet.cursor_.go(1, 1)
    line = next(x for x in sheet.cell_lines() if x.title == "Use row as column names")
    line.run()
    person.wait()
    assert person.session.result.main.k == 2
    assert person.session.undo_stack.undoText() == "Row 2 as column names"
    person.session.undo_stack.undo()
    assert person.session.table == table
