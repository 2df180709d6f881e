"""Families on a half line with a scale or a rate."""

from __future__ import annotations

import math

from ppc.distributions.base import Distribution, NoiseSource, Parameter, Params, Tails
from ppc.distributions.location_scale import (
    LOC_SCALE,
    POSITIVE,
    STUDENT_T,
    cauchy_kernel,
    standardised,
    student_t_draw,
)
from ppc.distributions.special import HALF_LOG_2PI, within
from ppc.ir import ops
from ppc.ir.build import Value
from ppc.ir.nodes import Support

NONNEGATIVE = Support("nonnegative")
_SCALE = (Parameter("scale", POSITIVE),)


def _exponential_log_density(x: Value, p: Params) -> Value:
    return within(x >= 0.0, x, 0.0, lambda x: ops.log(p["rate"]) - p["rate"] * x)


EXPONENTIAL = Distribution(
    name="Exponential",
    parameters=(Parameter("rate", POSITIVE),),
    support=NONNEGATIVE,
    log_density=_exponential_log_density,
    # -log(u) and not -log1p(-u): uniforms are finest near 0, which is the long tail here
    draw=lambda noise, p: -ops.log(noise.standard("uniform")) / p["rate"],
    reparameterised=True,
    mean=lambda p: 1.0 / p["rate"],
    variance=lambda p: (1.0 / p["rate"]) ** 2,
    entropy=lambda p: 1.0 - ops.log(p["rate"]),
    cdf=lambda x, p: -ops.expm1(-p["rate"] * ops.maximum(x, 0.0)),
    tails=Tails(
        log_cdf=lambda x, p: ops.log1mexp(p["rate"] * x),
        log_survival=lambda x, p: -p["rate"] * x,
        quantile=lambda f, s, p: -s / p["rate"],
    ),
    source="rate exp(-rate x) (Johnson, Kotz and Balakrishnan 1994, ch. 19)",
)


def _half_normal_log_density(x: Value, p: Params) -> Value:
    constant = 0.5 * math.log(2 / math.pi)
    return within(
        x >= 0.0, x, 0.0, lambda x: constant - 0.5 * (x / p["scale"]) ** 2 - ops.log(p["scale"])
    )


def _half_normal_quantile(log_f: Value, log_s: Value, p: Params) -> Value:
    lower = log_f < log_s
    near = log_f.builder.op("erfinv", ops.exp(ops.where(lower, log_f, -1.0))) * math.sqrt(2.0)
    far = -ops.ndtri(0.5 * ops.exp(ops.where(lower, -1.0, log_s)))
    return p["scale"] * ops.where(lower, near, far)


HALF_NORMAL = Distribution(
    name="HalfNormal",
    parameters=_SCALE,
    support=NONNEGATIVE,
    log_density=_half_normal_log_density,
    draw=lambda noise, p: p["scale"] * ops.abs_(noise.standard("normal")),
    reparameterised=True,
    mean=lambda p: p["scale"] * math.sqrt(2 / math.pi),
    variance=lambda p: p["scale"] ** 2 * (1 - 2 / math.pi),
    entropy=lambda p: ops.log(p["scale"]) + (0.5 * math.log(math.pi / 2) + 0.5),
    cdf=lambda x, p: ops.erf(ops.maximum(x, 0.0) / p["scale"] * math.sqrt(0.5)),
    tails=Tails(
        log_cdf=lambda x, p: ops.log(ops.erf(x / p["scale"] * math.sqrt(0.5))),
        log_survival=lambda x, p: ops.log_ndtr(-x / p["scale"]) + math.log(2.0),
        quantile=_half_normal_quantile,
    ),
    source="|x| of x ~ Normal(0, scale); scale is not the standard deviation "
    "(Johnson, Kotz and Balakrishnan 1994, ch. 13)",
)


def _half_cauchy_log_density(x: Value, p: Params) -> Value:
    constant = math.log(2 / math.pi)
    return within(x >= p["loc"], x, p["loc"], lambda x: cauchy_kernel(x, p) + constant)


