from __future__ import annotations

import csv

import pytest

from metadesk.formats import guess_roles, read_sheet, read_workbook

EXPECTED = {
    ("s03_biomarkers_mixed_units.xlsx", None): (
        "study=Study outcome=Outcome m1i=mean.e sd1i=sd.e n1i=n.e m2i=mean.c sd2i=sd.c n2i=n.c"
    ),
    ("s05_VTE_events_RR.xlsx", "rVTE"): "study=Study est=IRR lower=IRR_lower upper=IRR_upper",
    ("s05_VTE_events_RR.xlsx", "PTS"): "study=Study yi=log_RR sei=se_logRR",
    ("s06_HbA1c_FBG.xlsx", "HbA1c"): (
        "study=Author m1i=Mean_Intervention sd1i=SD_Intervention n1i=Total_Intervention "
        "m2i=Mean_Control sd2i=SD_Control n2i=Total_Control"
    ),
    ("s06_HbA1c_FBG.xlsx", "FBG"): (
        "study=Author m1i=Mean_Intervention sd1i=SD_Intervention n1i=Total_Intervention "
        "m2i=Mean_Control sd2i=SD_Control n2i=Total_Control"
    ),
    ("s08_dropout_formulas.xlsx", None): (
        "study=Citation subgroup=Alc_category ai=int_dropout n1i=int_n ci=comp_dropout n2i=comp_n"
    ),
    ("s10_relapse_labels.xlsx", None): (
        "study=Citation ai=int_relapse n1i=int_n ci=comp_relapse n2i=comp_n"
    ),
    ("s13_means_sd_multi_effects.xlsx", None): (
        "study=key n1i=n_e n2i=n_c m1i=mean_e m2i=mean_c sd1i=sdv_e sd2i=sdv_c"
    ),
    ("s18_PDtremor_adverse_events.xlsx", None): "study=slab ai=ae1i n1i=n1i ci=ae2i n2i=n2i",
    ("s24_plyometric_RevMan_ready.csv", None): (
        "study=Study n1i=IG_n m1i=IG_Mean_post sd1i=IG_SD_post "
        "n2i=CG_n m2i=CG_Mean_post sd2i=CG_SD_post"
    ),
    ("s25_NMN_long_outcomes.csv", None): (
        "study=study_id outcome=outcome n1i=n_treatment m1i=treat_mean sd1i=treat_sd "
        "n2i=n_control m2i=ctrl_mean sd2i=ctrl_sd"
    ),
    (
        "s27_covid_comorbidity_long.csv",
        None,
    ): "study=Study outcome=Condition ai=Ee n1i=Ne ci=Ec n2i=Nc",
    ("s32_leadIQ_beta_CI.csv", None): "study=author_year year=year yi=beta sei=se_beta",
    ("s35_GLP1_lean_mass_generic.csv", None): "study=study_id yi=md_kg sei=se_kg",
    ("s41_rlopez_BBDD_063.xlsx", None): (
        "study=ID yi=g_eot_DEP lower=g_eot_LL_DEP upper=g_eot_UL_DEP"
    ),
    ("s43_rlopez_BBDD_01.xlsx", None): (
        "study=ID m1i=mi_eot_PW_1 sd1i=sdi_eot_PW_1 n1i=ni_eot_PW_1 "
        "m2i=mc_eot_PW_1 sd2i=sdc_eot_PW_1 n2i=nc_eot_PW_1"
    ),
    ("s44_rlopez_BBDD_07.xlsx", None): (
        "study=ID m1i=mi_eot_1 sd1i=sdi_eot_1 n1i=ni_eot_1 m2i=mc_eot_1 sd2i=sdc_eot_1 n2i=nc_eot_1"
    ),
    ("s47_SuicidePrevention.xlsx", None): (
        "study=author year=pubyear n1i=n.e m1i=mean.e sd1i=sd.e n2i=n.c m2i=mean.c sd2i=sd.c"
    ),
    ("s57_curtin2002_crossover.txt", None): "study=author year=year yi=mean sei=SE ni=N",
}


