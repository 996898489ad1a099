"""The program without a window: ``metadesk analyse`` and ``metadesk list``.

The command line only makes a spec and writes files; between the two is the window's own engine.
Bad input is one sentence on the error stream and exit code 2.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from metadesk import __version__
from metadesk.errors import MetadeskError, SpecProblem
from metadesk.listing import LISTED, list_catalogue

if TYPE_CHECKING:
    from metadesk.analysis.engine import AnyResult
    from metadesk.analysis.spec import AnalysisSpec
    from metadesk.analysis.trial_spec import AnySpec, TrialSpec
    from metadesk.table import StudyTable
    from metadesk.table.validate import Problem

BAD_INPUT = 2


def run_command(words: Sequence[str]) -> int:
    """Do what the words say and return the exit code."""
    from metadesk.numerics.quick_scipy import load_special

    try:
        asked = _parser().parse_args(list(words))
        load_special()
        code = int(asked.task(asked))
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever reads has seen enough ('| head')
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MetadeskError as sentence:
        print(f"metadesk: {sentence}", file=sys.stderr)
        return BAD_INPUT


class Words(argparse.ArgumentParser):
    """Says in one sentence what is wrong with the words of the command."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command."""
        raise SpecProblem(f"{message[0].upper()}{message[1:]}. '{self.prog} --help' shows more.")


def _parser() -> Words:
    parser = Words(
        prog="metadesk",
        description="Meta-analysis from an extraction sheet. 'metadesk FILE' opens the window.",
    )
    parser.add_argument("--version", action="version", version=f"metadesk {__version__}")
    tasks = parser.add_subparsers(required=True, metavar="analyse | list")
    _analyse_words(
        tasks.add_parser(
            "analyse", aliases=["analyze"], help="analyse a workbook and write the results"
        )
    )
    listing = tasks.add_parser("list", help="list what metadesk can do")
    listing.add_argument("what", nargs="?", choices=LISTED)
    listing.set_defaults(task=_list)
    return parser


def _list(asked: argparse.Namespace) -> int:
    """Print a list, or which lists there are."""
    if asked.what is None:
        print(f"metadesk list … shows one of: {', '.join(LISTED)}.")
        return 0
    return list_catalogue(asked.what)


