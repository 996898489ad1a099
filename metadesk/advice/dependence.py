"""Rules about rows that belong together: several effects of one study, few clusters."""

from __future__ import annotations

from metadesk.advice.rule import Rule
from metadesk.analysis.result import AnalysisResult
from metadesk.models.meta.multilevel.propose import propose_levels

VAN_DEN_NOORTGATE = "Van den Noortgate et al. (2013), Behav Res Methods 45:576"
TIPTON = "Tipton (2015), Psychol Methods 20:375"
HANDBOOK = "Cochrane Handbook for Systematic Reviews of Interventions, chapter 10.1"
FEW_CLUSTERS = 10
SHOWN_OUTCOMES = 4


def rows_belong_together(result: AnalysisResult) -> str:
    """Stop at an ordinary model of rows that are not independent, and propose the one that fits."""
    fit = result.main
    if fit is None or fit.model == "multilevel":
        return ""
    groups = [s.belongs for s in result.used if s.belongs]
    proposal = propose_levels(groups) if groups else None
    if proposal is None:
        return ""
    return (
        f"{proposal.sentence} Choose 'Multilevel and multivariate', or keep one row of each study "
        "by a rule that you state."
    )


def few_clusters(result: AnalysisResult) -> str:
    """Say what few clusters mean for robust errors."""
    clusters = None if result.main is None else result.main.extra.get("n_clusters")
    if clusters is None or clusters.value >= FEW_CLUSTERS:
        return ""
    kind = "" if clusters.method == "CR2" else "Take the small-sample version (CR2). "
    return (
        f"Cluster-robust errors rest on {clusters.value:.0f} clusters, which are few. {kind}"
        "Read P values loosely."
    )


def outcomes_mixed(result: AnalysisResult) -> str:
    """Stop at one average over several outcomes."""
    if result.outcome or len(result.other_outcomes) < 2 or result.main is None:
        return ""
    if result.main.model == "multilevel":
        return ""
    names = list(result.other_outcomes)
    shown = ", ".join(names[:SHOWN_OUTCOMES]) + (" …" if len(names) > SHOWN_OUTCOMES else "")
    return (
        f"The rows are of {len(names)} outcomes ({shown}). Their average answers no question about "
        "a patient: choose one outcome. Only measurements of one and the same thing may be "
        "analysed together, with 'Multilevel and multivariate'."
    )


DEPENDENCE = (
    Rule("B13", "Several outcomes in one average", "stop", HANDBOOK, outcomes_mixed),
    Rule("E1", "Several rows of a study", "stop", VAN_DEN_NOORTGATE, rows_belong_together),
    Rule("E3", "Few clusters", "caution", TIPTON, few_clusters),
)
