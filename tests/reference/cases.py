"""Reference cases: where they lie, what they hold, and who can run them."""

from __future__ import annotations

import copy
import csv
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
Runner = Callable[["Case"], dict[str, Any]]
RUNNERS: dict[tuple[str, str], Runner] = {}
NO_VALUE = "no finite value"


@dataclass(frozen=True)
class Case:
    """One request with the values to agree with, and the table it is about."""

    layout: str
    id: str
    kind: str
    spec: dict[str, Any]
    expect: dict[str, Any]
    raw: dict[str, Any] = field(repr=False)
    table_path: Path = field(repr=False)
    corrected: int = 0

    @property
    def table(self) -> dict[str, list[str | None]]:
        """The table's columns as text; an empty field is ``None``."""
        with self.table_path.open(encoding="utf-8-sig", newline="") as handle:
            rows = list(csv.reader(handle))
        head, body = rows[0], [r for r in rows[1:] if r]
        return {
            name: [row[i] if i < len(row) and row[i] != "" else None for row in body]
            for i, name in enumerate(head)
        }

    def words(self, name: str) -> list[str | None]:
        """One column as text."""
        return self.table[name]

    def column(self, name: str) -> np.ndarray:
        """One column as floats, NaN where nothing (or no number) stands."""
        return np.array([_number(cell) for cell in self.table[name]], dtype=float)


def _number(cell: str | None) -> float:
    if cell is None or cell in ("NA", "NaN"):
        return math.nan
    try:
        return float({"Inf": "inf", "-Inf": "-inf"}.get(cell, cell))
    except ValueError:
        return math.nan


def runs(*kinds: str, layout: str = "meta") -> Callable[[Runner], Runner]:
    """Register a function as the translation of these kinds of cases."""

    def register(runner: Runner) -> Runner:
        for kind in kinds:
            RUNNERS[layout, kind] = runner
        return runner

    return register


def read_cases(folder: Path) -> Iterator[Case]:
    """Read a folder of either layout, or one that holds ``meta`` and ``trials`` folders."""
    inner = [folder / name for name in ("meta", "trials") if (folder / name).is_dir()]
    if inner:
        for place in inner:
            yield from read_cases(place)
    elif (folder / "cases").is_dir():
        for path in sorted((folder / "cases").glob("*.json")):
            yield _case("trials", folder, json.loads(path.read_text(encoding="utf-8")))
    else:
        for path in sorted(folder.glob("*.json")):
            for raw in json.loads(path.read_text(encoding="utf-8")):
                yield _case("meta", folder, raw)


def _case(layout: str, folder: Path, raw: dict[str, Any]) -> Case:
    name = raw["dataset"]
    table = folder / name if layout == "trials" else folder / "data" / f"{name}.csv"
    expect, corrected = corrected_values(raw["id"], raw["expect"])
    return Case(layout, raw["id"], raw["kind"], raw["spec"], expect, raw, table, corrected)


@cache
def corrections() -> dict[str, dict[str, dict[str, Any]]]:
    """Entries in which the reference is known to be wrong: by case and by the path to the entry.

    Each says what the reference has, what is right (``null``: there is no finite value), and the
    file says beside them why, and by what other means than this program it was found.
    """
    found = json.loads((HERE / "corrected.json").read_text(encoding="utf-8"))
    return {entry["case"]: entry["values"] for entry in found}


def corrected_values(case: str, expect: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """What to hold a case against, and how many entries of it are not the reference's own.

    A correction is for the wrong value it names: where the reference has another one by now, that
    one is taken.
    """
    expect, many = copy.deepcopy(expect), 0
    for path, value in corrections().get(case, {}).items():
        *way, last = (int(name) if name.isdigit() else name for name in path.split("/"))
        block: Any = expect
        for name in way:
            block = block[name]
        if block[last] == value["reference"]:
            block[last] = NO_VALUE if value["right"] is None else value["right"]
            many += 1
    return expect, many


def read_pending() -> frozenset[str]:
    """Read the list of kinds (``meta/glmm``) and single cases that are not built yet."""
    lines = (HERE / "pending.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line.split("#")[0].strip() for line in lines) - {""}
