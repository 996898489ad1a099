"""Tests that a request asks for: together, adjusted, by likelihood ratio, by permutation."""

from __future__ import annotations

import pytest

from metadesk.analysis.engine import run
from metadesk.analysis.spec import AnalysisSpec
from metadesk.errors import SpecProblem
from metadesk.models.meta.moderator_tests import adjust_p, wald_of_coefficients
from metadesk.reports.model_tables import model_tables


def table(result, key):
    return next(t for t in model_tables(result) if t.key == key)


def asked(bcg, **more):
    return run(AnalysisSpec(model="mixed", moderators="~ ablat + alloc", **more), bcg)


def test_terms_are_tested_one_by_one_and_chosen_ones_together(bcg) -> None:
    found = asked(bcg, test_together=(("ablat", "factor(alloc)"), ("allocrandom",)))
    titles = {test.title: test for test in found.tests}
    assert set(titles) == {
        "Test of ablat", "Test of factor(alloc)", "Joint test of ablat, factor(alloc)",
        "Joint test of allocrandom",
    }  # fmt: skip
    whole = titles["Joint test of ablat, factor(alloc)"]
    assert whole.statistic == pytest.approx(found.main.omnibus[0].statistic)
    alone = wald_of_coefficients(found.main, [found.main.coefficients.names.index("allocrandom")])
    assert titles["Joint test of allocrandom"].statistic == pytest.approx(alone.statistic)


def test_a_term_can_be_named_by_its_column(bcg) -> None:
    by_column = asked(bcg, test_together=(("alloc",),)).tests[-1]
    by_term = asked(bcg, test_together=(("factor(alloc)",),)).tests[-1]
    assert by_column.statistic == by_term.statistic


def test_an_unknown_term_is_named_in_a_note_and_the_rest_stands(bcg) -> None:
    found = asked(bcg, test_together=(("latitude",),))
    assert any("no moderator 'latitude'" in note.text for note in found.notes)
    assert found.main is not None


def test_adjusted_p_values_stand_beside_the_plain_ones(bcg) -> None:
    plain = table(asked(bcg), "coefficients")
    assert all(column.key != "p_adjusted" for column in plain.columns)
    for method in ("holm", "bonferroni", "BH"):
        found = asked(bcg, tests={"adjust": method})
        shown = table(found, "coefficients")
        expected = adjust_p(found.main.coefficients.pval[1:], method)
        assert shown.column("p_adjusted")[0] is None
        assert shown.column("p_adjusted")[1:] == pytest.approx(expected)
        pairs = table(found, "differences-alloc")
        expected = adjust_p([float(p) for p in pairs.column("pval")], method)
        assert pairs.column("p_adjusted") == pytest.approx(expected)


def test_differences_between_levels_do_not_depend_on_the_reference(bcg) -> None:
    shown = {}
    for formula in ("~ ablat + alloc", '~ ablat + factor(alloc, ref="systematic")'):
        found = run(AnalysisSpec(model="mixed", moderators=formula), bcg)
        pairs = table(found, "differences-alloc")
        for name, b, se in zip(
            pairs.column("term"), pairs.column("estimate"), pairs.column("se"), strict=True
        ):
            one, other = name.split(" − ")
            key = tuple(sorted((one, other)))
            shown.setdefault(key, []).append((b if (one, other) == key else -b, se))
    assert len(shown) == 3
    for one, other in shown.values():
        assert one == pytest.approx(other, rel=1e-8)


def test_pairs_of_subgroups_are_adjusted_too(bcg) -> None:
    base = AnalysisSpec(subgroup="alloc")
    plain = table(run(base, bcg), "subgroup-pairs")
    assert "not adjusted" in plain.notes[1]
    found = table(run(AnalysisSpec(subgroup="alloc", tests={"adjust": "holm"}), bcg),
                  "subgroup-pairs")  # fmt: skip
    assert found.column("pval") == plain.column("pval")
    expected = adjust_p([float(p) for p in plain.column("pval")], "holm")
    assert found.column("p_adjusted") == pytest.approx(expected)
    shared = run(AnalysisSpec(subgroup="alloc", subgroup_tau2="common"), bcg)
    assert table(shared, "subgroup-pairs").column("pval") != plain.column("pval")
    q = run(base, bcg).subgroups
    assert len(q.pairs.names) == 3


def test_likelihood_ratios_stand_beside_the_wald_tests(bcg) -> None:
    found = asked(bcg, tests={"likelihood_ratio": True})
    by = [test.method for test in found.tests]
    assert sum("Likelihood ratio (ML)" in words for words in by) == 3
    assert any("½ χ²(0)" in words for words in by)
    assert not any("Likelihood" in test.method for test in asked(bcg).tests)


@pytest.mark.parametrize("model", ["random", "mixed", "scale"])
def test_the_spread_is_tested_by_likelihood_where_there_is_one(bcg, model) -> None:
    spec = AnalysisSpec(model=model, scale="~ ablat", tests={"likelihood_ratio": True})
    assert run(spec, bcg).tests


def test_a_model_without_likelihood_says_so(bcg) -> None:
    found = run(AnalysisSpec(measure="OR", model="peto", tests={"likelihood_ratio": True}), bcg)
    assert any(note.code == "no-likelihood-ratio" for note in found.notes)
    assert found.tests == ()


