"""Known values of every measure, and what the catalogue promises of each."""

from __future__ import annotations

import numpy as np
import pytest

from metadesk.effects import MEASURES, compute
from metadesk.options import options_of

TABLE = {"ai": 15, "bi": 85, "ci": 27, "di": 68}
EMPTY = {"ai": 0, "n1i": 50, "ci": 3, "n2i": 50}
PAIRS = {"ai": 20, "bi": 12, "ci": 5, "di": 63}
TIME = {"x1i": 10, "t1i": 100, "x2i": 20, "t2i": 120}
MEANS = {"m1i": 10.5, "sd1i": 3.1, "n1i": 32, "m2i": 8.9, "sd2i": 2.6, "n2i": 28}
CHANGE = {"m1i": 24, "sd1i": 6, "m2i": 20, "sd2i": 7, "ni": 30, "ri": 0.6}
PART = {"xi": 7, "ni": 50}
RATE = {"xi": 12, "ti": 340}
MEAN = {"mi": 12, "sdi": 4, "ni": 25}
ALPHA = {"ai": 0.8, "mi": 10, "ni": 100}
CORRELATION = {"ri": 0.45, "ni": 40}
PARTIAL = {"ri": 0.45, "ni": 40, "mi": 3}
R2 = {"r2i": 0.3, "mi": 3, "ni": 40}

