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
from ppc.distributions.gamma import rate_of
from ppc.distributions.multivariate import factored, log_determinant, lower, marginal
from ppc.distributions.special import HALF_LOG_2PI, deviance, digamma_correction, gamma_kernel
from ppc.ir import ops
from ppc.ir.build import Value
from ppc.records import dataclass

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


def _of_factor(p: Params) -> Params:
    return {"loc": p["loc"], "columns": ops.transpose(lower(p)), "log_det": log_determinant(p)}


def _of_diagonal(p: Params) -> Params:
    scale = p["scale_diag"]
    size = scale.type.shape[-1]
    columns = ops.expand_dims(scale, -1) * scale.builder.op("eye", size=size)
    return {"loc": p["loc"], "columns": columns, "log_det": ops.sum_(ops.log(scale))}


def _to_factor(q: Params, p: Params) -> Value:
    """Kullback 1959, ch. 9, (1.4), by a factor of each covariance; q's by its columns."""
    scale = p["scale_tril"]
    z = ops.solve_triangular(scale, q["loc"] - p["loc"])
    each = ops.expand_dims(scale, -3) if scale.type.rank > 2 else scale  # the same for each column
    ratio = ops.solve_triangular(each, q["columns"])
    squares = ops.sum_(z**2 - 1.0) + ops.sum_(ratio**2, (-1, -2))
    return 0.5 * squares + log_determinant(p) - q["log_det"]


def _correlated(of_q: Callable[[Params], Params], of_p: Callable[[Params], Params]) -> Rule:
    return lambda q, p: _to_factor(of_q(q), of_p(p))


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


def _same_vectors(q: Params, p: Params) -> Value:
    return ops.sum_(_normal(q, p))


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


@dataclass(frozen=True, slots=True)
class _Gamma:
    """A Gamma, or a family that is one under another name."""

    concentration: Value
    rate: Value
    log_rate: Value


def _gamma_family(q: _Gamma, p: _Gamma) -> Value:
    """Penny 2001, in terms of deviances."""
    a_q, a_p = q.concentration, p.concentration
    ratio, growth = _ratio_of_rates(q, p)
    mean = a_q * ratio  # of q, in units of p's scale
    alike = ops.abs_(growth) < 0.5
    difference = ops.where(alike, a_q - a_p + a_q * growth, mean - a_p)
    return deviance(a_p, mean, difference) + _correction_gap(a_p, a_q)


def _ratio_of_rates(q: _Gamma, p: _Gamma) -> tuple[Value, Value]:
    """p's rate over q's, and that less 1: by division, with the derivatives of the logarithms."""
    logs = ops.exp(ops.minimum(p.log_rate - q.log_rate, 80.0))
    slope = logs - ops.stop_gradient(logs)
    ratio, growth = p.rate / q.rate, (p.rate - q.rate) / q.rate
    return ops.stop_gradient(ratio) + slope, ops.stop_gradient(growth) + slope


def _of_gamma(p: Params) -> _Gamma:
    return _Gamma(p["concentration"], *rate_of(p))


def _of_inverse(p: Params) -> _Gamma:
    """The Gamma of 1/x."""
    return _Gamma(p["concentration"], p["scale"], ops.log(p["scale"]))


def _of_exponential(p: Params) -> _Gamma:
    """An exponential is a Gamma of concentration 1."""
    return _Gamma(p["rate"].builder.const(1.0), p["rate"], ops.log(p["rate"]))


def _gammas(of_q: Callable[[Params], _Gamma], of_p: Callable[[Params], _Gamma]) -> Rule:
    return lambda q, p: _gamma_family(of_q(q), of_p(p))


def _exponential(q: Params, p: Params) -> Value:
    """The ratio of rates, less 1 and less its logarithm; Johnson and Sinanovic 2001."""
    of_q, of_p = _of_exponential(q), _of_exponential(p)
    return _ratio_of_rates(of_q, of_p)[1] - (of_p.log_rate - of_q.log_rate)


