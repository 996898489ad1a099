"""The conversions as named steps from roles to roles, each with its citation.

A step is kept with the row it was used on, so that a derived cell can say where it comes from and
the way back is known. Steps that have a way back name it in ``inverse``. Of several steps to the
same value the calculator takes the first in this order, approximate ones last.
"""

from __future__ import annotations

from metadesk.catalogue import Catalogue
from metadesk.effects.conversions.arm_steps import ARM_STEPS
from metadesk.effects.conversions.difference_steps import DIFFERENCE_STEPS, TEST_STEPS
from metadesk.effects.conversions.estimate_steps import ESTIMATE_STEPS
from metadesk.effects.conversions.log_rank_steps import LOG_RANK_STEPS
from metadesk.effects.conversions.paired_steps import PAIRED_STEPS
from metadesk.effects.conversions.step import Settings, Step
from metadesk.effects.conversions.table_steps import TABLE_STEPS

__all__ = ["STEPS", "Settings", "Step", "step_roles", "steps_for"]

STEPS: Catalogue[Step] = Catalogue("conversion")
STEPS.add(*ARM_STEPS, *TEST_STEPS, *PAIRED_STEPS, *ESTIMATE_STEPS, *LOG_RANK_STEPS)
STEPS.add(*DIFFERENCE_STEPS, *TABLE_STEPS)


def step_roles(measure: str) -> tuple[str, ...]:
    """Roles from which a measure's own steps start, whether or not a route of it asks for them."""
    own = (role for step in STEPS if measure in step.measures for role in step.inputs)
    return tuple(dict.fromkeys(own))


def steps_for(measure: str, roles: frozenset[str]) -> tuple[Step, ...]:
    """Steps that make sense for a measure with these roles, its own ones included."""
    return tuple(step for step in STEPS if step.fits(measure, roles))
