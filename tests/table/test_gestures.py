from __future__ import annotations

from metadesk.table import gestures, make_table

BCG = make_table(
    {"author": ["Aronson", "Ferguson", "Hart"], "year": [1948, 1949, 1977], "tpos": [4, 6, 62]},
    {"author": "study", "year": "year", "tpos": "ai"},
)


def test_typing_is_named_after_its_column():
    edit = gestures.type_cell(BCG, 1, 2, " 12 ")
    assert edit.title == "Typing in tpos"
    assert edit.apply(BCG)[0].cell(1, 2) == 12


def test_a_paste_inside_the_table_overwrites_only_its_block():
    edit = gestures.paste(BCG, 0, 1, [["1950", "5"], ["1951"]])
    changed, _ = edit.apply(BCG)
    assert edit.title == "Paste 2 × 2 cells"
    assert changed.columns[1].cells == (1950, 1951, 1977)
    assert changed.columns[2].cells == (5, 6, 62)


def test_a_paste_beyond_the_edge_adds_rows_and_columns_and_is_one_step():
    edit = gestures.paste(BCG, 2, 2, [["1", "a"], ["0,5", "b"]])
    changed, back = edit.apply(BCG)
    assert (changed.n_rows, len(changed.columns)) == (4, 4)
    assert changed.columns[2].cells == (4, 6, 1, "0,5")
    assert changed.columns[3].name == "Column D"
    assert back.apply(changed)[0] == BCG


def test_fill_down_copies_the_uppermost_cell():
    edit = gestures.fill_down(BCG, [2, 0, 1], [0])
    assert edit.title == "Fill down 2 rows"
    assert edit.apply(BCG)[0].columns[0].cells == ("Aronson",) * 3


def test_exclusion_names_the_study_and_the_reason():
    edit = gestures.exclude(BCG, [0], "wrong population")
    assert edit.title == "Exclude Aronson 1948 (wrong population)"
    assert gestures.include(BCG, [0, 1]).title == "Include 2 rows"


def test_rows_and_columns_are_counted_in_the_title():
    assert gestures.remove_rows(BCG, [0, 1]).title == "Delete 2 rows"
    assert gestures.remove_columns(BCG, [1]).title == "Delete column year"
    assert gestures.insert_rows(BCG, 0).title == "Insert 1 row"
    assert gestures.set_role(BCG, 2, "ci").title == "tpos is Events, control"


def test_inserted_columns_never_take_a_name_twice():
    table, _ = gestures.insert_columns(BCG, 0, 2, ["year", "year"]).apply(BCG)
    assert [c.name for c in table.columns[:2]] == ["year (2)", "year (3)"]


def test_column_letters_go_on_after_z():
    assert [gestures.letter(i) for i in (0, 10, 25, 26, 701, 702)] == [
        "A",
        "K",
        "Z",
        "AA",
        "ZZ",
        "AAA",
    ]


def test_clipboard_text_with_breaks_and_quotes_comes_back():
    block = [["a\tb", 'said "no"'], ["line\nbreak", ""]]
    assert gestures.block_of(gestures.as_text(block)) == block
    assert gestures.block_of("1\t2\r\n3\t4\r\n") == [["1", "2"], ["3", "4"]]
