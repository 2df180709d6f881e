"""Families of extremes, on the real line and on half lines, and the logistic family."""

from __future__ import annotations

import math

from ppc.distributions.base import Distribution, NoiseSource, Parameter, Params, Tails
from ppc.distributions.location_scale import LOC_SCALE, POSITIVE, standardised
from ppc.distributions.special import HALF_LOG_2PI, log_of, log_power, within
from ppc.ir import ops
from ppc.ir.build import Value
from ppc.ir.nodes import REAL, Support

EULER = 0.5772156649015329  # the Euler-Mascheroni constant

# --- Gumbel --------------------------------------------------------------------------------------


def _gumbel_log_density(x: Value, p: Params) -> Value:
    z = standardised(x, p)
    return -(z + ops.exp(-z)) - ops.log(p["scale"])


GUMBEL = Distribution(
    name="Gumbel",
    parameters=LOC_SCALE,
    support=REAL,
    log_density=_gumbel_log_density,
    draw=lambda noise, p: p["loc"] + p["scale"] * noise.standard("gumbel"),
    reparameterised=True,
    mean=lambda p: p["loc"] + p["scale"] * EULER,
    variance=lambda p: p["scale"] ** 2 * (math.pi**2 / 6),
    entropy=lambda p: ops.log(p["scale"]) + (1.0 + EULER),
    cdf=lambda x, p: ops.exp(-ops.exp(-standardised(x, p))),
    tails=Tails(
        log_cdf=lambda x, p: -ops.exp(-standardised(x, p)),
        log_survival=lambda x, p: ops.log1mexp(ops.exp(-standardised(x, p))),
        quantile=lambda f, s, p: p["loc"] - p["scale"] * ops.log(-f),
    ),
    source="exp(-z - exp(-z)) / scale, z = (x - loc) / scale: of maxima "
    "(Johnson, Kotz and Balakrishnan 1995, ch. 22)",
)


# --- Logistic ------------------------------------------------------------------------------------


def _logistic_log_density(x: Value, p: Params) -> Value:
    size = ops.abs_(standardised(x, p))
    return -size - 2.0 * ops.log1p(ops.exp(-size)) - ops.log(p["scale"])


def _logistic_draw(noise: NoiseSource, p: Params) -> Value:
    u = noise.standard("uniform")
    return p["loc"] + p["scale"] * (ops.log(u) - ops.log1p(-u))


LOGISTIC = Distribution(
    name="Logistic",
    parameters=LOC_SCALE,
    support=REAL,
    log_density=_logistic_log_density,
    draw=_logistic_draw,
    reparameterised=True,
    mean=lambda p: p["loc"] + 0.0 * p["scale"],
    variance=lambda p: p["scale"] ** 2 * (math.pi**2 / 3),
    entropy=lambda p: ops.log(p["scale"]) + 2.0,
    cdf=lambda x, p: ops.sigmoid(standardised(x, p)),
    tails=Tails(
        log_cdf=lambda x, p: ops.log_sigmoid(standardised(x, p)),
        log_survival=lambda x, p: ops.log_sigmoid(-standardised(x, p)),
        quantile=lambda f, s, p: p["loc"] + p["scale"] * (f - s),
    ),
    source="exp(-z) / (scale (1 + exp(-z))^2); scale is not the standard deviation "
    "(Johnson, Kotz and Balakrishnan 1995, ch. 23)",
)


# --- log-logistic --------------------------------------------------------------------------------


def _log_logistic_log_density(x: Value, p: Params) -> Value:
    def density(x: Value) -> Value:
        log_x = ops.log(x)
        return _logistic_log_density(log_x, p) - log_x

    return within(x > 0.0, x, 1.0, density)


def _log_logistic_cdf(x: Value, p: Params) -> Value:
    inside = x > 0.0
    z = standardised(ops.log(ops.where(inside, x, 1.0)), p)
    return ops.where(inside, ops.sigmoid(z), 0.0)


LOG_LOGISTIC = Distribution(
    name="LogLogistic",
    parameters=LOC_SCALE,
    support=POSITIVE,
    log_density=_log_logistic_log_density,
    draw=lambda noise, p: ops.exp(_logistic_draw(noise, p)),
    reparameterised=True,
    entropy=lambda p: ops.log(p["scale"]) + (2.0 + p["loc"]),
    cdf=_log_logistic_cdf,
    tails=Tails(
        log_cdf=lambda x, p: ops.log_sigmoid(standardised(ops.log(x), p)),
        log_survival=lambda x, p: ops.log_sigmoid(-standardised(ops.log(x), p)),
        quantile=lambda f, s, p: ops.exp(p["loc"] + p["scale"] * (f - s)),
    ),
    source="exp(y), y ~ Logistic(loc, scale) (Johnson, Kotz and Balakrishnan 1995, ch. 23)",
)


# --- Moyal ---------------------------------------------------------------------------------------


def _moyal_log_density(x: Value, p: Params) -> Value:
    z = standardised(x, p)
    return -0.5 * (z + ops.exp(-z)) - ops.log(p["scale"]) - HALF_LOG_2PI


def _moyal_draw(noise: NoiseSource, p: Params) -> Value:
    # exp(-z) is a Chi2 of one degree of freedom
    return p["loc"] - p["scale"] * (2.0 * ops.log(ops.abs_(noise.standard("normal"))))


