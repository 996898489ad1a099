"""Small trials made for tests."""

from __future__ import annotations

import numpy as np

from metadesk.models.mixed import Roles, TrialData

CROSSOVER = Roles(
    subject="subject",
    sequence="sequence",
    period="period",
    treatment="treatment",
    outcome="y",
)


def crossover_columns(
    orders=("AB", "BA"), per_sequence=6, seed=1, between=2.0, within=1.0, effect=1.0
):
    rng = np.random.default_rng(seed)
    columns = {name: [] for name in ("subject", "sequence", "period", "treatment", "y")}
    person = 0
    for order in orders:
        for _ in range(per_sequence):
            person += 1
            level = rng.normal(0, between)
            for period, treatment in enumerate(order, start=1):
                y = 10 + level + 0.3 * period + effect * (treatment == "B") + rng.normal(0, within)
                cells = (str(person), order, str(period), treatment, float(y))
                for name, cell in zip(columns, cells, strict=True):
                    columns[name].append(cell)
    return columns


def crossover(**more) -> TrialData:
    return TrialData.from_columns(crossover_columns(**more), CROSSOVER)


def series_columns(persons=8, cycles=4, seed=3, spread=0.8):
    rng = np.random.default_rng(seed)
    columns = {name: [] for name in ("patient", "cycle", "treatment", "time", "y")}
    for i in range(persons):
        level, own = rng.normal(0, 1.5), rng.normal(-1, spread)
        for cycle in range(cycles):
            for j, treatment in enumerate("AB"):
                y = 5 + level + own * (treatment == "B") + rng.normal(0, 0.7)
                cells = (str(i + 1), str(cycle + 1), treatment, 2 * cycle + j + 1, float(y))
                for name, cell in zip(columns, cells, strict=True):
                    columns[name].append(cell)
    return columns


SERIES = Roles(subject="patient", cycle="cycle", treatment="treatment", time="time", outcome="y")


def rows_of(columns, keep):
    return {name: [cells[i] for i in keep] for name, cells in columns.items()}
