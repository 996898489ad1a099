"""Citations of the formulas, in one place because several measures share them."""

from __future__ import annotations

from metadesk.references import Reference

FLEISS = Reference(
    "fleiss2009",
    "Fleiss & Berlin",
    2009,
    "Effect sizes for dichotomous data",
    "In Cooper et al. (Eds.), The handbook of research synthesis and meta-analysis, 2nd ed.",
)
YUSUF = Reference(
    "yusuf1985",
    "Yusuf et al.",
    1985,
    "Beta blockade during and after myocardial infarction",
    "Progress in Cardiovascular Diseases, 27, 335–371",
    "10.1016/S0033-0620(85)80003-7",
)
RUCKER = Reference(
    "rucker2009",
    "Rücker et al.",
    2009,
    "Why add anything to nothing? The arcsine difference",
    "Statistics in Medicine, 28, 721–738",
    "10.1002/sim.3511",
)
YULE = Reference(
    "yule1912",
    "Yule",
    1912,
    "On the methods of measuring association between two attributes",
    "Journal of the Royal Statistical Society, 75, 579–652",
    "10.2307/2340126",
)
DIGBY = Reference(
    "digby1983",
    "Digby",
    1983,
    "Approximating the tetrachoric correlation coefficient",
    "Biometrics, 39, 753–757",
    "10.2307/2531104",
)
SANCHEZ_MECA = Reference(
    "sanchezmeca2003",
    "Sánchez-Meca, Marín-Martínez & Chacón-Moscoso",
    2003,
    "Effect-size indices for dichotomized outcomes in meta-analysis",
    "Psychological Methods, 8, 448–467",
    "10.1037/1082-989X.8.4.448",
)
CHINN = Reference(
    "chinn2000",
    "Chinn",
    2000,
    "A simple method for converting an odds ratio to effect size for use in meta-analysis",
    "Statistics in Medicine, 19, 3127–3131",
    "10.1002/1097-0258(20001130)19:22<3127::AID-SIM784>3.0.CO;2-M",
)
COX = Reference(
    "cox1970",
    "Cox & Snell",
    1989,
    "Analysis of binary data",
    "2nd ed., Chapman & Hall",
)
HEDGES = Reference(
    "hedges1981",
    "Hedges",
    1981,
    "Distribution theory for Glass's estimator of effect size and related estimators",
    "Journal of Educational Statistics, 6, 107–128",
    "10.3102/10769986006002107",
)
HEDGES_OLKIN = Reference(
    "hedges1985",
    "Hedges & Olkin",
    1985,
    "Statistical methods for meta-analysis",
    "Academic Press",
)
BONETT2008 = Reference(
    "bonett2008",
    "Bonett",
    2008,
    "Confidence intervals for standardized linear contrasts of means",
    "Psychological Methods, 13, 99–109",
    "10.1037/1082-989X.13.2.99",
)
BONETT2009 = Reference(
    "bonett2009",
    "Bonett",
    2009,
    "Meta-analytic interval estimation for standardized and unstandardized mean differences",
    "Psychological Methods, 14, 225–238",
    "10.1037/a0016619",
)
HEDGES1999 = Reference(
    "hedges1999",
    "Hedges, Gurevitch & Curtis",
    1999,
    "The meta-analysis of response ratios in experimental ecology",
    "Ecology, 80, 1150–1156",
    "10.1890/0012-9658(1999)080[1150:TMAORR]2.0.CO;2",
)
LAJEUNESSE2011 = Reference(
    "lajeunesse2011",
    "Lajeunesse",
    2011,
    "On the meta-analysis of response ratios for studies with correlated and multi-group designs",
    "Ecology, 92, 2049–2055",
    "10.1890/11-0423.1",
)
LAJEUNESSE2015 = Reference(
    "lajeunesse2015",
    "Lajeunesse",
    2015,
    "Bias and correction for the log response ratio in ecological meta-analysis",
    "Ecology, 96, 2056–2063",
    "10.1890/14-2402.1",
)
NAKAGAWA = Reference(
    "nakagawa2015",
    "Nakagawa et al.",
    2015,
    "Meta-analysis of variation: ecological and evolutionary applications and beyond",
    "Methods in Ecology and Evolution, 6, 143–152",
    "10.1111/2041-210X.12309",
)
SENIOR = Reference(
    "senior2020",
    "Senior, Viechtbauer & Nakagawa",
    2020,
    "Revisiting and expanding the meta-analysis of variation: the log coefficient of "
    "variation ratio",
    "Research Synthesis Methods, 11, 553–567",
    "10.1002/jrsm.1423",
)
BORENSTEIN = Reference(
    "borenstein2009",
    "Borenstein",
    2009,
    "Effect sizes for continuous data",
    "In Cooper et al. (Eds.), The handbook of research synthesis and meta-analysis, 2nd ed.",
)
JACOBS = Reference(
    "jacobs2017",
    "Jacobs & Viechtbauer",
    2017,
    "Estimation of the biserial correlation and its sampling variance for use in meta-analysis",
    "Research Synthesis Methods, 8, 161–180",
    "10.1002/jrsm.1218",
)
NEWCOMBE2006 = Reference(
    "newcombe2006",
    "Newcombe",
    2006,
    "Confidence intervals for an effect size measure based on the Mann–Whitney statistic",
    "Statistics in Medicine, 25, 559–573",
    "10.1002/sim.2324",
)
MORRIS = Reference(
    "morris2008",
    "Morris",
    2008,
    "Estimating effect sizes from pretest-posttest-control group designs",
    "Organizational Research Methods, 11, 364–386",
    "10.1177/1094428106291059",
)
BECKER1988 = Reference(
    "becker1988",
    "Becker",
    1988,
    "Synthesizing standardized mean-change measures",
    "British Journal of Mathematical and Statistical Psychology, 41, 257–278",
    "10.1111/j.2044-8317.1988.tb00901.x",
)
GIBBONS = Reference(
    "gibbons1993",
    "Gibbons, Hedeker & Davis",
    1993,
    "Estimation of effect size from a series of experiments involving paired comparisons",
    "Journal of Educational Statistics, 18, 271–279",
    "10.3102/10769986018003271",
)
COUSINEAU = Reference(
    "cousineau2020",
    "Cousineau",
    2020,
    "Approximating the distribution of Cohen's d_p in within-subject designs",
    "The Quantitative Methods for Psychology, 16, 418–421",
    "10.20982/tqmp.16.4.p418",
)
FISHER = Reference(
    "fisher1921",
    "Fisher",
    1921,
    "On the 'probable error' of a coefficient of correlation deduced from a small sample",
    "Metron, 1, 1–32",
)
OLKIN_PRATT = Reference(
    "olkin1958",
    "Olkin & Pratt",
    1958,
    "Unbiased estimation of certain correlation coefficients",
    "Annals of Mathematical Statistics, 29, 201–211",
    "10.1214/aoms/1177706717",
)
ALOE = Reference(
    "aloe2012",
    "Aloe & Becker",
    2012,
    "An effect size for regression predictors in meta-analysis",
    "Journal of Educational and Behavioral Statistics, 37, 278–297",
    "10.3102/1076998610396901",
)
OLKIN_FINN = Reference(
    "olkin1995",
    "Olkin & Finn",
    1995,
    "Correlations redux",
    "Psychological Bulletin, 118, 155–164",
    "10.1037/0033-2909.118.1.155",
)
FREEMAN = Reference(
    "freeman1950",
    "Freeman & Tukey",
    1950,
    "Transformations related to the angular and the square root",
    "Annals of Mathematical Statistics, 21, 607–611",
    "10.1214/aoms/1177729756",
)
MILLER = Reference(
    "miller1978",
    "Miller",
    1978,
    "The inverse of the Freeman–Tukey double arcsine transformation",
    "The American Statistician, 32, 138",
    "10.1080/00031305.1978.10479283",
)
STIJNEN = Reference(
    "stijnen2010",
    "Stijnen, Hamza & Özdemir",
    2010,
    "Random effects meta-analysis of event outcome in the framework of the "
    "generalized linear mixed model",
    "Statistics in Medicine, 29, 3046–3067",
    "10.1002/sim.4040",
)
ROTHMAN = Reference(
    "rothman2008",
    "Rothman, Greenland & Lash",
    2008,
    "Modern epidemiology",
    "3rd ed., Lippincott Williams & Wilkins",
)
ZOU = Reference(
    "zou2007",
    "Zou",
    2007,
    "One relative risk versus two odds ratios: matched pairs",
    "Statistics in Medicine, 26, 5035–5047",
)
CURTIN = Reference(
    "curtin2002",
    "Curtin, Elbourne & Altman",
    2002,
    "Meta-analysis combining parallel and cross-over clinical trials. II: Binary outcomes",
    "Statistics in Medicine, 21, 2145–2159",
    "10.1002/sim.1206",
)
ELBOURNE = Reference(
    "elbourne2002",
    "Elbourne et al.",
    2002,
    "Meta-analyses involving cross-over trials: methodological issues",
    "International Journal of Epidemiology, 31, 140–149",
    "10.1093/ije/31.1.140",
)
BONETT2002 = Reference(
    "bonett2002",
    "Bonett",
    2002,
    "Sample size requirements for testing and estimating coefficient alpha",
    "Journal of Educational and Behavioral Statistics, 27, 335–340",
    "10.3102/10769986027004335",
)
BONETT2010 = Reference(
    "bonett2010",
    "Bonett",
    2010,
    "Varying coefficient meta-analytic methods for alpha reliability",
    "Psychological Methods, 15, 368–385",
    "10.1037/a0020142",
)
HAKSTIAN = Reference(
    "hakstian1976",
    "Hakstian & Whalen",
    1976,
    "A k-sample significance test for independent alpha coefficients",
    "Psychometrika, 41, 219–231",
    "10.1007/BF02291840",
)
PARMAR = Reference(
    "parmar1998",
    "Parmar, Torri & Stewart",
    1998,
    "Extracting summary statistics to perform meta-analyses of the published "
    "literature for survival endpoints",
    "Statistics in Medicine, 17, 2815–2834",
    "10.1002/(SICI)1097-0258(19981230)17:24<2815::AID-SIM110>3.0.CO;2-8",
)
TIERNEY = Reference(
    "tierney2007",
    "Tierney et al.",
    2007,
    "Practical methods for incorporating summary time-to-event data into meta-analysis",
    "Trials, 8, 16",
    "10.1186/1745-6215-8-16",
)
