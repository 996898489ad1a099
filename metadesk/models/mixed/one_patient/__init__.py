"""N-of-1: one person, treatments alternating, the design as the basis of inference."""

from metadesk.models.mixed.one_patient.analyse import (
    OnePatient,
    OnePatientResult,
    analyse_one_patient,
)
from metadesk.models.mixed.one_patient.cycles import CycleTest, cycle_differences, cycle_test

__all__ = [
    "CycleTest",
    "OnePatient",
    "OnePatientResult",
    "analyse_one_patient",
    "cycle_differences",
    "cycle_test",
]
