"""Families on an interval."""

from __future__ import annotations

import math

from ppc.distributions.base import Distribution, NoiseSource, Parameter, Params, Tails
from ppc.distributions.extreme_value import EULER
from ppc.distributions.location_scale import POSITIVE
from ppc.distributions.special import (
    HALF_LOG_2PI,
    digamma_correction,
    log_beta,
    log_power_of_zero,
    log_saturated_beta,
    within,
)
from ppc.ir import ops
from ppc.ir.build import Value
from ppc.ir.nodes import Support


def _width(p: Params) -> Value:
    return p["high"] - p["low"]


def _uniform_log_density(x: Value, p: Params) -> Value:
    inside = ops.logical_and(x >= p["low"], x <= p["high"])
    return ops.where(inside, -ops.log(_width(p)), -math.inf)


def _uniform_cdf(x: Value, p: Params) -> Value:
    return ops.minimum(ops.maximum((x - p["low"]) / _width(p), 0.0), 1.0)


UNIFORM = Distribution(
    name="Uniform",
    parameters=(Parameter("low", default=0.0), Parameter("high", default=1.0)),
    support=Support("interval", ("low", "high")),
    log_density=_uniform_log_density,
    draw=lambda noise, p: p["low"] + _width(p) * noise.standard("uniform"),
    reparameterised=True,
    mean=lambda p: p["low"] + 0.5 * _width(p),
    variance=lambda p: _width(p) ** 2 * (1 / 12),
    entropy=lambda p: ops.log(_width(p)),
    cdf=_uniform_cdf,
    source="1 / (high - low) (Johnson, Kotz and Balakrishnan 1995, ch. 26)",
)


# --- Beta ----------------------------------------------------------------------------------------


def _beta_log_density(x: Value, p: Params) -> Value:
    inside = ops.logical_and(x >= 0.0, x <= 1.0)
    return within(inside, x, 0.5, lambda x: _beta_inside(x, p))


def _beta_inside(x: Value, p: Params) -> Value:
    a, b = p["concentration1"], p["concentration0"]
    log_x = ops.log(ops.where(x > 0.0, x, 1.0))
    log_rest = ops.log1p(-ops.where(x < 1.0, x, 0.0))
    inside = log_beta_powers(x, 1.0 - x, a, b, log_x, log_rest) - log_x - log_rest
    above, below = x > 0.0, x < 1.0
    at_zero = ops.where(above, 0.0, log_power_of_zero(a - 1.0))
    at_one = ops.where(below, 0.0, log_power_of_zero(b - 1.0))
    return ops.where(ops.logical_and(above, below), inside, at_zero + at_one - log_beta(a, b))


def log_beta_powers(
    x: Value, rest: Value, a: Value, b: Value, log_x: Value, log_rest: Value
) -> Value:
    """log(x^a rest^b / B(a, b)) for a, b > 0, 0 < x < 1 and rest = 1 - x, without cancellation."""
    return log_saturated_beta(a, b) - ops.binomial_deviance(a, b, x, rest, log_x, log_rest)


def _beta_draw(noise: NoiseSource, p: Params) -> Value:
    one = noise.log_gamma(p["concentration1"], tag="one")
    return ops.sigmoid(one - noise.log_gamma(p["concentration0"], tag="zero"))


def _beta_mean(p: Params) -> Value:
    return p["concentration1"] / (p["concentration1"] + p["concentration0"])


def _beta_variance(p: Params) -> Value:
    a, b = p["concentration1"], p["concentration0"]
    return (a / (a + b)) * (b / (a + b)) / (a + b + 1.0)


def _beta_entropy(p: Params) -> Value:
    a, b = p["concentration1"], p["concentration0"]
    n = a + b

    def part(a: Value, weight: Value) -> Value:
        return ops.lgamma_correction(a) - weight * digamma_correction(a) - 0.5 / a

    # Stirling's formula taken out of log B(a, b) and of the three digammas
    stirling = part(a, a - 1.0) + part(b, b - 1.0) - part(n, n - 2.0) + 0.5 / n
    logs = 0.5 * (ops.log(a / n) + ops.log(b / n)) - 0.5 * ops.log(n)
    return logs + (HALF_LOG_2PI + 0.5) + stirling


