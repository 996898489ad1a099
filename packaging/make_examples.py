"""Make the example workbooks in resources/examples from published numbers.

They are built as extraction sheets are: a title, a citation, a table, notes under it. Run it after
a change of the numbers below; the workbooks are checked in.
"""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "resources" / "examples"
MADE = datetime.datetime(2026, 1, 1)

Cell = str | int | float | None
Rows = Sequence[Sequence[Cell]]

BCG: Rows = (
    # Trial, year, events and total vaccinated and not vaccinated, latitude, allocation
    ("Aronson", 1948, 4, 123, 11, 139, 44, "random"),
    ("Ferguson & Simes", 1949, 6, 306, 29, 303, 55, "random"),
    ("Rosenthal et al", 1960, 3, 231, 11, 220, 42, "random"),
    ("Hart & Sutherland", 1977, 62, 13598, 248, 12867, 52, "random"),
    ("Frimodt-Moller et al", 1973, 33, 5069, 47, 5808, 13, "alternate"),
    ("Stein & Aronson", 1953, 180, 1541, 372, 1451, 44, "alternate"),
    ("Vandiviere et al", 1973, 8, 2545, 10, 629, 19, "random"),
    ("TPT Madras", 1980, 505, 88391, 499, 88391, 13, "random"),
    ("Coetzee & Berjak", 1968, 29, 7499, 45, 7277, 27, "random"),
    ("Rosenthal et al", 1961, 17, 1716, 65, 1665, 42, "systematic"),
    ("Comstock et al", 1974, 186, 50634, 141, 27338, 18, "systematic"),
    ("Comstock & Webster", 1969, 5, 2498, 3, 2341, 33, "systematic"),
    ("Comstock et al", 1976, 27, 16913, 29, 17854, 33, "systematic"),
)

STROKE: Rows = (
    # Setting, n, mean and SD of days: specialist care, then routine care
    ("Edinburgh", 155, 55, 47, 156, 75, 64),
    ("Orpington-Mild", 31, 27, 7, 32, 29, 4),
    ("Orpington-Moderate", 75, 64, 17, 71, 119, 29),
    ("Orpington-Severe", 18, 66, 20, 18, 137, 48),
    ("Montreal-Home", 8, 14, 8, 13, 18, 11),
    ("Montreal-Transfer", 57, 19, 7, 52, 18, 4),
    ("Newcastle", 34, 52, 45, 33, 41, 34),
    ("Umea", 110, 21, 16, 183, 31, 27),
    ("Uppsala", 60, 30, 27, 52, 23, 20),
)

