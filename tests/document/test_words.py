"""Titles inside sentences."""

import pytest

from metadesk.document.words import inside


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Risk ratio", "risk ratio"),
        ("Mantel–Haenszel", "Mantel–Haenszel"),
        ("Peto odds ratio", "Peto odds ratio"),
        ("SMD", "SMD"),
        ("Generalised linear mixed model (counts)", "generalised linear mixed model (counts)"),
        ("N-of-1, one person", "N-of-1, one person"),
        ("Penalised regression (Firth)", "penalised regression (Firth)"),
        ("Fisher's z", "Fisher's z"),
        ("Yule's Y", "Yule's Y"),
        ("Incidence rate, Freeman–Tukey", "incidence rate, Freeman–Tukey"),
        ("SD, log", "SD, log"),
    ],
)
def test_names_and_abbreviations_keep_their_capitals(title, words):
    assert inside(title) == words