BETA = Distribution(
    name="Beta",
    parameters=(Parameter("concentration1", POSITIVE), Parameter("concentration0", POSITIVE)),
    support=Support("unit_interval"),
    log_density=_beta_log_density,
    draw=_beta_draw,
    reparameterised=True,
    mean=_beta_mean,
    variance=_beta_variance,
    entropy=_beta_entropy,
    source="x^(a - 1) (1 - x)^(b - 1) / B(a, b), a = concentration1, b = concentration0 "
    "(Johnson, Kotz and Balakrishnan 1995, ch. 25)",
)


# --- Kumaraswamy ---------------------------------------------------------------------------------


def _kumaraswamy_log_density(x: Value, p: Params) -> Value:
    inside = ops.logical_and(x >= 0.0, x <= 1.0)
    return within(inside, x, 0.5, lambda x: _kumaraswamy_inside(x, p))


def _kumaraswamy_inside(x: Value, p: Params) -> Value:
    a, b = p["concentration1"], p["concentration0"]
    above, below = x > 0.0, x < 1.0
    between = ops.logical_and(above, below)
    log_x = ops.log(ops.where(between, x, 0.5))
    powers = (a - 1.0) * log_x + (b - 1.0) * ops.log1mexp(-a * log_x)
    at_zero = ops.where(above, 0.0, log_power_of_zero(a - 1.0))
    at_one = ops.where(below, 0.0, log_power_of_zero(b - 1.0))
    return ops.log(a) + ops.log(b) + ops.where(between, powers, at_zero + at_one)


def _kumaraswamy_log_survival(x: Value, p: Params) -> Value:
    return p["concentration0"] * ops.log1mexp(-p["concentration1"] * ops.log(x))


def _kumaraswamy_quantile(_: Value, log_s: Value, p: Params) -> Value:
    return ops.exp(ops.log1mexp(-log_s / p["concentration0"]) / p["concentration1"])


def _kumaraswamy_draw(noise: NoiseSource, p: Params) -> Value:
    u = noise.standard("uniform")
    return _kumaraswamy_quantile(u, ops.log(u), p)


def _kumaraswamy_cdf(x: Value, p: Params) -> Value:
    between = ops.logical_and(x > 0.0, x < 1.0)
    log_s = _kumaraswamy_log_survival(ops.where(between, x, 0.5), p)
    return ops.where(between, -ops.expm1(log_s), ops.where(x > 0.5, 1.0, 0.0))


def _kumaraswamy_entropy(p: Params) -> Value:
    a, b = p["concentration1"], p["concentration0"]
    harmonic = ops.digamma(b + 1.0) + EULER
    return 1.0 - 1.0 / b + (1.0 - 1.0 / a) * harmonic - ops.log(a) - ops.log(b)


KUMARASWAMY = Distribution(
    name="Kumaraswamy",
    parameters=(
        Parameter("concentration1", POSITIVE, default=1.0),
        Parameter("concentration0", POSITIVE, default=1.0),
    ),
    support=Support("unit_interval"),
    log_density=_kumaraswamy_log_density,
    draw=_kumaraswamy_draw,
    reparameterised=True,
    entropy=_kumaraswamy_entropy,
    cdf=_kumaraswamy_cdf,
    tails=Tails(
        log_cdf=lambda x, p: ops.log1mexp(-_kumaraswamy_log_survival(x, p)),
        log_survival=_kumaraswamy_log_survival,
        quantile=_kumaraswamy_quantile,
    ),
    source="a b x^(a - 1) (1 - x^a)^(b - 1), a = concentration1, b = concentration0 "
    "(Kumaraswamy 1980)",
)
