"""Special functions in float64 where SciPy has none, or none that keeps its digits."""

# Arithmetic on arrays whose dtype is not said has type Any.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import special  # type: ignore[import-untyped]  # SciPy ships no types

from ppc_numpy.rules import Array

# Stirling's series: log gamma(x) = (x - 1/2) log x - x + log(2 pi)/2 + sum c_k / x^(2k-1), with
# c_k = B_2k / (2k (2k - 1)) (Abramowitz and Stegun 6.1.40); the derivative of the sum is
# -sum d_k / x^(2k), d_k = B_2k / 2k (6.3.18). At x >= 10 what is left out is below 1e-15 of it.
_STIRLING = (
    1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400,
)  # fmt: skip
_STIRLING_SLOPE = (
    1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12, -3617 / 8160,
    43867 / 14364, -174611 / 6600,
)  # fmt: skip
_LARGE = 10


def _polynomial(x: Array, coefficients: Sequence[float]) -> Array:
    total = np.zeros_like(x)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def lgamma_correction(x: Array) -> Array:
    """log gamma(x) - ((x - 1/2) log x - x + log(2 pi)/2) for x > 0, to full relative accuracy.

    Below 10 by the recurrence f(x) = f(x + 1) + (x + 1/2) log(1 + 1/x) - 1.
    """
    return _recurred(x, lambda x: _polynomial(1 / (x * x), _STIRLING) / x, _correction_step)


def lgamma_correction_slope(x: Array) -> Array:
    """The derivative of `lgamma_correction`: digamma(x) - log(x) + 1/(2 x)."""
    return _recurred(
        x, lambda x: -_polynomial(1 / (x * x), _STIRLING_SLOPE) / (x * x), _correction_step_slope
    )


def _recurred(x: Array, large: Callable[[Array], Array], step: Callable[[Array], Array]) -> Array:
    small = x < _LARGE
    total = large(np.where(small, x + _LARGE, x))
    low = np.where(small, x, 1.0)
    for k in range(_LARGE):
        total = total + np.where(small, step(low + k), 0.0)
    return total


# With r = 1/(2 y + 1), log(1 + 1/y) = 2 artanh(r); for y >= 1/2, r <= 1/2 and the 26 terms kept
# of a series in r^2 leave out less than 1e-16 of it.
def _correction_step(y: Array) -> Array:
    """(y + 1/2) log(1 + 1/y) - 1."""
    square = 1 / (2 * y + 1) ** 2
    series = square * _polynomial(square, [1 / (2 * k + 3) for k in range(26)])
    return np.where(y < 0.5, (y + 0.5) * np.log1p(1 / y) - 1, series)


def _correction_step_slope(y: Array) -> Array:
    """log(1 + 1/y) - (y + 1/2) / (y (y + 1))."""
    r = 1 / (2 * y + 1)
    series = -2 * r**3 * _polynomial(r * r, [(2 * k + 2) / (2 * k + 3) for k in range(26)])
    return np.where(y < 0.5, np.log1p(1 / y) - (y + 0.5) / (y * (y + 1)), series)


def log1pmx(x: Array) -> Array:
    """log(1 + x) - x for x > -1; near 0 by log(1 + x) = 2 artanh(r) with r = x/(2 + x)."""
    r = x / (2 + x)
    series = 2 * r**3 * _polynomial(r * r, [1 / (2 * k + 3) for k in range(20)])
    return np.where(np.abs(x) < 0.5, series - r * x, np.log1p(x) - x)


def lbeta(a: Array, b: Array) -> Array:
    """log B(a, b) for positive a and b.

    For a large argument the logarithms of gamma functions cancel; Stirling's formula is then
    subtracted in closed form (DiDonato and Morris, 1992).
    """
    small, large = np.minimum(a, b), np.maximum(a, b)
    s, t = np.maximum(small, 10.0), np.maximum(large, 10.0)
    ratio = small / t
    # log gamma(t) - log gamma(t + small), without its Stirling rests cancelling
    shifted = -(t - 0.5) * np.log1p(ratio) - small * np.log(t + small) + small
    shifted = shifted + lgamma_correction(t) - lgamma_correction(t + small)
    one_large = special.gammaln(small) + shifted
    both = 0.5 * np.log(2 * np.pi) - 0.5 * np.log(t) - t * np.log1p(s / t)
    both = both + (s - 0.5) * (np.log(s) - np.log(t) - np.log1p(s / t))
    both = both + lgamma_correction(s) + lgamma_correction(t) - lgamma_correction(s + t)
    plain = special.gammaln(a) + special.gammaln(b) - special.gammaln(a + b)
    return np.where(small >= 10, both, np.where(large >= 10, one_large, plain))


def trigamma(x: Array) -> Array:
    """The derivative of digamma, by reflection for x <= 0."""
    value = special.zeta(2, np.where(x <= 0, 1 - x, x))
    # sin of a reduced argument: zero exactly at the poles
    sine = np.sin(np.pi * (x - np.round(x)))
    return np.where(x <= 0, (np.pi / sine) ** 2 - value, value)


def log1mexp(x: Array) -> Array:
    """log(1 - exp(-x)) for x > 0 (Maechler, 2012: the switch at log 2)."""
    return np.where(x < np.log(2), np.log(-np.expm1(-x)), np.log1p(-np.exp(-x)))


def mills(x: Array) -> Array:
    """phi(x) / Phi(x), the derivative of log_ndtr, over all of float64."""
    return np.sqrt(2 / np.pi) / special.erfcx(-x / np.sqrt(2))


def deviance(x: Array, y: Array, log_y: Array, gap: Array) -> Array:
    """x log(x/y) + gap for x >= 0, where `gap` is y - x and y = exp(log_y).

    Near y = x it is -x log1pmx(gap/x), so that nothing cancels (Loader 2000, where it is bd0).
    """
    near, some = np.abs(gap) < 0.5 * x, np.where(x > 0, x, 1.0)
    close = -some * log1pmx(np.where(near, gap / some, 0.0))
    return np.where(x > 0, np.where(near, close, gap - some * _log_quotient(x, y, log_y)), y)


def log_mean_ratio(x: Array, y: Array, log_y: Array, gap: Array) -> Array:
    """log(y/x), and 0 at x = 0, where nothing asks for it."""
    near, some = np.abs(gap) < 0.5 * x, np.where(x > 0, x, 1.0)
    close = np.log1p(np.where(near, gap / some, 0.0))
    return np.where(x > 0, np.where(near, close, _log_quotient(x, y, log_y)), 0.0)


def _log_quotient(x: Array, y: Array, log_y: Array) -> Array:
    some = np.where(x > 0, x, 1.0)
    quotient = y / some
    normal = (y > 1e-290) & (quotient > 1e-290) & (quotient < 1e290)
    return np.where(normal, np.log(np.where(normal, quotient, 1.0)), log_y - np.log(some))
