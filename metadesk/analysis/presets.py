"""Named bundles of choices: what Cochrane recommends today, what older reviews were made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from metadesk.analysis.spec import AnalysisSpec
from metadesk.catalogue import Catalogue


@dataclass(frozen=True)
class Preset:
    """A bundle of model choices with the reason to take it."""

    key: str
    title: str
    sentence: str
    model: str
    model_options: Mapping[str, Any]

    def apply(self, spec: AnalysisSpec) -> AnalysisSpec:
        """The same request with this bundle's model choices."""
        return replace(
            spec, model=self.model, model_options=dict(self.model_options), preset=self.key
        )

    def holds(self, spec: AnalysisSpec) -> bool:
        """Whether the request makes exactly this bundle's choices."""
        return spec.model == self.model and dict(spec.model_options) == dict(self.model_options)


PRESETS: Catalogue[Preset] = Catalogue("preset")
PRESETS.add(
    Preset(
        key="cochrane-2025",
        title="Cochrane 2025",
        sentence=(
            "Random effects with REML, the Hartung–Knapp interval never narrower than the classic "
            "one, a Q-profile interval for τ², and a prediction interval with k − 1 degrees of "
            "freedom."
        ),
        model="random",
        model_options={
            "tau2": "REML",
            "test": "hksj-guarded",
            "tau2_interval": "QP",
            "prediction": "t(k-1)",
            "I2": "tau2",
        },
    ),
    Preset(
        key="revman-5",
        title="RevMan 5",
        sentence=(
            "Random effects by DerSimonian–Laird with the classic (Wald) interval and I² from Q, "
            "as reviews were made until 2024; to reproduce an older review."
        ),
        model="random",
        model_options={
            "tau2": "DL",
            "test": "z",
            "tau2_interval": "none",
            "prediction": "none",
            "I2": "Q",
        },
    ),
)
DEFAULT_PRESET = "cochrane-2025"


def default_spec() -> AnalysisSpec:
    """The request every analysis starts from."""
    return PRESETS[DEFAULT_PRESET].apply(AnalysisSpec())


def as_meant(spec: AnalysisSpec, given: Mapping[str, Any]) -> AnalysisSpec:
    """What a person who wrote these fields by hand meant by the preset.

    Without a model and its options the preset's choices are meant (Cochrane's, if none is named);
    choices of one's own win, and then the request no longer goes by the preset's name.
    """
    if not {"model", "model_options"} & given.keys():
        return PRESETS[spec.preset].apply(spec) if spec.preset else spec
    held = not spec.preset or PRESETS[spec.preset].holds(spec)
    return spec if held else replace(spec, preset="")
