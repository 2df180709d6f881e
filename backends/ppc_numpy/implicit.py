"""Derivatives of draws in the parameters of their distribution, at a fixed draw.

For x with distribution function F(x; a) and density p, dx/da = -(dF/da) / p (Figurnov, Mohamed
and Mnih, 2018). Here x = log g with g ~ Gamma(a, 1), so p(u) = exp(a u - e^u) / gamma(a) and

    dx/da = -int_{-inf}^x (u - psi(a)) p(u)/p(x) du = int_x^inf (u - psi(a)) p(u)/p(x) du,

as E[u] = psi(a). Below psi(a) the first integrand has one sign, above it the second, so that
nothing cancels on the side that is used. For a < 16 the first is summed as a series instead,

    dx/da = sum_n g^n / (a (a+1) ... (a+n)) (psi(a+n+1) - x),

whose terms are positive for x <= psi(a+1). The integral is taken by one Gauss-Legendre rule over
the range in which p(u)/p(x) is above exp(-50); its exponent is smooth there.
"""

# Arithmetic on arrays whose dtype is not said has type Any.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np
from scipy import special  # type: ignore[import-untyped]  # SciPy ships no types

from ppc_numpy.rules import Array
from ppc_numpy.special import lgamma_correction_slope

_SERIES_BELOW = 16.0  # at 16 and x <= psi(17), 90 terms reach 1e-17 of the sum
_TERMS = 100
_RANGE = 50.0
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(100)


def implicit_derivative(sampler: str, draw: Array, *parameters: Array) -> list[Array]:
    """The derivative of `draw` in each of its parameters; operands broadcast."""
    if sampler == "log_gamma":
        return [log_gamma_derivative(draw, *parameters)]
    raise NotImplementedError(f"draws of {sampler} have no derivative")


def log_gamma_derivative(log_draw: Array, concentration: Array) -> Array:
    """d log(g) / d concentration for g ~ Gamma(concentration, 1), elementwise."""
    x, a = np.broadcast_arrays(
        np.asarray(log_draw, np.float64), np.asarray(concentration, np.float64)
    )
    result = np.empty(x.shape)
    by_series = (a < _SERIES_BELOW) & (x <= special.psi(a + 1))
    result[by_series] = _series(x[by_series], a[by_series])
    rest = ~by_series
    result[rest] = _quadrature(x[rest], a[rest])
    return result


def _series(x: Array, a: Array) -> Array:
    g = np.exp(x)
    weight, total = 1 / a, np.zeros(x.shape)
    for n in range(_TERMS):
        total = total + weight * (special.psi(a + n + 1) - x)
        weight = weight * g / (a + n + 1)
    return total


def _quadrature(x: Array, a: Array) -> Array:
    # log(g / a) to double precision although x and log(a) nearly cancel for large a
    wide = np.longdouble
    delta = (x.astype(wide) - np.log(a.astype(wide))).astype(np.float64)
    gap = delta - (lgamma_correction_slope(a) - 0.5 / a)  # x - psi(a)
    side = np.where(gap <= 0, -1.0, 1.0)
    end = _end(a, delta, side)
    step = 0.5 * end[..., None] * (1 + _NODES)
    wide_side, wide_gap = side[..., None], gap[..., None]
    height = np.exp(-_exponent(a[..., None], delta[..., None], wide_side * step))
    total: Array = ((step + wide_side * wide_gap) * height) @ _WEIGHTS
    return 0.5 * end * total


def _exponent(a: Array, delta: Array, s: Array) -> Array:
    """log p(x) - log p(x + s), where x = log(a) + delta."""
    return a * (np.expm1(delta) * s + np.exp(delta) * _exp_rest(s))


def _exp_rest(s: Array) -> Array:
    """exp(s) - 1 - s, by its series near 0."""
    total = np.zeros_like(s)
    for n in range(18, 1, -1):
        total = (total + 1) * s / n
    return np.where(np.abs(s) < 0.5, total * s, np.expm1(s) - s)


def _end(a: Array, delta: Array, side: Array) -> Array:
    """A distance at which the exponent is between 50 and a little more."""
    high = 1 / (1 + a + a * np.exp(delta))
    while np.any(low := _exponent(a, delta, side * high) < _RANGE):
        high = np.where(low, 2 * high, high)
    low_end = high / 2
    for _ in range(12):
        middle = 0.5 * (low_end + high)
        enough = _exponent(a, delta, side * middle) >= _RANGE
        low_end, high = np.where(enough, low_end, middle), np.where(enough, middle, high)
    return high
