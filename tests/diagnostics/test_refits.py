import numpy as np
import pytest

from metadesk.diagnostics.refits import cumulate, leave_one_out
from metadesk.errors import SpecProblem
from metadesk.models.meta import FixedEffect, MetaData, RandomEffects, fit_random

DATA = MetaData.of(
    [-0.9, -1.6, -1.3, -1.4, -0.2, -0.8], [0.33, 0.19, 0.41, 0.02, 0.05, 0.01], slab="ABCDEF"
)


@pytest.mark.parametrize("test", ["z", "t", "hksj", "hksj-guarded"])
def test_without_a_study_is_the_fit_of_the_others(test):
    model = RandomEffects(test=test)
    found = leave_one_out(model, DATA)
    for i in range(DATA.k):
        rest = fit_random(model, DATA.take(np.arange(DATA.k) != i))
        assert found.estimate[i] == pytest.approx(rest.pooled.value)
        assert found.pval[i] == pytest.approx(rest.pooled.p)
        assert found.ci_ub[i] == pytest.approx(rest.pooled.interval.upper)
        assert found.Qp[i] == pytest.approx(rest.heterogeneity.QEp)


def test_the_last_cumulative_row_is_the_whole_and_the_first_is_one_study():
    found = cumulate(RandomEffects(), DATA, [5, 4, 3, 2, 1, 0])
    assert found.slab == tuple("FEDCBA")
    assert found.estimate[0] == pytest.approx(DATA.yi[5])
    assert found.estimate[-1] == pytest.approx(fit_random(RandomEffects(), DATA).pooled.value)
    assert found.table().column("k") == (1, 2, 3, 4, 5, 6)


def test_own_weights_and_kenward_roger_are_refused():
    with pytest.raises(SpecProblem, match="inverse-variance"):
        leave_one_out(FixedEffect(weighting="equal"), DATA)
    with pytest.raises(SpecProblem, match="Hartung"):
        leave_one_out(RandomEffects(test="kr"), DATA)
