from __future__ import annotations

import pytest

from metadesk.formats import guess_roles
from metadesk.formats.blocks import choose_block
from metadesk.table import make_table
from metadesk.table.splitting import split_column

STUDIES = ["Adams 2001", "Baker 2004", "Chen 2011", "Dietz 2018"]
EVENTS = ([3, 8, 12, 5], [50, 61, 80, 40], [7, 9, 20, 9], [52, 60, 78, 41])
MEANS = ([5.1, 4.9, 6.2, 5.5], [1.2, 1.1, 1.6, 1.4], [40, 32, 51, 20])
OTHER = ([5.9, 5.2, 6.8, 6.0], [1.3, 1.0, 1.5, 1.2], [41, 30, 50, 22])


def roles_of(names, cells):
    columns = {"Study": STUDIES, **dict(zip(names, cells, strict=True))}
    return guess_roles(make_table(columns)).table.roles


@pytest.mark.parametrize(
    ("names", "roles"),
    [
        ("Events 1,Total 1,Events 2,Total 2", "ai n1i ci n2i"),
        ("e1,n1,e2,n2", "ai n1i ci n2i"),
        ("event.e,n.e,event.c,n.c", "ai n1i ci n2i"),
        ("int_relapse,int_n,comp_relapse,comp_n", "ai n1i ci n2i"),
        ("Deaths (drug),N (drug),Deaths (placebo),N (placebo)", "ai n1i ci n2i"),
        ("Ee,Ne,Ec,Nc", "ai n1i ci n2i"),
        ("Intervention / Events,Intervention / Total,Control / Events,Control / Total",
         "ai n1i ci n2i"),
        ("r1,n1,r2,n2", "ai n1i ci n2i"),
        ("ai,n1i,ci,n2i", "ai n1i ci n2i"),
        ("No. of events treated,No. of patients treated,"
         "No. of events control,No. of patients control", "ai n1i ci n2i"),
        ("events_vaccinated,total_vaccinated,events_unvaccinated,total_unvaccinated",
         "ai n1i ci n2i"),
        ("Died_steroid,N_steroid,Died_placebo,N_placebo", "ai n1i ci n2i"),
        ("Exp events,Exp n,Ctrl events,Ctrl n", "ai n1i ci n2i"),
        ("mort_t,n_t,mort_c,n_c", "ai n1i ci n2i"),
        ("Deaths IG,N IG,Deaths CG,N CG", "ai n1i ci n2i"),
        ("Events T,Person-years T,Events C,Person-years C", "x1i t1i x2i t2i"),
        ("x1i,t1i,x2i,t2i", "x1i t1i x2i t2i"),
        ("% treated,N treated,% control,N control", "p1i n1i p2i n2i"),
        ("ai,bi,ci,di", "ai bi ci di"),
        ("tpos,tneg,cpos,cneg", "ai bi ci di"),
        ("Events treated,Non-events treated,Events control,Non-events control", "ai bi ci di"),
    ],
)  # fmt: skip
def test_counts_of_two_groups_are_recognised(names, roles):
    found = roles_of(names.split(","), EVENTS)
    assert [found.get(role) for role in roles.split()] == names.split(",")


@pytest.mark.parametrize(
    "names",
    [
        "mean.e,sd.e,n.e,mean.c,sd.c,n.c",
        "Mean_Intervention,SD_Intervention,Total_Intervention,Mean_Control,SD_Control,Total_Control",
        "mi_1,sdi_1,ni_1,mc_1,sdc_1,nc_1",
        "mi,sdi,ni,mc,sdc,nc",
        "m1i,sd1i,n1i,m2i,sd2i,n2i",
        "IG_Mean_post,IG_SD_post,IG_n,CG_Mean_post,CG_SD_post,CG_n",
        "mean_e,sdv_e,n_e,mean_c,sdv_c,n_c",
        "Mean 1,SD 1,Total 1,Mean 2,SD 2,Total 2",
        "Mean (treatment),Standard deviation (treatment),N (treatment),"
        "Mean (control),Standard deviation (control),N (control)",
        "treatMean,treatSd,treatN,ctrlMean,ctrlSd,ctrlN",
        "M1,SD1,N1,M2,SD2,N2",
        "Me,Se,Ne,Mc,Sc,Nc",
        "m_treat,s_treat,n_treat,m_ctrl,s_ctrl,n_ctrl",
        "mean T pain,sd T pain,n T pain,mean C pain,sd C pain,n C pain",
        "mean_semaglutide,sd_semaglutide,n_semaglutide,mean_placebo,sd_placebo,n_placebo",
    ],
)
def test_means_of_two_groups_are_recognised(names):
    found = roles_of(names.split(","), (*MEANS, *OTHER))
    wanted = ("m1i", "sd1i", "n1i", "m2i", "sd2i", "n2i")
    assert [found.get(role) for role in wanted] == names.split(",")


