"""The journal holds a project in the middle of work, with the file it belongs to."""

from __future__ import annotations

import pytest
from samples import one_sheet

from metadesk.errors import FileProblem
from metadesk.project.journal import Journal, read_journal, write_journal


def test_a_journal_is_read_as_it_was_written(tmp_path) -> None:
    journal = Journal(one_sheet(), "reviews/trials.xlsx", True, "2026-01-02T03:04:05")
    path = write_journal(journal, tmp_path / "1.journal")
    assert read_journal(path) == journal
    assert journal.name == "trials.xlsx"
    assert [p.name for p in tmp_path.iterdir()] == ["1.journal"]


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"path": "", "own": 1, "when": "", "project": 3}']
)
def test_a_journal_that_is_none_is_a_sentence(tmp_path, text) -> None:
    path = tmp_path / "1.journal"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileProblem):
        read_journal(path)