def _beta(q: Params, p: Params) -> Value:
    """Gil, Alajaji and Linder 2013, table 3, in terms of deviances.

    The error is some roundings of the larger of 1, the divergence and n_p min(m, 1 - m), where
    n_p is the sum of p's concentrations and m the mean of q.
    """
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


def _log_normal_gamma(of_p: Callable[[Params], _Gamma], sign: float) -> Rule:
    """From a Gamma of x**sign: its log density is linear in log x and x**sign."""

    def rule(q: Params, p: Params) -> Value:
        to = of_p(p)
        log_median = sign * q["loc"] + to.log_rate  # of x**sign in units of p's scale
        median = ops.exp(log_median)
        above = median * ops.expm1(0.5 * q["scale"] ** 2)  # the mean above the median
        entropy = ops.log(q["scale"]) + (HALF_LOG_2PI + 0.5)
        return above - gamma_kernel(to.concentration, median, log_median) - entropy

    return rule


def _log_normal_half_normal(q: Params, p: Params) -> Value:
    """The log density of a half normal is linear in x**2."""
    loc = q["loc"] - ops.log(p["scale"])  # of x / scale
    square = ops.exp(2.0 * (loc + q["scale"] ** 2))  # its mean
    return 0.5 * square - loc - ops.log(q["scale"]) - (0.5 + math.log(2.0))


KL: Mapping[tuple[str, str], Rule] = {
    ("Normal", "Normal"): _normal,
    ("MultivariateNormalDiag", "MultivariateNormalDiag"): _normal_diag,
    ("MultivariateNormalDiag", "MultivariateNormalTriL"): _correlated(_of_diagonal, dict),
    ("MultivariateNormalDiag", "MultivariateNormalFullCovariance"): _correlated(
        _of_diagonal, factored
    ),
    ("MultivariateNormalTriL", "MultivariateNormalTriL"): _correlated(_of_factor, dict),
    ("MultivariateNormalFullCovariance", "MultivariateNormalFullCovariance"): _correlated(
        lambda q: _of_factor(factored(q)), factored
    ),
    ("LogNormal", "LogNormal"): _same_bounds(),
    ("LogitNormal", "LogitNormal"): _same_bounds(),
    ("IntervalNormal", "IntervalNormal"): _same_bounds("low", "high"),
    ("GreaterThanNormal", "GreaterThanNormal"): _same_bounds("low"),
    ("LessThanNormal", "LessThanNormal"): _same_bounds("high"),
    ("LogisticNormal", "LogisticNormal"): _same_vectors,
    ("OrderedNormal", "OrderedNormal"): _same_vectors,
    ("PositiveOrderedNormal", "PositiveOrderedNormal"): _same_vectors,
    ("HalfNormal", "HalfNormal"): _half_normal,
    ("Laplace", "Laplace"): _laplace,
    ("Uniform", "Uniform"): _uniform,
    ("Gamma", "Gamma"): _gammas(_of_gamma, _of_gamma),
    ("InverseGamma", "InverseGamma"): _gammas(_of_inverse, _of_inverse),
    ("Exponential", "Exponential"): _exponential,
    ("Exponential", "Gamma"): _gammas(_of_exponential, _of_gamma),
    ("Gamma", "Exponential"): _gammas(_of_gamma, _of_exponential),
    ("Beta", "Beta"): _beta,
    ("Bernoulli", "Bernoulli"): _bernoulli,
    ("Categorical", "Categorical"): _categorical,
    ("Poisson", "Poisson"): _poisson,
    ("LogNormal", "Gamma"): _log_normal_gamma(_of_gamma, 1.0),
    ("LogNormal", "Exponential"): _log_normal_gamma(_of_exponential, 1.0),
    ("LogNormal", "InverseGamma"): _log_normal_gamma(_of_inverse, -1.0),
    ("LogNormal", "HalfNormal"): _log_normal_half_normal,
}
