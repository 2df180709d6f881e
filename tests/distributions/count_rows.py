"""Rows of counts and of vectors of probabilities: see `distribution_rows`."""

from __future__ import annotations

from typing import Any

import numpy as np
from distribution_rows import Params, Row, grid, log_beta
from distribution_rows import power as log_power
from mpmath import mp, mpf
from scipy import stats
from scipy.special import expit


def _chances(logits: Any, probs: Any) -> tuple[Any, Any]:
    """Of a success and of a failure."""
    if probs is not None:
        return probs, 1 - probs
    return 1 / (1 + mp.exp(-logits)), 1 / (1 + mp.exp(logits))


def _probs(logits: Any = None, probs: Any = None) -> Any:
    return expit(logits) if probs is None else probs


def _count(x: Any) -> bool:
    return x >= 0 and x == mp.floor(x)


def _log_choose(n: Any, x: Any) -> Any:
    return mp.loggamma(n + 1) - mp.loggamma(x + 1) - mp.loggamma(n - x + 1)


def _binomial(x: Any, total_count: Any, logits: Any = None, probs: Any = None) -> Any:
    one, zero = _chances(logits, probs)
    if not _count(x) or x > total_count or min(one, zero) < 0:
        return mpf("-inf")
    ways = _log_choose(total_count, x)
    return ways + log_power(one, x) + log_power(zero, total_count - x)


def _beta_binomial(x: Any, total_count: Any, concentration1: Any, concentration0: Any) -> Any:
    a, b = concentration1, concentration0
    if not _count(x) or x > total_count:
        return mpf("-inf")
    return _log_choose(total_count, x) + log_beta(x + a, total_count - x + b) - log_beta(a, b)


def _negative_binomial(x: Any, total_count: Any, logits: Any = None, probs: Any = None) -> Any:
    one, zero = _chances(logits, probs)
    if not _count(x):
        return mpf("-inf")
    r = total_count
    ways = mp.loggamma(x + r) - mp.loggamma(x + 1) - mp.loggamma(r)
    return ways + log_power(one, x) + log_power(zero, r)


def _geometric(x: Any, logits: Any = None, probs: Any = None) -> Any:
    one, zero = _chances(logits, probs)
    return mp.log(one) + log_power(zero, x) if _count(x) else mpf("-inf")


def _geometric_entropy(logits: Any = None, probs: Any = None) -> Any:
    one, zero = _chances(logits, probs)
    return -(one * mp.log(one) + zero * mp.log(zero)) / one


def _dirichlet(x: Any, concentration: Any) -> Any:
    if min(x) < 0:
        return mpf("-inf")
    norm = mp.loggamma(sum(concentration)) - sum(map(mp.loggamma, concentration))
    return norm + sum(log_power(v, a - 1) for v, a in zip(x, concentration, strict=True))


def _dirichlet_entropy(concentration: Any) -> Any:
    n = sum(concentration)
    norm = sum(map(mp.loggamma, concentration)) - mp.loggamma(n)
    slopes = sum((a - 1) * mp.digamma(a) for a in concentration)
    return norm + (n - len(concentration)) * mp.digamma(n) - slopes


class _Marginals:
    """The Beta that each element of a Dirichlet has."""

    def __init__(self, concentration: Any) -> None:
        self.a = np.array(concentration)
        self.beta = stats.beta(self.a, self.a.sum() - self.a)

    def cdf(self, x: Any) -> Any:
        return self.beta.cdf(x)

    def mean(self) -> Any:
        return stats.dirichlet(self.a).mean()

    def var(self) -> Any:
        return stats.dirichlet(self.a).var()


def _counts(p: Params) -> list[float]:
    return [-1.0, 0.0, 0.5, 1.0, 2.0, 5.0, 30.0, 300.0]


ROWS = (
    Row(
        "Binomial",
        [
            *grid(total_count=(1.0, 5.0, 40.0, 1e4), logits=(-3.0, 0.4, 20.0)),
            *grid(total_count=(0.0, 40.0), probs=(0.0, 1e-6, 0.3, 1.0)),
        ],
        _binomial,
        lambda total_count, logits=None, probs=None: stats.binom(
            total_count, _probs(logits, probs)
        ),
        points=lambda p: [*_counts(p), p["total_count"], p["total_count"] - 1],
        draws=[{"total_count": 30.0, "logits": -1.0}, {"total_count": 6.0, "probs": 0.7}],
        quantiles=False,
    ),
    Row(
        "BetaBinomial",
        grid(total_count=(1.0, 25.0), concentration1=(0.3, 4.0), concentration0=(1.0, 20.0)),
        _beta_binomial,
        lambda total_count, concentration1, concentration0: stats.betabinom(
            total_count, concentration1, concentration0
        ),
        points=lambda p: [*_counts(p), p["total_count"]],
        draws=[{"total_count": 10.0, "concentration1": 1.5, "concentration0": 4.0}],
        quantiles=False,
    ),
    Row(
        "NegativeBinomial",
        [
            *grid(total_count=(0.4, 3.0, 60.0), logits=(-3.0, 0.4, 5.0)),
            *grid(total_count=(3.0, 1e4), probs=(1e-6, 0.3, 0.9)),
        ],
        _negative_binomial,
        lambda total_count, logits=None, probs=None: stats.nbinom(
            total_count, 1 - _probs(logits, probs)
        ),
        points=_counts,
        draws=[{"total_count": 3.0, "logits": 0.5}, {"total_count": 0.7, "probs": 0.6}],
        quantiles=False,
    ),
    Row(
        "Geometric",
        [*grid(logits=(-8.0, 0.0, 3.0)), *grid(probs=(1e-4, 0.3, 0.9))],
        _geometric,
        lambda logits=None, probs=None: stats.geom(_probs(logits, probs), loc=-1),
        points=_counts,
        entropy=_geometric_entropy,
        draws=[{"logits": -1.0}, {"probs": 0.3}],
        quantiles=False,
    ),
    Row(
        "Dirichlet",
        grid(concentration=((0.3, 1.0, 4.0), (1.0, 1.0, 1.0), (300.0, 20.0, 1e4))),
        _dirichlet,
        _Marginals,
        points=lambda _: [(0.25, 0.25, 0.5), (0.0625, 0.0, 0.9375), (-0.5, 0.75, 0.75)],
        entropy=_dirichlet_entropy,
        draws=[{"concentration": (0.5, 1.0, 6.0)}],
        quantiles=False,
    ),
)
