"""The words under the figure: taken from the headers, and never a 'favours' that nobody said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metadesk.analysis.engine import run
from metadesk.analysis.presets import default_spec
from metadesk.analysis.spec import Labels
from metadesk.analysis.wording import filled, group_names


@pytest.mark.parametrize(
    ("one", "other", "names"),
    [
        ("Vaccinated / Events", "Control / Events", ("Vaccinated", "Control")),
        ("Mean_Intervention", "Mean_Control", ("Intervention", "Control")),
        ("tpos", "cpos", ("Treatment", "Control")),
        ("Events 1", "Events 2", ("Treatment", "Control")),
    ],
)
def test_the_groups_are_called_as_in_the_sheet(one, other, names) -> None:
    assert group_names({"ai": one, "ci": other}) == names


def test_a_side_is_only_called_favourable_when_somebody_said_so() -> None:
    names = {"ai": "Vaccine / Events", "ci": "Placebo / Events"}
    assert filled(Labels(), names, True).favours_left == "Less with vaccine"
    lower = filled(Labels(better="lower"), names, True)
    assert (lower.favours_left, lower.favours_right) == ("Favours vaccine", "Favours placebo")
    higher = filled(Labels(better="higher"), names, True)
    assert (higher.favours_left, higher.favours_right) == ("Favours placebo", "Favours vaccine")


def test_a_persons_own_words_stand() -> None:
    said = Labels(group1="BCG", favours_left="Favours BCG", better="higher")
    done = filled(said, {}, True)
    assert done.group1 == "BCG"
    assert done.favours_left == "Favours BCG"


def test_one_group_gets_no_sides() -> None:
    assert filled(Labels(), {"xi": "events", "ni": "n"}, False) == Labels()


def test_the_result_carries_the_filled_words(bcg) -> None:
    spec = replace(default_spec(), labels=Labels(group1="BCG", better="lower"))
    result = run(spec, bcg)
    assert result.spec.labels.favours_left == "Favours BCG"
    assert result.data_columns[0].group == "BCG"
