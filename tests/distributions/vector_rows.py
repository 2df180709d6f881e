"""Rows of families of vectors but Dirichlet's; matrices are tuples of rows."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from distribution_rows import Params, Row, normal
from mpmath import mp, mpf
from scipy import stats
from scipy.special import softmax

CORRELATED = ((1.0, 7.0), (-0.5, 0.25))  # the 7 is above the diagonal and is not read
SCALES: tuple[Params, ...] = (
    {"loc": (0.0, 1.0), "scale_tril": CORRELATED},
    {"loc": (1e4, -3.0), "scale_tril": ((1e3, 0.0), (1e-3, 1e-6))},
    {"loc": (0.0, 0.5), "scale_tril": ((-2.0, 0.0), (0.5, 3.0))},
    {
        "loc": (0.0, 1.0, 2.0),
        "scale_tril": ((1.0, 0.0, 0.0), (0.5, 2.0, 0.0), (-1.0, 0.25, 0.5)),
    },
)
COVARIANCES: tuple[Params, ...] = (
    {"loc": (0.0, 1.0), "covariance_matrix": ((1.0, -0.5), (-0.5, 0.5))},
    {"loc": (3.0, 1.0), "covariance_matrix": ((100.0, 2.0), (2.0, 0.125))},
    {
        "loc": (0.0, 1.0, 2.0),
        "covariance_matrix": ((1.0, 0.5, 0.0), (0.5, 2.0, 0.25), (0.0, 0.25, 0.5)),
    },
)


def _tril(x: Any, loc: Any, scale_tril: Any) -> Any:
    """By forward substitution."""
    z: list[Any] = []
    for i, row in enumerate(scale_tril):
        rest = x[i] - loc[i] - sum(row[j] * z[j] for j in range(i))
        z.append(rest / row[i])
    logs = sum(mp.log(abs(row[i])) for i, row in enumerate(scale_tril))
    return -sum(v**2 for v in z) / 2 - logs - len(z) * mp.log(2 * mp.pi) / 2


def factor(covariance: Any) -> Any:
    """The factor of the symmetric part of a matrix (Golub and Van Loan 2013, sec. 4.2)."""
    n = len(covariance)
    a = [[(covariance[i][j] + covariance[j][i]) / mpf(2) for j in range(n)] for i in range(n)]
    lower = [[mpf(0)] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            rest = a[i][j] - sum(lower[i][k] * lower[j][k] for k in range(j))
            lower[i][j] = mp.sqrt(rest) if i == j else rest / lower[j][j]
    return lower


def _full(x: Any, loc: Any, covariance_matrix: Any) -> Any:
    return _tril(x, loc, factor(covariance_matrix))


def _entropy(scale_tril: Any) -> Any:
    logs = sum(mp.log(abs(row[i])) for i, row in enumerate(scale_tril))
    return logs + len(scale_tril) * (mp.log(2 * mp.pi) + 1) / 2


def covariance_of(scale_tril: Any) -> Any:
    lower = np.tril(np.array(scale_tril, float))
    return lower @ lower.T


def _marginals(loc: Any, covariance: Any) -> Any:
    return stats.norm(loc, np.sqrt(np.diagonal(covariance)))


def _correlation(covariance: Any) -> Any:
    scales = np.sqrt(np.diagonal(covariance))
    return covariance / scales / scales[:, None]


def _points(p: Params) -> list[tuple[float, ...]]:
    """Multiples of the marginal scales away from the mean, and none of it."""
    scales = covariance_of(p["scale_tril"]) if "scale_tril" in p else p["covariance_matrix"]
    own = np.sqrt(np.diagonal(scales))
    return [tuple(np.array(p["loc"]) + z * own) for z in (-8.0, -1.0, 0.0, 0.3)]


# --- normals pushed onto a set of vectors --------------------------------------------------------

PUSHED: tuple[Params, ...] = (
    {"loc": (0.0, 0.0), "scale": (1.0, 1.0)},
    {"loc": (-3.0, 2.0), "scale": (0.01, 2.5)},
    {"loc": (0.5, 0.25, -1.0), "scale": (0.5, 1.0, 4.0)},
)


def _pushed(inverse: Any, log_slope: Any) -> Any:
    """The log density of x by the reals that it is made of, and log |dx/dy| there, in terms of x.

    Either is None where x is outside of the support.
    """

    def density(x: Any, loc: Any, scale: Any) -> Any:
        y = inverse(x)
        if y is None:
            return mpf("-inf")
        each = (normal(*of) for of in zip(y, loc, scale, strict=True))
        return sum(each) - log_slope(x)

    return density


def _log_ratios(x: Any) -> Any:
    return [mp.log(v / x[-1]) for v in x[:-1]] if min(x) > 0 else None


def _gaps(x: Any) -> list[Any]:
    return [b - a for a, b in pairwise(x)]


def _log_gaps(x: Any) -> Any:
    return [x[0], *map(mp.log, _gaps(x))] if min(_gaps(x)) > 0 else None


def _positive_log_gaps(x: Any) -> Any:
    return [*map(mp.log, (x[0], *_gaps(x)))] if min(x[0], *_gaps(x)) > 0 else None


class PushedVector:
    """Independent normals pushed onto vectors: `cdf` is that of each normal."""

    def __init__(self, loc: Any, scale: Any, forward: Any, inverse: Any) -> None:
        self.base, self.forward, self.inverse = stats.norm(loc, scale), forward, inverse

    def cdf(self, x: Any) -> Any:
        return self.base.cdf(self.inverse(x))


def _vector_row(name: str, density: Any, forward: Any, inverse: Any, points: Any) -> Row:
    return Row(
        name,
        PUSHED,
        density,
        lambda loc, scale: PushedVector(loc, scale, forward, inverse),
        points=lambda p: points[len(p["loc"])],
        draws=PUSHED[::2],
        quantiles=False,
    )


_SHARES = {
    2: [(0.25, 0.25, 0.5), (1e-20, 0.75, 0.25), (0.998, 1e-3, 1e-3), (0.0, 0.5, 0.5)],
    3: [(0.25, 0.25, 0.25, 0.25), (1e-12, 0.5, 0.4375, 0.0625), (0.5, -0.5, 0.5, 0.5)],
}
_INCREASING = {
    2: [(-1.0, 2.0), (-1e5, 3.0), (0.25, 0.25 + 2.0**-20), (1.0, 1.0), (2.0, 1.0), (0.5, 1e8)],
    3: [(-1.0, 2.0, 2.5), (1e-6, 1e6, 2e6), (0.0, 2.0, 1.0), (0.5, 0.75, 0.875)],
}


ROWS = (
    _vector_row(
        "LogisticNormal",
        # of the ratios of x alone: off the simplex, where derivatives look, it is that of x / sum x
        _pushed(_log_ratios, lambda x: sum(mp.log(v / sum(x)) for v in x)),
        lambda y: softmax([*y, 0.0]),
        lambda x: np.log(x[..., :-1] / x[..., -1:]),
        _SHARES,
    ),
    _vector_row(
        "OrderedNormal",
        _pushed(_log_gaps, lambda x: sum(map(mp.log, _gaps(x)))),
        lambda y: np.cumsum([y[0], *np.exp(y[1:])]),
        lambda x: np.concatenate([x[..., :1], np.log(np.diff(x))], -1),
        _INCREASING,
    ),
    _vector_row(
        "PositiveOrderedNormal",
        _pushed(_positive_log_gaps, lambda x: sum(map(mp.log, (x[0], *_gaps(x))))),
        lambda y: np.cumsum(np.exp(y)),
        lambda x: np.log(np.concatenate([x[..., :1], np.diff(x)], -1)),
        _INCREASING,
    ),
    Row(
        "MultivariateNormalTriL",
        SCALES,
        _tril,
        lambda loc, scale_tril: _marginals(loc, covariance_of(scale_tril)),
        points=_points,
        entropy=lambda loc, scale_tril: _entropy(scale_tril),
        draws=SCALES[::3],
        quantiles=False,
        correlation=lambda loc, scale_tril: _correlation(covariance_of(scale_tril)),
    ),
    Row(
        "MultivariateNormalFullCovariance",
        COVARIANCES,
        _full,
        lambda loc, covariance_matrix: _marginals(loc, np.array(covariance_matrix)),
        points=_points,
        entropy=lambda loc, covariance_matrix: _entropy(factor(covariance_matrix)),
        quantiles=False,
        correlation=lambda loc, covariance_matrix: _correlation(np.array(covariance_matrix)),
    ),
)
