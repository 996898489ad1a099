"""Analyses of trial rows ask whether to go on, and end wherever they are called off."""

from __future__ import annotations

from pathlib import Path

import pytest

from metadesk.analysis.engine import fit, prepare
from metadesk.analysis.trial_spec import TrialSpec
from metadesk.errors import Cancelled
from metadesk.formats import read_sheet
from metadesk.numerics.progress import Progress

DATA = Path(__file__).resolve().parents[1] / "reference" / "trials" / "data"
# the sheet, what is asked for, and how often the analysis asks whether to go on
TRIALS = {
    "crossover": ("copd_missing", {}, 25),
    "yes or no": ("cerebrovascular_c2", {}, 60),
    "ordered": ("dysmenorrhea", {"outcome_type": "ordinal"}, 40),
    "series of counts": ("sim_pnof1v", {"outcome_type": "count"}, 150),
    "series": ("sim_nof1_a", {}, 40),
}


class Watcher:
    """Counts the questions, and gives up at the one of that number."""

    def __init__(self, patience: float = float("inf")) -> None:
        self.patience, self.asked = patience, 0
        self.said: list[tuple[float, str]] = []
        self.progress = Progress(lambda *words: self.said.append(words), self._gives_up)

    def _gives_up(self) -> bool:
        self.asked += 1
        return self.asked > self.patience


@pytest.fixture(params=TRIALS.values(), ids=TRIALS, scope="module")
def long(request):
    name, options, often = request.param
    prepared, whole = (
        prepare(TrialSpec().with_options(**options), read_sheet(DATA / f"{name}.csv")),
        Watcher(),
    )
    assert fit(prepared, whole.progress).problem == ""
    return prepared, whole, often


def test_a_trial_analysis_says_how_far_it_is_and_asks_often(long):
    _, heard, often = long
    assert heard.asked >= often
    assert all(0.0 <= fraction <= 1.0 for fraction, _ in heard.said)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95])
def test_a_trial_analysis_ends_where_it_is_called_off(long, share):
    prepared, whole, _ = long
    impatient = Watcher(patience=int(share * (whole.asked - 1)))
    with pytest.raises(Cancelled):
        fit(prepared, impatient.progress)
    assert impatient.asked == impatient.patience + 1
