"""Our fits beside metafor and lme4 in one run: ``python tests/benchmarks/against_r.py``.

Needs ``Rscript`` with metafor (and BiasedUrn for CM.EL), lme4, lmerTest and pbkrtest; lines whose
package is missing are left out. CPU time, the least of several runs, R's start not counted, each of
ours through the public call with its result object. Prints the table of README.md.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metadesk.models.meta import MetaData, MixedEffects, RandomEffects, fit_mixed, fit_random
from metadesk.models.meta.batch import fit_batch
from metadesk.models.meta.design import Continuous, build_design
from metadesk.models.meta.glmm import CountData, CountMixed, fit_counts
from metadesk.models.meta.kernel import MeanKernel
from metadesk.models.meta.leave_one_out import leave_one_out
from metadesk.models.meta.multilevel import Multilevel, fit_multilevel, three_level_data
from metadesk.models.meta.permutation import Permutation, permutation_test
from metadesk.models.meta.tau2 import estimate_tau2
from metadesk.models.meta.tau2_interval import tau2_interval
from metadesk.models.mixed import (
    GeneralisedMixed,
    LinearMixed,
    Roles,
    TrialData,
    fit_generalised,
    fit_linear,
)

PLAIN = RandomEffects(test="z", tau2_interval="none")
REGRESSION = MixedEffects(test="z", tau2_interval="none")
BCG = {
    "ai": [4, 6, 3, 62, 33, 180, 8, 505, 29, 17, 186, 5, 27],
    "bi": [119, 300, 228, 13536, 5036, 1361, 2537, 87886, 7470, 1699, 50448, 2493, 16886],
    "ci": [11, 29, 11, 248, 47, 372, 10, 499, 45, 65, 141, 3, 29],
    "di": [128, 274, 209, 12619, 5761, 1079, 619, 87892, 7232, 1600, 27197, 2338, 17825],
}
R_HEAD = """
options(warn = -1)
there <- function(...) all(sapply(c(...), requireNamespace, quietly = TRUE))
say <- function(key, ...) cat(key, ..., "\\n", sep = "\\t")
for (p in c("metafor", "BiasedUrn", "lme4", "lmerTest", "pbkrtest"))
  if (there(p)) say("version", p, as.character(packageVersion(p)))
