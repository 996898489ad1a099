from __future__ import annotations

import json
from functools import cache
from io import BytesIO
from pathlib import Path

import openpyxl
import pytest

from metadesk.analysis.engine import fit, prepare, run
from metadesk.analysis.trial_spec import TrialSpec
from metadesk.formats import read_sheet
from metadesk.reports.trial_json import trial_json_text, trial_to_plain
from metadesk.reports.trial_outline import outline
from metadesk.reports.trial_prose import trial_methods, trial_sentence
from metadesk.reports.trial_tables import design_tables, rows_table, trial_tables
from metadesk.reports.trial_workbook import trial_workbook_bytes
from metadesk.resources import example
from metadesk.table import make_table


@cache
def result(name="crossover_enuresis.xlsx", **options):
    return run(TrialSpec(**options), read_sheet(example(name)))


def keys(found):
    return [t.key for t in trial_tables(found)]


def test_the_tables_of_a_crossover():
    found = keys(result())
    assert found[0] == "effect"
    assert {"classical", "anova", "ranks", "carryover", "type3", "lsmeans", "components"} <= set(
        found
    )
    assert "must not choose" in str(next(t for t in trial_tables(result()) if t.key == "carryover"))


def test_the_tables_of_yes_or_no_outcomes_a_series_and_one_person():
    assert {"joint", "binary", "ratios"} <= set(keys(result("binary_crossover_ecg.xlsx")))
    assert {"series", "persons"} <= set(keys(result("nof1_gabapentin.xlsx")))
    assert {"person_tests", "cycles", "person_models"} <= set(
        keys(result("nof1_gabapentin.xlsx", patient="768"))
    )


def test_the_design_is_shown_by_sequence_and_period():
    counts, contributing, facts = design_tables(result())
    assert counts.rows[0][1] == 17
    assert contributing.rows == ((2, 29),)
    assert "2×2" in str(facts.rows[0])


def test_every_row_stands_in_the_table_of_rows():
    assert len(rows_table(result()).rows) == 59  # the note under the table is left out, not lost


def test_the_sentence_and_the_methods_say_what_was_done():
    assert trial_sentence(result()).startswith("2×2 crossover (AB/BA); 29 persons, 58 rows")
    assert "Drug − Placebo 2.04" in trial_sentence(result())
    words = trial_methods(result())
    assert "Kenward–Roger" in words
    assert "did not choose the analysis" in words


def test_the_outline_is_filled_with_the_numbers():
    crossover = outline(result())
    assert "CONSORT" in crossover.title
    assert any("Drug-Placebo: 17 persons" in str(row) for row in crossover.rows)
    assert any("written by you" in str(row) for row in crossover.rows)
    assert "CENT" in outline(result("nof1_gabapentin.xlsx")).title


def test_the_workbook_holds_full_digits():
    book = openpyxl.load_workbook(BytesIO(trial_workbook_bytes(result())))
    assert book.sheetnames == [
        "Results", "Rows", "Design", "What to report", "Settings", "Figures",
    ]  # fmt: skip
    values = [v for row in book["Results"].iter_rows(values_only=True) for v in row]
    numbers = [v for v in values if isinstance(v, float)]
    assert any(v == pytest.approx(result().effect.value, rel=1e-14) for v in numbers)


def test_the_same_result_gives_the_same_json():
    text = trial_json_text(result())
    assert text == trial_json_text(run(TrialSpec(), read_sheet(example("crossover_enuresis.xlsx"))))
    plain = json.loads(text)
    assert plain["kind"] == "trial"
    assert plain["effect"]["value"] == pytest.approx(result().effect.value, rel=1e-15)


def test_a_sheet_that_cannot_be_analysed_is_written_up_with_its_reason():
    table = make_table(
        {"s": [1, 2], "t": ["A", "A"], "y": [1.0, 2.0]},
        {"s": "subject", "t": "treatment", "y": "response"},
    )
    found = fit(prepare(TrialSpec(), table))
    assert "Only one treatment" in trial_sentence(found)
    book = openpyxl.load_workbook(BytesIO(trial_workbook_bytes(found)))
    assert "Only one treatment" in str(list(book["Results"].iter_rows(values_only=True)))


def test_the_interval_of_the_spread_stands_in_words_table_outline_and_json():
    sheet = Path(__file__).parents[1] / "reference" / "trials" / "data" / "sim_pnof1v.csv"
    found = run(TrialSpec(outcome_type="count", companions=False), read_sheet(sheet))
    ends = found.series.between_sd.interval
    said = "SD of the logarithm of the effect between persons 0.33 (95% CI [0.22, 0.50])"
    assert said in trial_sentence(found)
    assert any(said in str(cell) for row in outline(found).rows for cell in row)
    table = next(t for t in trial_tables(found) if t.key == "series")
    row = dict(zip([c.key for c in table.columns], table.rows[1], strict=True))
    assert (row["lower"], row["upper"]) == (ends.lower, ends.upper)
    told = trial_to_plain(found)["series"]["between_sd"]
    assert (told["lower"], told["upper"], told["level"]) == (ends.lower, ends.upper, 0.95)