# Printed by metafor 5.1 (RTET: the exact maximum, which metafor misses by 2e-5).
GOLDEN = [
    ("RR", TABLE, {}, -0.63907995929, 0.0831773879142),
    ("RR", TABLE, {"vtype": "H0"}, -0.63907995929, 0.0747744360902),
    ("OR", TABLE, {}, -0.810930216216, 0.130174291939),
    ("RD", TABLE, {}, -0.134210526316, 0.00341642003207),
    ("RD", TABLE, {"vtype": "UB"}, -0.134210526316, 0.00345207988412),
    ("AS", TABLE, {}, -0.164577550476, 0.00513157894737),
    ("PETO", TABLE, {}, -0.790100250627, 0.120838861861),
    ("PHI", TABLE, {}, -0.163184167987, 0.00485523541519),
    ("ZPHI", TABLE, {}, -0.164656241553, 0.00512452423308),
    ("YUQ", TABLE, {}, -0.384615384615, 0.0236274475478),
    ("YUY", TABLE, {}, -0.2, 0.00749803921569),
    ("RTET", TABLE, {"search": "coarse"}, -0.284962446144, 0.0142245039451),
    ("RTET", TABLE, {}, -0.284978264516, 0.0142242216607),
    ("PBIT", TABLE, {}, -0.466054954303, 0.0420816686401),
    ("OR2DL", TABLE, {}, -0.447089260371, 0.0395682400172),
    ("OR2DN", TABLE, {}, -0.491472858313, 0.0478142486461),
    ("OR", EMPTY, {}, -2.0071537743, 2.32656889749),
    ("RR", EMPTY, {}, -1.94591014906, 2.24649859944),
    ("RD", EMPTY, {}, -0.0588235294118, 0.00144363781653),
    ("MPRD", PAIRS, {}, 0.07, 0.001651),
    ("MPRR", PAIRS, {}, 0.246860077932, 0.02125),
    ("MPOR", PAIRS, {}, 0.344840486292, 0.0404656862745),
    ("MPORC", PAIRS, {}, 0.875468737354, 0.283333333333),
    ("MPPETO", PAIRS, {}, 0.823529411765, 0.235294117647),
    ("IRR", TIME, {}, -0.510825623766, 0.15),
    ("IRD", TIME, {}, -0.0666666666667, 0.00238888888889),
    ("IRSD", TIME, {}, -0.092020524447, 0.00458333333333),
    ("MD", MEANS, {}, 1.6, 0.541741071429),
    ("MD", MEANS, {"vtype": "HO"}, 1.6, 0.554683651478),
    ("SMD", MEANS, {}, 0.548703396446, 0.0694732475249),
    ("SMD", MEANS, {"vtype": "LS2"}, 0.548703396446, 0.0677439664286),
    ("SMD", MEANS, {"vtype": "UB"}, 0.548703396446, 0.0696403524035),
    ("SMDH", MEANS, {}, 0.551987660276, 0.0711188996999),
    ("SMD1", MEANS, {}, 0.598103778216, 0.0733522880271),
    ("SMD1H", MEANS, {}, 0.598103778216, 0.0895196201938),
    ("ROM", MEANS, {}, 0.165161964024, 0.00577187860794),
    ("ROM", MEANS, {"correct": False}, 0.165323980425, 0.00577187860794),
    ("VR", MEANS, {}, 0.173501180203, 0.0346475507766),
    ("CVR", MEANS, {}, 0.0083392161793, 0.0404194293845),
    ("RPB", MEANS, {}, 0.271492141724, 0.014230026004),
    ("D2ORL", MEANS, {}, 1.00834271603, 0.228776628275),
    ("D2ORN", MEANS, {}, 0.917281985129, 0.189321986526),
    ("RBIS", MEANS, {}, 0.340697906106, 0.021995473813),
    ("CLESN", MEANS, {}, 0.653745957461, 0.00484493906484),
    ("MC", CHANGE, {}, 4, 1.15333333333),
    ("SMCC", CHANGE, {}, 0.66225485747, 0.0406430249374),
    ("SMCR", CHANGE, {}, 0.649249989731, 0.0336920924861),
    ("SMCRH", CHANGE, {}, 0.649249989731, 0.0404094443343),
    ("SMCRP", CHANGE, {}, 0.602707240052, 0.0307835681951),
    ("SMCRPH", CHANGE, {}, 0.602707240052, 0.0323787655363),
    ("ROMC", CHANGE, {}, 0.181321556794, 0.00266666666667),
    ("VRC", CHANGE, {}, -0.154150679827, 0.0220689655172),
    ("CVRC", CHANGE, {}, -0.335472236621, 0.0247356321839),
    ("COR", CORRELATION, {}, 0.45, 0.0163078525641),
    ("ZCOR", CORRELATION, {}, 0.484700278594, 0.027027027027),
    ("PR", PART, {}, 0.14, 0.002408),
    ("PLN", PART, {}, -1.96611285637, 0.122857142857),
    ("PLO", PART, {}, -1.81528996664, 0.166112956811),
    ("PLO", {"xi": 0, "ni": 20}, {}, -3.7135720667, 2.0487804878),
    ("PRZ", PART, {}, -1.08031934081, 0.0486068016128),
    ("PAS", PART, {}, 0.383497003931, 0.005),
    ("PFT", PART, {}, 0.393372934172, 0.0049504950495),
    ("IR", RATE, {}, 0.0352941176471, 0.000103806228374),
    ("IRLN", RATE, {}, -3.34403896782, 0.0833333333333),
    ("IRS", RATE, {}, 0.187867287326, 0.000735294117647),
    ("IRFT", RATE, {}, 0.191702879772, 0.000735294117647),
    ("MN", MEAN, {}, 12, 0.64),
    ("SMN", MEAN, {}, 2.90509570034, 0.208791620563),
    ("MNLN", MEAN, {}, 2.48490664979, 0.00444444444444),
    ("SDLN", MEAN, {}, 1.40712769445, 0.0208333333333),
    ("CVLN", MEAN, {}, -1.07777895533, 0.0252777777778),
    ("ARAW", ALPHA, {}, 0.8, 0.000907029478458),
    ("AHW", ALPHA, {}, 0.415196452357, 0.000856804355299),
    ("ABT", ALPHA, {}, 1.60943791243, 0.0226757369615),
    ("PCOR", PARTIAL, {}, 0.45, 0.0171893581081),
    ("ZPCOR", PARTIAL, {}, 0.484700278594, 0.0285714285714),
    ("R2", R2, {}, 0.3, 0.0147),
    ("ZR2", R2, {}, 0.615122004656, 0.025),
]


