"""The bundled typefaces, read for what layout needs: which characters there are and how wide.

Widths come from the font files themselves, not from a painter, so a figure is laid out the same on
every machine and at every resolution. Tables read: ``head hhea hmtx cmap kern`` (OpenType 1.9).
"""

from __future__ import annotations

import struct
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from metadesk.errors import FileProblem
from metadesk.resources import font

FAMILY = "Liberation Sans"
FALL_BACK = "Noto Sans Thai"

_FACES = {
    (False, False): ("LiberationSans-Regular.ttf", "NotoSansThai-Regular.ttf"),
    (True, False): ("LiberationSans-Bold.ttf", "NotoSansThai-Bold.ttf"),
    (False, True): ("LiberationSans-Italic.ttf", "NotoSansThai-Regular.ttf"),
    (True, True): ("LiberationSans-BoldItalic.ttf", "NotoSansThai-Bold.ttf"),
}


def font_files() -> tuple[Path, ...]:
    """Every bundled font file, in a fixed order."""
    return tuple(font(name) for name in sorted({n for pair in _FACES.values() for n in pair}))


@dataclass(frozen=True, eq=False)
class Face:
    """A font file's widths.

    ``advance`` maps a character code to its width in ems, ``kern`` a pair of character codes to the
    correction between them. ``ascent`` and ``descent`` are positive, in ems.
    """

    advance: dict[int, float]
    kern: dict[tuple[int, int], float]
    ascent: float
    descent: float


@cache
def faces(bold: bool = False, italic: bool = False) -> tuple[Face, ...]:
    """The faces that are tried in turn for this style."""
    return tuple(_read(font(name)) for name in _FACES[bold, italic])


def guessed_advance(character: str) -> float:
    """Width in ems of a character that no bundled face has: ideographs are square, accents flat."""
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0.0
    return 1.0 if unicodedata.east_asian_width(character) in ("W", "F") else 0.6


def _read(path: Path) -> Face:
    try:
        data = path.read_bytes()
    except OSError:
        raise FileProblem(
            f"The font '{path}' cannot be read. Install metadesk again to restore it."
        ) from None
    tables = _tables(data)
    per_em = float(_u16(data, tables["head"] + 18))
    hhea = tables["hhea"]
    ascent, descent = struct.unpack_from(">hh", data, hhea + 4)
    widths = _widths(data, tables["hmtx"], _u16(data, hhea + 34))
    glyph = _characters(data, tables["cmap"])
    last = len(widths) - 1
    advance = {code: widths[min(g, last)] / per_em for code, g in glyph.items()}
    pairs = _pairs(data, tables["kern"]) if "kern" in tables else {}
    codes: dict[int, list[int]] = {}
    for code, g in glyph.items():
        codes.setdefault(g, []).append(code)
    kern = {
        (a, b): value / per_em
        for (left, right), value in pairs.items()
        for a in codes.get(left, ())
        for b in codes.get(right, ())
    }
    return Face(advance, kern, ascent / per_em, -descent / per_em)


def _u16(data: bytes, at: int) -> int:
    return int(struct.unpack_from(">H", data, at)[0])


def _tables(data: bytes) -> dict[str, int]:
    records = (struct.unpack_from(">4sIII", data, 12 + 16 * i) for i in range(_u16(data, 4)))
    return {tag.decode("ascii"): offset for tag, _, offset, _ in records}


def _widths(data: bytes, at: int, count: int) -> tuple[int, ...]:
    """Advance widths; glyphs after the last share the last one's."""
    return struct.unpack_from(">" + "Hh" * count, data, at)[::2]


def _characters(data: bytes, at: int) -> dict[int, int]:
    """Character code to glyph, from the Unicode subtable of the basic plane (format 4)."""
    for i in range(_u16(data, at + 2)):
        platform, encoding, offset = struct.unpack_from(">HHI", data, at + 4 + 8 * i)
        start = at + offset
        if (platform, encoding) in ((3, 1), (0, 3)) and _u16(data, start) == 4:
            return _format4(data, start)
    raise ValueError("the font has no Unicode character map of format 4")


def _format4(data: bytes, start: int) -> dict[int, int]:
    n = _u16(data, start + 6) // 2
    at = start + 14
    ends = struct.unpack_from(f">{n}H", data, at)
    starts = struct.unpack_from(f">{n}H", data, at + 2 * n + 2)
    deltas = struct.unpack_from(f">{n}H", data, at + 4 * n + 2)
    ranges_at = at + 6 * n + 2
    ranges = struct.unpack_from(f">{n}H", data, ranges_at)
    found: dict[int, int] = {}
    for i in range(n):
        for code in range(starts[i], min(ends[i], 0xFFFE) + 1):
            if ranges[i] == 0:
                glyph = (code + deltas[i]) & 0xFFFF
            else:
                glyph = _u16(data, ranges_at + 2 * i + ranges[i] + 2 * (code - starts[i]))
                glyph = (glyph + deltas[i]) & 0xFFFF if glyph else 0
            if glyph:
                found[code] = glyph
    return found


def _pairs(data: bytes, at: int) -> dict[tuple[int, int], int]:
    """Kerning pairs by glyph, from a version 0 table with one horizontal subtable of format 0."""
    n = _u16(data, at + 10)
    rows = struct.iter_unpack(">HHh", data[at + 18 : at + 18 + 6 * n])
    return {(left, right): value for left, right, value in rows}
