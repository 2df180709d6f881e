"""One row for each distribution: its density in arbitrary precision, and where to try it.

The densities here are the textbook's, written with mpmath in 100 digits: what cancels in floating
point does not matter to them. Parameters and points are rounded to float32 first, so that float32,
float64 and the reference see the same numbers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mpmath import mp, mpf
from scipy import stats
from scipy.special import expit

mp.dps = 100

Params = Mapping[str, Any]
LEVELS = (1e-12, 1e-4, 0.05, 0.3, 0.5, 0.7, 0.95, 1 - 1e-4, 1 - 1e-9)


@dataclass(frozen=True, eq=False)
class Row:
    """How to test one distribution."""

    name: str
    params: Sequence[Params]
    log_density: Callable[..., Any]  # of x and the parameters, in mpmath
    frozen: Callable[..., Any]  # of the parameters: a SciPy distribution
    points: Callable[[Params], Sequence[Any]] = lambda _: ()  # beyond the quantiles
    entropy: Callable[..., Any] | None = None  # the textbook's, in mpmath
    draws: Sequence[Params] = field(default=())  # where draws are compared; else all `params`
    quantiles: bool = True
    correlation: Callable[..., Any] | None = None  # of a vector's elements; None: there is none

    def cases(self) -> list[tuple[Any, Params]]:
        """Points and parameters, exactly representable in float32."""
        found = []
        for given in self.params:
            params = {name: single(value) for name, value in given.items()}
            xs = list(self.points(params))
            if self.quantiles:
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    # SciPy warns where it does not find a quantile: then it is any point
                    warnings.simplefilter("ignore")
                    xs += [q for q in self.frozen(**params).ppf(LEVELS) if np.isfinite(q)]
            found += [(x, params) for x in dict.fromkeys(map(single, xs)) if np.all(_normal(x))]
        return found


def _normal(x: Any) -> Any:
    """Whether a number is finite and not subnormal in float32: processors flush those to 0."""
    return np.isfinite(x) & ((np.abs(x) >= np.finfo(np.float32).tiny) | np.equal(x, 0))


def single(x: Any) -> Any:
    """`x` rounded to float32, as a Python number; tuples elementwise."""
    if isinstance(x, tuple):
        return tuple(single(v) for v in x)
    if isinstance(x, int):
        return x
    with np.errstate(all="ignore"):
        return float(np.float32(x))


def grid(**values: Sequence[Any]) -> list[dict[str, Any]]:
    """The product of the values."""
    rows: list[dict[str, Any]] = [{}]
    for name, choices in values.items():
        rows = [{**row, name: choice} for row in rows for choice in choices]
    return rows


# --- location and scale --------------------------------------------------------------------------

# The last two lose digits in x - loc, or have none to lose: densities are tried there, not draws.
LOCATIONS: Sequence[Params] = (
    {"loc": 0.0, "scale": 1.0},
    {"loc": -3.7, "scale": 0.02},
    {"loc": 1e4, "scale": 250.0},
    {"loc": 0.3, "scale": 1e-12},
    {"loc": -2.0, "scale": 1e12},
)


def _beyond(p: Params) -> list[float]:
    """Points up to a million scales away, and the mode."""
    return [p["loc"] + z * p["scale"] for z in (-1e6, -60.0, -1.0, 0.0, 1.0, 60.0, 1e6)]


def _far(p: Params) -> list[float]:
    """Points as far as float32 goes."""
    return [*_beyond(p), -1e30, 1e30, 1e-30]


def normal(x: Any, loc: Any, scale: Any) -> Any:
    return -(((x - loc) / scale) ** 2) / 2 - mp.log(scale) - mp.log(2 * mp.pi) / 2


def student_t(x: Any, df: Any, loc: Any, scale: Any) -> Any:
    z = (x - loc) / scale
    norm = mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - mp.log(df * mp.pi) / 2
    return norm - mp.log(scale) - (df + 1) / 2 * mp.log1p(z**2 / df)


def student_t_entropy(df: Any, loc: Any, scale: Any) -> Any:
    half = (df + 1) / 2
    slope = mp.digamma(half) - mp.digamma(df / 2)
    return half * slope + mp.log(df) / 2 + mp.log(mp.beta(df / 2, mpf(1) / 2)) + mp.log(scale)


# --- half lines ----------------------------------------------------------------------------------

RATES = (1e-30, 1e-3, 1.0, 40.0, 1e30)


def half(log_density: Callable[..., Any], low: Callable[[Params], Any]) -> Callable[..., Any]:
    """Twice the density from `low` upwards."""

    def density(x: Any, **p: Any) -> Any:
        return mp.log(2) + log_density(x, **p) if x >= low(p) else mpf("-inf")

    return density


def cauchy(x: Any, loc: Any, scale: Any) -> Any:
    return -mp.log(mp.pi * scale) - mp.log1p(((x - loc) / scale) ** 2)


def exponential(x: Any, rate: Any) -> Any:
    return mp.log(rate) - rate * x if x >= 0 else mpf("-inf")


# --- gamma and beta ------------------------------------------------------------------------------

CONCENTRATIONS = (1e-6, 1e-2, 0.7, 1.0, 3.0, 7.99, 8.0, 30.0, 1e4, 1e8)


def power(x: Any, k: Any) -> Any:
    """log(x**k)."""
    if x == 0:
        return mpf(0) if k == 0 else -mp.sign(k) * mp.inf
    return k * mp.log(x)


def gamma(x: Any, concentration: Any, rate: Any = None, log_rate: Any = None) -> Any:
    a = concentration
    rate = mp.exp(log_rate) if rate is None else rate
    if x < 0:
        return mpf("-inf")
    return a * mp.log(rate) + power(x, a - 1) - rate * x - mp.loggamma(a)


def gamma_entropy(concentration: Any, rate: Any = None, log_rate: Any = None) -> Any:
    a = concentration
    log_rate = mp.log(rate) if log_rate is None else log_rate
    return a - log_rate + mp.loggamma(a) + (1 - a) * mp.digamma(a)


def gamma_scipy(concentration: Any, rate: Any = None, log_rate: Any = None) -> Any:
    scale = np.exp(-log_rate) if rate is None else 1 / rate
    return stats.gamma(concentration, scale=scale)


def gamma_points(p: Params) -> list[float]:
    rate = p["rate"] if "rate" in p else np.exp(p["log_rate"])
    mean = p["concentration"] / rate
    return [0.0, -1.0, *(mean * f for f in (1e-6, 0.01, 0.4, 1 - 1e-4, 1 + 1e-3, 1.7, 300.0))]


def inverse_gamma(x: Any, concentration: Any, scale: Any) -> Any:
    a = concentration
    if x <= 0:
        return mpf("-inf")
    return a * mp.log(scale) - mp.loggamma(a) - (a + 1) * mp.log(x) - scale / x


def inverse_gamma_entropy(concentration: Any, scale: Any) -> Any:
    a = concentration
    return a + mp.log(scale) + mp.loggamma(a) - (1 + a) * mp.digamma(a)


def log_beta(a: Any, b: Any) -> Any:
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def beta(x: Any, concentration1: Any, concentration0: Any) -> Any:
    a, b = concentration1, concentration0
    if not 0 <= x <= 1:
        return mpf("-inf")
    return power(x, a - 1) + power(1 - x, b - 1) - log_beta(a, b)


def beta_entropy(concentration1: Any, concentration0: Any) -> Any:
    a, b = concentration1, concentration0
    slopes = (a - 1) * mp.digamma(a) + (b - 1) * mp.digamma(b)
    return log_beta(a, b) - slopes + (a + b - 2) * mp.digamma(a + b)


def beta_points(p: Params) -> list[float]:
    mean = p["concentration1"] / (p["concentration1"] + p["concentration0"])
    return [0.0, 1.0, -0.1, 1.1, 1e-30, 1e-7, 0.5, 1 - 1e-6, mean * 0.99, mean]


def uniform(x: Any, low: Any, high: Any) -> Any:
    return -mp.log(high - low) if low <= x <= high else mpf("-inf")


# --- discrete ------------------------------------------------------------------------------------


def bernoulli(x: Any, logits: Any = None, probs: Any = None) -> Any:
    if x not in (0, 1):
        return mpf("-inf")
    one = probs if logits is None else 1 / (1 + mp.exp(-logits))
    chance = one if x == 1 else (1 - one if logits is None else 1 / (1 + mp.exp(logits)))
    return mp.log(chance) if chance > 0 else mpf("-inf")


def bernoulli_entropy(logits: Any = None, probs: Any = None) -> Any:
    chances = [mp.exp(bernoulli(x, logits, probs)) for x in (0, 1)]
    return -sum(c * mp.log(c) for c in chances if c > 0)


def _chances(logits: Any, probs: Any) -> list[Any]:
    weights = [mp.exp(v) for v in logits] if probs is None else list(probs)
    return [w / sum(weights) for w in weights]


def categorical(x: Any, logits: Any = None, probs: Any = None) -> Any:
    chances = _chances(logits, probs)
    if not 0 <= x < len(chances) or chances[x] <= 0:
        return mpf("-inf")
    return mp.log(chances[x])


def categorical_entropy(logits: Any = None, probs: Any = None) -> Any:
    return -sum(c * mp.log(c) for c in _chances(logits, probs) if c > 0)


def categorical_scipy(logits: Any = None, probs: Any = None) -> Any:
    chances = [float(c) for c in _chances(logits, probs)]
    return stats.rv_discrete(values=(range(len(chances)), chances))


def poisson(x: Any, rate: Any = None, log_rate: Any = None) -> Any:
    rate = mp.exp(log_rate) if rate is None else rate
    if x < 0 or x != mp.floor(x):
        return mpf("-inf")
    return power(rate, x) - rate - mp.loggamma(x + 1)


def poisson_points(p: Params) -> list[float]:
    rate = p["rate"] if "rate" in p else np.exp(p["log_rate"])
    near = [float(np.floor(rate * f)) for f in (0.01, 0.9, 1, 1.1, 30)]
    return [-1.0, 0.0, 0.5, 1.0, 7.0, 8.0, 9.0, 100.0, 1e6, *near]


def poisson_scipy(rate: Any = None, log_rate: Any = None) -> Any:
    return stats.poisson(np.exp(log_rate) if rate is None else rate)


def normal_diag(x: Any, loc: Any, scale_diag: Any) -> Any:
    return sum(normal(*each) for each in zip(x, loc, scale_diag, strict=True))


# --- the table -----------------------------------------------------------------------------------

ROWS = (
    Row(
        "Normal",
        LOCATIONS,
        normal,
        stats.norm,
        points=_beyond,
        entropy=lambda loc, scale: mp.log(2 * mp.pi * mp.e * scale**2) / 2,
        draws=LOCATIONS[:3],
    ),
    Row(
        "Laplace",
        LOCATIONS,
        lambda x, loc, scale: -abs(x - loc) / scale - mp.log(2 * scale),
        stats.laplace,
        points=_far,
        entropy=lambda loc, scale: 1 + mp.log(2 * scale),
        draws=LOCATIONS[:3],
    ),
    Row(
        "Cauchy",
        LOCATIONS,
        cauchy,
        stats.cauchy,
        points=_far,
        entropy=lambda loc, scale: mp.log(4 * mp.pi * scale),
        draws=LOCATIONS[:3],
    ),
    Row(
        "StudentT",
        [
            {"df": df, **p}
            for df in (1e-2, 0.5, 1.0, 2.5, 4.0, 30.0, 1e4, 1e8)
            for p in LOCATIONS[:3]
        ],
        student_t,
        stats.t,
        points=_far,
        entropy=student_t_entropy,
        draws=[{"df": df, "loc": -1.0, "scale": 2.5} for df in (0.1, 1.0, 3.5, 200.0, 1e6)],
    ),
    Row(
        "Exponential",
        grid(rate=RATES),
        exponential,
        lambda rate: stats.expon(scale=1 / rate),
        points=lambda p: [0.0, -1.0, 50 / p["rate"], 1e6 / p["rate"]],
        entropy=lambda rate: 1 - mp.log(rate),
    ),
    Row(
        "HalfNormal",
        grid(scale=(1e-12, 0.3, 1.0, 1e12)),
        half(lambda x, scale: normal(x, 0, scale), lambda p: 0),
        lambda scale: stats.halfnorm(scale=scale),
        points=lambda p: [0.0, -1.0, 60 * p["scale"], 1e6 * p["scale"]],
        entropy=lambda scale: mp.log(mp.pi * scale**2 / 2) / 2 + mpf(1) / 2,
    ),
    Row(
        "HalfCauchy",
        LOCATIONS,
        half(cauchy, lambda p: p["loc"]),
        stats.halfcauchy,
        points=_far,
        entropy=lambda loc, scale: mp.log(2 * mp.pi * scale),
        draws=LOCATIONS[:3],
    ),
    Row(
        "Gamma",
        [
            *grid(concentration=CONCENTRATIONS, rate=(1e-30, 0.2, 1e30)),
            *grid(concentration=(1e-6, 3.0, 1e4), log_rate=(-60.0, 0.5, 60.0)),
        ],
        gamma,
        gamma_scipy,
        points=gamma_points,
        entropy=gamma_entropy,
        draws=[
            *grid(concentration=(0.3, 1.0, 5.0, 1e3), rate=(1e-20, 2.0)),
            *grid(concentration=(2.0,), log_rate=(-3.0,)),
        ],
    ),
    Row(
        "InverseGamma",
        grid(concentration=CONCENTRATIONS, scale=(1e-20, 0.2, 1e20)),
        inverse_gamma,
        lambda concentration, scale: stats.invgamma(concentration, scale=scale),
        points=lambda p: [0.0, -1.0, *(p["scale"] * f for f in (1e-12, 1e-3, 0.12, 1.0, 1e15))],
        entropy=inverse_gamma_entropy,
        draws=grid(concentration=(0.3, 1.0, 5.0, 1e3), scale=(1e-10, 2.0)),
    ),
    Row(
        "Beta",
        grid(concentration1=CONCENTRATIONS, concentration0=(1e-6, 0.5, 1.0, 3.0, 20.0, 1e6, 1e8)),
        beta,
        lambda concentration1, concentration0: stats.beta(concentration1, concentration0),
        points=beta_points,
        entropy=beta_entropy,
        draws=grid(concentration1=(0.3, 1.0, 40.0), concentration0=(0.5, 2.0, 1e3)),
    ),
    Row(
        "Uniform",
        ({"low": 0.0, "high": 1.0}, {"low": -1e30, "high": 1e30}, {"low": 3.0, "high": 3.001}),
        uniform,
        lambda low, high: stats.uniform(low, high - low),
        points=lambda p: [p["low"], p["high"], 2 * p["low"] - p["high"], 2 * p["high"] - p["low"]],
        entropy=lambda low, high: mp.log(high - low),
    ),
    Row(
        "Bernoulli",
        [
            *grid(logits=(-1e4, -80.0, -2.0, 0.0, 0.4, 30.0, 1e4)),
            *grid(probs=(0.0, 1e-30, 0.2, 0.5, 0.999999, 1.0)),
        ],
        bernoulli,
        lambda logits=None, probs=None: stats.bernoulli(expit(logits) if probs is None else probs),
        points=lambda _: [0, 1, 2, -1],
        entropy=bernoulli_entropy,
        draws=[{"logits": -0.5}, {"probs": 0.2}, {"probs": 0.0}, {"probs": 1.0}],
        quantiles=False,
    ),
    Row(
        "Categorical",
        [
            *grid(logits=((0.0, 0.0, 0.0), (-300.0, 2.0, 500.0), (1.0, 2.0, 3.0))),
            *grid(probs=((0.0, 0.25, 0.75), (1.0, 0.0, 0.0), (1e-30, 0.5, 0.5))),
        ],
        categorical,
        categorical_scipy,
        points=lambda _: [0, 1, 2, 3, -1],
        entropy=categorical_entropy,
        draws=[{"logits": (0.5, -1.0, 2.0)}, {"probs": (0.0, 0.25, 0.75)}],
        quantiles=False,
    ),
    Row(
        "Poisson",
        [*grid(rate=(1e-30, 0.1, 3.0, 50.0, 1e4, 1e8, 1e30)), *grid(log_rate=(-60.0, 1.0, 20.0))],
        poisson,
        poisson_scipy,
        points=poisson_points,
        draws=[{"rate": 0.1}, {"rate": 3.0}, {"log_rate": 4.0}],
    ),
    Row(
        "MultivariateNormalDiag",
        (
            {"loc": (0.0, 1.0), "scale_diag": (1.0, 2.0)},
            {"loc": (1e4, -3.0), "scale_diag": (1e3, 1e-6)},
        ),
        normal_diag,
        lambda loc, scale_diag: stats.norm(loc, scale_diag),
        points=lambda p: [
            tuple(m + z * s for m, s in zip(p["loc"], p["scale_diag"], strict=True))
            for z in (-60.0, -1.0, 0.0, 0.3)
        ],
        entropy=lambda loc, scale_diag: sum(
            mp.log(2 * mp.pi * mp.e * s**2) / 2 for s in scale_diag
        ),
        quantiles=False,
    ),
)
