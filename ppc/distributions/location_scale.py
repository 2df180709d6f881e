"""Location-scale families on the real line."""

from __future__ import annotations

import math

from ppc.distributions.base import Distribution, NoiseSource, Parameter, Params, Tails
from ppc.distributions.special import HALF_LOG_2PI, digamma_correction, log1p_square_ratio
from ppc.ir import ops
from ppc.ir.build import Value
from ppc.ir.nodes import REAL, Support

POSITIVE = Support("positive")

LOC_SCALE = (Parameter("loc"), Parameter("scale", POSITIVE))


def standardised(x: Value, p: Params) -> Value:
    """(x - loc) / scale."""
    return (x - p["loc"]) / p["scale"]


# --- Normal --------------------------------------------------------------------------------------


def normal_log_density(x: Value, p: Params) -> Value:
    """Of Normal(loc, scale)."""
    z = standardised(x, p)
    return -0.5 * z**2 - ops.log(p["scale"]) - HALF_LOG_2PI


def normal_draw(noise: NoiseSource, p: Params) -> Value:
    """Of Normal(loc, scale)."""
    return p["loc"] + p["scale"] * noise.standard("normal")


def normal_entropy(p: Params) -> Value:
    """Of Normal(loc, scale)."""
    return ops.log(p["scale"]) + (HALF_LOG_2PI + 0.5)


def normal_quantile(log_f: Value, log_s: Value) -> Value:
    """Of Normal(0, 1)."""
    z = ops.ndtri(ops.exp(ops.minimum(log_f, log_s)))
    return ops.where(log_f < log_s, z, -z)


NORMAL = Distribution(
    name="Normal",
    parameters=LOC_SCALE,
    support=REAL,
    log_density=normal_log_density,
    draw=normal_draw,
    reparameterised=True,
    mean=lambda p: p["loc"],
    variance=lambda p: p["scale"] ** 2,
    entropy=normal_entropy,
    cdf=lambda x, p: ops.ndtr(standardised(x, p)),
    tails=Tails(
        log_cdf=lambda x, p: ops.log_ndtr(standardised(x, p)),
        log_survival=lambda x, p: ops.log_ndtr(-standardised(x, p)),
        quantile=lambda f, s, p: p["loc"] + p["scale"] * normal_quantile(f, s),
    ),
    transform="identity",
    source="loc = mean, scale = standard deviation (Johnson, Kotz and Balakrishnan 1994, ch. 13)",
)


# --- Laplace -------------------------------------------------------------------------------------


def _laplace_draw(noise: NoiseSource, p: Params) -> Value:
    u = noise.standard("uniform")
    # The smaller of u and 1 - u holds the tail: both are exact, and so is twice either.
    tail = -ops.log(2.0 * ops.minimum(u, 1.0 - u))
    return p["loc"] + p["scale"] * ops.where(u < 0.5, -tail, tail)


def _laplace_cdf(x: Value, p: Params) -> Value:
    z = standardised(x, p)
    tail = 0.5 * ops.exp(-ops.abs_(z))
    return ops.where(z < 0.0, tail, 1.0 - tail)


def _laplace_log_tail(z: Value) -> Value:
    """The logarithm of the distribution function at z."""
    below = z < 0.0
    left = ops.where(below, z, 0.0) - math.log(2.0)
    return ops.where(below, left, ops.log1p(-0.5 * ops.exp(-ops.where(below, 0.0, z))))


def _laplace_quantile(log_f: Value, log_s: Value, p: Params) -> Value:
    z = ops.minimum(log_f, log_s) + math.log(2.0)
    return p["loc"] + p["scale"] * ops.where(log_f < log_s, z, -z)


LAPLACE = Distribution(
    name="Laplace",
    parameters=LOC_SCALE,
    support=REAL,
    log_density=lambda x, p: -ops.abs_(standardised(x, p)) - ops.log(p["scale"]) - math.log(2.0),
    draw=_laplace_draw,
    reparameterised=True,
    mean=lambda p: p["loc"],
    variance=lambda p: 2.0 * p["scale"] ** 2,
    entropy=lambda p: ops.log(p["scale"]) + (1.0 + math.log(2.0)),
    cdf=_laplace_cdf,
    tails=Tails(
        log_cdf=lambda x, p: _laplace_log_tail(standardised(x, p)),
        log_survival=lambda x, p: _laplace_log_tail(-standardised(x, p)),
        quantile=_laplace_quantile,
    ),
    source="exp(-|x - loc| / scale) / (2 scale) (Johnson, Kotz and Balakrishnan 1995, ch. 24)",
)


# --- Cauchy --------------------------------------------------------------------------------------


def cauchy_kernel(x: Value, p: Params) -> Value:
    """-log(scale (1 + z**2))."""
    return -log1p_square_ratio(x - p["loc"], p["scale"]) - ops.log(p["scale"])


