"""Cells go to Excel and come back as they were."""

from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QMimeData

from metadesk.gui.sheet.clipboard import html_table, mime_of, texts_of

WORDS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=6).filter(
    lambda w: w == w.strip()
)
TEXTS = st.one_of(WORDS, st.sampled_from(['say "x"', "two\nlines", "tab\tinside", '"', "1-2"]))


@given(st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(TEXTS, min_size=n, max_size=n),
                                                    min_size=1, max_size=4)))  # fmt: skip
def test_text_survives_a_copy_and_a_paste(block):
    assert texts_of(mime_of(block)) == block


def test_excel_is_told_which_cells_are_text():
    made = html_table([["1-2", 3, None], ["a<b", 0.5, "x\ny"]])
    assert "<td style=\"mso-number-format:'\\@'\">1-2</td>" in made
    assert "<td>3</td><td></td>" in made
    assert "a&lt;b" in made
    assert "\n" not in made


def test_lines_of_unequal_length_become_a_rectangle():
    mime = QMimeData()
    mime.setText("a\tb\tc\r\nd\r\n")
    assert texts_of(mime) == [["a", "b", "c"], ["d", "", ""]]


def test_a_clipboard_without_text_holds_no_cells():
    assert texts_of(QMimeData()) == []
    assert texts_of(None) == []
