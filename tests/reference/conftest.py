"""``pytest tests/reference [--reference DIR ...]``: one test a case, one summary line a kind."""

from __future__ import annotations

import importlib
import sys
from collections import defaultdict
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cases import HERE, RUNNERS, read_cases, read_pending

for _module in sorted((HERE / "translate").glob("*.py")):
    importlib.import_module(f"translate.{_module.stem}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--reference",
        action="append",
        metavar="DIR",
        help="take the cases of this folder instead (repeatable)",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" not in metafunc.fixturenames:
        return
    folders = [Path(p) for p in metafunc.config.getoption("--reference", default=None) or [HERE]]
    found = [case for folder in folders for case in read_cases(folder)]
    metafunc.parametrize("case", found, ids=[f"{c.kind}/{c.id}" for c in found])


@pytest.fixture(scope="session")
def pending(request: pytest.FixtureRequest) -> frozenset[str]:
    return frozenset() if request.config.getoption("--reference") else read_pending()


@pytest.fixture
def runner(case):
    return RUNNERS.get((case.layout, case.kind))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    agreed: dict[str, list[bool]] = defaultdict(list)
    lines: list[str] = []
    corrected: list[str] = []
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) != "call":
                continue
            found = dict(report.user_properties)
            if "reference" not in found:
                continue
            agreed[found["reference"]].append(found["agreed"])
            lines += found["disagreements"]
            if found["corrected"]:
                corrected.append(f"  {report.nodeid.split('[')[-1][:-1]}: {found['corrected']}")
    if not agreed:
        return
    terminalreporter.section("reference")
    for kind in sorted(agreed):
        terminalreporter.write_line(f"reference {kind} {sum(agreed[kind])}/{len(agreed[kind])}")
    for line in sorted(lines):
        terminalreporter.write_line(line)
    if corrected:
        terminalreporter.write_line("entries held against corrected values (corrected.json):")
    for line in sorted(corrected):
        terminalreporter.write_line(line)