def _cauchy_draw(noise: NoiseSource, p: Params) -> Value:
    u = noise.standard("uniform")
    # The cotangent of the smaller of u and 1 - u, which keeps the digits of both tails: the
    # tangent of u - 1/2 would round to the pole, or past it.
    size = 1.0 / ops.tan(math.pi * ops.minimum(u, 1.0 - u))
    return p["loc"] + p["scale"] * ops.where(u < 0.5, -size, size)


def _cauchy_log_tail(z: Value) -> Value:
    """The logarithm of the distribution function at z."""
    return ops.log(ops.arctan2(1.0, -z)) - math.log(math.pi)


def _cauchy_quantile(log_f: Value, log_s: Value, p: Params) -> Value:
    size = 1.0 / ops.tan(math.pi * ops.exp(ops.minimum(log_f, log_s)))
    return p["loc"] + p["scale"] * ops.where(log_f < log_s, -size, size)


CAUCHY = Distribution(
    name="Cauchy",
    parameters=LOC_SCALE,
    support=REAL,
    log_density=lambda x, p: cauchy_kernel(x, p) - math.log(math.pi),
    draw=_cauchy_draw,
    reparameterised=True,
    entropy=lambda p: ops.log(p["scale"]) + math.log(4 * math.pi),
    # arctan2(1, -z) is the angle whose cotangent is -z: small, not 1/2 - 1/2, in the left tail
    cdf=lambda x, p: ops.arctan2(1.0, -standardised(x, p)) * (1 / math.pi),
    tails=Tails(
        log_cdf=lambda x, p: _cauchy_log_tail(standardised(x, p)),
        log_survival=lambda x, p: _cauchy_log_tail(-standardised(x, p)),
        quantile=_cauchy_quantile,
    ),
    source="1 / (pi scale (1 + z^2)) (Johnson, Kotz and Balakrishnan 1994, ch. 16)",
)


# --- Student's t ---------------------------------------------------------------------------------


def _student_t_log_density(x: Value, p: Params) -> Value:
    df, scale = p["df"], p["scale"]
    half = 0.5 * df
    # log Gamma((df + 1)/2) - log Gamma(df/2) - log(df pi)/2 with Stirling's formula taken out,
    # so that nothing of the size of df remains
    stirling = ops.lgamma_correction(half + 0.5) - ops.lgamma_correction(half)
    norm = half * ops.log1pmx(1.0 / df) - HALF_LOG_2PI + stirling
    return norm - ops.log(scale) - _student_t_kernel(x - p["loc"], df, scale)


def _student_t_kernel(d: Value, df: Value, scale: Value) -> Value:
    """(df + 1)/2 log(1 + (d/scale)**2 / df)."""
    root = scale * ops.sqrt(df)
    near = ops.abs_(d) < 0.5 * root
    # near the centre as the normal's z**2/2 and a remainder, which tells how df matters
    square = (ops.where(near, d, 0.0) / scale) ** 2
    part = square / df
    normal = 0.5 * square + 0.5 * (df * ops.log1pmx(part) + ops.log1p(part))
    far = (0.5 * df + 0.5) * log1p_square_ratio(ops.where(near, root, d), root)
    return ops.where(near, normal, far)


def student_t_draw(noise: NoiseSource, p: Params) -> Value:
    """Of StudentT(df, 0, 1)."""
    half = 0.5 * p["df"]
    spread = ops.exp(0.5 * (ops.log(half) - noise.log_gamma(half, tag="precision")))
    return noise.standard("normal") * spread


def _student_t_mean(p: Params) -> Value:
    return p["loc"] + ops.where(p["df"] > 1.0, 0.0 * p["scale"], math.nan)


def _student_t_variance(p: Params) -> Value:
    df = p["df"]
    excess = ops.where(df > 2.0, df - 2.0, 1.0)
    undefined = ops.where(df > 1.0, math.inf, math.nan)
    return ops.where(df > 2.0, p["scale"] ** 2 * (df / excess), undefined)


def _student_t_entropy(p: Params) -> Value:
    df = p["df"]
    half = 0.5 * df
    # digamma((df + 1)/2) - digamma(df/2), with Stirling's formula taken out
    slope = ops.log1p(1.0 / df) + 1.0 / (df * (df + 1.0))
    slope = slope + digamma_correction(half + 0.5) - digamma_correction(half)
    stirling = ops.lgamma_correction(half) - ops.lgamma_correction(half + 0.5)
    norm = half * ops.log1pmx(1.0 / df) - HALF_LOG_2PI
    return (half + 0.5) * slope + stirling - norm + ops.log(p["scale"])


STUDENT_T = Distribution(
    name="StudentT",
    parameters=(Parameter("df", POSITIVE), *LOC_SCALE),
    support=REAL,
    log_density=_student_t_log_density,
    draw=lambda noise, p: p["loc"] + p["scale"] * student_t_draw(noise, p),
    reparameterised=True,
    mean=_student_t_mean,
    variance=_student_t_variance,
    entropy=_student_t_entropy,
    source="(1 + z^2/df)^(-(df + 1)/2) up to a constant; scale is not the standard deviation "
    "(Johnson, Kotz and Balakrishnan 1995, ch. 28)",
)
