"""What every test of the house shares: no display, and no benchmarks unless they are asked for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# How long an example takes says nothing about whether it is right, least of all on a busy machine.
settings.register_profile(
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("house")

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
# So that tests of several rooms can share tests/made_results.py.
sys.path.insert(0, str(HERE))
SHEETS = ROOT.parent / "shared" / "sheets"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collect benchmarks only when they are named on the command line."""
    if collection_path != HERE / "benchmarks":
        return None
    return None if any("benchmarks" in str(word) for word in config.args) else True


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def sheets() -> Path:
    """Real extraction sheets, which are not part of the repository."""
    if not SHEETS.is_dir():
        pytest.skip("the real extraction sheets (../shared/sheets) are not on this machine")
    return SHEETS


@pytest.fixture(scope="session")
def bcg():
    """The 13 trials of BCG vaccine as a sheet whose columns have roles."""
    import csv

    from metadesk.table import make_table

    path = HERE / "reference" / "meta" / "data" / "dat.bcg.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    words = {"author", "alloc"}
    columns = {
        name: [row[name] if name in words else int(row[name]) for row in rows] for name in rows[0]
    }
    roles = {
        "author": "study", "year": "year", "tpos": "ai", "tneg": "bi", "cpos": "ci", "cneg": "di",
    }  # fmt: skip
    return make_table(columns, roles, name="BCG")


@pytest.fixture(scope="session", autouse=True)
def application(qapp):
    """One application for all tests, before any test paints without a window and makes its own."""
    return qapp