@pytest.mark.parametrize(
    ("names", "cells", "roles"),
    [
        ("Mean,SD,N,Mean (2),SD (2),N (2)", (*MEANS, *OTHER), "m1i sd1i n1i m2i sd2i n2i"),
        ("Events,Total,Events (2),Total (2)", EVENTS, "ai n1i ci n2i"),
    ],
)
def test_headers_that_stand_twice_are_two_groups_with_the_first_taken_as_treated(
    names, cells, roles
):
    found = guess_roles(
        make_table({"Study": STUDIES, **dict(zip(names.split(","), cells, strict=True))})
    )
    columns = {c.role: c for c in found.table.columns}
    assert [columns[role].name for role in roles.split()] == names.split(",")
    for role in roles.split():
        assert columns[role].guessed
        assert "first group was taken as treated" in found.reasons[columns[role].id]


RATIO = ([0.85, 0.70, 1.20, 0.95], [0.70, 0.49, 0.90, 0.70], [1.03, 1.00, 1.60, 1.29])
PLAIN = ([-0.4, 0.1, 0.3, -0.2], [-0.8, -0.4, 0.0, -0.5], [0.0, 0.6, 0.6, 0.1])
ERRORS = [0.2, 0.25, 0.15, 0.15]


@pytest.mark.parametrize("name", ["OR", "RR", "HR", "Odds ratio", "aOR", "Hazard ratio"])
def test_a_named_ratio_with_its_interval_is_an_estimate_as_printed(name):
    found = roles_of([name, "lower", "upper"], RATIO)
    assert (found["est"], found["lower"], found["upper"]) == (name, "lower", "upper")
    assert "yi" not in found


@pytest.mark.parametrize(
    "names",
    [
        "IRR,IRR_lower,IRR_upper",
        "or,or.lb,or.ub",
        "OR,95% CI lower,95% CI upper",
        "Effect (OR),CI_L,CI_U",
        "RR,2.5%,97.5%",
        "HR,L95,U95",
        "Relative risk (RR),Lower CI,Upper CI",
    ],
)
def test_the_bounds_of_a_ratio_are_found_by_their_names(names):
    found = roles_of(names.split(","), RATIO)
    assert [found.get(role) for role in ("est", "lower", "upper")] == names.split(",")


@pytest.mark.parametrize(
    "names",
    [
        "g,LL,UL",
        "MD,CI lower,CI upper",
        "g,g_LL,g_UP",
        "PhS,LL_PhS,UL_PhS",
        "SMD,Low,High",
        "WMD,95%CI-L,95%CI-U",
    ],
)
def test_a_difference_with_its_interval_is_on_its_own_scale(names):
    found = roles_of(names.split(","), PLAIN)
    assert [found.get(role) for role in ("yi", "lower", "upper")] == names.split(",")


def test_a_ratio_with_negative_values_is_taken_as_a_logarithm():
    found = roles_of(["OR", "lower", "upper"], PLAIN)
    assert found["yi"] == "OR"


def test_an_unnamed_estimate_is_a_ratio_when_its_intervals_are_even_on_the_log_scale():
    found = roles_of(["Estimate", "lower", "upper"], RATIO)
    assert found["est"] == "Estimate"


@pytest.mark.parametrize(
    "names",
    [
        "log OR,SE",
        "lnRR,se",
        "md_kg,se_kg",
        "Effect size,SE",
        "yi,sei",
        "TE,seTE",
        "logHR,selogHR",
        "SMD,SE_SMD",
    ],
)
def test_an_estimate_with_its_standard_error_is_recognised(names):
    found = roles_of(names.split(","), (PLAIN[0], ERRORS))
    assert [found.get(role) for role in ("yi", "sei")] == names.split(",")


