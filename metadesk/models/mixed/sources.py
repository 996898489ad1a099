"""Where the methods for trial rows come from."""

from __future__ import annotations

from metadesk.references import Reference

LAIRD = Reference(
    "laird1982", "Laird & Ware", 1982, "Random-effects models for longitudinal data",
    "Biometrics 38, 963–974", "10.2307/2529876",
)  # fmt: skip
KENWARD_ROGER = Reference(
    "kenward1997", "Kenward & Roger", 1997,
    "Small sample inference for fixed effects from restricted maximum likelihood",
    "Biometrics 53, 983–997", "10.2307/2533558",
)  # fmt: skip
PINHEIRO = Reference(
    "pinheiro1995", "Pinheiro & Bates", 1995,
    "Approximations to the log-likelihood function in the nonlinear mixed-effects model",
    "Journal of Computational and Graphical Statistics 4, 12–35",
)  # fmt: skip
HILLS_ARMITAGE = Reference(
    "hills1979", "Hills & Armitage", 1979, "The two-period cross-over clinical trial",
    "British Journal of Clinical Pharmacology 8, 7–20",
)  # fmt: skip
KOCH = Reference(
    "koch1972", "Koch", 1972,
    "The use of non-parametric methods in the statistical analysis of the two-period change-over "
    "design",
    "Biometrics 28, 577–584", "10.2307/2556170",
)  # fmt: skip
FREEMAN = Reference(
    "freeman1989", "Freeman", 1989,
    "The performance of the two-stage analysis of two-treatment, two-period crossover trials",
    "Statistics in Medicine 8, 1421–1432",
)  # fmt: skip
GART = Reference(
    "gart1969", "Gart", 1969,
    "An exact test for comparing matched proportions in crossover designs",
    "Biometrika 56, 75–80",
)  # fmt: skip
PRESCOTT = Reference(
    "prescott1981", "Prescott", 1981, "The comparison of success rates in cross-over trials in the "
    "presence of an order effect", "Applied Statistics 30, 9–15",
)  # fmt: skip
EMA = Reference(
    "ema2010", "European Medicines Agency", 2010,
    "Guideline on the investigation of bioequivalence", "CPMP/EWP/QWP/1401/98 Rev. 1",
)  # fmt: skip
ARAUJO = Reference(
    "araujo2016", "Araujo, Julious & Senn", 2016,
    "Understanding variation in sets of N-of-1 trials", "PLoS ONE 11, e0167167",
    "10.1371/journal.pone.0167167",
)  # fmt: skip
EDGINGTON = Reference(
    "edgington2007", "Edgington & Onghena", 2007, "Randomization tests", "Chapman & Hall/CRC",
)  # fmt: skip
ELBOURNE = Reference(
    "elbourne2002", "Elbourne et al.", 2002,
    "Meta-analyses involving cross-over trials: methodological issues",
    "International Journal of Epidemiology 31, 140–149", "10.1093/ije/31.1.140",
)  # fmt: skip
