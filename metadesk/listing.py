"""What ``metadesk list`` prints: the catalogues as they stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metadesk.effects.adjustments import Adjustment
    from metadesk.options import Option

LISTED = (
    "measures",
    "models",
    "options",
    "adjustments",
    "conversions",
    "checks",
    "plots",
    "presets",
)


def list_catalogue(what: str) -> int:
    """Print one catalogue: key, title, and one plain sentence."""
    if what == "measures":
        return _list_measures()
    entries = _entries(what)
    first, second = (max((len(e[i]) for e in entries), default=0) + 2 for i in (0, 1))
    for key, title, sentence in entries:
        print(f"{key:<{first}}{title:<{second}}{sentence}".rstrip())
    return 0


def _list_measures() -> int:
    """Print the measures by family: sentence, formula, what each needs, its options."""
    from metadesk.effects import MEASURES
    from metadesk.options import options_of

    family = ""
    for measure in MEASURES:
        if measure.family != family:
            family = measure.family
            print(f"\n{family}")
        print(f"  {measure.key:<7} {measure.title}. {measure.sentence}")
        print(f"{'':<10}{measure.formula}")
        raw = [" ".join(r.roles) for r in measure.routes if r.source != "estimate"]
        more = f" | {len(raw) - 3} more" if len(raw) > 3 else ""
        ways = [" | ".join(raw[:3]) + more] if raw else []
        if any(r.source == "estimate" for r in measure.routes):
            ways.append("est or yi with sei, vi, lower upper, zi or pval")
        print(f"{'':<10}needs: {'; or '.join(ways)}")
        options = [_option_words(option) for option in options_of(measure.options)]
        if options:
            print(f"{'':<10}options: {'; '.join(options)}")
    return 0


def _option_words(option: Option) -> str:
    """An option's name with what it may be: 'to=only0|all|if0all|none'."""
    if option.choices:
        return f"{option.name}={'|'.join(option.choices)}"
    return f"{option.name}={'true|false' if option.kind == 'flag' else 'number'}"


def _parameters(adjustment: Adjustment) -> str:
    """The parameters of an adjustment: ' cluster_size=Mean cluster size m'."""
    told = [f"{name}={words}" for name, words in adjustment.parameters.items()]
    return f" ({'; '.join(told)})" if told else ""


def _from_to(inputs: Sequence[str], outputs: Sequence[str], source: str) -> str:
    return f"{' '.join(inputs)} → {' '.join(outputs)} ({source})"


def _entries(what: str) -> list[tuple[str, str, str]]:
    match what:
        case "models":
            from metadesk.models.meta import MODELS
            from metadesk.models.mixed.catalogue import TRIAL_MODELS

            return [(m.key, m.title, m.sentence) for m in (*MODELS, *TRIAL_MODELS)]
        case "options":
            from metadesk.models.meta import MODELS
            from metadesk.options import options_of

            return [
                (m.key, _option_words(option), option.title)
                for m in MODELS
                for option in options_of(m.options)
            ]
        case "adjustments":
            from metadesk.effects.adjustments import ADJUSTMENTS
            from metadesk.effects.combining import COMBINATIONS

            told = [(a.key, a.title, f"{a.sentence}{_parameters(a)}") for a in ADJUSTMENTS]
            return [*told, *((c.key, c.title, c.sentence) for c in COMBINATIONS)]
        case "conversions":
            from metadesk.effects.conversions.steps import STEPS

            return [
                (
                    s.key,
                    s.title,
                    f"{' '.join(s.inputs)} → {' '.join(s.outputs)} ({s.citation.short})",
                )
                for s in STEPS
            ]
        case "plots":
            from metadesk.plots import PLOTS

            return [(p.key, p.title, p.sentence) for p in PLOTS]
        case "presets":
            from metadesk.analysis.presets import PRESETS

            return [(p.key, p.title, p.sentence) for p in PRESETS]
        case _:
            from metadesk.analysis.row_checks import ROW_CHECKS
            from metadesk.table.validate import CHECKS

            return [(c.key, c.title, c.sentence) for c in (*CHECKS, *ROW_CHECKS)]
