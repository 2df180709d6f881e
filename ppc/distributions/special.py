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

_SERIES_FROM = 16.0


def known_inside(x: Value) -> bool:
    """Whether `x` needs no check: it is checked data, or a guide's draw on the same support."""
    return x.name in x.builder.inside


def within(
    inside: Value,
    x: Value,
    safe: Operand,
    density: Callable[[Value], Value],
    event_rank: int = 0,
) -> Value:
    """`density(x)` where `inside`, else -inf, with derivative 0; `safe` is a point inside.

    `inside` and the density have none of the last `event_rank` dimensions of x. An `x` that is
    known to be inside is not asked.
    """
    if known_inside(x):
        return density(x)
    whole = inside
    for _ in range(event_rank):
        whole = ops.expand_dims(whole, -1)
    return ops.where(inside, density(ops.where(whole, x, safe)), -math.inf)


def log_power(k: Value, x: Value, log_x: Value) -> Value:
    """log(x**k) for x >= 0, where 0**0 = 1; `log_x` is log(x), and any number where x is 0."""
    return ops.where(x > 0.0, k * log_x, log_power_of_zero(k))


def log_power_of_zero(k: Value) -> Value:
    """log(0**k), where 0**0 = 1."""
    return ops.where(k > 0.0, -math.inf, ops.where(k < 0.0, math.inf, 0.0))


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


def log_saturated_gamma(a: Value) -> Value:
    """a log a - a - lgamma(a) for a > 0: log(a / (2 pi)) / 2 less the rest of Stirling's formula.

    A density of the gamma family is this less a deviance from its mean (Loader 2000).
    """
    return 0.5 * ops.log(a) - HALF_LOG_2PI - ops.lgamma_correction(a)


def gamma_kernel(a: Value, m: Value, log_m: Value) -> Value:
    """a log m - m - lgamma(a), where m = exp(log_m) may be out of the range of its dtype."""
    return log_saturated_gamma(a) - ops.poisson_deviance(a, m, log_m)


def log_saturated_beta(a: Value, b: Value) -> Value:
    """log(p^a q^b / B(a, b)) for a, b > 0 at p = a/n, q = b/n, n = a + b."""
    n = a + b
    stirling = ops.lgamma_correction(n) - ops.lgamma_correction(a) - ops.lgamma_correction(b)
    return 0.5 * (ops.log(a) + ops.log(b / n)) - HALF_LOG_2PI + stirling


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


def log_of(m: Value, log_m: Value) -> Value:
    """log(m), where it can be taken of m itself, with the derivatives of `log_m`.

    `log_m` is a sum of logarithms, which is rounded to the size of its terms: for m near 1 that
    may be much above its own.
    """
    normal = in_normal_range(m)
    exact = ops.stop_gradient(ops.where(normal, ops.log(ops.where(normal, m, 1.0)), log_m))
    return exact + (log_m - ops.stop_gradient(log_m))


def in_normal_range(x: Value) -> Value:
    """Whether a positive number, and its ratio to numbers up to 1e11, is far from overflow."""
    return ops.logical_and(x > 1e-26, x < 3e38)