SMOKING: Rows = (
    # First author, year, country, design, lung cancer cases, OR, lower, upper
    ("Garfinkel", 1981, "USA", "cohort", 153, 1.18, 0.90, 1.54),
    ("Hirayama", 1984, "Japan", "cohort", 200, 1.45, 1.02, 2.08),
    ("Butler", 1988, "USA", "cohort", 8, 2.02, 0.48, 8.56),
    ("Cardenas", 1997, "USA", "cohort", 150, 1.20, 0.80, 1.60),
    ("Chan", 1982, "Hong Kong", "case-control", 84, 0.75, 0.43, 1.30),
    ("Correa", 1983, "USA", "case-control", 22, 2.07, 0.81, 5.25),
    ("Trichopolous", 1983, "Greece", "case-control", 62, 2.13, 1.19, 3.83),
    ("Buffler", 1984, "USA", "case-control", 41, 0.80, 0.34, 1.90),
    ("Kabat", 1984, "USA", "case-control", 24, 0.79, 0.25, 2.45),
    ("Lam", 1985, "Hong Kong", "case-control", 60, 2.01, 1.09, 3.72),
    ("Garfinkel", 1985, "USA", "case-control", 134, 1.23, 0.81, 1.87),
    ("Wu", 1985, "USA", "case-control", 29, 1.20, 0.50, 3.30),
    ("Akiba", 1986, "Japan", "case-control", 94, 1.52, 0.87, 2.63),
    ("Lee", 1986, "UK", "case-control", 32, 1.03, 0.41, 2.55),
    ("Koo", 1987, "Hong Kong", "case-control", 86, 1.55, 0.90, 2.67),
    ("Pershagen", 1987, "Sweden", "case-control", 70, 1.03, 0.61, 1.74),
    ("Humble", 1987, "USA", "case-control", 20, 2.34, 0.81, 6.75),
    ("Lam", 1987, "Hong Kong", "case-control", 199, 1.65, 1.16, 2.35),
    ("Gao", 1987, "China", "case-control", 246, 1.19, 0.82, 1.73),
    ("Brownson", 1987, "USA", "case-control", 19, 1.52, 0.39, 5.96),
    ("Geng", 1988, "China", "case-control", 54, 2.16, 1.08, 4.29),
    ("Shimizu", 1988, "Japan", "case-control", 90, 1.08, 0.64, 1.82),
    ("Inoue", 1988, "Japan", "case-control", 22, 2.55, 0.74, 8.78),
    ("Kalandidi", 1990, "Greece", "case-control", 90, 1.62, 0.90, 2.91),
    ("Sobue", 1990, "Japan", "case-control", 144, 1.06, 0.74, 1.52),
    ("Wu-Williams", 1990, "China", "case-control", 417, 0.79, 0.62, 1.02),
    ("Liu", 1991, "China", "case-control", 54, 0.74, 0.32, 1.69),
    ("Jockel", 1991, "Germany", "case-control", 23, 2.27, 0.75, 6.82),
    ("Brownson", 1992, "USA", "case-control", 431, 0.97, 0.78, 1.21),
    ("Stockwell", 1992, "USA", "case-control", 210, 1.60, 0.80, 3.00),
    ("Du", 1993, "China", "case-control", 75, 1.19, 0.66, 2.13),
    ("Liu", 1993, "China", "case-control", 38, 1.66, 0.73, 3.78),
    ("Fontham", 1994, "USA", "case-control", 651, 1.26, 1.04, 1.54),
    ("Kabat", 1995, "USA", "case-control", 67, 1.10, 0.62, 1.96),
    ("Zaridze", 1995, "Russia", "case-control", 162, 1.66, 1.12, 2.45),
    ("Sun", 1996, "China", "case-control", 230, 1.16, 0.80, 1.69),
    ("Wang", 1996, "China", "case-control", 135, 1.11, 0.67, 1.84),
)


TRIALS = Path(__file__).resolve().parents[1] / "tests" / "reference" / "trials" / "data"


def trial_rows(
    name: str, columns: Sequence[str], words: dict[str, dict[str, str]] | None = None
) -> Rows:
    """Columns of a data set of the reference; ``words`` writes codes out, column by column."""
    import csv

    with (TRIALS / name).open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    told = words or {}
    return [tuple(_cell(told.get(c, {}).get(row[c], row[c])) for c in columns) for row in found]


def _cell(text: str) -> Cell:
    try:
        value = float(text)
    except ValueError:
        return text or None
    return int(value) if value == int(value) else value


