"""Real extraction sheets as their authors left them, from the file to the exported workbook.

The expected values were computed with metafor from the same sheets, outside of this project.
"""

from __future__ import annotations

import math

import pytest

Z, HK = "z", "hksj"


def pooled(person) -> tuple[float, float, float]:
    """The pooled estimate with its interval on the natural scale."""
    result = person.session.result
    assert result is not None
    assert result.problem == ""
    quantity = result.main.pooled
    return (
        result.natural(quantity.value),
        result.natural(quantity.interval.lower),
        result.natural(quantity.interval.upper),
    )


@pytest.mark.parametrize(
    ("file", "sheet", "measure", "k", "classic", "small_sample"),
    [
        ("s06_HbA1c_FBG.xlsx", "HbA1c", "MD", 14, (-0.860, -1.302, -0.417), (-1.326, -0.393)),
        ("s06_HbA1c_FBG.xlsx", "FBG", "MD", 9, (-22.49, -32.88, -12.10), (-34.52, -10.45)),
        ("s10_relapse_labels.xlsx", "", "RR", 13, (0.870, 0.731, 1.035), (0.688, 1.100)),
        ("s35_GLP1_lean_mass_generic.csv", "", "", 5, (-1.958, -3.118, -0.798), (-3.643, -0.273)),
        ("s47_SuicidePrevention.xlsx", "", "SMD", 9, (-0.2304, None, None), (-0.3735, -0.0874)),
    ],
)
def test_a_real_sheet_gives_its_published_result(
    person, sheets, file, sheet, measure, k, classic, small_sample
) -> None:
    person.open(sheets / file, sheet)
    if measure:
        person.choose("measureChooser", measure)
    person.choose("modelForm-test", Z)
    person.wait()
    digits = 2 if abs(classic[0]) > 10 else 3
    assert person.session.result.main.k == k
    for found, expected in zip(pooled(person), classic, strict=True):
        if expected is not None:
            assert round(found, digits) == pytest.approx(expected, abs=1.1 * 10**-digits)
    person.choose("modelForm-test", HK)
    person.wait()
    _, lower, upper = pooled(person)
    assert (lower, upper) == pytest.approx(small_sample, abs=1.1 * 10**-digits)
    book = person.export()
    assert person.holds(book["Results"], person.session.result.main.pooled.value)
    rows = len([s for s in person.session.result.studies if not s.empty])
    assert len(book["Studies"]) > rows
    if measure == "RR":
        assert person.holds(book["Results"], math.log(0.870), rel=0.01)


def test_numbers_stored_as_text_are_read_and_reported(person, sheets) -> None:
    person.open(sheets / "s47_SuicidePrevention.xlsx")
    assert any("text" in p.sentence for p in person.session.problems)
    assert person.session.result.main.k == 9


def test_no_sheet_on_this_machine_stops_the_window(person, sheets) -> None:
    for path in sorted(sheets.glob("*.xlsx")) + sorted(sheets.glob("*.csv")):
        person.open(path)
        result = person.session.result
        assert person.session.failure == "" or len(person.session.failure) < 400
        if result is not None and result.main is None:
            assert result.problem.endswith(".")
