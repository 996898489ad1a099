"""Models of every family from the command line, with their questions and figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from metadesk.__main__ import main
from metadesk.analysis.spec import AnalysisSpec

DATA = Path(__file__).resolve().parents[1] / "reference" / "meta" / "data"
BCG = str(DATA / "dat.bcg.csv")


def analysed(folder: Path, *words: str, sheet: str = BCG) -> dict:
    assert main(["analyse", sheet, *words, "--out", str(folder)]) == 0
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def numbers(found: dict, at: int = 0) -> dict:
    return {n["name"]: n["value"] for n in found["models"][at]["numbers"]}


def table(found: dict, key: str) -> dict:
    return next(t for t in found["tables"] if t["key"] == key)


def test_moderators_give_the_partition_and_the_bubble_plot(tmp_path) -> None:
    found = analysed(tmp_path, "--model", "mixed", "--moderators", "~ ablat", "--test", "z")
    assert numbers(found)["tau2"] == pytest.approx(0.076347963955, rel=1e-9)
    assert numbers(found)["R2"] == pytest.approx(75.627, rel=1e-4)
    residual = next(r for r in table(found, "partition")["rows"] if r["part"] == "Residual")
    assert residual["tau2"] == pytest.approx(0.076347963955, rel=1e-9)
    for suffix in ("png", "svg", "pdf"):
        assert (tmp_path / f"bubble.{suffix}").stat().st_size > 1000


def test_predictions_and_permutations_are_asked_for_in_words(tmp_path) -> None:
    found = analysed(
        tmp_path, "--model", "mixed", "--moderators", "~ ablat + factor(alloc)",
        "--predict", "ablat=33,alloc=random", "--permutations", "199",
    )  # fmt: skip
    assert table(found, "predictions")["rows"][0]["pred"] == pytest.approx(-0.8744, rel=1e-3)
    rows = table(found, "permutation")["rows"]
    assert [row["term"] for row in rows][-1] == "All moderators (QM)"
    assert len(rows) == 5


def test_subgroups_stand_in_the_figure(tmp_path) -> None:
    found = analysed(tmp_path, "--subgroup", "alloc")
    levels = [row["level"] for row in table(found, "subgroups")["rows"]]
    assert set(levels) == {"random", "alternate", "systematic", "Overall"}
    drawn = (tmp_path / "forest.svg").read_text(encoding="utf-8")
    assert "Test for subgroup differences" in drawn


def test_a_common_tau2_changes_the_subgroups(tmp_path) -> None:
    apart = table(analysed(tmp_path / "a", "--subgroup", "alloc"), "subgroups")
    shared = analysed(tmp_path / "b", "--subgroup", "alloc", "--subgroup-tau2", "common")
    assert apart["rows"][0]["b"] != table(shared, "subgroups")["rows"][0]["b"]


@pytest.mark.parametrize(
    ("model", "options", "expected"),
    [
        ("mh", [], -0.473410988389),
        ("peto", [], -0.474446310941),
        ("glmm", ["--option", "model=UM.FS"], -0.745006784872),
        ("glmm", ["--option", "model=UM.FS", "--option", "method=EE"], -0.477),
    ],
)
def test_models_of_tables_are_chosen_by_name(tmp_path, model, options, expected) -> None:
    found = analysed(tmp_path, "--measure", "OR", "--model", model, *options)
    assert numbers(found)["b"] == pytest.approx(expected, rel=1e-2)


def test_three_levels_are_chosen_by_name(tmp_path) -> None:
    sheet = str(DATA / "dat.konstantopoulos2011.csv")
    found = analysed(
        tmp_path, "--model", "multilevel", "--option", "random=1 | district/school",
        "--test", "z", sheet=sheet,
    )  # fmt: skip
    assert numbers(found)["b"] == pytest.approx(0.184713163497, rel=1e-6)
    rows = table(found, "components")["rows"]
    assert rows[0]["estimate"] == pytest.approx(0.0650619, rel=1e-4)


def test_models_stand_side_by_side(tmp_path) -> None:
    found = analysed(tmp_path, "--compare", "random,tau2=DL", "--compare", "hc")
    names = [row["model"] for row in table(found, "comparison")["rows"]]
    assert names[-2:] == ["Random effects, DL", "Henmi–Copas"]


def test_a_model_beside_that_does_not_suit_is_named_and_the_rest_stands(tmp_path) -> None:
    found = analysed(tmp_path, "--compare", "glmm")
    assert any("Beside it" in note["text"] for note in found["notes"])
    assert numbers(found)["tau2"] == pytest.approx(0.313243258136, rel=1e-9)


def test_a_model_for_another_measure_says_which_it_is_for(tmp_path, capsys) -> None:
    main(["analyse", BCG, "--measure", "RR", "--model", "glmm", "--out", str(tmp_path)])
    said = capsys.readouterr()
    assert "is for odds ratio" in said.err + said.out


def test_tests_are_asked_for_in_words(tmp_path) -> None:
    found = analysed(
        tmp_path, "--model", "mixed", "--moderators", "~ ablat + factor(alloc)",
        "--tests", "adjust=holm", "--tests", "likelihood_ratio=yes",
        "--test-together", "ablat,factor(alloc)",
    )  # fmt: skip
    rows = table(found, "tests")["rows"]
    titles = [row["test"] for row in rows]
    assert "Joint test of ablat, factor(alloc)" in titles
    assert any("Likelihood ratio" in row["method"] for row in rows)
    assert table(found, "coefficients")["rows"][1]["p_adjusted"] is not None


def test_a_comma_in_brackets_belongs_to_its_term(tmp_path) -> None:
    formula = '~ ablat + factor(alloc, ref="random")'
    found = analysed(tmp_path, "--model", "mixed", "--moderators", formula,
                     "--test-together", "ablat,factor(alloc)")  # fmt: skip
    assert found["spec"]["test_together"] == [["ablat", "factor(alloc)"]]


def test_moderators_of_the_spread_are_a_formula_of_their_own(tmp_path) -> None:
    found = analysed(
        tmp_path, "--model", "scale", "--moderators", "~ ablat", "--scale", "~ alloc",
        "--predict", "ablat=33,alloc=random",
    )  # fmt: skip
    assert [row["term"] for row in table(found, "scale")["rows"]][1:] == [
        "allocrandom", "allocsystematic"
    ]  # fmt: skip
    assert table(found, "predictions")["rows"][0]["pi_lb"] is not None
    assert (tmp_path / "bubble.svg").exists()


def test_moderators_add_to_the_spread_where_the_link_says_so(tmp_path) -> None:
    found = analysed(
        tmp_path, "--model", "scale", "--scale", "~ ablat", "--option", "link=identity"
    )
    intercept, slope = table(found, "scale")["rows"]
    assert intercept["estimate"] == pytest.approx(0.3143726, rel=1e-5)
    assert slope["se"] == pytest.approx(0.0155686, rel=1e-3)
    assert "factor" not in slope


def test_at_the_edge_of_the_spread_the_tables_have_no_errors(tmp_path) -> None:
    found = analysed(tmp_path, "--model", "scale", "--scale", "~ year", "--option", "link=identity")
    for row in table(found, "scale")["rows"]:
        assert row["estimate"] is not None
        assert row["se"] is row["pval"] is row["ci_lb"] is None
    assert "For one study τ² is 0" in (tmp_path / "results.json").read_text("utf-8")


def test_moderators_of_the_spread_need_the_model_that_takes_them(tmp_path, capsys) -> None:
    main(["analyse", BCG, "--scale", "~ alloc", "--out", str(tmp_path)])
    said = capsys.readouterr()
    assert "--model scale" in said.err + said.out


def test_options_of_the_weights_reach_the_numbers(tmp_path) -> None:
    by = {}
    for key in ("1/v", "equal"):
        found = analysed(
            tmp_path / key.replace("/", ""), "--tau2", "GENQ", "--option", f"q_weights={key}"
        )
        by[key] = numbers(found)["tau2"]
    assert by["1/v"] == pytest.approx(0.308760262862)
    assert by["equal"] == pytest.approx(0.328563857996)


@pytest.mark.parametrize(
    ("moderators", "place", "words"),
    [
        ("ablat", "ablat=abc", "ablat is a number in this model; 'abc' is not one."),
        ("ablat", "ablat=nan", "ablat is a number in this model; 'nan' is not one."),
        ("alloc", "alloc=foo", "metadesk: 'foo' is not a level of alloc (alternate,"),
    ],
)
def test_a_place_that_the_model_does_not_know_is_one_sentence(
    tmp_path, capsys, moderators, place, words
) -> None:
    asked = ["--model", "mixed", "--moderators", moderators, "--out", str(tmp_path)]
    assert main(["analyse", BCG, *asked, "--predict", place]) == 2
    assert words in capsys.readouterr().err
    name, value = place.split("=")
    spec = tmp_path / "spec.json"
    plain = AnalysisSpec(predict_at=({name: value},)).to_plain()
    spec.write_text(json.dumps(plain), encoding="utf-8")
    assert main(["analyse", BCG, *asked, "--spec", str(spec)]) == 2
    assert words in capsys.readouterr().err


def test_words_about_permutations_say_how_to_ask_for_them(tmp_path, capsys) -> None:
    asked = ["analyse", BCG, "--tests", "rearrange=exact", "--out", str(tmp_path)]
    assert main(asked) == 2
    assert "ask for one with --permutations" in capsys.readouterr().err
    assert main([*asked, "--permutations", "99"]) == 0
    found = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert len(table(found, "permutation")["rows"]) == 1
