"""What a person can choose about a forest plot, and the bundles that journals ask for."""

from __future__ import annotations

from dataclasses import dataclass

from metadesk.options import choice, flag, integer, number, text
from metadesk.plots.forest.style import STYLES

ORDERS = {
    "sheet": "As in the sheet",
    "effect": "By effect, smallest first",
    "weight": "By weight, largest first",
    "year": "By year, oldest first",
    "label": "By name",
}
PLACES = {
    "right": "Both right of the plot",
    "split": "Effect left, weight right of the plot",
    "left": "Both left of the plot",
}


@dataclass(frozen=True)
class ForestOptions:
    """Every study with its interval, the pooled effect under them, the raw data beside them."""

    style: str = choice(
        "Style", {key: style.title for key, style in STYLES.items()}, "metadesk",
        help="Colours, brackets and marks of decimals as the journal prints them.",
    )  # fmt: skip
    title: str = text("Title", help="Without one, the title or outcome of the analysis.")
    show_title: bool = flag("Show the title", True)
    show_data: bool = flag("Show the raw data", True)
    show_effect: bool = flag("Show effects as numbers", True)
    show_weight: bool = flag("Show weights", True)
    place: str = choice("Effects and weights stand", PLACES, "right")
    order: str = choice("Order of studies", ORDERS, "sheet")
    reverse: bool = flag("Reverse the order", False)
    show_excluded: bool = flag("Show studies that are left out, greyed", True)
    show_companion: bool = flag(
        "Show the other model", False,
        help="Fixed effect beside random effects, or the reverse, as a light diamond.",
    )  # fmt: skip
    show_prediction: bool = flag("Show the prediction interval", True)
    show_expected: bool = flag(
        "Show what the model expects", True,
        help="With moderators: a light diamond for each study, and the expected effects below.",
    )  # fmt: skip
    show_pooled_line: bool = flag("Dashed line at the pooled effect", True)
    show_heterogeneity: bool = flag("Heterogeneity under the plot", True)
    show_test: bool = flag("Test of the overall effect under the plot", True)
    axis_lower: float | None = number("Axis from", None, help="On the natural scale.")
    axis_upper: float | None = number("Axis to", None, help="On the natural scale.")
    reference: float | None = number(
        "Reference line at",
        None,
        help="On the natural scale; without it, no effect.",
        advanced=True,
    )
    digits: int | None = integer(
        "Digits of effects", None, minimum=0, maximum=6, help="Without it, as many as are needed."
    )
    favours_left: str = text("Words left of no effect", help="Such as 'Favours vaccine'.")
    favours_right: str = text("Words right of no effect", help="Such as 'Favours control'.")
    group1: str = text("Name of the first group")
    group2: str = text("Name of the second group")
    font_size: float = number("Size of type, points", 8.0, minimum=4.0, maximum=24.0)
    row_height: float = number(
        "Height of a row, times the type", 1.75, minimum=1.2, maximum=4.0, advanced=True
    )
    plot_width: float = number(
        "Width of the plot, points", 200.0, minimum=60.0, maximum=1000.0, advanced=True
    )
    label_width: float = number(
        "Widest study name, points", 190.0, minimum=40.0, maximum=800.0,
        help="Longer names are set on several lines.", advanced=True,
    )  # fmt: skip
    square_size: float = number(
        "Size of squares, times the usual", 1.0, minimum=0.2, maximum=4.0, advanced=True
    )


PRESETS: dict[str, ForestOptions] = {
    "metadesk": ForestOptions(),
    "revman": ForestOptions(style="revman", place="left", show_pooled_line=False),
    "bmj": ForestOptions(style="bmj"),
    "jama": ForestOptions(style="jama", place="split"),
    "lancet": ForestOptions(style="lancet"),
}
"""Bundles of options by the key of their style."""
