"""Kullback-Leibler divergences KL(q || p) in closed form, exact for all parameters.

The table is keyed by the names of the two families. Divergences of families with large
concentrations are written as deviances (x log(x/y) - x + y, see `special.deviance`), which are
nonnegative and vanish at q = p, rather than as differences of log gamma functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from ppc.distributions.base import Params
from ppc.distributions.discrete import (
    bernoulli_log_probs,
    bernoulli_probs,
    categorical_log_probs,
    categorical_probs,
)
from ppc.distributions.gamma import gamma_kernel, rate_of
from ppc.distributions.multivariate import marginal
from ppc.distributions.special import HALF_LOG_2PI, deviance, digamma_correction
from ppc.ir import ops
from ppc.ir.build import Value

Rule = Callable[[Params, Params], Value | None]


def kl_divergence(q_name: str, q_params: Params, p_name: str, p_params: Params) -> Value | None:
    """KL(q || p) with the batch shape, or None where there is no exact closed form."""
    rule = KL.get((q_name, p_name))
    return rule(q_params, p_params) if rule else None


# --- location and scale --------------------------------------------------------------------------


def _scales(ratio: Value) -> Value:
    """(ratio**2 - 1)/2 - log(ratio): the divergence of two Normals of one location."""
    return 0.5 * (ratio**2 - 1.0) - ops.log(ratio)


def _normal(q: Params, p: Params) -> Value:
    """Kingma and Welling 2013, app. B, for any p; Johnson and Sinanovic 2001."""
    shift = (q["loc"] - p["loc"]) / p["scale"]
    return 0.5 * shift**2 + _scales(q["scale"] / p["scale"])


def _normal_diag(q: Params, p: Params) -> Value:
    """The sum over independent elements."""
    return ops.sum_(_normal(marginal(q), marginal(p)))


def _half_normal(q: Params, p: Params) -> Value:
    """That of the Normals about 0, by symmetry."""
    return _scales(q["scale"] / p["scale"])


def _laplace(q: Params, p: Params) -> Value:
    """Gil, Alajaji and Linder 2013, table 3."""
    shift = ops.abs_(q["loc"] - p["loc"])
    ratio = q["scale"] / p["scale"]
    expected = shift / p["scale"] + ratio * ops.exp(-shift / q["scale"])
    return expected - 1.0 - ops.log(ratio)


def _uniform(q: Params, p: Params) -> Value:
    """The logarithm of the ratio of widths; infinite where q reaches outside p."""
    contained = ops.logical_and(q["low"] >= p["low"], q["high"] <= p["high"])
    widths = ops.log(p["high"] - p["low"]) - ops.log(q["high"] - q["low"])
    return ops.where(contained, widths, math.inf)


def _same_bounds(*bounds: str) -> Rule:
    """A divergence is kept by a bijection, so it is that of the Normals if the bijections agree."""

    def rule(q: Params, p: Params) -> Value | None:
        same = all(q[bound].name == p[bound].name for bound in bounds)
        return _normal(q, p) if same else None

    return rule


# --- gamma and beta ------------------------------------------------------------------------------


def _ratio_deviance(x: Value, y: Value) -> Value:
    """deviance(1, x / y) for x, y > 0."""
    return ops.log(y / x) + (x - y) / y


def _correction_gap(p: Value, q: Value) -> Value:
    """lgamma_correction at p above its tangent at q, and the halves of Stirling's logarithms.

    With deviance(p, q) this is lgamma(p) - lgamma(q) - digamma(q) (p - q).
    """
    tangent = ops.lgamma_correction(q) + digamma_correction(q) * (p - q)
    return 0.5 * _ratio_deviance(p, q) + ops.lgamma_correction(p) - tangent


def _gamma_family(q: tuple[Value, Value], p: tuple[Value, Value]) -> Value:
    """Of Gammas given by concentration and log rate: Penny 2001, in terms of deviances."""
    (a_q, log_rate_q), (a_p, log_rate_p) = q, p
    growth = ops.expm1(log_rate_p - log_rate_q)
    # the mean of q in units of the scale of p, and what it exceeds the concentration of p by
    mean = a_q + a_q * growth
    return deviance(a_p, mean, a_q - a_p + a_q * growth) + _correction_gap(a_p, a_q)


def _gamma(q: Params, p: Params) -> Value:
    return _gamma_family(_gamma_params(q), _gamma_params(p))


def _gamma_params(p: Params) -> tuple[Value, Value]:
    return p["concentration"], rate_of(p)[1]


def _inverse_gamma(q: Params, p: Params) -> Value:
    """That of the Gammas of 1/x."""
    return _gamma_family(_inverse_params(q), _inverse_params(p))


def _inverse_params(p: Params) -> tuple[Value, Value]:
    return p["concentration"], ops.log(p["scale"])


def _exponential_params(p: Params) -> tuple[Value, Value]:
    """An exponential is a Gamma of concentration 1."""
    rate = p["rate"]
    return rate.builder.const(1.0), ops.log(rate)


def _exponential(q: Params, p: Params) -> Value:
    ratio = p["rate"] / q["rate"]
    return ratio - 1.0 - ops.log(ratio)


def _beta(q: Params, p: Params) -> Value:
    """Gil, Alajaji and Linder 2013, table 3, in terms of deviances."""
    a_q, b_q = q["concentration1"], q["concentration0"]
    a_p, b_p = p["concentration1"], p["concentration0"]
    n_q, n_p = a_q + b_q, a_p + b_p
    # n_p times the mean of q, less a_p, without cancellation
    difference = (a_q / n_q) * b_p - (b_q / n_q) * a_p
    means = deviance(a_p, n_p * (a_q / n_q), difference)
    means = means + deviance(b_p, n_p * (b_q / n_q), -difference)
    return means + _correction_gap(a_p, a_q) + _correction_gap(b_p, b_q) - _correction_gap(n_p, n_q)


# --- discrete ------------------------------------------------------------------------------------


def _expected_log_ratio(prob: Value, log_q: Value, log_p: Value) -> Value:
    """prob (log_q - log_p), and 0 where prob is 0."""
    positive = prob > 0.0
    ratio = ops.where(positive, log_q, 0.0) - ops.where(positive, log_p, 0.0)
    return ops.where(positive, prob, 0.0) * ratio


def _bernoulli(q: Params, p: Params) -> Value:
    """The sum over both values; Cover and Thomas 2006, sec. 2.3."""
    terms = zip(bernoulli_probs(q), bernoulli_log_probs(q), bernoulli_log_probs(p), strict=True)
    one, zero = (_expected_log_ratio(*term) for term in terms)
    return one + zero


def _categorical(q: Params, p: Params) -> Value:
    """The sum over the categories; Cover and Thomas 2006, sec. 2.3."""
    logs = categorical_log_probs(q), categorical_log_probs(p)
    return ops.sum_(_expected_log_ratio(categorical_probs(q), *logs))


def _poisson(q: Params, p: Params) -> Value:
    """rate_q log(rate_q / rate_p) - rate_q + rate_p (Johnson and Sinanovic 2001)."""
    rate_q, rate_p = rate_of(q)[0], rate_of(p)[0]
    return deviance(rate_q, rate_p, rate_p - rate_q)


# --- from a log-normal guide ---------------------------------------------------------------------


def _log_normal_moment(q: Params, power: float) -> Value:
    """The expectation of x**power."""
    return ops.exp(power * q["loc"] + (0.5 * power**2) * q["scale"] ** 2)


def _log_normal_to_gamma(a: Value, log_rate: Value, q: Params) -> Value:
    """Of LogNormal q from a Gamma: the log density of a Gamma is linear in log x and x."""
    y = {"loc": q["loc"] + log_rate, "scale": q["scale"]}  # of x times the rate
    entropy = ops.log(q["scale"]) + (HALF_LOG_2PI + 0.5)
    excess = 0.5 * y["scale"] ** 2  # of the logarithm of the mean over the mean logarithm
    mean = _log_normal_moment(y, 1.0)
    return a * excess - gamma_kernel(a, mean, y["loc"] + excess) - entropy


def _log_normal_gamma(q: Params, p: Params) -> Value:
    return _log_normal_to_gamma(*_gamma_params(p), q)


def _log_normal_exponential(q: Params, p: Params) -> Value:
    return _log_normal_to_gamma(*_exponential_params(p), q)


def _log_normal_inverse_gamma(q: Params, p: Params) -> Value:
    """That of 1/x, which is LogNormal(-loc, scale) and Gamma."""
    return _log_normal_to_gamma(*_inverse_params(p), {"loc": -q["loc"], "scale": q["scale"]})


def _log_normal_half_normal(q: Params, p: Params) -> Value:
    """The log density of a half normal is linear in x**2."""
    y = {"loc": q["loc"] - ops.log(p["scale"]), "scale": q["scale"]}  # of x / scale
    moment = 0.5 * _log_normal_moment(y, 2.0)
    return moment - y["loc"] - ops.log(q["scale"]) - (0.5 + math.log(2.0))


KL: Mapping[tuple[str, str], Rule] = {
    ("Normal", "Normal"): _normal,
    ("MultivariateNormalDiag", "MultivariateNormalDiag"): _normal_diag,
    ("LogNormal", "LogNormal"): _same_bounds(),
    ("LogitNormal", "LogitNormal"): _same_bounds(),
    ("IntervalNormal", "IntervalNormal"): _same_bounds("low", "high"),
    ("GreaterThanNormal", "GreaterThanNormal"): _same_bounds("low"),
    ("LessThanNormal", "LessThanNormal"): _same_bounds("high"),
    ("HalfNormal", "HalfNormal"): _half_normal,
    ("Laplace", "Laplace"): _laplace,
    ("Uniform", "Uniform"): _uniform,
    ("Gamma", "Gamma"): _gamma,
    ("InverseGamma", "InverseGamma"): _inverse_gamma,
    ("Exponential", "Exponential"): _exponential,
    ("Exponential", "Gamma"): lambda q, p: _gamma_family(_exponential_params(q), _gamma_params(p)),
    ("Gamma", "Exponential"): lambda q, p: _gamma_family(_gamma_params(q), _exponential_params(p)),
    ("Beta", "Beta"): _beta,
    ("Bernoulli", "Bernoulli"): _bernoulli,
    ("Categorical", "Categorical"): _categorical,
    ("Poisson", "Poisson"): _poisson,
    ("LogNormal", "Gamma"): _log_normal_gamma,
    ("LogNormal", "Exponential"): _log_normal_exponential,
    ("LogNormal", "InverseGamma"): _log_normal_inverse_gamma,
    ("LogNormal", "HalfNormal"): _log_normal_half_normal,
}