def test_models_of_counts_test_their_moderators_by_likelihood(bcg) -> None:
    spec = AnalysisSpec(
        measure="OR", model="glmm", moderators="~ ablat", tests={"likelihood_ratio": True}
    )
    found = run(spec, bcg)
    wald, ratio = (t for t in (*found.main.omnibus, *found.tests) if t.title.endswith("moderators"))
    assert (wald.method, ratio.method) == ("Wald chi-square", "Likelihood ratio (ML)")
    assert table(found, "coefficients").rows


def test_rearrangements_can_be_all_or_random_by_a_seed(bcg) -> None:
    def p(**tests):
        return run(AnalysisSpec(permutations=500, tests=tests), bcg).permutation

    exact = p(rearrange="exact")
    assert exact.exact
    assert exact.n == 2**13
    assert exact.error[0] == 0.0
    one, other = p(seed=1), p(seed=2)
    assert not one.exact
    assert one.pval[0] != other.pval[0]
    assert one.pval[0] == p(seed=1).pval[0]
    assert one.error[0] > 0.0
    assert abs(one.pval[0] - exact.pval[0]) < 5 * one.error[0]


@pytest.mark.parametrize("model", ["random", "fixed"])
def test_a_plain_mean_has_a_permutation_test(bcg, model) -> None:
    found = run(AnalysisSpec(model=model, permutations=499), bcg)
    shown = table(found, "permutation")
    assert shown.column("term") == ("intrcpt",)
    assert "sign changes" in shown.notes[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weighting": "equal"}, "inverse-variance weights"),
        ({"test": "kr"}, "Hartung"),
        ({"tau2": "GENQ"}, "choose REML"),
    ],
)
def test_what_cannot_be_permuted_says_why(bcg, options, words) -> None:
    found = run(AnalysisSpec(permutations=199, model_options=options), bcg)
    assert found.permutation is None
    assert any(words in note.text for note in found.notes if note.code == "no-permutation")


def test_nested_models_side_by_side_have_their_likelihood_ratio(bcg) -> None:
    ml = {"tau2": "ML", "test": "z"}
    beside = ({"model": "random", "options": ml}, {"model": "random", "options": {"tau2": "DL"}})
    found = run(
        AnalysisSpec(model="mixed", model_options=ml, moderators="~ ablat", compare=beside), bcg
    )
    by = {c.label: c for c in found.companions}
    test = by["Random effects, ML"].ratio
    expected = found.main.statistics.logLik - by["Random effects, ML"].fit.statistics.logLik
    assert test.statistic == pytest.approx(2 * expected)
    assert test.df1 == 1
    assert "does not maximise" in by["Random effects, DL"].why_no_ratio
    shown = table(found, "comparison")
    at = shown.column("model").index("Random effects, ML")
    assert shown.column("ratio_p")[at] == pytest.approx(test.p)
    assert any("No likelihood ratio for Random effects, DL" in note for note in shown.notes)


def test_restricted_fits_with_different_moderators_are_not_compared(bcg) -> None:
    beside = ({"model": "random", "options": {"tau2": "REML"}},)
    found = run(AnalysisSpec(model="mixed", moderators="~ ablat", compare=beside), bcg)
    assert all(c.ratio is None for c in found.companions)
    assert "maximum likelihood (ML)" in found.companions[-1].why_no_ratio


def test_the_spec_carries_every_question(bcg) -> None:
    spec = AnalysisSpec(
        model="scale", moderators="~ ablat", scale="~ alloc", tests={"adjust": "holm", "seed": 3},
        test_together=(("ablat",),), compare=({"model": "scale", "scale": "~ ablat"},),
    )  # fmt: skip
    assert AnalysisSpec.from_plain(spec.to_plain()) == spec
    names = {s.name: s.value for s in run(spec, bcg).settings}
    assert names["scale"] == "~ alloc"
    assert names["test_together"] == "ablat"
    assert names["tests.adjust"] == "Holm"


@pytest.mark.parametrize(
    "given",
    [
        {"test_together": ["ablat"]}, {"test_together": [[]]}, {"tests": 3}, {"scale": 1},
    ],
)  # fmt: skip
def test_a_spec_that_is_not_of_the_right_kind_is_refused(given) -> None:
    with pytest.raises(SpecProblem):
        AnalysisSpec.from_plain(given)


def test_an_unknown_way_of_testing_is_refused_by_name(bcg) -> None:
    with pytest.raises(SpecProblem, match="adjust"):
        asked(bcg, tests={"adjust": "tukey"})


def test_robust_errors_test_terms_by_htz(bcg) -> None:
    spec = AnalysisSpec(
        model="multilevel", moderators="~ ablat + year",
        model_options={"random": "1 | trial/effect", "robust": "CR2", "profile": False},
    )  # fmt: skip
    found = run(spec, bcg)
    assert {test.method for test in found.tests} == {"HTZ, cluster-robust"}
    c = found.main.coefficients
    for test, i in zip(found.tests, (1, 2), strict=True):
        assert test.df2 == pytest.approx(c.df[i], rel=1e-6)
        assert test.statistic == pytest.approx(c.stat[i] ** 2, rel=1e-6)
