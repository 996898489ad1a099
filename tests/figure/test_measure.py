import pytest

from metadesk.errors import FileProblem
from metadesk.figure import Line, Text
from metadesk.figure.fonts import faces, font_files
from metadesk.figure.measure import bounds, shortened, text_width, wrapped


def test_the_bundled_fonts_are_there_with_their_licence():
    files = font_files()
    assert len(files) == 6
    assert all(path.is_file() for path in files)
    licence = (files[0].parent / "OFL.txt").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence


def test_a_missing_font_gives_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("metadesk.figure.fonts.font", lambda name: tmp_path / name)
    faces.cache_clear()
    with pytest.raises(FileProblem, match="Install metadesk again"):
        faces()


def test_digits_are_as_wide_as_arial_says():
    assert text_width("0", 1000) == pytest.approx(556.15, abs=0.01)


def test_kerning_brings_letters_together_and_tabular_type_has_none():
    assert text_width("AV", 10) < text_width("A", 10) + text_width("V", 10)
    assert text_width("11", 10) < text_width("11", 10, tabular=True)
    assert text_width("11", 10, tabular=True) == 2 * text_width("1", 10)


def test_thai_falls_back_to_a_face_that_has_it():
    assert ord("ก") not in faces()[0].advance
    assert ord("ก") in faces()[1].advance
    # A tone mark stands on its consonant and takes no room.
    assert text_width("ก่", 10) == text_width("ก", 10)


def test_ideographs_take_a_square():
    assert text_width("研究", 10) == 20.0


def test_text_scales_with_its_size():
    assert text_width("Heterogeneity", 24) == pytest.approx(3 * text_width("Heterogeneity", 8))


def test_wrapped_lines_fit_and_lose_nothing():
    words = "a randomised trial of something rather long in a great many hospitals"
    lines = wrapped(words, 80, 8)
    assert " ".join(lines) == words
    assert all(text_width(line, 8) <= 80 for line in lines)


def test_a_word_wider_than_the_line_is_broken():
    lines = wrapped("x" * 100, 60, 8)
    assert "".join(lines) == "x" * 100
    assert all(text_width(line, 8) <= 60 for line in lines)


def test_too_many_lines_end_in_an_ellipsis():
    lines = wrapped("word " * 50, 60, 8, most=2)
    assert len(lines) == 2
    assert lines[-1].endswith("…")


def test_shortened_text_fits():
    assert shortened("short", 100, 8) == "short"
    cut = shortened("a very long name indeed", 50, 8)
    assert cut.endswith("…")
    assert text_width(cut, 8) <= 50


def test_bounds_of_text_follow_its_anchor():
    left = bounds(Text(100, 10, "Study", 8))
    right = bounds(Text(100, 10, "Study", 8, anchor="end"))
    middle = bounds(Text(100, 10, "Study", 8, anchor="middle"))
    assert left[0] == 100
    assert right[2] == pytest.approx(100)
    assert middle[0] + middle[2] == pytest.approx(200)


def test_bounds_of_a_line_include_its_stroke():
    assert bounds(Line(0, 5, 10, 5, width=2)) == (-1, 4, 11, 6)
