"""Gamma and inverse gamma."""

from __future__ import annotations

import math

from ppc.distributions.base import Distribution, NoiseSource, Parameter, Params
from ppc.distributions.location_scale import POSITIVE
from ppc.distributions.special import (
    HALF_LOG_2PI,
    digamma_correction,
    gamma_kernel,
    log_power_of_zero,
    within,
)
from ppc.ir import ops
from ppc.ir.build import Value
from ppc.ir.nodes import REAL


def rate_of(p: Params) -> tuple[Value, Value]:
    """The rate and its logarithm, from whichever is given."""
    if "rate" in p:
        return p["rate"], ops.log(p["rate"])
    return ops.exp(p["log_rate"]), p["log_rate"]


def _gamma_log_density(x: Value, p: Params) -> Value:
    return within(x >= 0.0, x, 1.0, lambda x: _gamma_inside(x, p))


def _gamma_inside(x: Value, p: Params) -> Value:
    a = p["concentration"]
    rate, log_rate = rate_of(p)
    log_x = ops.log(ops.where(x > 0.0, x, 1.0))
    density = gamma_kernel(a, rate * x, log_rate + log_x) - log_x
    return ops.where(x > 0.0, density, log_power_of_zero(a - 1.0) + log_rate)


def _gamma_draw(noise: NoiseSource, p: Params) -> Value:
    _, log_rate = rate_of(p)
    return ops.exp(noise.log_gamma(p["concentration"]) - log_rate)


def _gamma_mean(p: Params) -> Value:
    return p["concentration"] / rate_of(p)[0]


def _gamma_entropy(p: Params) -> Value:
    a = p["concentration"]
    stirling = ops.lgamma_correction(a) + (1.0 - a) * digamma_correction(a) - 0.5 / a
    return 0.5 * ops.log(a) + (HALF_LOG_2PI + 0.5) + stirling - rate_of(p)[1]


GAMMA = Distribution(
    name="Gamma",
    parameters=(
        Parameter("concentration", POSITIVE),
        Parameter("rate", POSITIVE, group="rate"),
        Parameter("log_rate", group="rate"),
    ),
    support=POSITIVE,
    log_density=_gamma_log_density,
    draw=_gamma_draw,
    reparameterised=True,
    mean=_gamma_mean,
    variance=lambda p: _gamma_mean(p) / rate_of(p)[0],
    entropy=_gamma_entropy,
    source="rate^a x^(a - 1) exp(-rate x) / Gamma(a), a = concentration "
    "(Johnson, Kotz and Balakrishnan 1994, ch. 17)",
)


def _inverse_gamma_log_density(x: Value, p: Params) -> Value:
    return within(x > 0.0, x, 1.0, lambda x: _inverse_gamma_inside(x, p))


def _inverse_gamma_inside(x: Value, p: Params) -> Value:
    log_x = ops.log(x)
    return gamma_kernel(p["concentration"], p["scale"] / x, ops.log(p["scale"]) - log_x) - log_x


def _inverse_gamma_draw(noise: NoiseSource, p: Params) -> Value:
    return ops.exp(ops.log(p["scale"]) - noise.log_gamma(p["concentration"]))


def _inverse_gamma_mean(p: Params) -> Value:
    a = p["concentration"]
    return ops.where(a > 1.0, p["scale"] / ops.where(a > 1.0, a - 1.0, 1.0), math.inf)


def _inverse_gamma_variance(p: Params) -> Value:
    a = p["concentration"]
    finite = a > 2.0
    square = (p["scale"] / ops.where(finite, a - 1.0, 1.0)) ** 2
    return ops.where(finite, square / ops.where(finite, a - 2.0, 1.0), math.inf)


def _inverse_gamma_entropy(p: Params) -> Value:
    a = p["concentration"]
    stirling = ops.lgamma_correction(a) - (1.0 + a) * digamma_correction(a) + 0.5 / a
    return ops.log(p["scale"]) - 1.5 * ops.log(a) + (HALF_LOG_2PI + 0.5) + stirling


