"""Specs are values: written to JSON and read back they are the same, and wrong ones are named."""

from __future__ import annotations

import json

import pytest

from metadesk.analysis.presets import PRESETS, default_spec
from metadesk.analysis.spec import AnalysisSpec, Labels, read_spec
from metadesk.analysis.suggest import suggest_measure
from metadesk.analysis.trial_spec import read_any_spec
from metadesk.errors import FileProblem, SpecProblem


def test_a_spec_survives_json() -> None:
    spec = AnalysisSpec(
        measure="OR",
        roles={"ai": "tpos"},
        labels=Labels(title="BCG", group1="Vaccinated"),
        measure_options={"to": "all"},
        routes={3: "cells"},
    ).with_options(tau2="DL")
    again = AnalysisSpec.from_plain(json.loads(json.dumps(spec.to_plain())))
    assert again == spec


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"mesure": "OR"}, "no field 'mesure'"),
        ({"level": 95}, "such as 0.95"),
        ({"level": "high"}, "such as 0.95"),
        ({"version": 99}, "newer metadesk"),
        ({"labels": {"titel": "x"}}, "no field 'titel'"),
        ({"roles": ["ai"]}, "'roles' in the spec must be a block"),
        ({"model": 5}, "'model' in the spec is a word"),
        ({"measure": []}, "'measure' in the spec is a word"),
        ({"compare": 5}, "'compare' in the spec is a list"),
        ({"compare": [{"model": "fixed", "options": 5}]}, "a list of models"),
        ({"routes": {"a": "counts"}}, "'routes' in the spec"),
        ({"version": "x"}, "a whole number"),
    ],
)
def test_a_wrong_spec_is_one_sentence(given, words) -> None:
    with pytest.raises(SpecProblem, match=words):
        AnalysisSpec.from_plain(given)


def test_a_spec_file_that_cannot_be_read_is_one_sentence(tmp_path) -> None:
    with pytest.raises(FileProblem, match="cannot be read"):
        read_spec(tmp_path / "none.json")
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    with pytest.raises(FileProblem, match="not valid JSON"):
        read_spec(broken)
    broken.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileProblem, match="not a text file"):
        read_spec(broken)


def test_a_preset_named_in_a_file_brings_its_choices_and_ones_own_choices_lose_its_name(
    tmp_path,
) -> None:
    def read(given: dict[str, object]) -> AnalysisSpec:
        (tmp_path / "spec.json").write_text(json.dumps(given), encoding="utf-8")
        spec = read_any_spec(tmp_path / "spec.json")
        assert isinstance(spec, AnalysisSpec)
        return spec

    assert read({"preset": "revman-5"}).model_options["tau2"] == "DL"
    assert read({"measure": "OR"}).model_options["tau2"] == "REML"
    assert read({"measure": "OR"}).preset == "cochrane-2025"
    assert read({"model": "fixed"}).preset == ""
    kept = read(PRESETS["revman-5"].apply(AnalysisSpec()).to_plain())
    assert kept.preset == "revman-5"


def test_a_preset_holds_until_an_option_is_changed() -> None:
    spec = default_spec()
    assert PRESETS["cochrane-2025"].holds(spec)
    assert not PRESETS["cochrane-2025"].holds(spec.with_options(tau2="DL"))
    assert PRESETS["revman-5"].holds(PRESETS["revman-5"].apply(spec))


@pytest.mark.parametrize(
    ("roles", "measure"),
    [
        ({"ai": "a", "n1i": "b", "ci": "c", "n2i": "d"}, "RR"),
        ({"ai": "a", "bi": "b", "ci": "c", "di": "d"}, "RR"),
        ({"m1i": "a", "sd1i": "b", "n1i": "c", "m2i": "d", "sd2i": "e", "n2i": "f"}, "MD"),
        ({"est": "OR", "lower": "l", "upper": "u"}, "OR"),
        ({"est": "adj. HR", "lower": "l", "upper": "u"}, "HR"),
        ({"est": "ratio", "lower": "l", "upper": "u"}, "GEN"),
        ({"yi": "md_kg", "sei": "se_kg"}, "MD"),
        ({"yi": "beta", "sei": "se"}, "GEN"),
        ({"yi": "log_RR", "sei": "se_logRR"}, "RR"),
        ({"yi": "lnOR", "sei": "se"}, "OR"),
        ({"yi": "logHR", "sei": "se"}, "HR"),
        ({"yi": "log hazard ratio", "sei": "se"}, "HR"),
        ({"m1i": "a", "sd1i": "b", "m2i": "d", "sd2i": "e", "ni": "n", "ri": "r"}, "MC"),
        ({"ai": "alpha", "mi": "items", "ni": "n"}, "ABT"),
        ({"study": "author"}, ""),
    ],
)
def test_the_measure_follows_from_the_roles(roles, measure) -> None:
    assert suggest_measure(roles).measure == measure