def test_groups_called_a_and_b_are_left_to_the_person():
    found = roles_of(["Mean A", "SD A", "N A", "Mean B", "SD B", "N B"], (*MEANS, *OTHER))
    assert found == {"study": "Study"}


def test_observed_minus_expected_events_are_recognised():
    found = roles_of(["O-E", "V"], (PLAIN[0], ERRORS))
    assert (found["oe"], found["v"]) == ("O-E", "V")


def test_rows_with_an_interval_or_a_standard_error_count_as_told():
    table = make_table(
        {
            "Study": STUDIES,
            "beta": [0.3, 0.2, 0.5, 0.4],
            "se_beta": [0.1, 0.2, None, 0.1],
            "CI_lower_beta": [0.1, None, 0.3, None],
            "CI_upper_beta": [0.5, None, 0.7, None],
        }
    )
    assert [block.filled for block in guess_roles(table).blocks] == [4]


def test_an_estimate_with_its_variance_is_recognised():
    found = roles_of(["yi", "vi"], (PLAIN[0], ERRORS))
    assert (found["yi"], found["vi"]) == ("yi", "vi")


def test_a_ratio_beside_its_logarithm_is_taken_once():
    found = roles_of(["RR", "log_RR", "se_logRR"], (RATIO[0], PLAIN[0], ERRORS))
    assert (found["yi"], found["sei"]) == ("log_RR", "se_logRR")
    assert "est" not in found


def test_raw_data_go_before_a_given_effect():
    names = ["mean.e", "sd.e", "n.e", "mean.c", "sd.c", "n.c", "Hedges_g", "SE"]
    found = roles_of(names, (*MEANS, *OTHER, PLAIN[0], ERRORS))
    assert found["m1i"] == "mean.e"
    assert "yi" not in found


def test_events_above_their_totals_are_no_events():
    found = roles_of(["dropout.e", "n.e", "dropout.c", "n.c"], (EVENTS[1], EVENTS[0], *EVENTS[2:]))
    assert "ai" not in found


def test_ages_of_two_groups_are_no_events():
    found = roles_of(["age.e", "n.e", "age.c", "n.c"], EVENTS)
    assert "ai" not in found


def test_one_group_and_correlations_are_recognised():
    assert (
        roles_of(["Events", "Total"], EVENTS[:2]).items() >= {"xi": "Events", "ni": "Total"}.items()
    )
    found = roles_of(["r", "n"], (PLAIN[0], EVENTS[1]))
    assert (found["ri"], found["ni"]) == ("r", "n")


@pytest.mark.parametrize("names", ["xi,ni", "mi,sdi,ni"])
def test_one_group_in_the_fields_own_names(names):
    cells = EVENTS[:2] if names == "xi,ni" else MEANS
    assert roles_of(names.split(","), cells) == {
        "study": "Study",
        **{name: name for name in names.split(",")},
    }


@pytest.mark.parametrize(
    "names", [("xi", "ti"), ("events", "person-years"), ("Cases", "Person_years")]
)
def test_events_over_person_time_in_one_group_are_recognised(names):
    found = roles_of(names, (EVENTS[0], MEANS[0]))
    assert (found["xi"], found["ti"]) == names


def test_a_column_named_as_the_correlation_of_the_conditions_is_that():
    names = ["m1i", "sd1i", "m2i", "sd2i", "ni", "ri"]
    cells = (*MEANS[:2], *OTHER[:2], MEANS[2], PLAIN[0])
    assert roles_of(names, cells)["ri"] == "ri"


def test_medians_with_quartiles_are_recognised():
    names = ["med1i", "q1_1i", "q3_1i", "n1i", "med2i", "q1_2i", "q3_2i", "n2i"]
    cells = (MEANS[0], MEANS[1], OTHER[0], MEANS[2], OTHER[0], OTHER[1], OTHER[0], OTHER[2])
    found = roles_of(names, cells)
    assert [found.get(name) for name in names] == names


def test_a_split_column_is_recognised_when_guessed_again():
    cells = ["0.85 [0.70; 1.03]", "0.70 [0.49; 1.00]", "1.20 [0.90; 1.60]", "0.95 [0.70; 1.29]"]
    table = make_table({"Study": STUDIES, "HR (95% CI)": cells})
    changed, _ = split_column(table, 1).apply(table)
    assert guess_roles(changed).table.roles == {
        "study": "Study",
        "est": "HR estimate",
        "lower": "HR lower",
        "upper": "HR upper",
    }


