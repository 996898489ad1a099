"""Long analyses say how far they are, and end wherever they are called off."""

from __future__ import annotations

import numpy as np
import pytest

from metadesk.analysis.engine import fit, prepare
from metadesk.analysis.spec import AnalysisSpec
from metadesk.errors import Cancelled
from metadesk.numerics.progress import Progress
from metadesk.table import make_table


def counted(k):
    rng = np.random.default_rng(1)
    sizes = rng.integers(50, 900, (2, k))
    events = rng.binomial(sizes, 0.1 * np.exp(rng.normal(0, 0.3, (2, k))))
    cells = {"a": events[0], "n1": sizes[0], "c": events[1], "n2": sizes[1]}
    return make_table(
        {name: column.tolist() for name, column in cells.items()},
        {"a": "ai", "n1": "n1i", "c": "ci", "n2": "n2i"},
    )


def outcomes(many, k):
    rng = np.random.default_rng(2)
    rows = [(i, j) for i in range(k) for j in range(many)]
    u = rng.multivariate_normal(np.zeros(many), 0.3 * (np.eye(many) + 1.0), k)
    v = rng.uniform(0.02, 0.2, len(rows))
    cells = {
        "study": [f"s{i}" for i, _ in rows],
        "outcome": [f"o{j}" for _, j in rows],
        "y": [float(u[i, j]) for i, j in rows] + rng.normal(0, np.sqrt(v)),
        "v": v,
    }
    cells |= {name: cells[name].tolist() for name in "yv"}
    return make_table(cells, {"study": "study", "y": "yi", "v": "vi"})


def effects(k):
    rng = np.random.default_rng(3)
    v = rng.uniform(0.01, 0.3, k)
    cells = {"y": rng.normal(0, 0.5, k), "v": v, "x": rng.normal(size=k)}
    return make_table({n: c.tolist() for n, c in cells.items()}, {"y": "yi", "v": "vi"})


UN = {"random": "outcome | study", "structure": "UN"}
# what is asked for, of which data, what it says it is doing, how often it asks whether to go on
LONG = {
    "exact conditional likelihood": (
        AnalysisSpec(measure="OR", model="glmm", model_options={"model": "CM.EL"}),
        lambda: counted(60), "Profiling the between-study variance", 80,
    ),
    "random studies": (
        AnalysisSpec(measure="OR", model="glmm", model_options={"model": "UM.RS"}),
        lambda: counted(30), "Maximising the likelihood", 80,
    ),
    "unstructured": (
        AnalysisSpec(model="multilevel", model_options=UN),
        lambda: outcomes(3, 30), "Profiling the variance components", 100,
    ),
    "bootstrap prediction": (
        AnalysisSpec(model="random", model_options={"prediction": "nnf"}),
        lambda: effects(30), "Confidence distribution of τ²", 100,
    ),
    "interval by generalised Q": (
        AnalysisSpec(model="random", model_options={"tau2_interval": "BJ"}),
        lambda: effects(30), "Random effects", 20,
    ),
    "permutations": (
        AnalysisSpec(model="mixed", moderators="~ x", permutations=4000),
        lambda: effects(40), "Permutation test", 10,
    ),
    "spread by moderators": (
        AnalysisSpec(model="scale", moderators="~ x", scale="~ x"),
        lambda: effects(40), "Moderators of the spread", 15,
    ),
}  # fmt: skip


class Watcher:
    """Hears what is said, and gives up at the question of that number."""

    def __init__(self, patience: float = float("inf")) -> None:
        self.patience, self.asked = patience, 0
        self.said: list[tuple[float, str]] = []

    @property
    def progress(self) -> Progress:
        return Progress(lambda *words: self.said.append(words), self._gives_up)

    def _gives_up(self) -> bool:
        self.asked += 1
        return self.asked > self.patience


@pytest.fixture(params=LONG.values(), ids=LONG, scope="module")
def long(request):
    spec, table, words, often = request.param
    prepared, whole = prepare(spec, table()), Watcher()
    assert fit(prepared, whole.progress).problem == ""
    return prepared, whole, words, often


def test_a_long_analysis_says_what_it_does_and_how_far_it_is(long):
    _, heard, words, often = long
    fractions = [fraction for fraction, _ in heard.said]
    assert words in {what for _, what in heard.said}
    assert heard.asked >= often
    assert all(0.0 <= fraction <= 1.0 for fraction in fractions)
    # a second climb may start a little before the end of the first
    assert min(np.diff(fractions), default=0.0) > -0.05


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95])
def test_a_long_analysis_ends_where_it_is_called_off(long, share):
    prepared, whole, _, _ = long
    impatient = Watcher(patience=int(share * (whole.asked - 1)))
    with pytest.raises(Cancelled):
        fit(prepared, impatient.progress)
    assert impatient.asked == impatient.patience + 1