def _half_cauchy_draw(noise: NoiseSource, p: Params) -> Value:
    u = noise.standard("uniform")
    # tan(pi u / 2); above the median as the reciprocal of the tangent of the complement, which
    # keeps the digits of the tail
    size = ops.tan((math.pi / 2) * ops.minimum(u, 1.0 - u))
    return p["loc"] + p["scale"] * ops.where(u < 0.5, size, 1.0 / size)


HALF_CAUCHY = Distribution(
    name="HalfCauchy",
    parameters=LOC_SCALE,
    support=Support("greater_than", ("loc",)),
    log_density=_half_cauchy_log_density,
    draw=_half_cauchy_draw,
    reparameterised=True,
    entropy=lambda p: ops.log(p["scale"]) + math.log(2 * math.pi),
    cdf=lambda x, p: ops.arctan(ops.maximum(standardised(x, p), 0.0)) * (2 / math.pi),
    source="2 / (pi scale (1 + z^2)) from loc upwards (Gelman 2006, sec. 3.2)",
)


def _half_student_t_log_density(x: Value, p: Params) -> Value:
    return within(x >= p["loc"], x, p["loc"], lambda x: STUDENT_T.log_density(x, p) + math.log(2.0))


HALF_STUDENT_T = Distribution(
    name="HalfStudentT",
    parameters=(Parameter("df", POSITIVE), *LOC_SCALE),
    support=Support("greater_than", ("loc",)),
    log_density=_half_student_t_log_density,
    draw=lambda noise, p: p["loc"] + p["scale"] * ops.abs_(student_t_draw(noise, p)),
    reparameterised=True,
    source="twice the density of StudentT(df, loc, scale) from loc upwards (Gelman 2006, sec. 3.2)",
)


# --- inverse Gaussian ----------------------------------------------------------------------------


def _inverse_gaussian_log_density(x: Value, p: Params) -> Value:
    return within(x > 0.0, x, p["loc"], lambda x: _inverse_gaussian_inside(x, p))


def _inverse_gaussian_inside(x: Value, p: Params) -> Value:
    loc, k = p["loc"], p["concentration"]
    distance = (x / loc - 1.0) ** 2 * (k / x)
    return 0.5 * (ops.log(k) - distance) - 1.5 * ops.log(x) - HALF_LOG_2PI


def _inverse_gaussian_draw(noise: NoiseSource, p: Params) -> Value:
    """One of the two roots that a squared normal has (Michael, Schucany and Haas 1976)."""
    loc, u = p["loc"], noise.standard("uniform", tag="root")
    half = 0.5 * loc * noise.standard("normal") ** 2 / p["concentration"]
    # the smaller root as the reciprocal of the larger, which does not cancel
    small = loc / (1.0 + half + ops.sqrt(half * (half + 2.0)))
    return ops.where(u * (loc + small) <= loc, small, loc * (loc / small))


def _inverse_gaussian_cdf(x: Value, p: Params) -> Value:
    loc, k = p["loc"], p["concentration"]
    inside = x > 0.0
    x = ops.where(inside, x, loc)
    root = ops.sqrt(k / x)
    reflected = 2.0 * k / loc + ops.log_ndtr(-root * (x / loc + 1.0))
    return ops.where(inside, ops.ndtr(root * (x / loc - 1.0)) + ops.exp(reflected), 0.0)


INVERSE_GAUSSIAN = Distribution(
    name="InverseGaussian",
    parameters=(Parameter("loc", POSITIVE), Parameter("concentration", POSITIVE)),
    support=POSITIVE,
    log_density=_inverse_gaussian_log_density,
    draw=_inverse_gaussian_draw,
    mean=lambda p: p["loc"] * 1.0,
    variance=lambda p: p["loc"] ** 2 * (p["loc"] / p["concentration"]),
    cdf=_inverse_gaussian_cdf,
    source="sqrt(k / (2 pi x^3)) exp(-k (x - loc)^2 / (2 loc^2 x)), loc = mean, k = concentration "
    "(Johnson, Kotz and Balakrishnan 1994, ch. 15)",
)