def _analyse_words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, help="workbook (.xlsx), table (.csv) or RevMan review (.rm5)"
    )
    parser.add_argument("--sheet", help="name of the sheet (else the first that holds data)")
    parser.add_argument("--spec", type=Path, help="a spec file (JSON); the options below change it")
    parser.add_argument("--preset", help="cochrane-2025 (default) or revman-5")
    parser.add_argument("--measure", help="such as RR, OR, MD, SMD (see 'metadesk list measures')")
    parser.add_argument("--model", help="such as random or fixed (see 'metadesk list models')")
    parser.add_argument("--tau2", help="estimator of the between-study variance, such as REML")
    parser.add_argument("--test", help="z, t, hksj or hksj-guarded")
    parser.add_argument("--level", type=float, help="confidence level, such as 0.95")
    parser.add_argument("--moderators", help="a formula such as '~ ablat + factor(alloc)'")
    parser.add_argument("--scale", help="the same for the spread (with --model scale)")
    parser.add_argument("--subgroup", help="column that holds the subgroups")
    parser.add_argument("--subgroup-tau2", help="separate (default) or common")
    parser.add_argument(
        "--predict", action="append", default=[], metavar="NAME=VALUE,…",
        help="what the model expects there, such as ablat=33,alloc=random",
    )  # fmt: skip
    parser.add_argument("--permutations", type=int, help="permutation test with so many of them")
    parser.add_argument(
        "--tests", action="append", default=[], metavar="NAME=VALUE",
        help="adjust=holm, likelihood_ratio=yes, rearrange=exact, seed=7",
    )  # fmt: skip
    parser.add_argument(
        "--test-together", action="append", default=[], metavar="TERM,…",
        help="moderators tested jointly, such as 'ablat,factor(alloc)'",
    )  # fmt: skip
    parser.add_argument(
        "--compare", action="append", default=[], metavar="MODEL[,NAME=VALUE,…]",
        help="a further model beside it, such as random,tau2=DL",
    )  # fmt: skip
    parser.add_argument(
        "--role", action="append", default=[], metavar="ROLE=COLUMN", help="such as ai=tpos"
    )
    parser.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="an option of the model"
    )
    parser.add_argument(
        "--measure-option", action="append", default=[], metavar="NAME=VALUE",
        help="an option of the measure, such as to=all",
    )  # fmt: skip
    parser.add_argument(
        "--dependence", action="append", default=[], metavar="NAME=VALUE",
        help="several effects of one study, such as use=combine rho=0.6",
    )  # fmt: skip
    parser.add_argument(
        "--plain", action="append", default=[], metavar="NAME=VALUE",
        help="plain numbers, such as baseline=0.1 or scale_sd=7.5",
    )  # fmt: skip
    parser.add_argument(
        "--route", action="append", default=[], metavar="STUDY=WAY",
        help="how a row's effect is worked out, such as 'Chen 2011=est_ci' ('!est_ci' refuses it)",
    )  # fmt: skip
    parser.add_argument(
        "--adjust", action="append", default=[], metavar="STUDY=WHAT[,NAME=VALUE,…]",
        help="change a row first, such as 'Chen 2011=cluster,cluster_size=20,icc=0.05'; several "
        "rows with ';' between, '*' for all ('metadesk list adjustments')",
    )  # fmt: skip
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="STUDY=REASON", help="leave a study out"
    )
    parser.add_argument(
        "--outcome", help="outcome to analyse (all: together); of trial rows, its column"
    )
    parser.add_argument(
        "--split", action="append", default=[], metavar="COLUMN",
        help="put the numbers of cells such as '0.85 [0.70; 1.03]' into columns (all: of all)",
    )  # fmt: skip
    parser.add_argument("--title", help="title of the figure")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--width", type=float, help="width of the PNG in cm")
    parser.add_argument("--dpi", type=int, default=300, help="resolution of the PNG (up to 1200)")
    parser.set_defaults(task=analyse)


def analyse(asked: argparse.Namespace) -> int:
    """Read, analyse, write; say what was found and where it lies."""
    from metadesk.analysis.engine import run
    from metadesk.batch import write_outputs
    from metadesk.reports.kinds import sentence_of

    given = _given_spec(asked)
    table, saved = _read(asked, given)
    table = _split(table, asked.split)
    spec = _spec_for(asked, given or saved, table)
    if saved is not None:
        changed = ", changed as said here" if spec != replace(saved, sheet=table.name) else ""
        print(f"Analysis of sheet '{table.name}' as saved in '{asked.file.name}'{changed}.")
    table = _on_outcome(asked, spec, table)
    table = _without(table, _pairs(asked.exclude, "--exclude"))
    result = run(spec, table)
    _require_places(asked, result)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    written = write_outputs(result, asked.out, width_cm=asked.width, dpi=asked.dpi)
    print(sentence_of(result))
    for path in written.paths:
        print(f"  {path}")
    for note in written.notes:
        print(note)
    _tell_problems(spec, table)
    _tell_advice(result)
    return 0


def _tell_advice(result: AnyResult) -> None:
    """Say what a careful colleague would say, as the panel of the window does; no mere notes."""
    from metadesk.advice.advise import advise
    from metadesk.advice.trials import trial_advice
    from metadesk.analysis.result import AnalysisResult

    found = advise(result) if isinstance(result, AnalysisResult) else trial_advice(result)
    for at, note in enumerate(n for n in found if n.severity != "note"):
        print(f"{'' if at else 'Advice:' + chr(10)}  {note.text}")


def _tell_problems(spec: AnySpec, table: StudyTable) -> None:
    """Say what must be mended and what is worth a look, each kind once."""
    from metadesk.analysis.engine import prepare
    from metadesk.analysis.prepare import Prepared, as_bound, bound_columns
    from metadesk.analysis.row_checks import row_problems
    from metadesk.table.validate import validate

    prepared = prepare(spec, table)
    of_rows: Iterable[Problem] = ()
    if isinstance(prepared, Prepared):
        table = as_bound(table, bound_columns(prepared.spec, table))
        of_rows = row_problems(prepared)
    found = [*validate(table), *of_rows]
    for severity, title in (("error", "Must be mended:"), ("warning", "Worth a look:")):
        told = [p for p in found if p.severity == severity]
        kinds = {code: [p for p in told if p.code == code] for code in (p.code for p in told)}
        for at, alike in enumerate(kinds.values()):
            more = f" ({len(alike) - 1} more like it)" if len(alike) > 1 else ""
            print(f"{'' if at else title + chr(10)}  {alike[0].sentence} {alike[0].remedy}{more}")


