"""What the menu and a row's context menu offer about effects, and when."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog

from metadesk.table import make_table

TRIAL = make_table(
    {
        "patient": [1, 1, 2, 2], "period": [1, 2, 1, 2], "treatment": ["a", "b", "b", "a"],
        "response": [3.0, 4.0, 5.0, 6.0],
    },
    {
        "patient": "subject", "period": "period", "treatment": "treatment",
        "response": "response",
    },
)  # fmt: skip


def test_every_action_of_the_menu_opens_its_dialog_for_studies(opened, qtbot) -> None:
    desk = opened.effects
    opened.sheet.cursor_.go(0, 1)
    for action in desk.actions():
        assert opened.actions_[action.id].isEnabled(), action.id
        dialog = action.run()
        assert isinstance(dialog, QDialog)
        assert dialog.objectName()
        assert dialog.accessibleName()
        dialog.reject()


def test_the_context_menu_of_a_row_offers_ways_calculator_and_adjustments(opened) -> None:
    opened.sheet.cursor_.go(0, 1)
    titles = [line.title for line in opened.sheet.cell_lines() if line.run is not None]
    for words in ("worked out", "save this study", "Row calculator", "Adjust"):
        assert any(words in title for title in titles)


def test_a_row_that_is_not_there_is_said(opened) -> None:
    said: list[str] = []
    opened.session.message.connect(said.append)
    opened.sheet.cursor_.go(opened.session.table.n_rows + 3, 1)
    assert opened.effects.explain_row() is None
    assert opened.effects.calculate_row() is None
    assert opened.effects.adjust_rows() is None
    assert len(said) == 3


def test_rows_of_a_trial_have_no_effects_to_explain(opened, qtbot) -> None:
    opened.session.open_table(TRIAL)
    assert opened.session.kind == "trial"
    assert opened.effects.row_lines() == []
    qtbot.waitUntil(lambda: not opened.actions_["measures"].isEnabled())