best <- function(key, times, runs, work) {
  least <- Inf
  for (i in seq_len(runs)) {
    a <- proc.time(); for (j in seq_len(times)) work(); b <- proc.time()
    least <- min(least, sum((b - a)[1:2]) / times)
  }
  say("time", key, format(least, digits = 6))
}
if (there("metafor")) suppressMessages(library(metafor))
if (there("lme4")) suppressMessages(library(lme4))
"""


@dataclass(frozen=True)
class Line:
    """One line of the table: what is fitted, how R does it, how we do it, the ratio aimed at."""

    key: str
    title: str
    r: str
    ours: Callable[[], Any]
    target: float = 0.0
    needs: tuple[str, ...] = ("metafor",)
    r_runs: tuple[int, int] = (1, 2)


def studies(k: int, moderators: int = 0) -> dict[str, list[float]]:
    """Effects with variances and moderators, made from a seed."""
    rng = np.random.default_rng(k)
    v = rng.uniform(0.01, 0.3, k)
    y = rng.normal(0, 0.4, k) + rng.normal(0, np.sqrt(v))
    columns = {"yi": y.tolist(), "vi": v.tolist()}
    return columns | {name: rng.normal(size=k).tolist() for name in "abc"[:moderators]}


def meta_data(columns: dict[str, list[float]]) -> MetaData:
    """The same as our models take it."""
    names = [name for name in columns if name not in ("yi", "vi")]
    design = build_design({n: columns[n] for n in names}, [Continuous(n) for n in names])
    return MetaData.of(columns["yi"], columns["vi"], design=design if names else None)


def trial(persons: int, periods: int, binary: bool) -> dict[str, list[Any]]:
    """Rows of a crossover in which each person has an own level and an own effect."""
    rng = np.random.default_rng(persons)
    columns: dict[str, list[Any]] = {n: [] for n in ("subject", "period", "treatment", "y")}
    for i in range(persons):
        level, own = rng.normal(0, 1.5), rng.normal(0.8, 0.7)
        for j in range(periods):
            active = (i + j) % 2
            eta = level + 0.1 * j + own * active
            y = float(rng.random() < 1 / (1 + np.exp(-eta))) if binary else eta + rng.normal()
            for name, cell in zip(columns, (f"s{i}", f"p{j}", "AB"[active], float(y)), strict=True):
                columns[name].append(cell)
    return columns


def study_lines(folder: Path) -> list[Line]:
    """The lines of models of studies."""
    lines: list[Line] = []
    for k, target, times in ((13, 20, 20), (100, 60, 10), (1000, 3000, 1)):
        data = meta_data(write(folder / f"s{k}.csv", studies(k)))
        r = f"d <- read.csv('s{k}.csv'); f <- function() rma(yi, vi, data = d, method = 'REML')"
        lines.append(Line(f"reml{k}", f"REML fit, k = {k:,}", r,
                          lambda d=data: fit_random(PLAIN, d), target,
                          r_runs=(times, 3 if times > 1 else 1)))  # fmt: skip
    for k, target in ((13, 15), (1000, 2000)):
        data = meta_data(write(folder / f"m{k}.csv", studies(k, 3)))
        r = f"d <- read.csv('m{k}.csv'); f <- function() rma(yi, vi, mods = ~ a + b + c, data = d)"
        lines.append(Line(f"mods{k}", f"3 moderators, k = {k:,}", r,
                          lambda d=data: fit_mixed(REGRESSION, d), target,
                          r_runs=(10, 3) if k == 13 else (1, 1)))  # fmt: skip
    k13 = meta_data(studies(13))
    kernel = MeanKernel(k13.yi, k13.vi)
    found = estimate_tau2(kernel, "REML")
    fitted = "d <- read.csv('s{}.csv'); x <- rma(yi, vi, data = d)\n"
    r = fitted.format(13) + "f <- function() confint(x, type = '{}')"
    for key, title, how, target in (
        ("qp", "Q-profile interval, k = 13", "QP", 25),
        ("pl", "Profile-likelihood interval, k = 13", "PL", 200),
    ):
        lines.append(Line(key, title, r.format(how),
                          lambda how=how: tau2_interval(kernel, found, how, 0.95), target,
                          r_runs=(5, 3)))  # fmt: skip
    r = fitted.format(13) + "f <- function() permutest(x, iter = 1000, progbar = FALSE)"
    asked = Permutation("random", 1000)
    lines.append(Line("perm", "Permutation test, 1,000, k = 13", r,
                      lambda: permutation_test(MixedEffects("REML", "z"), k13, asked), 150,
                      r_runs=(1, 1)))  # fmt: skip
    k100, k1000 = meta_data(studies(100)), meta_data(studies(1000))
    r = fitted.format(100) + "f <- function() leave1out(x)"
    lines.append(Line("loo", "Leave-one-out, k = 100", r, lambda: leave_one_out(k100)))
    lines.append(Line("loo1000", "Leave-one-out, k = 1,000 (aim: under 100 ms)", "",
                      lambda: leave_one_out(k1000)))  # fmt: skip
    rng = np.random.default_rng(1)
    v = rng.uniform(0.01, 0.3, (10_000, 10))
    y = rng.normal(0, np.sqrt(v + 0.1))
    lines.append(Line("batch", "10,000 meta-analyses of k = 10, REML (aim: under 60 ms)", "",
                      lambda: fit_batch(y, v, method="REML")))  # fmt: skip
    k10000 = meta_data(studies(10_000))
    lines.append(Line("reml10000", "REML fit, k = 10,000 (aim: under 2 ms)", "",
                      lambda: fit_random(PLAIN, k10000)))  # fmt: skip
    return lines


def dependent_lines(folder: Path) -> list[Line]:
    """The lines of models of counts and of dependent effects."""
    counts = write(folder / "bcg.csv", BCG)
    sizes = [np.add(counts["ai"], counts["bi"]), np.add(counts["ci"], counts["di"])]
    tables = CountData.of("OR", [counts["ai"], counts["ci"]], sizes)
    lines = []
    for model, target, needs in (
        ("CM.EL", 50, ("metafor", "BiasedUrn")),
        ("UM.FS", 20, ("metafor", "lme4")),
        ("UM.RS", 20, ("metafor", "lme4")),
    ):
        r = (
            "d <- read.csv('bcg.csv'); f <- function() rma.glmm(measure = 'OR', ai = ai, bi = bi, "
            f"ci = ci, di = di, data = d, model = '{model}')"
        )
        spec = CountMixed(model=model, tau2_interval="none")
        lines.append(Line(model, f"{model}, 13 trials of BCG", r,
                          lambda spec=spec: fit_counts(spec, tables), target, needs,
                          (1, 1 if model == "CM.EL" else 3)))  # fmt: skip
    rng = np.random.default_rng(1)
    study = np.sort(rng.integers(0, 400, 2000))
    v = rng.uniform(0.02, 0.2, 2000)
    y = 0.3 + rng.normal(0, 0.3, 400)[study] + rng.normal(0, np.sqrt(v + 0.04))
    write(folder / "levels.csv", {"yi": y, "vi": v, "study": study, "row": np.arange(2000)})
    data = three_level_data(y, v, [str(s) for s in study])
    r = (
        "d <- read.csv('levels.csv'); f <- function() rma.mv(yi, vi, random = ~ 1 | study/row, "
        "data = d, sparse = TRUE)"
    )
    lines.append(Line("levels", "Three levels, 2,000 effects in 400 studies", r,
                      lambda: fit_multilevel(Multilevel(profile=False), data), 400,
                      r_runs=(1, 1)))  # fmt: skip
    return lines


def trial_lines(folder: Path) -> list[Line]:
    """The lines of models of trial rows."""
    roles = Roles(subject="subject", period="period", treatment="treatment", outcome="y")
    lines = []
    for persons, fit_target in ((50, 10), (1000, 25)):
        columns = write(folder / f"t{persons}.csv", trial(persons, 6, binary=False))
        data = TrialData.from_columns(columns, roles)
        read = f"d <- read.csv('t{persons}.csv'); "
        level = "y ~ period + treatment + (1 | subject)"
        plain = LinearMixed(random="intercept", df="z", intervals="none")
        kr = LinearMixed(random="intercept", intervals="none")
        slope = LinearMixed(random="slope", intervals="none")
        runs = (3, 3) if persons == 50 else (1, 2)
        lines.append(Line(f"lmm{persons}", f"Random intercept, {persons:,} persons × 6",
                          f"{read}f <- function() lme4::lmer({level}, data = d)",
                          lambda s=plain, d=data: fit_linear(s, d), fit_target, ("lme4",),
                          runs))  # fmt: skip
        lines.append(Line(f"kr{persons}", f"… with Kenward–Roger, {persons:,} persons",
                          f"{read}f <- function() summary(lmerTest::lmer({level}, data = d), "
                          "ddf = 'Kenward-Roger')",
                          lambda s=kr, d=data: fit_linear(s, d), 50,
                          ("lme4", "lmerTest", "pbkrtest"), (1, 1)))  # fmt: skip
        lines.append(Line(f"slope{persons}",
                          f"Random slope with Kenward–Roger, {persons:,} persons (lmer: the fit)",
                          f"{read}f <- function() lme4::lmer(y ~ period + treatment + "
                          "(1 + treatment | subject), data = d)",
                          lambda s=slope, d=data: fit_linear(s, d), 1, ("lme4",),
                          runs))  # fmt: skip
        columns = write(folder / f"b{persons}.csv", trial(persons, 4, binary=True))
        data = TrialData.from_columns(columns, roles)
        nine = GeneralisedMixed(integration="agq", points=9)
        r = (
            f"d <- read.csv('b{persons}.csv'); f <- function() lme4::glmer({level}, data = d, "
            "family = binomial, nAGQ = 9)"
        )
        lines.append(Line(f"glmm{persons}", f"Binary, 9 nodes, {persons:,} persons × 4", r,
                          lambda s=nine, d=data: fit_generalised(s, d),
                          15 if persons == 50 else 100, ("lme4",), (1, 1)))  # fmt: skip
    return lines


def write(path: Path, columns: dict[str, Any]) -> dict[str, Any]:
    """Write columns where R reads them; return them."""
    with path.open("w", newline="", encoding="utf-8") as handle:
        rows = csv.writer(handle)
        rows.writerow(columns)
        rows.writerows(zip(*columns.values(), strict=True))
    return columns


def least(work: Callable[[], Any], seconds: float = 0.4) -> float:
    """Least CPU time of one call, over calls that take about ``seconds`` together."""
    work()
    found: list[float] = []
    while len(found) < 3 or (sum(found) < seconds and len(found) < 200):
        before = time.process_time()
        work()
        found.append(time.process_time() - before)
    return min(found)


def ask_r(lines: Sequence[Line], folder: Path) -> tuple[dict[str, str], dict[str, float]]:
    """Versions and times that R reports."""
    script = R_HEAD + "".join(
        f"if (there({', '.join(map(repr, line.needs))})) {{ try({{ {line.r}\n"
        f"best('{line.key}', {line.r_runs[0]}, {line.r_runs[1]}, f) }}, silent = TRUE) }}\n"
        for line in lines if line.r
    )  # fmt: skip
    (folder / "run.R").write_text(script, encoding="utf-8")
    done = subprocess.run(
        ["Rscript", "run.R"], cwd=folder, capture_output=True, text=True, check=True
    )
    said = [line.rstrip().split("\t") for line in done.stdout.splitlines()]
    versions = {w[1]: w[2] for w in said if w[0] == "version"}
    return versions, {w[1]: float(w[2]) for w in said if w[0] == "time"}


def milliseconds(seconds: float) -> str:
    """A time as a person reads it."""
    return f"{seconds * 1e3:,.3g} ms" if seconds < 1 else f"{seconds:.2f} s"


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        lines = [*study_lines(folder), *dependent_lines(folder), *trial_lines(folder)]
        mine = {line.key: least(line.ours) for line in lines}
        versions, theirs = ask_r(lines, folder)
        again = {line.key: least(line.ours) for line in lines}
    print(", ".join(f"{name} {number}" for name, number in versions.items()))
    print("\n| work | R | metadesk | ratio | aim |\n|---|---|---|---|---|")
    for line in lines:
        ours = min(mine[line.key], again[line.key])
        r = theirs.get(line.key)
        ratio = "" if r is None else f"{float(f'{r / ours:.3g}'):,g}×"
        aim = f"{line.target:,g}×" if line.target else ""
        r_words = "" if r is None else milliseconds(r)
        print(f"| {line.title} | {r_words} | {milliseconds(ours)} | {ratio} | {aim} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
