"""The house keeps its own rules: style, types, layers, what is imported when, what lies where."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP_LEVEL = {
    "pyproject.toml", "README.md", "metadesk", "tests", "resources", "packaging", ".ci",
    ".gitignore", ".gitattributes", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md",
}  # fmt: skip
HEAVY = {"numpy", "scipy", "pandas", "pyqtgraph", "openpyxl", "python_calamine", "matplotlib"}


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True)


@pytest.mark.parametrize("words", [["check"], ["format", "--check"]], ids=["check", "format"])
def test_ruff_has_nothing_to_say(root, words) -> None:
    done = run("-m", "ruff", *words, "metadesk", "tests", "packaging", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_type_is_right(root) -> None:
    done = run("-m", "mypy", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_layers_hold(root) -> None:
    command = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"
    done = run("-c", command, cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr


def loaded_by(code: str, root: Path) -> set[str]:
    """Names of all modules that a fresh process has loaded after ``code``."""
    done = run("-c", f"{code}\nimport sys; print(' '.join(sys.modules))", cwd=root)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def loaded_before_the_first_paint(root) -> set[str]:
    return loaded_by("import metadesk.gui.app", root)


def test_nothing_heavy_is_imported_before_the_first_paint(loaded_before_the_first_paint) -> None:
    assert not {name.split(".")[0] for name in loaded_before_the_first_paint} & HEAVY


def test_dialogs_and_figures_are_loaded_when_they_are_used(loaded_before_the_first_paint) -> None:
    assert "metadesk.gui.main_window" in loaded_before_the_first_paint
    assert not loaded_before_the_first_paint & {
        "metadesk.gui.dialogs.export", "metadesk.gui.dialogs.about", "metadesk.paint",
        "metadesk.gui.dialogs.command_palette", "metadesk.figure",
    }  # fmt: skip


def test_no_room_imports_what_is_slow_to_load(root) -> None:
    rooms = ("analysis.engine", "formats", "models.meta", "models.mixed", "effects", "cli")
    loaded = loaded_by("\n".join(f"import metadesk.{room}" for room in rooms), root)
    assert not loaded & {"scipy.stats", "pandas", "pyqtgraph", "openpyxl", "PySide6.QtWidgets"}


def test_the_first_forest_plot_needs_no_optimiser_and_no_model_of_trial_rows(root) -> None:
    code = """
from metadesk.gui.app import load_engine
load_engine(None, None)
from metadesk.analysis.engine import run
from metadesk.analysis.presets import default_spec
from metadesk.formats import guess_roles, read_workbook
from metadesk.plots import PLOTS
from metadesk.resources import example

table = guess_roles(read_workbook(example("bcg_vaccine.xlsx")).sheets[0].table()).table
forest = PLOTS["forest"]
forest.draw(run(default_spec(), table), forest.options())
"""
    loaded = loaded_by(code, root)
    slow = {
        "scipy.optimize", "scipy.linalg", "scipy.sparse", "scipy.stats", "urllib.request",
        "numpy.f2py", "numpy.testing",
    }  # fmt: skip
    assert not loaded & (slow | {"metadesk.models.mixed", "pandas", "openpyxl", "pyqtgraph"})


def test_no_module_is_read_a_second_time_for_the_spellings_of_qt(root) -> None:
    code = """
import builtins, inspect
seen = []
inspect.getsource = lambda module: seen.append(module.__name__) or ""
import metadesk.gui.app
print("read:", *[name for name in seen if name.startswith("metadesk")])
"""
    done = run("-c", code, cwd=root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["read:"]


def test_all_of_numpy_is_there_when_scipy_was_loaded_quickly(root) -> None:
    code = """
from metadesk.numerics.quick_scipy import load_special
load_special()
import numpy, sys
missing = [n for n in numpy.__all__ if not hasattr(numpy, n)]
assert not missing and len(numpy.__all__) > 400 and "f2py" in dir(numpy), missing
from scipy import special, optimize, linalg
assert special.ndtri(0.975) > 1.95
"""
    done = run("-c", code, cwd=root)
    assert done.returncode == 0, done.stderr


def test_nothing_lies_on_the_top_level_that_does_not_belong_there(root) -> None:
    done = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    assert {name.split("/")[0] for name in done.stdout.splitlines()} <= TOP_LEVEL


def test_no_file_runs_text_or_reaches_out(root) -> None:
    bad = re.compile(
        r"^\s*(import|from)\s+(pickle|shelve|marshal|socket|urllib|http|requests|ftplib)\b"
        r"|(?<![\w.])(eval|exec)\(",
        re.MULTILINE,
    )
    found = [
        f"{path.relative_to(root)}: {match.group().strip()}"
        for path in sorted((root / "metadesk").rglob("*.py"))
        for match in bad.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_locked_versions_cover_every_dependency(root) -> None:
    for lock in ("requirements.txt", "requirements-test.txt"):
        text = (root / "packaging" / lock).read_text(encoding="utf-8").lower()
        for name in ("pyside6-essentials==6.11", "numpy==", "scipy==", "openpyxl==", "pyqtgraph=="):
            assert name in text, f"{name} in {lock}"
        assert "pyside6-essentials==6.12" not in text
