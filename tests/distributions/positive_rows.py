"""Rows of families of extremes and of half lines: see `distribution_rows`."""

from __future__ import annotations

from typing import Any

import numpy as np
from distribution_rows import (
    LOCATIONS,
    Params,
    Row,
    gamma,
    gamma_entropy,
    grid,
    half,
    normal,
    student_t,
)
from distribution_rows import power as log_power
from mpmath import mp, mpf
from scipy import stats


def _near(p: Params) -> list[float]:
    """Points up to sixty scales away."""
    return [p["loc"] + z * p["scale"] for z in (-60.0, -1.0, 0.0, 1.0, 60.0)]


def _logistic(x: Any, loc: Any, scale: Any) -> Any:
    z = abs(x - loc) / scale
    return -z - 2 * mp.log1p(mp.exp(-z)) - mp.log(scale)


def _gumbel(x: Any, loc: Any, scale: Any) -> Any:
    z = (x - loc) / scale
    return -(z + mp.exp(-z)) - mp.log(scale)


def _moyal(x: Any, loc: Any, scale: Any) -> Any:
    z = (x - loc) / scale
    return -(z + mp.exp(-z)) / 2 - mp.log(scale) - mp.log(2 * mp.pi) / 2


def _weibull(x: Any, concentration: Any, scale: Any) -> Any:
    if x < 0:
        return mpf("-inf")
    k = concentration
    power = (x / scale) ** k if x else mpf(0)
    return mp.log(k / scale) + log_power(x / scale, k - 1) - power


def _pareto(x: Any, concentration: Any, scale: Any) -> Any:
    a = concentration
    return mp.log(a) + a * mp.log(scale) - (a + 1) * mp.log(x) if x >= scale else mpf("-inf")


def _inverse_gaussian(x: Any, loc: Any, concentration: Any) -> Any:
    if x <= 0:
        return mpf("-inf")
    k = concentration
    return mp.log(k / (2 * mp.pi * x**3)) / 2 - k * (x - loc) ** 2 / (2 * loc**2 * x)


def _half_student_t(df: float, loc: float, scale: float) -> Any:
    return _Folded(stats.t(df), loc, scale)


class _Folded:
    """loc + scale |t| of a symmetric t."""

    def __init__(self, base: Any, loc: float, scale: float) -> None:
        self.base, self.loc, self.scale = base, loc, scale

    def cdf(self, x: Any) -> Any:
        return 2 * self.base.cdf((x - self.loc) / self.scale) - 1

    def pdf(self, x: Any) -> Any:
        return 2 * self.base.pdf((x - self.loc) / self.scale) / self.scale

    def ppf(self, q: Any) -> Any:
        return self.loc + self.scale * self.base.ppf(0.5 + 0.5 * np.asarray(q))


def _truncated_normal(x: Any, loc: Any, scale: Any, low: Any, high: Any) -> Any:
    if not low <= x <= high:
        return mpf("-inf")
    a, b = ((end - loc) / scale / mp.sqrt(2) for end in (low, high))
    if a > 0:  # by the complement, which does not cancel
        a, b = -b, -a
    mass = (mp.erfc(-b) - mp.erfc(-a)) / 2
    return normal(x, loc, scale) - mp.log(mass)


TRUNCATED: tuple[Params, ...] = (
    {"loc": 0.0, "scale": 1.0, "low": -2.0, "high": 0.5},
    {"loc": -3.0, "scale": 0.5, "low": -2.0, "high": 6.0},
    {"loc": 1.0, "scale": 0.75, "low": 0.75, "high": 1.25},
    {"loc": 9.0, "scale": 1.0, "low": -4.0, "high": -2.0},
)


def _truncated_points(p: Params) -> list[float]:
    low, high = p["low"], p["high"]
    inside = [low + share * (high - low) for share in (0.01, 0.3, 0.7, 0.99)]
    return [low - 1, high + 1, *inside, *([low, high] if p["loc"] == 0 else [])]


def _truncated_scipy(loc: float, scale: float, low: float, high: float) -> Any:
    return stats.truncnorm((low - loc) / scale, (high - loc) / scale, loc, scale)


ROWS = (
    Row(
        "TruncatedNormal",
        TRUNCATED,
        _truncated_normal,
        _truncated_scipy,
        # on an end the reference knows no derivative in x, and so not how much it is magnified
        points=_truncated_points,
        quantiles=False,
        draws=TRUNCATED[:3],
    ),
    Row(
        "Logistic",
        LOCATIONS[:3],
        _logistic,
        stats.logistic,
        points=_near,
        entropy=lambda loc, scale: mp.log(scale) + 2,
    ),
    Row(
        "Gumbel",
        LOCATIONS[:3],
        _gumbel,
        stats.gumbel_r,
        points=_near,
        entropy=lambda loc, scale: mp.log(scale) + 1 + mp.euler,
    ),
    Row(
        "Moyal",
        LOCATIONS[:3],
        _moyal,
        stats.moyal,
        points=_near,
        entropy=lambda loc, scale: (
            mp.log(scale) + (mp.log(2 * mp.pi) + mp.euler + mp.log(2) + 1) / 2
        ),
    ),
    Row(
        "Weibull",
        grid(concentration=(0.3, 1.0, 4.0, 30.0), scale=(1e-8, 2.0, 1e8)),
        _weibull,
        lambda concentration, scale: stats.weibull_min(concentration, scale=scale),
        points=lambda p: [0.0, -1.0, p["scale"], 3 * p["scale"]],
        entropy=lambda concentration, scale: (
            mp.euler * (1 - 1 / concentration) + mp.log(scale / concentration) + 1
        ),
        draws=grid(concentration=(0.5, 4.0), scale=(2.0,)),
    ),
    Row(
        "Pareto",
        grid(concentration=(0.3, 1.5, 20.0), scale=(1e-4, 1.0, 1e4)),
        _pareto,
        lambda concentration, scale: stats.pareto(concentration, scale=scale),
        points=lambda p: [0.0, p["scale"], 0.9 * p["scale"], 1e6 * p["scale"]],
        entropy=lambda concentration, scale: mp.log(scale / concentration) + 1 + 1 / concentration,
        draws=grid(concentration=(0.5, 4.0), scale=(2.0,)),
    ),
    Row(
        "Chi2",
        grid(df=(0.5, 1.0, 7.0, 1e4)),
        lambda x, df: gamma(x, df / 2, mpf(1) / 2),
        stats.chi2,
        points=lambda p: [0.0, -1.0, p["df"], 3 * p["df"]],
        entropy=lambda df: gamma_entropy(df / 2, mpf(1) / 2),
        draws=grid(df=(0.8, 7.0)),
    ),
    Row(
        "HalfStudentT",
        [{"df": df, **p} for df in (0.5, 4.0, 1e4) for p in LOCATIONS[:3]],
        half(student_t, lambda p: p["loc"]),
        _half_student_t,
        points=_near,
        draws=[{"df": df, "loc": -1.0, "scale": 2.5} for df in (1.0, 3.5)],
    ),
    Row(
        "InverseGaussian",
        grid(loc=(0.02, 1.0, 300.0), concentration=(0.1, 2.0, 50.0)),
        _inverse_gaussian,
        lambda loc, concentration: stats.invgauss(loc / concentration, scale=concentration),
        points=lambda p: [0.0, -1.0, p["loc"], 0.1 * p["loc"], 4 * p["loc"]],
        draws=grid(loc=(0.5, 3.0), concentration=(2.0,)),
    ),
)
