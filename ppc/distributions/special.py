"""Functions that several distributions need, written so that they keep their digits.

Each is a composite of primitives on graph values. The selects are double: an operand that would
make the branch not taken infinite is replaced, so that no derivative is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ppc.ir import ops
from ppc.ir.build import Operand, Value

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)

# From here on the sums of lgamma and logarithms that make up a density cancel by more digits than
# their saddle-point form loses; below, the plain form is the shorter.
LARGE = 2.0
_SERIES_FROM = 16.0


def known_inside(x: Value) -> bool:
    """Whether `x` needs no check: it is checked data, or a guide's draw on the same support."""
    return x.name in x.builder.inside


def within(inside: Value, x: Value, safe: Operand, density: Callable[[Value], Value]) -> Value:
    """`density(x)` where `inside`, else -inf, with derivative 0; `safe` is a point inside.

    An `x` that is known to be inside is not asked.
    """
    if known_inside(x):
        return density(x)
    return ops.where(inside, density(ops.where(inside, x, safe)), -math.inf)


def log_power(k: Value, x: Value, log_x: Value) -> Value:
    """log(x**k) for x >= 0, where 0**0 = 1; `log_x` is log(x), and any number where x is 0."""
    at_zero = ops.where(k > 0.0, -math.inf, ops.where(k < 0.0, math.inf, 0.0))
    return ops.where(x > 0.0, k * log_x, at_zero)


def by_logarithm(value: Value, log_value: Value) -> Value:
    """`value`, positive and finite, with the derivatives of exp(log_value).

    The derivative of a quotient goes by way of one over the square of the denominator, which in
    float32 leaves the range for denominators beyond 1e-19 and 1e19; that of a logarithm does not.
    """
    exact, slope = ops.stop_gradient(value), log_value - ops.stop_gradient(log_value)
    return exact * ops.exp(slope)


def log_beta(a: Value, b: Value) -> Value:
    """log B(a, b), with Stirling's formula taken out: derivatives keep their digits too.

    The derivative of the primitive `lbeta` is a difference of digammas, which for one large
    argument cancels (DiDonato and Morris 1992 treat the value in the same way).
    """
    small, large = ops.minimum(a, b), ops.maximum(a, b)
    ratio = small / large
    powers = small * ops.log(ratio) - (a + b) * ops.log1p(ratio)
    stirling = ops.lgamma_correction(a) + ops.lgamma_correction(b) - ops.lgamma_correction(a + b)
    return powers + stirling + HALF_LOG_2PI - 0.5 * (ops.log(small) - ops.log1p(ratio))


def log1p_square_ratio(a: Value, b: Value) -> Value:
    """log(1 + (a/b)**2) for b > 0, without overflow of a/b or of its square."""
    size = ops.abs_(a)
    far = size > b
    ratio = ops.where(far, b, size) / ops.where(far, size, b)
    growth = ops.log(ops.where(far, size, 1.0)) - ops.log(ops.where(far, b, 1.0))
    return ops.log1p(ratio**2) + 2.0 * growth


def deviance(x: Value, y: Value, difference: Value) -> Value:
    """x log(x/y) - x + y for x, y > 0, where `difference` is y - x without cancellation.

    The saddle-point expansion of binomial, Poisson and gamma probabilities is in these terms
    (Loader 2000, "Fast and accurate computation of binomial probabilities", where it is bd0);
    it is the Kullback-Leibler divergence of Poisson(x) from Poisson(y).
    """
    near = ops.abs_(difference) < 0.5 * x
    inverse = by_logarithm(1.0 / x, -ops.log(x))
    close = -x * ops.log1pmx(ops.where(near, difference, 0.0) * inverse)
    other = ops.where(near, x, y)
    # the value of the logarithm of the quotient, the derivatives of the two logarithms
    logs = ops.log(x) - ops.log(other)
    log_ratio = ops.stop_gradient(ops.log(x / other)) + (logs - ops.stop_gradient(logs))
    return ops.where(near, close, x * log_ratio + difference)


def digamma_correction(x: Value) -> Value:
    """digamma(x) - log(x) + 1/(2x), the derivative of `lgamma_correction`.

    By its asymptotic series from 16 on (Abramowitz and Stegun 6.3.18), whose first term left out
    is below 3e-14 of the sum.
    """
    large = x >= _SERIES_FROM
    direct = ops.where(large, 1.0, x)
    square = (1.0 / ops.where(large, x, _SERIES_FROM)) ** 2
    tail = 1 / 240 - square * (1 / 132 - square * (691 / 32760))
    series = -square * (1 / 12 - square * (1 / 120 - square * (1 / 252 - square * tail)))
    return ops.where(large, series, ops.digamma(direct) - ops.log(direct) + 0.5 / direct)


def in_normal_range(x: Value) -> Value:
    """Whether a positive number, and its ratio to numbers up to 1e11, is far from overflow."""
    return ops.logical_and(x > 1e-26, x < 3e38)
