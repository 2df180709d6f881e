"""Rows of families with shapes besides a location and a scale, and of grades."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from distribution_rows import LOCATIONS, Params, Row, bernoulli, grid
from distribution_rows import power as log_power
from mpmath import mp, mpf
from scipy import special, stats


def _near(p: Params) -> list[float]:
    return [p["loc"] + z * p["scale"] for z in (-60.0, -1.0, -1e-3, 0.3, 1.0, 60.0)]


def _generalized(x: Any, loc: Any, scale: Any, power: Any) -> Any:
    size = abs(x - loc) / scale
    tail = size**power if size else mpf(0)
    return -tail - mp.log(2 * scale * mp.gamma(1 + 1 / power))


def _johnson(x: Any, skewness: Any, tailweight: Any, loc: Any, scale: Any) -> Any:
    w = (x - loc) / scale
    z = skewness + tailweight * mp.asinh(w)
    return mp.log(tailweight / scale) - mp.log1p(w**2) / 2 - z**2 / 2 - mp.log(2 * mp.pi) / 2


def _exp_gamma(x: Any, concentration: Any, rate: Any = None, log_rate: Any = None) -> Any:
    log_rate = mp.log(rate) if log_rate is None else log_rate
    y = x + log_rate
    return concentration * y - mp.exp(y) - mp.loggamma(concentration)


def _chi(x: Any, df: Any) -> Any:
    if x < 0:
        return mpf("-inf")
    return log_power(x, df - 1) - x**2 / 2 - (df / 2 - 1) * mp.log(2) - mp.loggamma(df / 2)


def _log_logistic(x: Any, loc: Any, scale: Any) -> Any:
    if x <= 0:
        return mpf("-inf")
    z = abs((mp.log(x) - loc) / scale)
    return -z - 2 * mp.log1p(mp.exp(-z)) - mp.log(scale) - mp.log(x)


def _kumaraswamy(x: Any, concentration1: Any, concentration0: Any) -> Any:
    if not 0 <= x <= 1:
        return mpf("-inf")
    a, b = concentration1, concentration0
    return mp.log(a * b) + log_power(x, a - 1) + log_power(1 - x**a, b - 1)


class Kumaraswamy:
    """SciPy has none."""

    def __init__(self, concentration1: float, concentration0: float) -> None:
        self.a, self.b = concentration1, concentration0

    def cdf(self, x: Any) -> Any:
        return -np.expm1(self.b * np.log1p(-(np.clip(x, 0.0, 1.0) ** self.a)))

    def pdf(self, x: Any) -> Any:
        return self.a * self.b * x ** (self.a - 1) * (1 - x**self.a) ** (self.b - 1)

    def ppf(self, q: Any) -> Any:
        return (-np.expm1(np.log1p(-np.asarray(q)) / self.b)) ** (1 / self.a)


def _kumaraswamy_entropy(concentration1: Any, concentration0: Any) -> Any:
    a, b = concentration1, concentration0
    return 1 - 1 / b + (1 - 1 / a) * (mp.digamma(b + 1) + mp.euler) - mp.log(a * b)


def _probit(x: Any, probits: Any = None, probs: Any = None) -> Any:
    if probits is None:
        return bernoulli(x, probs=probs)
    z = probits if x == 1 else -probits
    return mp.log(mp.erfc(-z / mp.sqrt(2)) / 2) if x in (0, 1) else mpf("-inf")


def _probit_scipy(probits: Any = None, probs: Any = None) -> Any:
    return stats.bernoulli(special.ndtr(probits) if probs is None else probs)


def _grades(cutpoints: Any, loc: Any) -> list[Any]:
    above = [mpf(1), *(1 / (1 + mp.exp(c - loc)) for c in cutpoints), mpf(0)]
    return [a - b for a, b in pairwise(above)]


def _ordered(x: Any, cutpoints: Any, loc: Any) -> Any:
    chances = _grades(cutpoints, loc)
    return mp.log(chances[x]) if 0 <= x < len(chances) else mpf("-inf")


def _ordered_scipy(cutpoints: Any, loc: Any) -> Any:
    chances = [float(c) for c in _grades(map(mpf, cutpoints), mpf(loc))]
    return stats.rv_discrete(values=(range(len(chances)), chances))


GRADES: tuple[Params, ...] = (
    {"cutpoints": (-1.0, 0.5, 2.0), "loc": 0.25},
    {"cutpoints": (-1.0, -0.99, 30.0), "loc": -4.0},
    {"cutpoints": (-60.0, 0.0, 0.5), "loc": 50.0},
    {"cutpoints": (0.75,), "loc": 0.0},
)


ROWS = (
    Row(
        "GeneralizedNormal",
        [{**p, "power": power} for p in LOCATIONS[:3] for power in (0.5, 1.0, 2.0, 7.0)],
        _generalized,
        lambda loc, scale, power: stats.gennorm(power, loc, scale),
        points=lambda p: [p["loc"] + z * p["scale"] for z in (-3.0, -1.0, -1e-3, 0.3, 2.0)],
        entropy=lambda loc, scale, power: 1 / power + mp.log(2 * scale * mp.gamma(1 + 1 / power)),
        draws=[{"loc": -1.0, "scale": 2.0, "power": power} for power in (0.75, 3.0)],
    ),
    Row(
        "JohnsonSU",
        [
            {"skewness": s, "tailweight": t, **p}
            for p in LOCATIONS[:3]
            for s, t in ((0.25, 1.0), (-2.0, 0.75), (1.5, 4.0))
        ],
        _johnson,
        lambda skewness, tailweight, loc, scale: stats.johnsonsu(skewness, tailweight, loc, scale),
        points=_near,
    ),
    Row(
        "ExpGamma",
        [
            *grid(concentration=(0.3, 1.0, 8.0, 1e4), rate=(1e-3, 2.0)),
            *grid(concentration=(0.5, 3.0), log_rate=(-40.0, 1.5)),
        ],
        _exp_gamma,
        lambda concentration, rate=None, log_rate=None: stats.loggamma(
            concentration, loc=-(np.log(rate) if log_rate is None else log_rate)
        ),
        entropy=lambda concentration, rate=None, log_rate=None: (
            mp.loggamma(concentration) + concentration - concentration * mp.digamma(concentration)
        ),
        draws=grid(concentration=(0.5, 4.0), rate=(2.0,)),
    ),
    Row(
        "Chi",
        grid(df=(0.5, 1.0, 7.0, 300.0)),
        _chi,
        stats.chi,
        points=lambda p: [0.0, -1.0, np.sqrt(p["df"]), 3 * np.sqrt(p["df"])],
        draws=grid(df=(0.8, 7.0)),
    ),
    Row(
        "LogLogistic",
        ({"loc": 0.0, "scale": 1.0}, {"loc": -20.0, "scale": 0.02}, {"loc": 3.0, "scale": 2.0}),
        _log_logistic,
        lambda loc, scale: stats.fisk(1 / scale, scale=np.exp(loc)),
        points=lambda p: [0.0, -1.0, np.exp(p["loc"]), 1e-6, 1e6],
        entropy=lambda loc, scale: mp.log(scale) + 2 + loc,
        draws=grid(loc=(0.5,), scale=(0.25, 1.5)),
    ),
    Row(
        "Kumaraswamy",
        grid(concentration1=(0.3, 1.0, 5.0), concentration0=(0.5, 1.0, 20.0)),
        _kumaraswamy,
        Kumaraswamy,
        points=lambda p: [0.0, 1.0, -0.1, 1.1, 1e-30, 1e-7, 0.5, 1 - 2.0**-20],
        entropy=_kumaraswamy_entropy,
        draws=grid(concentration1=(0.75, 3.0), concentration0=(2.0,)),
    ),
    Row(
        "ProbitBernoulli",
        [*grid(probits=(-30.0, -2.0, 0.0, 0.4, 8.0)), *grid(probs=(0.0, 1e-30, 0.2, 1.0))],
        _probit,
        _probit_scipy,
        points=lambda _: [0, 1, 2, -1],
        quantiles=False,
        draws=[*grid(probits=(-1.5, 0.4)), *grid(probs=(0.2,))],
    ),
    Row(
        "OrderedLogistic",
        GRADES,
        _ordered,
        _ordered_scipy,
        points=lambda p: [*range(len(p["cutpoints"]) + 1), -1, 9],
        quantiles=False,
        entropy=lambda cutpoints, loc: -sum(c * mp.log(c) for c in _grades(cutpoints, loc)),
        draws=GRADES[:1],
    ),
)
