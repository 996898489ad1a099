"""The cards of the measures: what can be formed, search, keyboard, and what is told of each."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QPushButton

from metadesk.effects import MEASURES
from metadesk.gui.effects.cards import MeasureCards, about_measure
from metadesk.gui.effects.needs import needed_words
from metadesk.gui.effects.pictures import PICTURES, draw_picture
from metadesk.gui.session import Session
from metadesk.gui.theme import DARK, LIGHT
from metadesk.table import make_table


@pytest.fixture
def session(qtbot):
    session = Session()
    session.auto_run = False
    table = make_table(
        {"Study": ["A", "B"], "a": [1, 2], "n": [10, 20], "c": [3, 4], "m": [10, 20]},
        {"Study": "study", "a": "ai", "n": "n1i", "c": "ci", "m": "n2i"},
    )
    session.open_table(table)
    yield session
    session.close()


@pytest.fixture
def cards(session, qtbot):
    cards = MeasureCards(session)
    qtbot.addWidget(cards)
    cards.show()
    return cards


def test_every_measure_has_a_card_with_a_picture_of_its_family(cards) -> None:
    keys = {c.measure.key for c in cards.field.shown_cards()}
    assert keys == {measure.key for measure in MEASURES}
    assert {measure.family for measure in MEASURES} == set(PICTURES)


def test_cards_that_cannot_be_formed_name_the_missing_columns(cards) -> None:
    assert cards.card("OR").possible
    assert "events and totals" in cards.card("OR").foot
    lacking = cards.card("SMD")
    assert not lacking.possible
    assert lacking.foot.startswith("Missing:")
    assert "Mean" in lacking.foot
    cards._mark(lacking)
    assert not cards.choose_button.isEnabled()


def test_what_both_groups_need_is_said_once() -> None:
    assert needed_words(MEASURES["OR"].needs) == "Events, Non-events in both groups"
    assert needed_words(MEASURES["SMD1"].needs) == "Mean, Total in both groups; SD in group 2"
    assert needed_words(MEASURES["ABT"].needs) == "Coefficient alpha; Number of items; Total"


def test_a_ready_made_estimate_may_come_with_any_precision(cards) -> None:
    assert "SE, confidence interval, z or P" in cards.card("HR").foot


def test_the_search_leaves_the_cards_that_hold_every_word(cards) -> None:
    cards.search.setText("odds ratio peto")
    keys = [c.measure.key for c in cards.field.shown_cards()]
    assert "PETO" in keys
    assert "OR" not in keys
    cards.search.setText("no such measure")
    assert cards.field.shown_cards() == []
    assert "No measure" in cards.about.text()


def test_only_what_can_be_formed_can_be_shown(cards) -> None:
    cards.only.click()
    shown = cards.field.shown_cards()
    assert shown
    assert all(card.possible for card in shown)


def test_the_keyboard_searches_walks_and_chooses(cards, session, qtbot) -> None:
    qtbot.keyClicks(cards.search, "risk")
    first = cards.current.measure.key
    qtbot.keyClick(cards.search, Qt.Key.Key_Down)
    cards.search.setText("risk difference")
    assert cards.current.measure.key in ("RD", "AS", "PBIT", first)
    cards._mark(cards.card("RD"))
    qtbot.keyClick(cards.search, Qt.Key.Key_Return)
    assert session.spec.measure == "RD"
    session.undo_stack.undo()
    assert session.spec.measure == ""


def test_a_double_click_chooses_and_automatic_goes_back(session, qtbot) -> None:
    cards = MeasureCards(session)
    qtbot.addWidget(cards)
    cards.show()
    qtbot.mouseDClick(cards.card("OR"), Qt.MouseButton.LeftButton)
    assert session.spec.measure == "OR"
    again = MeasureCards(session)
    qtbot.addWidget(again)
    again.show()
    assert again.current.measure.key == "OR"
    again.findChild(QPushButton, "automaticMeasure").click()
    assert session.spec.measure == ""


def test_cards_never_cut_their_words(cards) -> None:
    for width in (640, 1400):
        cards.resize(width, 700)
        cards.field.arrange()
        for card in cards.field.shown_cards():
            assert card.height() >= card.height_for(card.width())


def test_what_is_told_of_a_measure_names_formula_scale_ways_and_source(cards) -> None:
    said = about_measure(cards.card("OR"))
    for words in ("ln(a", "log scale", "percentages", "reported estimate", "Fleiss"):
        assert words in said


@pytest.mark.parametrize("tones", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("family", list(PICTURES))
def test_pictures_draw_something(qapp, family, tones) -> None:
    image = QImage(64, 44, QImage.Format.Format_RGB32)
    image.fill(QColor(tones.raised))
    painter = QPainter(image)
    draw_picture(painter, QRectF(0, 0, 64, 44), family, tones)
    painter.end()
    colours = {image.pixelColor(x, y).name() for x in range(64) for y in range(44)}
    assert len(colours) > 4
