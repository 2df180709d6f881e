"""Rows of the Normals that a bijection pushes to half lines and intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from distribution_rows import Row, normal
from mpmath import mp, mpf
from scipy import stats
from scipy.special import expit


class Pushed:
    """A normal pushed through a bijection, given by its inverse."""

    def __init__(
        self, loc: float, scale: float, forward: Callable[..., Any], inverse: Callable[..., Any]
    ) -> None:
        self.base, self.forward, self.inverse = stats.norm(loc, scale), forward, inverse

    def cdf(self, x: Any) -> Any:
        increasing = self.forward(1.0) > self.forward(0.0)
        return (self.base.cdf if increasing else self.base.sf)(self.inverse(x))

    def ppf(self, q: Any) -> Any:
        with np.errstate(over="ignore"):
            return self.forward(self.base.ppf(q))


def pushed(inverse: Callable[..., Any], slope: Callable[..., Any]) -> Callable[..., Any]:
    """The log density of x, log(slope) + that of the normal at the inverse."""

    def density(x: Any, loc: Any, scale: Any, **bounds: Any) -> Any:
        s = slope(x, **bounds)
        if s is None:
            return mpf("-inf")
        return mp.log(s) + normal(inverse(x, **bounds), loc, scale)

    return density


def _interval_slope(x: Any, low: Any = 0, high: Any = 1) -> Any:
    return (high - low) / ((x - low) * (high - x)) if low < x < high else None


def _interval_inverse(x: Any, low: Any = 0, high: Any = 1) -> Any:
    return mp.log((x - low) / (high - x))


ROWS = (
    Row(
        "LogNormal",
        ({"loc": 0.0, "scale": 1.0}, {"loc": -60.0, "scale": 1e-3}, {"loc": 3.0, "scale": 20.0}),
        pushed(mp.log, lambda x: 1 / x if x > 0 else None),
        lambda loc, scale: stats.lognorm(scale, scale=np.exp(loc)),
        draws=({"loc": 0.4, "scale": 1.0}, {"loc": -60.0, "scale": 1e-3}),
        points=lambda p: [0.0, -1.0, 1e-37, 1e-20, 1.0, 1e30],
        entropy=lambda loc, scale: loc + mp.log(2 * mp.pi * mp.e * scale**2) / 2,
    ),
    Row(
        "LogitNormal",
        ({"loc": 0.0, "scale": 1.0}, {"loc": -30.0, "scale": 0.01}, {"loc": 3.0, "scale": 8.0}),
        pushed(_interval_inverse, _interval_slope),
        lambda loc, scale: Pushed(loc, scale, expit, lambda x: np.log(x) - np.log1p(-x)),
        points=lambda p: [0.0, 1.0, -0.5, 1.5, 1e-30, 0.5, 1 - 1e-6],
    ),
    Row(
        "IntervalNormal",
        (
            {"loc": 0.0, "scale": 1.0, "low": -2.0, "high": 5.0},
            {"loc": -6.0, "scale": 3.0, "low": 10.0, "high": 10.5},
        ),
        pushed(_interval_inverse, _interval_slope),
        lambda loc, scale, low, high: Pushed(
            loc,
            scale,
            lambda y: low + (high - low) * expit(y),
            lambda x: np.log(x - low) - np.log(high - x),
        ),
        points=lambda p: [p["low"], p["high"], p["low"] - 1, p["high"] + 1],
    ),
    Row(
        "GreaterThanNormal",
        (
            {"loc": 0.0, "scale": 1.0, "low": -2.0},
            {"loc": 20.0, "scale": 0.01, "low": 1e4},
        ),
        pushed(lambda x, low: mp.log(x - low), lambda x, low: 1 / (x - low) if x > low else None),
        lambda loc, scale, low: Pushed(
            loc, scale, lambda y: low + np.exp(y), lambda x: np.log(x - low)
        ),
        points=lambda p: [p["low"], p["low"] - 1, p["low"] + 1e6, 1e30],
        entropy=lambda loc, scale, low: loc + mp.log(2 * mp.pi * mp.e * scale**2) / 2,
    ),
    Row(
        "LessThanNormal",
        (
            {"loc": 0.0, "scale": 1.0, "high": -2.0},
            {"loc": 20.0, "scale": 0.01, "high": 1e4},
        ),
        pushed(
            lambda x, high: mp.log(high - x), lambda x, high: 1 / (high - x) if x < high else None
        ),
        lambda loc, scale, high: Pushed(
            loc, scale, lambda y: high - np.exp(y), lambda x: np.log(high - x)
        ),
        points=lambda p: [p["high"], p["high"] + 1, p["high"] - 1e6, -1e30],
        entropy=lambda loc, scale, high: loc + mp.log(2 * mp.pi * mp.e * scale**2) / 2,
    ),
)