@pytest.mark.parametrize(("file", "sheet"), EXPECTED)
def test_roles_of_a_published_sheet(real_sheets, file, sheet):
    roles = read_sheet(real_sheets / file, sheet).roles
    wanted = dict(pair.split("=") for pair in EXPECTED[file, sheet].split())
    assert {role: roles.get(role) for role in wanted} == wanted


@pytest.mark.parametrize(
    ("file", "rows"),
    [("s13_means_sd_multi_effects.xlsx", 176), ("s27_covid_comorbidity_long.csv", 288),
     ("s28_covid_age_median_strings.csv", 166), ("s37_selftalk_Final data.csv", 128),
     ("s38_Rob_2_semicolon_it.csv", 346), ("s48_rob_excel.xlsx", 43),
     ("s22_Extraction data RHI meta-analysis.csv", 4)],
)  # fmt: skip
def test_a_published_sheet_keeps_all_its_rows(real_sheets, file, rows):
    assert read_sheet(real_sheets / file).n_rows == rows


def test_side_by_side_outcomes_of_published_sheets_are_found(real_sheets):
    blocks = {
        file: [
            (b.name, b.filled)
            for b in guess_roles(read_workbook(real_sheets / file).sheets[0].table()).blocks
        ]
        for file in ("s43_rlopez_BBDD_01.xlsx", "s44_rlopez_BBDD_07.xlsx", "s32_leadIQ_beta_CI.csv")
    }
    assert blocks == {
        "s43_rlopez_BBDD_01.xlsx": [("eot pw 1", 21), ("eot we 2", 13)],
        "s44_rlopez_BBDD_07.xlsx": [("eot 1", 11), ("fu 1 2", 12), ("fu 2 3", 10)],
        "s32_leadIQ_beta_CI.csv": [("beta", 12), ("lin", 9), ("ln", 12)],
    }


def test_a_pasted_results_table_ends_in_rows_that_are_no_studies(real_sheets):
    table = read_sheet(real_sheets / "s41_rlopez_BBDD_063.xlsx", "Hoja2")
    assert list(table.excluded.values()) == ["Repeated header row", "Subtotal row", "Subtotal row"]


def test_numbers_stored_as_text_stay_as_they_were_typed(real_sheets):
    table = read_sheet(real_sheets / "s47_SuicidePrevention.xlsx")
    assert table.column("sd.e").cells[0] == "3.29"
    assert table.floats(table.column("sd.e"))[0] == 3.29


def test_every_sheet_that_people_sent_opens(real_sheets):
    files = [f for f in real_sheets.rglob("*") if f.suffix in (".xlsx", ".csv", ".txt")]
    assert len(files) > 50
    for file in files:
        for sheet in read_workbook(file).sheets:
            guess_roles(sheet.table())


FAMILIES = {"means_smd": "means", "raw_means": "means", "gs_ci": "estimate", "gs_sei": "estimate"}


def test_roles_of_the_psychotherapy_reviews(real_sheets):
    folder = real_sheets / "psychotherapy"
    reviews: dict[str, list[dict[str, str]]] = {}
    with (folder / "expected.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            reviews.setdefault(row["order"], []).append(row)
    hits, missed = 0, []
    for order, rows in reviews.items():
        name = next(f for f in (f"BBDD_0{order}.xlsx",) if (folder / f).exists())
        guess = guess_roles(read_workbook(folder / name).sheets[0].table())
        family = {FAMILIES[row["type_of_data"]] for row in rows}
        found = sorted(block.filled for block in guess.blocks if block.family in family)
        wanted = sorted(int(row["rep_k"]) for row in rows)
        if found == wanted and guess.table.with_role("study") is not None:
            hits += 1
        else:
            missed.append((name, wanted, found))
    print(f"psychotherapy: {hits} of {len(reviews)} reviews recognised; missed {missed}")
    assert hits >= len(reviews) - 1, missed
