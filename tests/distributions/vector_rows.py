"""Rows of families of vectors with a covariance; matrices are tuples of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from distribution_rows import Params, Row
from mpmath import mp, mpf
from scipy import stats

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


ROWS = (
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