def test_rows_of_a_trial_are_recognised():
    table = make_table(
        {
            "Subject": [1, 1, 2, 2],
            "Sequence": ["AB", "AB", "BA", "BA"],
            "Period": [1, 2, 1, 2],
            "Treatment": ["A", "B", "B", "A"],
            "Outcome": [5.0, 6.1, 4.9, 5.5],
        }
    )
    roles = guess_roles(table).table.roles
    assert roles == {
        "subject": "Subject",
        "sequence": "Sequence",
        "period": "Period",
        "treatment": "Treatment",
        "response": "Outcome",
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"Treatment": ["A"] * 4},
        {"Outcome": [5.0] * 4},
        {"Outcome": ["good", "fair", "poor", "good"]},
        {"Subject": [1, 2, 3, 4]},
    ],
)
def test_plain_names_make_rows_of_a_trial_of_what_cannot_be_analysed(changed):
    columns = {
        "Subject": [1, 1, 2, 2],
        "Sequence": ["AB", "AB", "BA", "BA"],
        "Period": [1, 2, 1, 2],
        "Treatment": ["A", "B", "B", "A"],
        "Outcome": [5.0, 6.1, 4.9, 5.5],
        **changed,
    }
    found = guess_roles(make_table(columns)).table.roles
    assert {"subject", "treatment", "response"} <= found.keys()


def test_totals_of_patients_beside_treatments_are_no_rows_of_a_trial():
    columns = {"Treatment": ["A"] * 4, "Patients": [20, 31, 44, 18], "Events": [2, 3, 5, 1]}
    assert "subject" not in guess_roles(make_table(columns)).table.roles


def test_study_and_year_are_told_from_numbers():
    table = make_table(
        {"trial": [1, 2], "author": ["Aronson", "Hart"], "year": [1948, 1977], "ablat": [44, 52]}
    )
    roles = guess_roles(table).table.roles
    assert (roles["study"], roles["year"]) == ("author", "year")


def test_blocks_side_by_side_are_offered_and_the_first_is_taken():
    names = [
        f"{q}{arm}_{when}" for when in ("eot_1", "fu_2") for arm in "ic" for q in ("m", "sd", "n")
    ]
    cells = (*MEANS, *OTHER, *OTHER, *MEANS)
    columns = {"ID": STUDIES, **dict(zip(names, cells, strict=True))}
    guess = guess_roles(make_table(columns))
    assert [block.name for block in guess.blocks] == ["eot 1", "fu 2"]
    assert guess.table.roles["m1i"] == "mi_eot_1"
    changed, back = choose_block(guess.table, guess.blocks[1], guess.blocks).apply(guess.table)
    assert changed.roles["m1i"] == "mi_fu_2"
    assert back.apply(changed)[0] == guess.table


def test_what_a_person_said_stays():
    table = make_table({"a": STUDIES, "Study": STUDIES}, {"a": "study"})
    guessed = guess_roles(table).table
    assert guessed.roles == {"study": "a"}
    assert not guessed.columns[0].guessed


def test_guesses_are_marked_and_have_a_reason():
    guess = guess_roles(
        make_table({"Study": STUDIES, "g": PLAIN[0], "LL": PLAIN[1], "UL": PLAIN[2]})
    )
    guessed = [c for c in guess.table.columns if c.role]
    assert all(c.guessed and guess.reasons[c.id] for c in guessed)


def test_a_column_that_fits_nothing_gets_no_role():
    found = roles_of(["remarks", "q7"], (["a", "b", "c", "d"], [1.5, 2.5, 3.5, 4.5]))
    assert found == {"study": "Study"}


def test_rows_of_two_makes_each_have_their_roles():
    counts = [[3, 8, None, None], [50, 61, None, None], [7, 9, None, None], [52, 60, None, None]]
    names = ["events.e", "n.e", "events.c", "n.c", "OR", "lower", "upper"]
    ratio = [[None, None, 1.2, 0.95], [None, None, 0.9, 0.7], [None, None, 1.6, 1.29]]
    found = roles_of(names, (*counts, *ratio))
    assert (found["ai"], found["est"], found["upper"]) == ("events.e", "OR", "upper")


