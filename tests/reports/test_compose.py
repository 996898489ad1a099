import json
import math
from dataclasses import replace

import pytest
from made_results import bcg, estimates, with_excluded

from metadesk.analysis.spec import AnalysisSpec
from metadesk.document import Table, render_text
from metadesk.figure import Text
from metadesk.plots.forest import ForestOptions, draw_forest
from metadesk.reports.compose import compose
from metadesk.reports.methods import methods_text
from metadesk.reports.numbers import all_numbers, models_of
from metadesk.reports.prose import result_sentence
from metadesk.reports.results_json import json_text, plain_numbers, to_plain, write_json
from metadesk.table import make_table
from metadesk.table.table import NOTE_ROW


@pytest.fixture(scope="module")
def result():
    return bcg()


def test_the_document_holds_results_studies_heterogeneity_and_settings(result):
    tables = [b.key for b in compose(result).blocks if isinstance(b, Table)]
    assert [key for key in tables if key != "plain"] == [
        "pooled", "analysis", "comparison", "fit", "heterogeneity", "studies", "settings",
    ]  # fmt: skip


def test_the_document_can_be_read_as_text(result):
    shown = render_text(compose(result))
    assert "0.49" in shown
    assert "Fixed effect (inverse variance)" in shown
    assert "nan" not in shown.casefold().split()


def test_tables_keep_full_precision(result):
    pooled = next(b for b in compose(result).blocks if isinstance(b, Table) and b.key == "pooled")
    assert pooled.column("estimate")[0] == math.exp(result.main.pooled.value)


def test_the_methods_name_every_choice():
    said = methods_text(with_excluded({0: "Duplicate"}))
    for words in (
        "Risk ratios", "log risk ratios", "Fleiss & Berlin, 2009", "12 studies were analysed",
        "REML", "Hartung–Knapp", "Q-profile", "prediction interval uses t with k − 1",
        "1 row was left out by decision", "metadesk",
    ):  # fmt: skip
        assert words in said


def test_notes_under_the_table_are_not_studies_left_out():
    found = with_excluded({0: "Duplicate", 11: NOTE_ROW, 12: NOTE_ROW})
    assert "1 row was left out by decision" in methods_text(found)
    assert "left out" not in methods_text(with_excluded({12: NOTE_ROW}))
    shown = render_text(compose(found))
    assert "10 of 11; 2 rows hold notes or totals" in " ".join(shown.split())
    assert len(found.used) + len(found.left_out) == 13


def same_names():
    table = make_table(
        {"s": ["Chen 2011", "Chen 2011", "Diaz 2015"], "y": [0.1, 0.3, 0.2], "v": [0.04] * 3},
        {"s": "study", "y": "yi", "v": "vi"},
    )
    return bcg(measure="MD", table=table)


def test_rows_that_share_a_name_are_not_called_studies():
    result = same_names()
    assert result_sentence(result).startswith("3 effects under 2 study names, random effects")
    assert "3 effects under 2 study names were analysed" in methods_text(result)
    page = draw_forest(result, ForestOptions())
    assert any(isinstance(m, Text) and m.text == "Total (3 effects)" for m in page.marks)
    assert result_sentence(bcg()).startswith("13 studies, ")


def test_methods_without_a_pooled_effect_say_no_model():
    said = methods_text(estimates([0.3], [0.04], excluded={0: "Retracted"}))
    assert "analysed with the model" not in said


def numbers(result, i=0):
    _, _, fit = models_of(result)[i]
    return {n.name: n for n in all_numbers(result, fit)}


def test_every_number_has_a_title_and_a_method(result):
    for i in range(len(models_of(result))):
        for number in numbers(result, i).values():
            assert number.title
            assert number.method


def test_numbers_agree_with_metafor(result):
    found = numbers(result)
    # rma(yi, vi, data = escalc("RR", ...), method = "REML", test = "knha"), metafor.
    assert found["b"].value == pytest.approx(-0.71453234, abs=1e-7)
    assert found["tau2"].value == pytest.approx(0.31324326, abs=1e-7)
    assert found["QE"].value == pytest.approx(152.23300808, rel=1e-9)
    assert found["estimate"].value == pytest.approx(math.exp(-0.71453234), rel=1e-6)


def test_names_are_unique_in_a_model(result):
    _, _, fit = models_of(result)[0]
    names = [n.name for n in all_numbers(result, fit)]
    assert len(set(names)) == len(names)


def test_the_main_model_comes_first_and_no_model_twice(result):
    assert [key for key, _, _ in models_of(result)] == ["random", "fixed"]
    assert [key for key, _, _ in models_of(bcg(model="fixed"))] == ["fixed", "random"]


def test_json_is_versioned_strict_and_round_trips_every_digit(result, tmp_path):
    path = write_json(result, tmp_path / "results.json")
    read = json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert (read["format"], read["version"]) == ("metadesk results", 1)
    model = read["models"][0]
    assert model["main"]
    found = {n["name"]: n for n in model["numbers"]}
    assert found["b"]["value"] == float(result.main.pooled.value)
    assert found["tau2"]["method"] == "Restricted maximum likelihood (REML)"
    assert [s["yi"] for s in read["studies"]] == [s.yi for s in result.studies]


def test_json_holds_the_request_that_gives_the_same_result(result):
    read = json.loads(json_text(result))
    assert AnalysisSpec.from_plain(read["spec"]) == replace(
        result.spec, model_options=dict(result.spec.model_options)
    )


def test_equal_results_give_equal_json(result):
    assert json_text(result) == json_text(bcg())


def test_what_json_cannot_hold_is_written_in_words(result):
    assert plain_numbers([math.nan, math.inf, -math.inf, 1.5]) == [
        None,
        "Infinity",
        "-Infinity",
        1.5,
    ]
    fixed = {n["name"]: n["value"] for n in json.loads(json_text(result))["models"][1]["numbers"]}
    assert fixed["df"] == "Infinity"


def test_every_field_of_the_json_is_described(result, root):
    described = (root / "resources" / "results_json.md").read_text(encoding="utf-8")
    plain = to_plain(result)
    fields = [*plain, *plain["models"][0], *plain["studies"][0], *plain["settings"][0]]
    assert [f for f in fields if f"`{f}`" not in described] == []
    names = [n["name"] for m in plain["models"] for n in m["numbers"]]
    assert [n for n in names if f"`{n}`" not in described] == []
