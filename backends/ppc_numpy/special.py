"""Special functions in float64 where SciPy has none, or none that keeps its digits."""

# Arithmetic on arrays whose dtype is not said has type Any.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np
from scipy import special  # type: ignore[import-untyped]  # SciPy ships no types

from ppc_numpy.rules import Array

# Stirling's series: log gamma(x) = (x - 1/2) log x - x + log(2 pi)/2 + sum c_k / x^(2k-1), with
# c_k = B_2k / (2k (2k - 1)) (Abramowitz and Stegun 6.1.40). At x >= 10 the terms left out are
# below 1e-16.
_STIRLING = (
    1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400,
)  # fmt: skip


def stirling_rest(x: Array) -> Array:
    """log gamma(x) - ((x - 1/2) log x - x + log(2 pi)/2), for x >= 10."""
    square = 1 / (x * x)
    total = np.zeros_like(x)
    for c in reversed(_STIRLING):
        total = total * square + c
    return total / x


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
    shifted = shifted + stirling_rest(t) - stirling_rest(t + small)
    one_large = special.gammaln(small) + shifted
    both = 0.5 * np.log(2 * np.pi) - 0.5 * np.log(t) - t * np.log1p(s / t)
    both = both + (s - 0.5) * (np.log(s) - np.log(t) - np.log1p(s / t))
    both = both + stirling_rest(s) + stirling_rest(t) - stirling_rest(s + t)
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