def test_a_given_effect_beside_raw_data_is_offered_as_another_choice():
    names = ["mean.e", "sd.e", "n.e", "mean.c", "sd.c", "n.c", "Hedges_g", "SE"]
    columns = dict(zip(names, (*MEANS, *OTHER, PLAIN[0], ERRORS), strict=True))
    guess = guess_roles(make_table({"Study": STUDIES, **columns}))
    assert [(b.name, b.family) for b in guess.blocks] == [
        ("means", "means"), ("Hedges_g", "estimate"),
    ]  # fmt: skip
    assert "yi" not in guess.table.roles


def test_the_first_column_of_words_names_the_studies_whatever_it_is_called():
    names = ["การศึกษา", "Events T", "Total T", "Events C", "Total C", "Remark"]
    cells = (STUDIES, *EVENTS, ["a", "b", "c", "d"])
    found = guess_roles(make_table(dict(zip(names, cells, strict=True)))).table.roles
    assert found["study"] == "การศึกษา"


def test_categories_before_the_data_are_no_names_of_studies():
    names = ["Region", "Events T", "Total T", "Events C", "Total C"]
    cells = (["Asia", "Asia", "Asia", "Europe"], *EVENTS)
    assert "study" not in guess_roles(make_table(dict(zip(names, cells, strict=True)))).table.roles


def test_a_remark_in_brackets_hides_no_name():
    table = make_table({"Study (first author)": STUDIES, "Study design": ["RCT"] * 4})
    assert guess_roles(table).table.roles["study"] == "Study (first author)"


def test_a_column_of_years_needs_no_name():
    found = roles_of(["ปี", "g", "SE"], ([2001, 2004, 2011, 2018], PLAIN[0], ERRORS))
    assert found["year"] == "ปี"


def test_two_groups_without_names_are_left_to_the_person():
    names = ["n", "n (2)", "mean", "mean (2)", "sd", "sd (2)"]
    cells = (MEANS[2], OTHER[2], MEANS[0], OTHER[0], MEANS[1], OTHER[1])
    assert not {"mi", "m1i", "sdi"} & roles_of(names, cells).keys()


def test_further_numbers_of_a_row_are_known_by_the_names_of_their_roles():
    names = ("study", "ai", "n1i", "ci", "n2i", "est", "lower", "upper", "pval", "ti")
    rows = [
        ("A", 10, 50, 20, 50, None, None, None, None, None),
        ("B", None, None, None, None, 0.6, 0.4, 0.9, None, None),
        ("C", None, None, None, None, 0.7, 0.3, 0.9, 0.04, None),
        ("D", 12, 60, 24, 60, 0.9, 0.5, 1.3, 0.2, 2.5),
    ]
    table = make_table({name: [row[i] for row in rows] for i, name in enumerate(names)}, {})
    found = guess_roles(table).table.roles
    assert {role: found.get(role) for role in ("est", "pval", "ti")} == {
        "est": "est", "pval": "pval", "ti": "ti",
    }  # fmt: skip


def test_intervals_of_means_in_some_rows_are_known_by_the_names_of_their_roles():
    names = ("study", "m1i", "sd1i", "lb1i", "ub1i", "n1i", "m2i", "sd2i", "n2i")
    rows = [
        ("A", 10, 3, None, None, 30, 8, 3.2, 32),
        ("B", 11, 2, None, None, 25, 9, 3, 25),
        ("C", 10, None, 9, 11.2, 30, 8.5, 3, 31),
    ]
    table = make_table({name: [row[i] for row in rows] for i, name in enumerate(names)}, {})
    found = guess_roles(table).table.roles
    assert (found.get("lb1i"), found.get("ub1i")) == ("lb1i", "ub1i")


def test_a_trial_whose_only_outcome_is_yes_or_no_is_recognised():
    table = make_table(
        {
            "Person": [1, 1, 2, 2, 3, 3, 4, 4],
            "Period": [1, 2] * 4,
            "Drug": ["A", "B", "B", "A"] * 2,
            "Cured": ["yes", "no", "no", "yes", "yes", "yes", "no", "yes"],
        }
    )
    assert guess_roles(table).table.roles["response"] == "Cured"
