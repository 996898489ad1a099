"""What the words of a header say: which quantity, of which arm, of which outcome or time point.

``Mean_Intervention``, ``mi_eot_PW_1``, ``IG_SD_post`` and ``n.e`` are read by the same word lists.
A header is only read here; whether the column's cells agree is asked in ``blocks``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


def words_of(text: str) -> frozenset[str]:
    """A list of words, written as one line of text."""
    return frozenset(text.split())


RATIOS = {
    "or": "OR", "aor": "OR", "rr": "RR", "arr": "RR", "hr": "HR", "ahr": "HR", "irr": "IRR",
    "sir": "IRR", "smr": "IRR", "rom": "ROM",
}  # fmt: skip
DIFFERENCES = words_of(
    "md wmd smd zcor g d hedges rd beta b es effect estimate te coef coefficient yi diff"
    " lor lnor lnrr lnhr logor logrr loghr"
)
LOGARITHMS = words_of("log ln")
EVENTS = words_of("xi event events case cases death deaths died dead responder responders")
NEGATIONS = words_of("no non not without free neg nonevents nonevent noevents")
TOTALS = words_of(
    "n ni total totals size subjects participants patients randomised randomized number count"
    " analysed analyzed sample"
)
WORDS = {
    "mean": "mean", "mi": "mean", "xbar": "mean", "avg": "mean", "average": "mean", "m": "mean",
    "sd": "sd", "sdi": "sd", "sdv": "sd", "std": "sd", "stdev": "sd", "stddev": "sd",
    "se": "se", "sem": "se", "sei": "se", "stderr": "se",
    "median": "median", "med": "median", "q1": "q1", "q3": "q3", "p25": "q1", "p75": "q3",
    "min": "min", "minimum": "min", "max": "max", "maximum": "max",
    "ll": "lower", "lower": "lower", "lcl": "lower", "lb": "lower", "low": "lower", "lci": "lower",
    "lo": "lower", "l95": "lower", "lowerci": "lower",
    "ul": "upper", "upper": "upper", "ucl": "upper", "ub": "upper", "up": "upper", "uci": "upper",
    "hi": "upper", "high": "upper", "u95": "upper", "upperci": "upper",
    "vi": "variance", "v": "variance", "var": "variance", "variance": "variance",
    "percent": "percent", "persontime": "time", "z": "zvalue",
    "p": "pvalue", "pvalue": "pvalue", "pval": "pvalue",
}  # fmt: skip
TREATED = words_of(
    "treated treatment treat trt tx intervention interv int experimental exper exp exposed"
    " vaccinated vacc active ig eg tg drug"
)
CONTROL = words_of(
    "control controls contr ctrl ctl con cont comp comparator placebo plac pbo pla"
    " unvaccinated unexposed usual tau waitlist wl sham cg pg"
)
NOISE = words_of("ci 95 of the in group arm bound limit value for and with (n) score")
NEVER_EVENTS = words_of(
    "age male males female females women men sex gender bmi weight height baseline year years"
    " duration weeks months days dose updrs q week month hours followup"
)
ARM_QUANTITIES = words_of("events nonevents total mean sd se median q1 q3 min max percent time")

_PHRASES = (
    (r"standardi[sz]ed mean difference", "smd"),
    (r"(weighted )?mean difference", "md"),
    (r"(risk|rate) difference", "rd"),
    (r"odds ratio", "or"),
    (r"(incidence )?rate ratio", "irr"),
    (r"(risk ratio|relative risk)", "rr"),
    (r"hazards? ratio", "hr"),
    (r"standard deviation|std\.? ?dev(iation)?|\bs\.d\.", "sd"),
    (r"standard error|std\.? ?err(or)?|\bs\.e\.(m\.)?", "se"),
    (r"hedges['’´`]? ?s? g|cohens?['’´`]? ?s? d", "g"),
    (r"(effect size|point estimate|effect estimate)", "estimate"),
    (r"confidence interval|conf\.? ?int\.?", "ci"),
    (r"sample size", "n"),
    (r"\b9[059] ?%", "95"),
    (r"p[- ]val(ue)?", "pvalue"),
    (r"non[- ]?events?", "nonevents"),
    (r"(not|un|non)[- ]?(vaccinated|exposed|treated)|no treatment", "control"),
    (r"\bci (start|min|l)\b", "lower"),
    (r"\bci (end|max|u)\b", "upper"),
    (r"\bse ?(?=(log|ln) ?(or|rr|hr)\b)", "se "),
    (r"\b(log|ln)(?=(or|rr|hr)\b)", "log "),
    (r"fisher['’]?s? z", "zcor"),
    (r"\b(person|patient) ?(years?|time|days|months)\b|\bp(erson)?y(ea)?rs?\b", "persontime"),
    (r"first quartile|lower quartile|25th percentile", "q1"),
    (r"third quartile|upper quartile|75th percentile", "q3"),
    (r"%", " percent "),
)
_PHRASE_PATTERNS = tuple((re.compile(pattern), word) for pattern, word in _PHRASES)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z]{2})(?=\d)|(?<=\d)(?=[A-Za-z]{2})")
_LETTER_DIGIT = re.compile(r"([a-z])([12])$")
_SPLIT = re.compile(r"[^\w%()]+|_+")
_ARMED = {
    "mi": ("mean", 1), "mc": ("mean", 2), "sdi": ("sd", 1), "sdc": ("sd", 2),
    "ni": ("total", 1), "nc": ("total", 2), "ne": ("total", 1), "nt": ("total", 1),
    "ee": ("events", 1), "ec": ("events", 2), "me": ("mean", 1), "mt": ("mean", 1),
    "sde": ("sd", 1), "sdt": ("sd", 1),
}  # fmt: skip
_SHORT = {
    "me": ("mean", 1), "se": ("sd", 1), "ne": ("total", 1),
    "mc": ("mean", 2), "sc": ("sd", 2), "nc": ("total", 2),
}  # fmt: skip
_EXACT = {
    "tpos": ("events", 1), "tneg": ("nonevents", 1),
    "cpos": ("events", 2), "cneg": ("nonevents", 2),
    "ai": ("events", 1), "bi": ("nonevents", 1), "ci": ("events", 2), "di": ("nonevents", 2),
    "a": ("events", 1), "b": ("nonevents", 1), "c": ("events", 2), "d": ("nonevents", 2),
    "n1i": ("total", 1), "n2i": ("total", 2), "m1i": ("mean", 1), "m2i": ("mean", 2),
    "sd1i": ("sd", 1), "sd2i": ("sd", 2), "x1i": ("events", 1), "x2i": ("events", 2),
    "t1i": ("time", 1), "t2i": ("time", 2), "p1i": ("percent", 1), "p2i": ("percent", 2),
    "q1_1i": ("q1", 1), "q1_2i": ("q1", 2), "q3_1i": ("q3", 1), "q3_2i": ("q3", 2),
}  # fmt: skip
_NUMBERED = re.compile(r"([a-z]+)([12])i$")


@dataclass(frozen=True)
class Reading:
    """A header as read: the quantity ('' unknown), the arm (0 none), the other words.

    ``log`` says that a word for a logarithm stood there, ``ratio`` the ratio that is named.
    """

    tokens: tuple[str, ...]
    quantity: str = ""
    arm: int = 0
    rest: tuple[str, ...] = ()
    log: bool = False
    ratio: str = ""


def tokens_of(name: str) -> tuple[str, ...]:
    """The words of a header in small letters, known phrases as their short names.

    Of a group title above the header ('Specialist care (treatment) / Mean') only the arm counts.
    """
    words: list[str] = []
    for level in name.split(" / "):
        found = _tokens(level)
        arms = [word for word in found if word in CONTROL or word in TREATED]
        words += arms[:1] if arms and " / " in name and not _says_quantity(found) else found
    return tuple(words)


def _says_quantity(tokens: Sequence[str]) -> bool:
    """Whether words name a quantity, and not only a group."""
    return any(t in WORDS or t in EVENTS or t in TOTALS or t in RATIOS for t in tokens)


def _tokens(name: str) -> list[str]:
    """The words of one level of a header."""
    text = _HUMP.sub(" ", name.replace("(", " (").strip())
    text = re.sub(r"\bno\.(?= )|\bno of\b|#", "n ", text.lower())
    text = re.sub(r"\b97\.5 ?%", " upper ", re.sub(r"\b2\.5 ?%", " lower ", text))
    plain = re.sub(r"[-_.]+", " ", text) if not re.search(r"s\.[de]\.", text) else text
    for pattern, word in _PHRASE_PATTERNS:
        plain = pattern.sub(f" {word} ", plain)
    words: list[str] = []
    for raw in _SPLIT.split(plain):
        word = raw.strip("()")
        if not word:
            continue
        found = _LETTER_DIGIT.match(word)
        words += [found.group(1), found.group(2)] if found and word not in WORDS else [word]
    return words


def read_headers(names: tuple[str, ...]) -> tuple[Reading, ...]:
    """Read all headers of a sheet; some words only make sense beside each other."""
    lowered = {name.strip().lower() for name in names}
    two_by_two = lowered >= {"ai", "bi", "ci", "di"} or lowered >= {"ai", "ci", "n1i", "n2i"}
    letters = lowered >= {"a", "b", "c", "d"}
    short = lowered >= set(_SHORT)
    all_tokens = [tokens_of(name) for name in names]
    words = {word for tokens in all_tokens for word in tokens}
    treated, letters_inside = _other_arm(all_tokens), _letter_arms(all_tokens)
    readings = []
    for name, tokens in zip(names, all_tokens, strict=True):
        key = name.strip().lower()
        known = key in _EXACT and (two_by_two or letters or len(key) > 2)
        if short and key in _SHORT:
            readings.append(Reading(tokens, *_SHORT[key]))
        elif known and (len(key) > 1 or letters):
            readings.append(Reading(tokens, *_EXACT[key]))
        elif (numbered := _NUMBERED.match(key)) and numbered.group(1) in WORDS:
            readings.append(Reading(tokens, WORDS[numbered.group(1)], int(numbered.group(2))))
        elif numbered:
            readings.append(Reading(tokens, "", int(numbered.group(2)), (numbered.group(1),)))
        else:
            arm = letters_inside.get(tokens)
            readings.append(_read(tokens, words, treated, arm))
    return _with_suffix_quantities(tuple(readings))


def _other_arm(all_tokens: Sequence[tuple[str, ...]]) -> frozenset[str]:
    """The sheet's own word for the treated arm: what stands where the control's word stands.

    'n_con post_m_con' beside 'n_st post_m_st' makes 'st' (self-talk) the treated arm.
    """
    headers = set(all_tokens)
    own: Counter[str] = Counter()
    for tokens in all_tokens:
        for at, token in enumerate(tokens):
            if token in CONTROL and len(tokens) > 1:
                own.update(
                    other[at]
                    for other in headers
                    if len(other) == len(tokens)
                    and other[at] not in CONTROL | TREATED
                    and other[:at] + other[at + 1 :] == tokens[:at] + tokens[at + 1 :]
                )
    usual = own.most_common(2)
    if not usual or usual[0][1] < 2 or (len(usual) == 2 and usual[1][1] == usual[0][1]):
        return frozenset()
    return frozenset({usual[0][0]})


def _letter_arms(all_tokens: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], tuple[int, str]]:
    """Headers with a letter for the arm between other words: 'mean T pain' beside 'mean C pain'."""
    headers = set(all_tokens)
    found: dict[tuple[str, ...], tuple[int, str]] = {}
    for tokens in headers:
        for at in range(1, len(tokens) - 1):
            for letter in ("t", "e", "i"):
                other = (*tokens[:at], letter, *tokens[at + 1 :])
                if tokens[at] == "c" and other in headers:
                    found[tokens], found[other] = (2, "c"), (1, letter)
    return found


def _read(
    tokens: tuple[str, ...],
    words: set[str],
    treated: frozenset[str],
    letter: tuple[int, str] | None = None,
) -> Reading:
    """Read one header in the light of all words of the sheet."""
    armed = next((t for t in tokens if t in _ARMED and _has_partner(t, words)), None)
    if armed is not None:
        quantity, arm = _ARMED[armed]
        return Reading(tokens, quantity, arm, tuple(t for t in tokens if t != armed))
    arm, arm_words = _arm(tokens, words, treated)
    if not arm and letter is not None:
        arm, arm_words = letter[0], (letter[1],)
    left = [t for t in tokens if t not in arm_words and t not in NOISE]
    if arm and left in (["e"], ["x"], ["r"]):
        return Reading(tokens, "events", arm)
    log = any(t in LOGARITHMS for t in left)
    ratio = next((RATIOS[t] for t in left if t in RATIOS), "")
    quantity, used = _quantity(left, arm)
    if quantity and quantity not in ARM_QUANTITIES:
        arm, left = 0, [t for t in tokens if t not in NOISE]
    rest = tuple(t for t in left if t not in used and not (ratio and t in (*LOGARITHMS, *RATIOS)))
    return Reading(tokens, quantity, arm, rest, log, ratio)


def _has_partner(token: str, words: set[str]) -> bool:
    """Whether the other arm's word of a pair such as mi / mc stands in the sheet too."""
    quantity, arm = _ARMED[token]
    return any(other in words for other, (q, a) in _ARMED.items() if q == quantity and a == 3 - arm)


