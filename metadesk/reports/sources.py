"""Where the chosen methods come from: a citation beside each choice of the settings sheet."""

from __future__ import annotations

from metadesk.analysis.result import AnalysisResult
from metadesk.models.meta import MODELS
from metadesk.options import from_plain, options_of
from metadesk.references import Reference

_REML = Reference(
    "viechtbauer2005", "Viechtbauer", 2005,
    "Bias and efficiency of meta-analytic variance estimators in the random-effects model",
    "Journal of Educational and Behavioral Statistics 30, 261–293",
    "10.3102/10769986030003261",
)  # fmt: skip
_DL = Reference(
    "dersimonian1986", "DerSimonian & Laird", 1986, "Meta-analysis in clinical trials",
    "Controlled Clinical Trials 7, 177–188", "10.1016/0197-2456(86)90046-2",
)  # fmt: skip
_PM = Reference(
    "paule1982", "Paule & Mandel", 1982, "Consensus values and weighting factors",
    "Journal of Research of the National Bureau of Standards 87, 377–385", "10.6028/jres.087.022",
)  # fmt: skip
_HK = Reference(
    "hartung2001", "Hartung & Knapp", 2001,
    "A refined method for the meta-analysis of controlled clinical trials with binary outcome",
    "Statistics in Medicine 20, 3875–3889", "10.1002/sim.1009",
)  # fmt: skip
_GUARD = Reference(
    "roever2015", "Röver, Knapp & Friede", 2015,
    "Hartung-Knapp-Sidik-Jonkman approach and its modification for random-effects meta-analysis "
    "with few studies",
    "BMC Medical Research Methodology 15, 99", "10.1186/s12874-015-0091-1",
)  # fmt: skip
_QP = Reference(
    "viechtbauer2007", "Viechtbauer", 2007,
    "Confidence intervals for the amount of heterogeneity in meta-analysis",
    "Statistics in Medicine 26, 37–52", "10.1002/sim.2514",
)  # fmt: skip
_PI = Reference(
    "inthout2016", "IntHout, Ioannidis, Rovers & Goeman", 2016,
    "Plea for routinely presenting prediction intervals in meta-analysis",
    "BMJ Open 6, e010247", "10.1136/bmjopen-2015-010247",
)  # fmt: skip
_HTS = Reference(
    "higgins2009", "Higgins, Thompson & Spiegelhalter", 2009,
    "A re-evaluation of random-effects meta-analysis",
    "Journal of the Royal Statistical Society A 172, 137–159", "10.1111/j.1467-985X.2008.00552.x",
)  # fmt: skip
_I2 = Reference(
    "higgins2002", "Higgins & Thompson", 2002, "Quantifying heterogeneity in a meta-analysis",
    "Statistics in Medicine 21, 1539–1558", "10.1002/sim.1186",
)  # fmt: skip

_OF_CHOICE: dict[tuple[str, str], Reference] = {
    ("tau2", "REML"): _REML,
    ("tau2", "DL"): _DL,
    ("tau2", "PM"): _PM,
    ("test", "hksj"): _HK,
    ("test", "hksj-guarded"): _GUARD,
    ("tau2_interval", "QP"): _QP,
    ("prediction", "t(k-1)"): _PI,
    ("prediction", "t(k-2)"): _HTS,
    ("I2", "tau2"): _I2,
    ("I2", "Q"): _I2,
}


def citations(result: AnalysisResult) -> dict[str, str]:
    """Full citations by the name of the setting that they belong to."""
    found: dict[str, str] = {}
    if result.measure:
        found["measure"] = result.family.citation.full
    entry = MODELS[result.spec.model]
    known = {option.name for option in options_of(entry.options)}
    given = {k: v for k, v in result.spec.model_options.items() if k in known}
    chosen = from_plain(entry.options, given)
    for name in known:
        source = _OF_CHOICE.get((name, str(getattr(chosen, name))))
        if source is not None:
            found[f"model.{name}"] = source.full
    return found