def _given_spec(asked: argparse.Namespace) -> AnySpec | None:
    """The spec file, if one was named."""
    from metadesk.analysis.trial_spec import read_any_spec

    return read_any_spec(asked.spec) if asked.spec else None


def _read(asked: argparse.Namespace, given: AnySpec | None) -> tuple[StudyTable, AnySpec | None]:
    """The sheet, and the request saved with it where no word asks for another kind of analysis."""
    from metadesk.analysis.trial_spec import TrialSpec
    from metadesk.formats import read_sheet
    from metadesk.project.file import read_project, sheet_in

    name = asked.sheet or (given.sheet if given else "") or None
    project = read_project(asked.file)
    if project is None:
        return read_sheet(asked.file, name), None
    if project.remark:
        print(project.remark)
    kept = sheet_in(project, name, asked.file)
    other_kind = bool(asked.measure) and isinstance(kept.spec, TrialSpec)
    return kept.table, None if given or other_kind else kept.spec


def _split(table: StudyTable, names: Sequence[str]) -> StudyTable:
    """The sheet with these columns split; says which hold several numbers and were not."""
    from metadesk.formats.reshaping import compound_columns, split_columns

    found = {table.columns[table.column_position(i)].name: i for i in compound_columns(table)}
    if list(names) == ["all"]:
        names = tuple(found)
    known = {column.name: column.id for column in table.columns}
    for name in names:
        if name not in known:
            there = ", ".join(f"'{n}'" for n in known)
            raise SpecProblem(f"There is no column '{name}' to split; the sheet has {there}.")
    if names:
        return split_columns(table, [known[name] for name in names]).apply(table)[0]
    if found:
        listed = ", ".join(f"'{name}'" for name in found)
        print(f"Cells of {listed} hold several numbers; --split all puts them into columns.")
    return table


def _spec_for(asked: argparse.Namespace, given: AnySpec | None, table: StudyTable) -> AnySpec:
    """The request for this sheet: as the spec file says, else as the sheet's columns suggest."""
    from metadesk.analysis.trial_spec import TrialSpec, holds_trial

    if given is None and not asked.measure and holds_trial(table):
        given = TrialSpec()
    if isinstance(given, TrialSpec):
        return replace(make_trial_spec(asked, given), sheet=table.name)
    spec = replace(make_spec(asked, given), sheet=table.name)
    if asked.outcome:
        spec = replace(spec, outcome=_long_outcome(table, asked.outcome))
    chosen = _by_row(table, _pairs(asked.route, "--route"))
    return replace(spec, routes={**spec.routes, **chosen}) if chosen else spec


def _on_outcome(asked: argparse.Namespace, spec: AnySpec, table: StudyTable) -> StudyTable:
    """The sheet with its roles on the outcome asked for; says which of several is analysed."""
    from metadesk.analysis.trial_spec import TrialSpec
    from metadesk.formats.blocks import block_called, blocks_in, choose_block, is_chosen
    from metadesk.table.outcomes import chosen_outcome, listed, outcomes_of

    if isinstance(spec, TrialSpec):
        return table
    blocks, outcomes = blocks_in(table), outcomes_of(table)
    block = block_called(blocks, asked.outcome or "")
    if block is not None:
        table = choose_block(table, block, blocks).apply(table)[0]
    if len(blocks) > 1 and not spec.roles and not outcomes.divide:
        block = next((b for b in blocks if is_chosen(table, b)), None)
        others = {b.name: b.filled for b in blocks if b is not block}
        print(f"Outcome '{block.name if block else ''}'. Others: {listed(others)}.")
    if outcomes.divide:
        name = chosen_outcome(outcomes, spec.outcome_meant)
        others = {n: k for n, k in outcomes.rows.items() if n != name}
        print(f"Outcome '{name}'. Others: {listed(others)}." if name else "All outcomes together.")
    return table


