"""Laws of every measure in the catalogue and of every way to it; a new measure is held to them by
its line there."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from told_studies import world_of

from metadesk.effects import MEASURES, compute
from metadesk.effects.calculator import calculate

KEYS = MEASURES.keys()
RAW = [key for key in KEYS if world_of(key) is not None]
MIRRORED = [key for key in RAW if world_of(key).mirror is not None]
MEASURED = [key for key in RAW if world_of(key).unit]

BY_ONE_GROUP = {"SMD1", "SMD1H", "SMCR", "SMCRH"}  # standardised by the SD of one of the two
FEW = settings(max_examples=8)
LIKE_ITS_TESTS = {"CLESN": {"vtype": "HO"}}  # its tests know one SD for both groups only
# What a unit k times as large does: a power of k to the estimate, or a multiple of ln k to its log.
UNITS = {
    "MD": (1, 0), "MC": (1, 0), "MN": (1, 0), "MNLN": (0, 1), "SDLN": (0, 1),
    "IRD": (-1, 0), "IRSD": (-0.5, 0), "IR": (-1, 0), "IRS": (-0.5, 0), "IRFT": (-0.5, 0),
    "IRLN": (0, -1),
}  # fmt: skip


def exact_routes(key):
    return [r for r in MEASURES[key].all_routes if r.source != "estimate" and not r.approximate]


def told_by(key, routes, told, options=None, level=0.95):
    """One row for each route, which holds nothing but what that route asks for.

    ``told`` holds the numbers by role, or one such mapping for each route.
    """
    rows = [told] * len(routes) if isinstance(told, dict) else told
    asked = [{*route.roles, *route.optional} for route in routes]
    given_rows = list(zip(rows, asked, strict=True))
    columns = {
        role: np.array([row.get(role, np.nan) if role in of else np.nan for row, of in given_rows])
        for role in set().union(*asked)
    }
    return compute(key, columns, options, level=level, routes=[r.key for r in routes])


def of_first(key, study, options=None):
    """Estimate and variance of a study by the measure's first way."""
    got = told_by(key, exact_routes(key)[:1], world_of(key).tell(study), options)
    assert got.reasons == (None,), got.reasons
    return float(got.yi[0]), float(got.vi[0])


@pytest.mark.parametrize("key", RAW)
def test_every_exact_way_is_one_that_the_studies_here_can_tell(key):
    example = world_of(key).draw
    told = world_of(key).tell(a_study(example))
    for route in exact_routes(key):
        assert set(route.roles) <= told.keys(), route.key


def a_study(strategy):
    """One study of the middle of the road, the same at each run."""
    found = []

    @settings(max_examples=8, derandomize=True)
    @given(strategy)
    def look(study):
        found.append(study)

    look()
    return found[-1]


@pytest.mark.parametrize("key", RAW)
@FEW
@given(data=st.data())
def test_every_exact_way_of_a_study_gives_the_same_effect(key, data):
    study, options = data.draw(world_of(key).draw), LIKE_ITS_TESTS.get(key)
    routes = exact_routes(key)
    if "sd1" in study and "n1" in study:
        if data.draw(st.booleans()):
            study["sd2"] = study["sd1"]  # as a t-test takes them
        else:
            routes = [r for r in routes if r.source == "raw"]
    got = told_by(key, routes, world_of(key).tell(study), options)
    yi, vi = of_first(key, study, options)
    assert vi > 0
    for i, route in enumerate(routes):
        sign = -1.0 if route.key == "F" and study.get("m1", 0) < study.get("m2", 0) else 1.0
        assert got.reasons[i] is None, (route.key, got.reasons[i])
        assert got.route[i] == route.key
        assert sign * (got.yi[i] - MEASURES[key].scale.tested) == pytest.approx(
            yi - MEASURES[key].scale.tested, rel=1e-7, abs=1e-9, nan_ok=True
        ), route.key
        assert got.vi[i] == pytest.approx(vi, rel=1e-6), route.key


@pytest.mark.parametrize("key", [key for key in MIRRORED if key not in BY_ONE_GROUP])
@FEW
@given(data=st.data())
def test_exchanging_groups_or_signs_turns_the_effect_around(key, data):
    world, null = world_of(key), MEASURES[key].scale.null
    study = data.draw(world.draw)
    yi, vi = of_first(key, study)
    other, v = of_first(key, world.mirror(study))
    assert other - null == pytest.approx(null - yi, rel=1e-8, abs=1e-9)
    assert v == pytest.approx(vi, rel=1e-8)


@pytest.mark.parametrize("key", MEASURED)
@FEW
@given(data=st.data(), k=st.sampled_from((0.01, 0.5, 7.0, 1000.0)))
def test_another_unit_changes_only_what_has_a_unit(key, data, k):
    world = world_of(key)
    study = data.draw(world.draw)
    power, shift = UNITS.get(key, (0, 0))
    yi, vi = of_first(key, study)
    y, v = of_first(key, world.scaled(study, world.unit, k))
    assert y == pytest.approx(yi * k**power + shift * math.log(k), rel=1e-8, abs=1e-9)
    assert v == pytest.approx(vi * k ** (2 * power), rel=1e-8)


