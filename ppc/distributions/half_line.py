"""Families on a half line with a scale or a rate."""

from __future__ import annotations

import math

from ppc.distributions.base import Distribution, NoiseSource, Parameter, Params
from ppc.distributions.location_scale import LOC_SCALE, POSITIVE, cauchy_kernel, standardised
from ppc.distributions.special import within
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
    source="rate exp(-rate x) (Johnson, Kotz and Balakrishnan 1994, ch. 19)",
)


def _half_normal_log_density(x: Value, p: Params) -> Value:
    constant = 0.5 * math.log(2 / math.pi)
    return within(
        x >= 0.0, x, 0.0, lambda x: constant - 0.5 * (x / p["scale"]) ** 2 - ops.log(p["scale"])
    )


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