def trial_examples(folder: Path) -> list[Path]:
    """The example workbooks of trials with repeated measures."""
    return [
        write(
            folder / "crossover_enuresis.xlsx",
            "Enuresis",
            title="A drug against bed-wetting: crossover of two treatments in two periods",
            citation=(
                "Hills M, Armitage P. The two-period cross-over clinical trial. "
                "Br J Clin Pharmacol 1979;8:7-20."
            ),
            groups=(),
            header=("Subject", "Sequence", "Period", "Treatment", "Dry nights"),
            rows=trial_rows(
                "enuresis.csv", ("subject", "sequence", "period", "treatment", "dry_nights"),
                {"sequence": {"DP": "Drug-Placebo", "PD": "Placebo-Drug"},
                 "treatment": {"D": "Drug", "P": "Placebo"}},
            ),
            notes=("Dry nights: number of dry nights out of 14.",),
            widths=(10, 16, 9, 12, 12),
        ),
        write(
            folder / "williams_dysmenorrhoea.xlsx",
            "Dysmenorrhoea",
            title="Relief of period pain: three treatments in three periods, all six orders",
            citation=(
                "Kenward MG, Jones B. The dysmenorrhoea trial, as in Jones B, Kenward MG. "
                "Design and Analysis of Cross-Over Trials."
            ),
            groups=(),
            header=("Subject", "Sequence", "Period", "Treatment", "Relief"),
            rows=trial_rows(
                "dysmenorrhea.csv", ("subject", "sequence", "period", "treatment", "relief")
            ),
            notes=(
                "Treatment: A placebo, B low dose, C high dose of an analgesic.",
                "Relief: 1 none or minimal, 2 moderate, 3 complete.",
            ),
            widths=(10, 12, 9, 12, 10),
        ),
        write(
            folder / "binary_crossover_ecg.xlsx",
            "ECG",
            title="Cerebrovascular deficiency: normal electrocardiogram, yes (1) or no (0)",
            citation=(
                "Two-centre crossover trial, centre 2, as in Jones B, Kenward MG. Design and "
                "Analysis of Cross-Over Trials, and in Diggle PJ, Liang KY, Zeger SL. "
                "Analysis of Longitudinal Data."
            ),
            groups=(),
            header=("Subject", "Sequence", "Period", "Treatment", "ECG normal"),
            rows=trial_rows(
                "cerebrovascular_c2.csv",
                ("subject", "sequence", "period", "treatment", "ecg_normal"),
                # The published table has 28 of 34 normal on active first; the labels of the
                # reference's file are the other way round.
                {"sequence": {"PA": "active-placebo", "AP": "placebo-active"},
                 "treatment": {"placebo": "active", "active": "placebo"}},
            ),
            notes=("ECG normal: 1 if the electrocardiogram was judged normal.",),
            widths=(10, 16, 9, 12, 12),
        ),
        write(
            folder / "nof1_gabapentin.xlsx",
            "Gabapentin",
            title="Gabapentin for chronic neuropathic pain: a series of N-of-1 trials",
            citation=(
                "Yelland MJ, Poulos CJ, Pillans PI, et al. N-of-1 randomized trials to assess the "
                "efficacy of gabapentin for chronic neuropathic pain. Pain Med 2009;10:754-761."
            ),
            groups=(),
            header=("Patient", "Cycle", "Treatment", "Pain", "Sleep", "Function"),
            rows=trial_rows(
                "yelland_gabapentin.csv",
                ("patient", "cycle", "treatment", "pain", "sleep", "func"),
            ),
            notes=(
                "Pain, sleep interference and functional limitation: 0 to 10, lower is better.",
            ),
            widths=(10, 8, 14, 9, 9, 10),
        ),
    ]  # fmt: skip


