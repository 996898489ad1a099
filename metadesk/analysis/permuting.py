"""The permutation test beside the main model, when it was asked for."""

from __future__ import annotations

from metadesk.analysis.fitting import model_options
from metadesk.analysis.readers import ModelInput
from metadesk.analysis.spec import AnalysisSpec
from metadesk.analysis.testing import testing_of
from metadesk.document import Note
from metadesk.errors import SpecProblem
from metadesk.models.meta.fixed_effect import FixedEffect
from metadesk.models.meta.mixed_effects import MixedEffects
from metadesk.models.meta.permutation import Permutation, PermutationTest, permutation_test
from metadesk.models.meta.random_effects import RandomEffects
from metadesk.numerics.progress import Progress


def permuted(
    spec: AnalysisSpec, read: ModelInput, progress: Progress
) -> tuple[PermutationTest | None, tuple[Note, ...]]:
    """Test by permutation, or say in a note why this model cannot be tested so."""
    if not spec.permutations:
        return None, ()
    model = model_options(spec.model, spec.model_options, spec.level)
    if not isinstance(model, FixedEffect | RandomEffects | MixedEffects):
        words = (
            "A permutation test is for fixed effect, random effects and meta-regression; none was "
            "made."
        )
        return None, (Note(words, "note", "no-permutation"),)
    how = testing_of(spec)
    options = Permutation(how.rearrange, max(spec.permutations, 99), how.seed)
    try:
        return permutation_test(model, read.data, options, progress), ()
    except SpecProblem as problem:
        return None, (Note(str(problem), "caution", "no-permutation"),)
