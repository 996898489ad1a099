"""Participant-level models: crossover and N-of-1 trials from their rows."""

from metadesk.models.mixed.bioequivalence import Bioequivalence, assess_bioequivalence
from metadesk.models.mixed.catalogue import TRIAL_MODELS, TrialModel
from metadesk.models.mixed.generalised import fit_generalised
from metadesk.models.mixed.linear import LinearEstimate, estimate_linear, fit_linear
from metadesk.models.mixed.one_patient import OnePatient, analyse_one_patient
from metadesk.models.mixed.options import GeneralisedMixed, LinearMixed
from metadesk.models.mixed.patient_series import PatientSeries, analyse_series, patient_summaries
from metadesk.models.mixed.published import paired_counts, paired_means
from metadesk.models.mixed.recognise import DesignSummary, recognise
from metadesk.models.mixed.result import MixedResult
from metadesk.models.mixed.terms import RandomTerm, Term
from metadesk.models.mixed.trial_data import Roles, TrialData
from metadesk.models.mixed.two_by_two import analyse_two_by_two
from metadesk.models.mixed.two_by_two_binary import analyse_binary_two_by_two

__all__ = [
    "TRIAL_MODELS",
    "Bioequivalence",
    "DesignSummary",
    "GeneralisedMixed",
    "LinearEstimate",
    "LinearMixed",
    "MixedResult",
    "OnePatient",
    "PatientSeries",
    "RandomTerm",
    "Roles",
    "Term",
    "TrialData",
    "TrialModel",
    "analyse_binary_two_by_two",
    "analyse_one_patient",
    "analyse_series",
    "analyse_two_by_two",
    "assess_bioequivalence",
    "estimate_linear",
    "fit_generalised",
    "fit_linear",
    "paired_counts",
    "paired_means",
    "patient_summaries",
    "recognise",
]