@pytest.mark.parametrize("key", RAW)
@FEW
@given(data=st.data())
def test_ten_times_the_people_have_a_tenth_of_the_variance(key, data):
    world = world_of(key)
    study = world.scaled(data.draw(world.draw), world.people, 20.0)
    _, vi = of_first(key, study)
    _, fewer = of_first(key, world.scaled(study, world.people, 10.0))
    assert vi / fewer == pytest.approx(10.0, rel=0.05)


def told_estimate(y, se, entry, level, df):
    """An estimate as papers print it, with every column that may stand beside it."""
    scale = entry.scale
    q = -special.stdtrit(df, (1 - level) / 2) if df else -special.ndtri((1 - level) / 2)
    z = (y - scale.tested) / se
    p = 2 * (special.stdtr(df, -abs(z)) if df else special.ndtr(-abs(z)))
    told = {"est": float(scale.to_natural(y)), "yi": y, "sei": se, "vi": se * se, "zi": z}
    return {**told, "pval": float(p), "dfs": df or np.nan}, (y - q * se, y + q * se)


def in_the_middle(scale, share, part):
    """An estimate well inside its scale, and a standard error that keeps its interval there."""
    low = scale.lower if np.isfinite(scale.lower) else -2.0
    high = scale.upper if np.isfinite(scale.upper) else 1.9
    y = float(scale.from_natural(low + share * (high - low)))
    with np.errstate(all="ignore"):
        ends = [float(scale.from_natural(x)) for x in (scale.lower, scale.upper)]
    room = min([1.0, *(abs(y - end) for end in ends if math.isfinite(end))])
    return y, part * room / 6.0


@pytest.mark.parametrize("key", KEYS)
@FEW
@given(
    share=st.floats(0.2, 0.45), part=st.floats(0.5, 1.0),
    level=st.sampled_from((0.8, 0.9, 0.95, 0.99)), df=st.sampled_from((0, 8, 60)),
)  # fmt: skip
def test_every_printed_form_of_an_estimate_gives_it_back(key, share, part, level, df):
    entry = MEASURES[key]
    y, se = in_the_middle(entry.scale, share, part)
    told, ends = told_estimate(y, se, entry, level, df)
    natural = [float(entry.scale.to_natural(x)) for x in ends]
    routes = [r for r in entry.routes if r.source == "estimate" and r.key != "oe_v"]
    bounds = [ends if "yi" in route.roles else natural for route in routes]
    rows = [{**told, "lower": lower, "upper": upper} for lower, upper in bounds]
    leveled = [{**row, "level": 100 * level} for row in rows]
    for got in (told_by(key, routes, rows, level=level), told_by(key, routes, leveled, level=0.5)):
        assert got.reasons == (None,) * len(routes)
        assert got.yi == pytest.approx(y, rel=1e-9, abs=1e-12)
        assert got.sei == pytest.approx(se, rel=1e-6)


@pytest.mark.parametrize("key", KEYS)
def test_tests_are_read_only_where_it_is_known_what_they_test(key):
    entry = MEASURES[key]
    reads = [r for r in entry.routes if r.source == "estimate" and {"zi", "pval"} & set(r.roles)]
    assert bool(reads) == math.isfinite(entry.scale.tested)


@pytest.mark.parametrize("key", RAW)
@FEW
@given(data=st.data())
def test_an_effect_leads_to_its_natural_scale_and_back(key, data):
    scale, world = MEASURES[key].scale, world_of(key)
    got = told_by(key, exact_routes(key)[:1], world.tell(data.draw(world.draw)))
    assert scale.from_natural(scale.to_natural(got.yi)) == pytest.approx(got.yi, rel=1e-8, abs=1e-9)
    lower, upper = got.natural_ci()
    assert scale.lower <= got.natural()[0] <= scale.upper
    assert lower[0] <= got.natural()[0] <= upper[0]
    assert not scale.is_identity or upper[0] - lower[0] == pytest.approx(
        2 * 1.959963984540054 * got.sei[0], rel=1e-9
    )


@pytest.mark.parametrize("key", RAW)
def test_the_calculator_agrees_with_each_way(key):
    study = a_study(world_of(key).draw)
    told = world_of(key).tell(study)
    for route in exact_routes(key):
        direct = told_by(key, [route], told)
        found = calculate(key, {role: told[role] for role in route.roles})
        effects = [(s.yi, s.vi) for s in found.solutions]
        wanted = (pytest.approx(direct.yi[0], rel=1e-6), pytest.approx(direct.vi[0], rel=1e-6))
        assert any(effect == wanted for effect in effects), (route.key, effects, wanted)
