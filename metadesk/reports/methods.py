"""The methods paragraph: what was done, in the words of a paper, from the settings."""

from __future__ import annotations

from metadesk.analysis.result import AnalysisResult
from metadesk.document.words import inside
from metadesk.reports.tables import scale_words
from metadesk.table import NOT_A_STUDY


def methods_text(result: AnalysisResult) -> str:
    """Say how effects were worked out, pooled and tested, and with what."""
    version = f" {result.app_version}" if result.app_version else ""
    end = f"Analyses were done with metadesk{version}."
    if not result.measure:
        return end
    sentences = [_outcome(result), _effects(result), *_model(result), _left_out(result), end]
    return " ".join(s for s in sentences if s)


def _outcome(result: AnalysisResult) -> str:
    """Which of several outcomes of a sheet was analysed."""
    rows = sum(result.other_outcomes.values())
    if not rows:
        return ""
    count = len(result.other_outcomes)
    if not result.outcome:
        return f"The rows are of {count} outcomes, which were analysed together."
    outcomes = "another outcome" if count == 1 else f"{count} other outcomes"
    said = "1 row of the sheet is" if rows == 1 else f"{rows} rows of the sheet are"
    return f"The outcome was '{result.outcome}'; {said} about {outcomes}."


def _effects(result: AnalysisResult) -> str:
    """The measure, its scale, and from what it was worked out."""
    routes = list(dict.fromkeys(s.route_title for s in result.used if s.route_title))
    made = f", worked out from {_listed(routes)}" if routes else ""
    scale = "" if result.scale.is_identity else f" and analysed as {scale_words(result)}s"
    what = "Effect estimates" if result.measure == "GEN" else f"{result.family.title}s"
    source = result.family.citation
    return f"{what} were taken from the studies{made}{scale} ({source.authors}, {source.year})."


def _model(result: AnalysisResult) -> list[str]:
    fit = result.main
    if fit is None:
        return []
    said = f"{result.counted_by_name} {'was' if fit.k == 1 else 'were'} analysed with the "
    said += f"model '{inside(fit.title)}' ({fit.method})."
    sentences = [said]
    level = f"{100 * fit.coefficients.level:g}%"
    sentences.append(f"Confidence intervals are at the {level} level.")
    spread = fit.heterogeneity
    if spread is not None:
        about = f"Heterogeneity is described by Cochran's Q and I² ({spread.I2_definition})"
        if spread.tau2_interval is not None:
            about += f", τ² with a {spread.tau2_interval.method} interval"
        sentences.append(about + ".")
    if fit.prediction is not None:
        sentences.append(f"The prediction interval uses {fit.prediction.method}.")
    if not fit.status.converged:
        sentences.append("The fit did not converge.")
    return sentences


def _left_out(result: AnalysisResult) -> str:
    studies = [s for s in result.left_out if s.reason not in NOT_A_STUDY]
    left = len(studies)
    if not left:
        return ""
    by_person = sum(s.by_person for s in studies)
    rows = "1 row was" if left == 1 else f"{left} rows were"
    said = f"{rows} left out"
    if by_person == left:
        return f"{said} by decision."
    return f"{said}, {by_person} of them by decision." if by_person else f"{said}."


def _listed(words: list[str]) -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} or {words[-1]}"
