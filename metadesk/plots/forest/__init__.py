"""The forest plot: every study with its interval, the pooled effect, the raw data beside them."""

from metadesk.analysis.result import AnalysisResult
from metadesk.plots.forest.draw import draw_forest
from metadesk.plots.forest.options import PRESETS, ForestOptions
from metadesk.plots.plot import Plot


def forest_needs(result: AnalysisResult) -> str | None:
    """Say why there is nothing to draw, or None."""
    if not result.measure:
        return result.problem or "No effect measure is chosen yet."
    if not any(s.listed for s in result.studies):
        return "The sheet has no studies yet."
    return None


FOREST = Plot(
    key="forest",
    title="Forest plot",
    sentence=(
        "Each study's effect with its interval, the square as large as its weight, and the pooled "
        "effect as a diamond under them."
    ),
    options=ForestOptions,
    draw=draw_forest,
    needs=forest_needs,
)

__all__ = ["FOREST", "PRESETS", "ForestOptions", "draw_forest", "forest_needs"]
