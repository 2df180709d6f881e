"""Families on the line that are a normal with a shape: of tails, or of skewness and tails."""

from __future__ import annotations

import math

from ppc.distributions.base import Distribution, NoiseSource, Parameter, Params, Tails
from ppc.distributions.location_scale import (
    LOC_SCALE,
    POSITIVE,
    normal_quantile,
    standardised,
)
from ppc.distributions.special import HALF_LOG_2PI, log1p_square_ratio
from ppc.ir import ops
from ppc.ir.build import Value
from ppc.ir.nodes import REAL

# --- generalized normal --------------------------------------------------------------------------


def _log_norm(p: Params) -> Value:
    """log(2 scale Gamma(1 + 1 / power)), the negative of the log density at its peak."""
    return ops.log(p["scale"]) + ops.lgamma(1.0 + 1.0 / p["power"]) + math.log(2.0)


def _generalized_log_density(x: Value, p: Params) -> Value:
    d = ops.abs_(x - p["loc"])
    apart = d > 0.0
    log_ratio = ops.log(ops.where(apart, d, 1.0)) - ops.log(p["scale"])
    return -ops.where(apart, ops.exp(p["power"] * log_ratio), 0.0) - _log_norm(p)


def _generalized_draw(noise: NoiseSource, p: Params) -> Value:
    """|x - loc|^power is a Gamma(1 / power) (Nadarajah 2005)."""
    inverse = 1.0 / p["power"]
    size = ops.exp(noise.log_gamma(inverse, tag="size") * inverse)
    side = noise.standard("uniform", tag="side") < 0.5
    return p["loc"] + p["scale"] * ops.where(side, -size, size)


GENERALIZED_NORMAL = Distribution(
    name="GeneralizedNormal",
    parameters=(*LOC_SCALE, Parameter("power", POSITIVE)),
    support=REAL,
    log_density=_generalized_log_density,
    draw=_generalized_draw,
    reparameterised=True,
    mean=lambda p: p["loc"] + 0.0 * (p["scale"] + p["power"]),
    variance=lambda p: (
        p["scale"] ** 2 * ops.exp(ops.lgamma(3.0 / p["power"]) - ops.lgamma(1.0 / p["power"]))
    ),
    entropy=lambda p: 1.0 / p["power"] + _log_norm(p),
    source="exp(-|z|^power) / (2 scale Gamma(1 + 1 / power)), z = (x - loc) / scale "
    "(Nadarajah 2005)",
)


# --- Johnson's unbounded system ------------------------------------------------------------------


def _on_the_normal(x: Value, p: Params) -> Value:
    return p["skewness"] + p["tailweight"] * ops.arcsinh(standardised(x, p))


def _from_the_normal(z: Value, p: Params) -> Value:
    return p["loc"] + p["scale"] * ops.sinh((z - p["skewness"]) / p["tailweight"])


def _johnson_log_density(x: Value, p: Params) -> Value:
    slope = ops.log(p["tailweight"]) - ops.log(p["scale"])
    slope = slope - 0.5 * log1p_square_ratio(x - p["loc"], p["scale"])
    return slope - 0.5 * _on_the_normal(x, p) ** 2 - HALF_LOG_2PI


def _johnson_mean(p: Params) -> Value:
    growth = ops.exp(0.5 / p["tailweight"] ** 2)
    return p["loc"] - p["scale"] * growth * ops.sinh(p["skewness"] / p["tailweight"])


def _johnson_variance(p: Params) -> Value:
    w = 1.0 / p["tailweight"] ** 2
    spread = ops.exp(w) * ops.cosh(2.0 * p["skewness"] / p["tailweight"]) + 1.0
    return 0.5 * p["scale"] ** 2 * ops.expm1(w) * spread


JOHNSON_SU = Distribution(
    name="JohnsonSU",
    parameters=(Parameter("skewness"), Parameter("tailweight", POSITIVE), *LOC_SCALE),
    support=REAL,
    log_density=_johnson_log_density,
    draw=lambda noise, p: _from_the_normal(noise.standard("normal"), p),
    reparameterised=True,
    mean=_johnson_mean,
    variance=_johnson_variance,
    cdf=lambda x, p: ops.ndtr(_on_the_normal(x, p)),
    tails=Tails(
        log_cdf=lambda x, p: ops.log_ndtr(_on_the_normal(x, p)),
        log_survival=lambda x, p: ops.log_ndtr(-_on_the_normal(x, p)),
        quantile=lambda f, s, p: _from_the_normal(normal_quantile(f, s), p),
    ),
    source="loc + scale sinh((y - skewness) / tailweight), y ~ Normal(0, 1) "
    "(Johnson 1949, system SU)",
)