def make_examples(folder: Path = FOLDER) -> list[Path]:
    """Write all example workbooks and return where they lie."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write(
            folder / "bcg_vaccine.xlsx",
            "Trials",
            title="BCG vaccine for the prevention of tuberculosis: extraction sheet",
            citation=(
                "Colditz GA, Brewer TF, Berkey CS, et al. Efficacy of BCG vaccine in the "
                "prevention of tuberculosis: meta-analysis of the published literature. "
                "JAMA 1994;271:698-702. "
                "Numbers as in Berkey CS, et al. A random-effects regression model for "
                "meta-analysis. Stat Med 1995;14:395-411."
            ),
            groups=(("Vaccinated", 3, 4), ("Not vaccinated", 5, 6)),
            header=("Trial", "Year", "TB cases", "Total", "TB cases", "Total",
                    "Latitude", "Allocation"),
            rows=BCG,
            notes=(
                "TB cases: people who developed tuberculosis.",
                "Latitude: absolute degrees from the equator. Allocation: random, alternate or "
                "systematic.",
            ),
            widths=(24, 8, 11, 11, 11, 11, 10, 13),
        ),
        write(
            folder / "stroke_length_of_stay.xlsx",
            "Length of stay",
            title="Specialist against routine inpatient stroke care: length of stay in days",
            citation=(
                "Normand SLT. Meta-analysis: formulating, evaluating, combining, and reporting. "
                "Stat Med 1999;18:321-359."
            ),
            groups=(("Specialist care (treatment)", 2, 4), ("Routine care (control)", 5, 7)),
            header=("Study", "N", "Mean", "SD", "N", "Mean", "SD"),
            rows=STROKE,
            notes=("Mean and standard deviation of the days in the acute care hospital.",),
            widths=(24, 9, 9, 9, 9, 9, 9),
        ),
        write(
            folder / "passive_smoking.xlsx",
            "Lung cancer",
            title="Passive smoking and lung cancer in women who never smoked",
            citation=(
                "Hackshaw AK, Law MR, Wald NJ. The accumulated evidence on lung cancer and "
                "environmental tobacco smoke. BMJ 1997;315:980-988. Numbers as in Hackshaw AK. "
                "Lung cancer and passive smoking. Stat Methods Med Res 1998;7:119-136."
            ),
            groups=(),
            header=("Author", "Year", "Country", "Design", "Cases", "OR", "CI lower", "CI upper"),
            rows=SMOKING,
            notes=(
                "OR: risk of lung cancer in women whose husbands smoke against women whose "
                "husbands do not, with 95% confidence interval.",
            ),
            widths=(18, 8, 14, 15, 8, 8, 10, 10),
        ),
        *trial_examples(folder),
    ]  # fmt: skip


def write(
    path: Path,
    sheet_title: str,
    *,
    title: str,
    citation: str,
    groups: Sequence[tuple[str, int, int]],
    header: Sequence[str],
    rows: Rows,
    notes: Sequence[str],
    widths: Sequence[float],
) -> Path:
    """Write one workbook; the same numbers give the same bytes."""
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Border, Font, Side
    from openpyxl.utils import get_column_letter

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = sheet_title
    sheet["A1"], sheet["A1"].font = title, Font(bold=True, size=14)
    sheet["A2"], sheet["A2"].font = citation, Font(italic=True, size=9)
    sheet["A2"].alignment = Alignment(wrap_text=True, vertical="top")
    sheet.merge_cells(start_row=2, start_column=1, end_row=2, end_column=len(header))
    sheet.row_dimensions[2].height = 50
    at = 4
    for name, first, last in groups:
        sheet.cell(at, first, name).font = Font(bold=True)
        sheet.cell(at, first).alignment = Alignment(horizontal="center")
        sheet.merge_cells(start_row=at, start_column=first, end_row=at, end_column=last)
    at += 1 if groups else 0
    rule = Border(bottom=Side(style="thin"))
    for column, name in enumerate(header, start=1):
        head = sheet.cell(at, column, name)
        head.font, head.border = Font(bold=True), rule
    for row in rows:
        at += 1
        for column, value in enumerate(row, start=1):
            written = sheet.cell(at, column, value)
            if isinstance(value, float):
                written.number_format = "0.00"
    for note in notes:
        at += 2 if note == notes[0] else 1
        sheet.cell(at, 1, note).font = Font(size=9)
    for column, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(column)].width = width
    sheet.freeze_panes = "B6" if groups else "B5"
    save(book, path)
    return path


def save(book: Any, path: Path) -> None:
    """Save with fixed dates inside, so that a new run changes nothing."""
    book.properties.creator = "metadesk"
    book.properties.created = book.properties.modified = MADE
    raw = io.BytesIO()
    book.save(raw)
    with zipfile.ZipFile(raw) as made, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as fixed:
        for name in made.namelist():
            fixed.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), _dated(made.read(name)))


def _dated(content: bytes) -> bytes:
    """The file's properties with the fixed date; openpyxl writes the time of saving."""
    import re

    stamp = MADE.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    return re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + stamp, content)


if __name__ == "__main__":
    for made in make_examples():
        print(made)