def _arm(
    tokens: tuple[str, ...], words: set[str], treated: frozenset[str]
) -> tuple[int, tuple[str, ...]]:
    """The arm that a header speaks of and the word that says so: words, then letters, digits."""
    for token in tokens:
        if token in CONTROL:
            return 2, (token,)
        if (token in TREATED or token in treated) and len(tokens) > 1:
            return 1, (token,)
    if len(tokens) < 2 or "q" in tokens:
        return 0, ()
    ends = (tokens[-1], tokens[0])
    others = [t for t in tokens if t not in ("1", "2")]
    for token in ends:
        if token == "c" and len(tokens) > 1 and words & {"e", "t", "i"} and others != ["c"]:
            return 2, (token,)
        if token in ("e", "t", "i") and "c" in words and others != [token]:
            return 1, (token,)
    if tokens[-1] in ("1", "2") and {"1", "2"} <= words and "3" not in words:
        return int(tokens[-1]), (tokens[-1],)
    return 0, ()


def _quantity(words: list[str], arm: int) -> tuple[str, tuple[str, ...]]:
    """The quantity that the words name, and the words used for it."""
    named = [(WORDS[w], w) for w in words if w in WORDS]
    for quantity, word in named:
        if quantity in ("lower", "upper"):
            stat = tuple(w for w in words if w in DIFFERENCES)
            return quantity, (word, *stat)
    if any(w in NEGATIONS for w in words) and arm:
        return "nonevents", tuple(w for w in words if w in NEGATIONS or w in EVENTS)
    if any(w in EVENTS for w in words):
        return "events", tuple(w for w in words if w in EVENTS or w in TOTALS)
    for at, word in enumerate(words):
        if word == "s" and arm:
            return "sd", ("s",)
        if word in WORDS:
            logged = tuple(w for w in words if w in DIFFERENCES) if at == 0 or word != "se" else ()
            return WORDS[word], (word, *logged)
        if word in TOTALS:
            return "total", tuple(w for w in words if w in TOTALS)
        if word in RATIOS or word in DIFFERENCES or (word in LOGARITHMS and len(words) > 1):
            if "se" in words and word in LOGARITHMS:
                return "se", ("se",)
            return "effect", (word,)
    return "", ()


def _with_suffix_quantities(readings: tuple[Reading, ...]) -> tuple[Reading, ...]:
    """Read 'OR_SE' as the SE of 'OR' where both stand, but 'g_eot_SE' (sleep efficiency) as g."""
    known = {reading.tokens for reading in readings}
    better = []
    for reading in readings:
        tokens = reading.tokens
        suffix = tokens[-1] if tokens else ""
        if (
            reading.quantity == "effect"
            and len(tokens) > 1
            and WORDS.get(suffix) in ("se", "variance", "pvalue")
            and tokens[:-1] in known
        ):
            rest = tuple(t for t in reading.rest if t != suffix)
            reading = Reading(tokens, WORDS[suffix], 0, rest, reading.log, reading.ratio)
        elif reading.quantity == "effect" and "sei" in tokens:
            rest = tuple(t for t in reading.rest if t != "sei")
            reading = Reading(tokens, "se", 0, rest, reading.log, reading.ratio)
        better.append(reading)
    return tuple(better)