def one(values: dict[str, float]) -> dict[str, np.ndarray]:
    return {role: np.array([float(x)]) for role, x in values.items()}


@pytest.mark.parametrize(("measure", "values", "options", "yi", "vi"), GOLDEN)
def test_a_measure_gives_the_value_that_metafor_prints(measure, values, options, yi, vi):
    got = compute(measure, one(values), options)
    assert got.reasons == (None,)
    assert got.yi[0] == pytest.approx(yi, rel=1e-10, abs=1e-12)
    assert got.vi[0] == pytest.approx(vi, rel=1e-10)


ASKED = [
    "RR",
    "OR",
    "RD",
    "AS",
    "PETO",
    "PHI",
    "ZPHI",
    "YUQ",
    "YUY",
    "RTET",
    "ZTET",
    "PBIT",
    "OR2DL",
    "OR2DN",
    "MPRD",
    "MPRR",
    "MPOR",
    "MPORC",
    "MPPETO",
    "MPORM",
    "IRR",
    "IRD",
    "IRSD",
    "MD",
    "SMD",
    "SMDH",
    "SMD1",
    "SMD1H",
    "ROM",
    "VR",
    "CVR",
    "RPB",
    "ZPB",
    "RBIS",
    "ZBIS",
    "D2ORL",
    "D2ORN",
    "CLES",
    "CLESN",
    "MC",
    "SMCC",
    "SMCR",
    "SMCRH",
    "SMCRP",
    "SMCRPH",
    "ROMC",
    "VRC",
    "CVRC",
    "COR",
    "UCOR",
    "ZCOR",
    "PCOR",
    "ZPCOR",
    "SPCOR",
    "ZSPCOR",
    "R2",
    "ZR2",
    "PR",
    "PLN",
    "PLO",
    "PRZ",
    "PAS",
    "PFT",
    "IR",
    "IRLN",
    "IRS",
    "IRFT",
    "MN",
    "SMN",
    "MNLN",
    "SDLN",
    "CVLN",
    "ARAW",
    "AHW",
    "ABT",
    "HR",
    "GEN",
]


def test_the_catalogue_holds_every_measure_that_papers_are_pooled_by():
    assert set(ASKED) == set(MEASURES.keys())


@pytest.mark.parametrize("key", ASKED)
def test_a_measure_says_in_words_what_it_is_and_needs(key):
    entry = MEASURES[key]
    assert all((entry.title, entry.short, entry.family, entry.formula, entry.citation.full))
    assert entry.sentence.endswith(".")
    assert all(need.title for route in entry.routes for need in route.needs)
    assert len({route.key for route in entry.routes}) == len(entry.routes)


@pytest.mark.parametrize("key", ASKED)
def test_every_choice_of_an_option_computes(key):
    entry = MEASURES[key]
    values = _example(entry)
    for option in options_of(entry.options):
        for choice in option.choices:
            if (key, choice) == ("GEN", "ratio"):
                continue
            got = compute(key, one(values), {option.name: choice})
            assert got.reasons == (None,), (key, option.name, choice)


def _example(entry) -> dict[str, float]:
    """Plausible values for the preferred route."""
    pools = (TABLE, TIME, MEANS, CHANGE, PART, RATE, MEAN, CORRELATION, PARTIAL, R2, ALPHA)
    extra = {"t1i": 100, "yi": 0.2, "vi": 0.04, "ti": 2.1}
    if entry.key in ("ARAW", "AHW", "ABT"):
        return ALPHA
    if entry.key == "CLES":
        return {"ai": 0.7, "n1i": 30, "n2i": 25}
    if entry.key == "MPORM":
        return {**TABLE, "ri": 0.2}
    if entry.family == "Regression":
        return {**PARTIAL, **R2, "ti": 2.1}
    for pool in pools:
        if all(role in pool for role in entry.routes[0].roles):
            return pool
    return extra