def _long_outcome(table: StudyTable, wanted: str) -> str:
    """The outcome of a long sheet that was asked for; '' if it is one of several side by side."""
    from metadesk.formats.blocks import block_called, blocks_in
    from metadesk.table.outcomes import listed, outcomes_of

    blocks = blocks_in(table)
    if block_called(blocks, wanted) is not None:
        return ""
    if len(blocks) > 1 and not outcomes_of(table).rows:
        known = listed({b.name: b.filled for b in blocks})
        raise SpecProblem(f"There is no outcome '{wanted}'; the sheet has {known}.")
    return wanted


def make_trial_spec(asked: argparse.Namespace, spec: TrialSpec) -> TrialSpec:
    """The spec of trial rows with the single options applied."""
    options = _typed(_pairs(asked.option, "--option"))
    if asked.level is not None:
        options["level"] = asked.level
    words = {"reference", "active", "patient"} & options.keys()
    said = _pairs(asked.option, "--option")
    spec = spec.with_options(**{**options, **{n: said[n] for n in words}})
    if asked.outcome:
        spec = replace(spec, outcome=asked.outcome)
    roles = {**spec.roles, **_pairs(asked.role, "--role")}
    if asked.title:
        spec = replace(spec, labels=replace(spec.labels, title=asked.title))
    return replace(spec, roles=roles)


def make_spec(asked: argparse.Namespace, given: AnalysisSpec | None = None) -> AnalysisSpec:
    """Make the spec that the words describe: preset, then spec file, then single options."""
    from metadesk.analysis.presets import PRESETS, default_spec

    spec = given or default_spec()
    if asked.preset:
        spec = PRESETS[asked.preset].apply(spec)
    options = _typed(_pairs(asked.option, "--option"))
    options |= {n: getattr(asked, n) for n in ("tau2", "test") if getattr(asked, n)}
    if asked.model and asked.model != spec.model:
        spec = replace(spec, model=asked.model, model_options={}, preset="")
    if options:
        spec = spec.with_options(**options)
    roles = {**spec.roles, **_pairs(asked.role, "--role")}
    measure_options = {
        **spec.measure_options, **_typed(_pairs(asked.measure_option, "--measure-option"))
    }  # fmt: skip
    spec = replace(spec, roles=roles, measure_options=measure_options)
    dependence = {**spec.dependence, **_dependence(_pairs(asked.dependence, "--dependence"))}
    plain = {**spec.plain, **_typed(_pairs(asked.plain, "--plain"))}
    spec = replace(spec, dependence=dependence, plain=plain)
    for name in ("measure", "sheet", "moderators", "scale", "subgroup"):
        if getattr(asked, name):
            spec = replace(spec, **{name: getattr(asked, name)})
    if asked.moderators:
        _require_moderators(spec.model)
    if asked.scale:
        _require_scale(spec.model)
    if asked.level is not None:
        spec = type(spec).from_plain({**spec.to_plain(), "level": asked.level})
    spec = _with_questions(asked, spec)
    if asked.title:
        spec = replace(spec, labels=replace(spec.labels, title=asked.title))
    return spec


def _with_questions(asked: argparse.Namespace, spec: AnalysisSpec) -> AnalysisSpec:
    """Subgroups' tau², typed places, permutations and models beside the main one."""
    plain = spec.to_plain()
    if asked.subgroup_tau2:
        plain["subgroup_tau2"] = asked.subgroup_tau2
    if asked.permutations is not None:
        plain["permutations"] = asked.permutations
    plain["tests"] = {**plain["tests"], **_typed(_pairs(asked.tests, "--tests"))}
    sets = [_terms_in(words) for words in asked.test_together]
    plain["test_together"] = [*plain["test_together"], *sets]
    places = [_typed(_pairs(words.split(","), "--predict")) for words in asked.predict]
    plain["predict_at"] = [*plain["predict_at"], *places]
    plain["adjustments"] = [*plain["adjustments"], *map(_adjustment, asked.adjust)]
    for words in asked.compare:
        model, *options = words.split(",")
        given = _typed(_pairs(options, "--compare"))
        beside = {"model": model.strip(), "options": given, "moderators": spec.moderators,
                  "scale": spec.scale}  # fmt: skip
        plain["compare"] = [*plain["compare"], beside]
    spec = type(spec).from_plain(plain)
    _require_permutations(spec, _pairs(asked.tests, "--tests"))
    return spec