MOYAL = Distribution(
    name="Moyal",
    parameters=LOC_SCALE,
    support=REAL,
    log_density=_moyal_log_density,
    draw=_moyal_draw,
    reparameterised=True,
    mean=lambda p: p["loc"] + p["scale"] * (EULER + math.log(2.0)),
    variance=lambda p: p["scale"] ** 2 * (math.pi**2 / 2),
    entropy=lambda p: ops.log(p["scale"]) + (HALF_LOG_2PI + 0.5 * (EULER + math.log(2.0) + 1.0)),
    cdf=lambda x, p: ops.erfc(ops.exp(-0.5 * standardised(x, p)) * math.sqrt(0.5)),
    source="exp(-(z + exp(-z)) / 2) / (scale sqrt(2 pi)) (Walck 2007, sec. 26)",
)


# --- Weibull -------------------------------------------------------------------------------------


def _weibull_log_density(x: Value, p: Params) -> Value:
    return within(x >= 0.0, x, p["scale"], lambda x: _weibull_inside(x, p))


def _log_ratio(x: Value, p: Params) -> Value:
    """log(x / scale), and 0 at x = 0."""
    x = ops.where(x > 0.0, x, p["scale"])
    return log_of(x / p["scale"], ops.log(x) - ops.log(p["scale"]))


def _weibull_inside(x: Value, p: Params) -> Value:
    k, log_ratio = p["concentration"], _log_ratio(x, p)
    power = ops.where(x > 0.0, ops.exp(k * log_ratio), 0.0)
    return ops.log(k) - ops.log(p["scale"]) + log_power(k - 1.0, x, log_ratio) - power


def _weibull_draw(noise: NoiseSource, p: Params) -> Value:
    log_power = ops.log(-ops.log(noise.standard("uniform")))
    return p["scale"] * ops.exp(log_power / p["concentration"])


def _weibull_mean(p: Params) -> Value:
    return p["scale"] * ops.exp(ops.lgamma(1.0 + 1.0 / p["concentration"]))


def _weibull_variance(p: Params) -> Value:
    inverse = 1.0 / p["concentration"]
    gap = ops.lgamma(1.0 + 2.0 * inverse) - 2.0 * ops.lgamma(1.0 + inverse)
    return _weibull_mean(p) ** 2 * ops.expm1(gap)


def _weibull_cdf(x: Value, p: Params) -> Value:
    return ops.where(x > 0.0, -ops.expm1(-_weibull_hazard(ops.maximum(x, 0.0), p)), 0.0)


def _weibull_hazard(x: Value, p: Params) -> Value:
    """(x / scale)^k, the cumulative hazard."""
    return ops.exp(p["concentration"] * _log_ratio(x, p))


def _weibull_entropy(p: Params) -> Value:
    k = p["concentration"]
    return EULER * (1.0 - 1.0 / k) + ops.log(p["scale"]) - ops.log(k) + 1.0


WEIBULL = Distribution(
    name="Weibull",
    parameters=(Parameter("concentration", POSITIVE), Parameter("scale", POSITIVE)),
    support=Support("nonnegative"),
    log_density=_weibull_log_density,
    draw=_weibull_draw,
    reparameterised=True,
    mean=_weibull_mean,
    variance=_weibull_variance,
    entropy=_weibull_entropy,
    cdf=_weibull_cdf,
    tails=Tails(
        log_cdf=lambda x, p: ops.log1mexp(_weibull_hazard(x, p)),
        log_survival=lambda x, p: -_weibull_hazard(x, p),
        quantile=lambda f, s, p: p["scale"] * ops.exp(ops.log(-s) / p["concentration"]),
    ),
    source="k/scale (x/scale)^(k - 1) exp(-(x/scale)^k), k = concentration "
    "(Johnson, Kotz and Balakrishnan 1994, ch. 21)",
)


# --- Pareto --------------------------------------------------------------------------------------


def _pareto_log_density(x: Value, p: Params) -> Value:
    a, scale = p["concentration"], p["scale"]
    return within(x >= scale, x, scale, lambda x: ops.log(a) - ops.log(x) - a * _log_ratio(x, p))


def _pareto_mean(p: Params) -> Value:
    a = p["concentration"]
    finite = a > 1.0
    return ops.where(finite, p["scale"] * (a / ops.where(finite, a - 1.0, 1.0)), math.inf)


def _pareto_variance(p: Params) -> Value:
    a = p["concentration"]
    finite = a > 2.0
    square = (p["scale"] / ops.where(finite, a - 1.0, 1.0)) ** 2
    return ops.where(finite, square * (a / ops.where(finite, a - 2.0, 1.0)), math.inf)


PARETO = Distribution(
    name="Pareto",
    parameters=(Parameter("concentration", POSITIVE), Parameter("scale", POSITIVE, default=1.0)),
    support=Support("greater_than", ("scale",)),
    log_density=_pareto_log_density,
    draw=lambda noise, p: (
        p["scale"] * ops.exp(-ops.log(noise.standard("uniform")) / p["concentration"])
    ),
    reparameterised=True,
    mean=_pareto_mean,
    variance=_pareto_variance,
    entropy=lambda p: (
        ops.log(p["scale"]) - ops.log(p["concentration"]) + (1.0 + 1.0 / p["concentration"])
    ),
    cdf=lambda x, p: (
        -ops.expm1(-p["concentration"] * ops.log(ops.maximum(x, p["scale"]) / p["scale"]))
    ),
    tails=Tails(
        log_cdf=lambda x, p: ops.log1mexp(p["concentration"] * _log_ratio(x, p)),
        log_survival=lambda x, p: -p["concentration"] * _log_ratio(x, p),
        quantile=lambda f, s, p: p["scale"] * ops.exp(-s / p["concentration"]),
    ),
    source="a scale^a / x^(a + 1) from scale upwards, a = concentration "
    "(Johnson, Kotz and Balakrishnan 1994, ch. 20)",
)