def test_effect_sizes_carry_the_number_of_people():
    assert compute("OR", one(EMPTY)).ni[0] == 100
    assert compute("IRR", one(TIME)).ni[0] == 220
    assert compute("SMCC", one(CHANGE)).ni[0] == 30


def test_peto_and_phi_of_swapped_columns_keep_their_size():
    swapped = {"ai": 85, "bi": 15, "ci": 68, "di": 27}
    for key in ("PETO", "PHI", "YUQ", "RTET"):
        here, there = compute(key, one(TABLE)), compute(key, one(swapped))
        assert there.yi[0] == pytest.approx(-here.yi[0], rel=1e-9)


def test_the_constant_may_go_to_all_studies_if_one_has_a_zero():
    cells = {"ai": [0, 5], "bi": [20, 15], "ci": [3, 6], "di": [17, 14]}
    columns = {role: np.array(x, dtype=float) for role, x in cells.items()}
    got = compute("OR", columns, {"to": "if0all"})
    assert got.notes[1] == ("0.5 was added to all four cells.",)
    assert got.yi[1] == pytest.approx(np.log(5.5 * 14.5 / (15.5 * 6.5)))


def test_studies_without_events_can_be_left_out():
    got = compute("OR", one({"ai": 0, "n1i": 20, "ci": 0, "n2i": 20}), {"drop00": True})
    assert np.isnan(got.yi[0])
    assert got.reasons[0] == "Left out as asked: no events, or nothing but events, in both groups."


# Printed by metafor 3.8-1, where its formulas are those of 5.1.
TWO_STUDIES = {
    "m1i": [10.5, 9], "sd1i": [3.1, 2], "n1i": [32, 20],
    "m2i": [8.9, 8], "sd2i": [2.6, 2.2], "n2i": [28, 25],
}  # fmt: skip
TWO_TABLES = {"ai": [15, 4], "n1i": [100, 40], "ci": [27, 8], "n2i": [95, 44]}
TWO_PARTS = {"xi": [15, 4], "ni": [100, 40]}
FURTHER = [
    ("PHI", {r: [x] for r, x in TABLE.items()}, {"vtype": "ST"}, [0.0048541939342204]),
    ("RPB", {r: [x] for r, x in MEANS.items()}, {"vtype": "CS"}, [0.013777964776862]),
    ("UCOR", {"ri": [0.45], "ni": [40]}, {"vtype": "UB"}, [0.017108987334975]),
    ("UCOR", {"ri": [0.45], "ni": [40]}, {}, [0.016125063195058]),
    ("COR", {"ri": [0.45, 0.2], "ni": [40, 60]}, {"vtype": "AV"},
     [0.021233333333333, 0.014035593220339]),
    ("ROM", TWO_STUDIES, {"vtype": "AV"}, [0.0051120034479749, 0.0067960213103313]),
    ("ROM", TWO_STUDIES, {"vtype": "AVHO"}, [0.0050894040023559, 0.0068401589791663]),
    ("ROM", TWO_STUDIES, {"vtype": "HO"}, [0.0060826391900315, 0.0055515647430376]),
    ("SMD", TWO_STUDIES, {"vtype": "AV"}, [0.069154952696351, 0.092920889309420]),
    ("RD", TWO_TABLES, {"vtype": "AV"}, [0.0031560754547611, 0.0072141262717593]),
    ("PLO", TWO_PARTS, {"vtype": "AV"}, [0.0852544584602, 0.2131361461505]),
    ("PLN", TWO_PARTS, {"vtype": "AV"}, [0.063684210526316, 0.159210526315789]),
    ("SPCOR", {"ti": [2.1], "ni": [40], "mi": [3], "r2i": [0.3]}, {}, [0.0164586734375]),
]  # fmt: skip


@pytest.mark.parametrize(("measure", "values", "options", "vi"), FURTHER)
def test_the_other_variances_are_those_of_metafor(measure, values, options, vi):
    got = compute(measure, {role: np.array(x, dtype=float) for role, x in values.items()}, options)
    assert got.vi == pytest.approx(vi, rel=1e-10)