def _dependence(pairs: dict[str, str]) -> dict[str, Any]:
    """Values of the options by their kinds: a column may be called '2'."""
    from metadesk.analysis.covariances import Dependence
    from metadesk.options import options_of

    words = {o.name for o in options_of(Dependence) if o.kind in ("text", "column", "choice")}
    return {k: v if k in words else _value(v) for k, v in pairs.items()}


def _adjustment(words: str) -> dict[str, Any]:
    """What '--adjust' says of rows: studies, what to do, and its numbers."""
    ((rows, what),) = _pairs([words], "--adjust").items()
    key, *numbers = what.split(",")
    named = [row.strip() for row in rows.split(";")]
    return {"do": key.strip(), "rows": named, **_typed(_pairs(numbers, "--adjust"))}


def _require_moderators(model: str) -> None:
    """Refuse moderators that the model would not look at."""
    from metadesk.models.meta import MODELS

    if not MODELS[model].explains:
        able = [m.key for m in MODELS if m.explains]
        raise SpecProblem(
            f"The model '{model}' takes no moderators; name one that does with --model: "
            f"{', '.join(able)}."
        )


def _require_scale(model: str) -> None:
    """Refuse moderators of the spread where the model has one spread for all."""
    from metadesk.models.meta import MODELS

    if MODELS[model].reads != "scale":
        able = [m.key for m in MODELS if m.reads == "scale"]
        raise SpecProblem(
            f"The model '{model}' has one spread for all studies; --scale goes with --model "
            f"{' or '.join(able)}."
        )


def _require_places(asked: argparse.Namespace, result: AnyResult) -> None:
    """Refuse places at which the fitted model cannot say what it expects."""
    from metadesk.analysis.expected import asked_columns, expected_at
    from metadesk.analysis.result import AnalysisResult

    if not isinstance(result, AnalysisResult) or result.main is None:
        return
    places = result.spec.predict_at
    if places and (asked.predict or asked_columns(result)):
        expected_at(result, places)


def _require_permutations(spec: AnalysisSpec, tests: dict[str, str]) -> None:
    """Refuse words about a permutation test that nobody asked for."""
    said = [f"{name}={tests[name]}" for name in ("rearrange", "seed") if name in tests]
    if said and not spec.permutations:
        raise SpecProblem(
            f"'{said[0]}' says how a permutation test is made; ask for one with --permutations "
            "and their number, such as 10000."
        )


def _terms_in(words: str) -> list[str]:
    """Terms between commas; a comma inside brackets belongs to its term."""
    found, depth = [""], 0
    for letter in words:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [term.strip() for term in found if term.strip()]


def _pairs(words: Sequence[str], option: str) -> dict[str, str]:
    pairs = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name:
            raise SpecProblem(f"{option} takes NAME=VALUE, not '{word}'.")
        pairs[name.strip()] = value.strip()
    return pairs


def _typed(pairs: dict[str, str]) -> dict[str, Any]:
    """Turn words into the numbers and flags they spell."""
    return {name: _value(word) for name, word in pairs.items()}


def _value(word: str) -> Any:
    if word.lower() in ("true", "yes"):
        return True
    if word.lower() in ("false", "no"):
        return False
    try:
        return float(word)
    except ValueError:
        return word


def _without(table: StudyTable, excluded: dict[str, str]) -> StudyTable:
    """Leave out the studies named on the command line."""
    marked = _by_row(table, excluded)
    reasons = {row: reason or "left out on the command line" for row, reason in marked.items()}
    return replace(table, excluded={**table.excluded, **reasons}) if excluded else table


def _by_row(table: StudyTable, said: dict[str, str]) -> dict[int, str]:
    """What was said of studies, by the ids of their rows."""
    from metadesk.analysis.adjusting import rows_named

    return {row: word for study, word in said.items() for row in rows_named(table, study)}
