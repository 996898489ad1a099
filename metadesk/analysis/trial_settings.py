"""Every choice that shaped the numbers of a trial, in words."""

from __future__ import annotations

from metadesk import __version__
from metadesk.analysis.result import Setting
from metadesk.analysis.trial_result import TrialResult
from metadesk.analysis.trial_spec import DESIGNS, DF, OUTCOME_TYPES, RANDOM, RESIDUAL


def trial_settings(result: TrialResult, random: str, trend: bool) -> tuple[Setting, ...]:
    """List outcome, model, comparisons, the rows used, and the program's version."""
    spec, main = result.spec, result.main
    rows = [
        Setting("outcome", "Outcome", f"{result.roles.outcome}, {_outcome(result)}"),
        Setting("design", "Design", result.design.title if result.design else ""),
        Setting("analysis", "Analysed as", DESIGNS[result.analysis]),
        Setting("contrast", "Comparison", result.contrast),
    ]
    if main is not None:
        rows.append(Setting("equation", "Model", main.equation))
        rows.append(Setting("method", "Method", main.method))
    if result.analysis != "one-patient":
        rows.append(Setting("random", "Differences between persons", RANDOM[random]))
        if result.outcome_type == "continuous":
            rows.append(Setting("residual", "Residuals", RESIDUAL[spec.residual]))
            rows.append(Setting("df", "Degrees of freedom asked for", DF[spec.df]))
    rows.append(Setting("carryover", "Carryover in the model", _yes(spec.carryover)))
    rows.append(Setting("trend", "Straight trend over time", _yes(trend)))
    rows.append(Setting("level", "Confidence level", f"{100 * spec.level:g}%"))
    if spec.relevant is not None:
        better = "lower" if spec.lower_is_better else "higher"
        words = f"{spec.relevant:g}, {better} values are better"
        rows.append(Setting("relevant", "Smallest difference that matters", words))
    if spec.washout and result.analysis == "one-patient":
        rows.append(Setting("washout", "Rows left out after a change", str(spec.washout)))
    asked = [r for r in result.rows if not r.empty]
    rows += [
        Setting("rows", "Rows used", f"{len(result.used)} of {len(asked)}"),
        Setting("persons", "Persons", str(len(result.subjects))),
        Setting("sheet", "Sheet", result.sheet),
    ]
    if result.source:
        rows.append(Setting("source", "File", result.source))
    rows.append(Setting("fingerprint", "Fingerprint of spec and data", result.fingerprint))
    rows.append(Setting("version", "Made with", f"metadesk {__version__}"))
    return tuple(rows)


def _outcome(result: TrialResult) -> str:
    words = OUTCOME_TYPES[result.outcome_type]
    return f"{words}, natural logarithm" if result.scale.key == "ratio" else words


def _yes(on: bool) -> str:
    return "yes" if on else "no"