INVERSE_GAMMA = Distribution(
    name="InverseGamma",
    parameters=(Parameter("concentration", POSITIVE), Parameter("scale", POSITIVE)),
    support=POSITIVE,
    log_density=_inverse_gamma_log_density,
    draw=_inverse_gamma_draw,
    reparameterised=True,
    mean=_inverse_gamma_mean,
    variance=_inverse_gamma_variance,
    entropy=_inverse_gamma_entropy,
    source="scale^a x^(-a - 1) exp(-scale / x) / Gamma(a), a = concentration; 1/x is "
    "Gamma(a, rate=scale) (Gelman et al. 2013, app. A)",
)


# --- chi-squared ---------------------------------------------------------------------------------


def _as_gamma(p: Params) -> Params:
    """The Gamma that a Chi2 is."""
    return {"concentration": 0.5 * p["df"], "rate": p["df"].builder.const(0.5)}


CHI2 = Distribution(
    name="Chi2",
    parameters=(Parameter("df", POSITIVE),),
    support=POSITIVE,
    log_density=lambda x, p: _gamma_log_density(x, _as_gamma(p)),
    draw=lambda noise, p: _gamma_draw(noise, _as_gamma(p)),
    reparameterised=True,
    mean=lambda p: p["df"] * 1.0,
    variance=lambda p: 2.0 * p["df"],
    entropy=lambda p: _gamma_entropy(_as_gamma(p)),
    source="Gamma(df / 2, rate=1/2) (Johnson, Kotz and Balakrishnan 1994, ch. 18)",
)


# --- chi -----------------------------------------------------------------------------------------


def _chi_log_density(x: Value, p: Params) -> Value:
    return within(x >= 0.0, x, 1.0, lambda x: _chi_inside(x, p))


def _chi_inside(x: Value, p: Params) -> Value:
    half = 0.5 * p["df"]
    safe = ops.where(x > 0.0, x, 1.0)
    log_x = ops.log(safe)
    kernel = gamma_kernel(half, 0.5 * safe**2, 2.0 * log_x - math.log(2.0))
    density = kernel + (math.log(2.0) - log_x)
    at_zero = log_power_of_zero(p["df"] - 1.0) + 0.5 * math.log(2 / math.pi)
    return ops.where(x > 0.0, density, at_zero)


def _chi_growth(p: Params) -> Value:
    """log of the mean over sqrt(df): a ratio of gamma functions, Stirling's formula taken out."""
    half = 0.5 * p["df"]
    stirling = ops.lgamma_correction(half + 0.5) - ops.lgamma_correction(half)
    return half * ops.log1pmx(0.5 / half) + stirling


CHI = Distribution(
    name="Chi",
    parameters=(Parameter("df", POSITIVE),),
    support=POSITIVE,
    log_density=_chi_log_density,
    draw=lambda noise, p: ops.exp(0.5 * (noise.log_gamma(0.5 * p["df"]) + math.log(2.0))),
    reparameterised=True,
    mean=lambda p: ops.sqrt(p["df"]) * ops.exp(_chi_growth(p)),
    variance=lambda p: -p["df"] * ops.expm1(2.0 * _chi_growth(p)),
    source="the square root of a Chi2(df) (Johnson, Kotz and Balakrishnan 1994, ch. 18)",
)


# --- the logarithm of a gamma --------------------------------------------------------------------


def _exp_gamma_log_density(x: Value, p: Params) -> Value:
    log_m = rate_of(p)[1] + x
    return gamma_kernel(p["concentration"], ops.exp(log_m), log_m)


def _exp_gamma_entropy(p: Params) -> Value:
    a = p["concentration"]
    stirling = ops.lgamma_correction(a) - a * digamma_correction(a)
    return (HALF_LOG_2PI + 0.5) - 0.5 * ops.log(a) + stirling


EXP_GAMMA = Distribution(
    name="ExpGamma",
    parameters=GAMMA.parameters,
    support=REAL,
    log_density=_exp_gamma_log_density,
    draw=lambda noise, p: noise.log_gamma(p["concentration"]) - rate_of(p)[1],
    reparameterised=True,
    mean=lambda p: ops.digamma(p["concentration"]) - rate_of(p)[1],
    entropy=_exp_gamma_entropy,
    source="the logarithm of a Gamma(concentration, rate) "
    "(Johnson, Kotz and Balakrishnan 1995, ch. 22)",
)
