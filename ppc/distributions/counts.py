"""Families of counts: of successes, and of trials until there are enough of them.

Densities are those of the saturated model, which the counts alone tell, less a deviance from it.
"""

from __future__ import annotations

import math

from ppc.distributions.base import Distribution, NoiseSource, Parameter, Params
from ppc.distributions.bounded import log_beta_powers
from ppc.distributions.discrete import bernoulli_log_probs, bernoulli_probs, expected_log
from ppc.distributions.location_scale import POSITIVE
from ppc.distributions.special import log_saturated_beta, within
from ppc.ir import ops
from ppc.ir.build import Value
from ppc.ir.nodes import Support

_COUNT = Support("nonnegative_integer")
_PROBS = (
    Parameter("logits", group="probs"),
    Parameter("probs", Support("unit_interval"), group="probs"),
)


def _powers(successes: Value, failures: Value, p: Params) -> Value:
    """log(probs^successes (1 - probs)^failures), where 0^0 = 1."""
    if "logits" in p:
        one, zero = bernoulli_log_probs(p)
        return successes * one + failures * zero
    return ops.xlogy(successes, p["probs"]) + ops.xlog1py(failures, -p["probs"])


def _deviance(successes: Value, failures: Value, p: Params) -> Value:
    one, zero = bernoulli_probs(p)
    if "logits" in p:
        logs = bernoulli_log_probs(p)
    else:  # the logarithm of a chance of 0 has no derivative
        some, rest = ops.where(one > 0.0, one, 1.0), ops.where(zero > 0.0, one, 0.0)
        logs = (
            ops.where(one > 0.0, ops.log(some), -math.inf),
            ops.where(zero > 0.0, ops.log1p(-rest), -math.inf),
        )
    return ops.binomial_deviance(successes, failures, one, zero, *logs)


def _log_saturated(x: Value, rest: Value) -> Value:
    """log of (n choose x) (x/n)^x (rest/n)^rest for x, rest >= 0 and n = x + rest."""
    both = ops.logical_and(x > 0.0, rest > 0.0)
    x, rest = ops.where(both, x, 1.0), ops.where(both, rest, 1.0)
    factor = ops.log(x + rest) - ops.log(x) - ops.log(rest)
    return ops.where(both, log_saturated_beta(x, rest) + factor, 0.0)


def _is_count(x: Value) -> Value:
    return ops.logical_and(x >= 0.0, ops.eq(ops.floor(x), x))


def _up_to(x: Value, total: Value) -> Value:
    return ops.logical_and(_is_count(x), x <= total)


# --- Binomial ------------------------------------------------------------------------------------


def _binomial_log_density(x: Value, p: Params) -> Value:
    x, n = ops.cast(x, "f32"), p["total_count"]
    possible = ops.where(bernoulli_probs(p)[0] > 0.5, n, 0.0)  # also for a chance of 0 or 1
    return within(
        _up_to(x, n), x, possible, lambda x: _log_saturated(x, n - x) - _deviance(x, n - x, p)
    )


def _binomial_variance(p: Params) -> Value:
    one, zero = bernoulli_probs(p)
    return p["total_count"] * one * zero


BINOMIAL = Distribution(
    name="Binomial",
    parameters=(Parameter("total_count", _COUNT), *_PROBS),
    support=Support("integer_interval", (0, "total_count")),
    log_density=_binomial_log_density,
    draw=lambda noise, p: noise.binomial(p["total_count"], bernoulli_probs(p)[0]),
    mean=lambda p: p["total_count"] * bernoulli_probs(p)[0],
    variance=_binomial_variance,
    source="(n choose x) probs^x (1 - probs)^(n - x), n = total_count, probs = sigmoid(logits); "
    "draws are floats, as in TensorFlow Probability (Johnson, Kemp and Kotz 2005, ch. 3)",
)


# --- Beta-binomial -------------------------------------------------------------------------------


def _beta_binomial_log_density(x: Value, p: Params) -> Value:
    x, n = ops.cast(x, "f32"), p["total_count"]
    a, b = p["concentration1"], p["concentration0"]

    return within(_up_to(x, n), x, 0.0, lambda x: _beta_binomial_inside(x, n, a, b))


def _beta_binomial_inside(x: Value, n: Value, a: Value, b: Value) -> Value:
    """(n choose x) and both beta functions, each times the powers of one and the same chance.

    The powers cancel for any chance; at that of the posterior mean none of the factors is large,
    and the last one has no deviance.
    """
    rest, total = n - x, n + a + b
    chance = (x + a) / total, (rest + b) / total
    logs = [ops.log(count) - ops.log(total) for count in (x + a, rest + b)]
    one, zero, log_one, log_zero = map(ops.stop_gradient, (*chance, *logs))
    ways = _log_saturated(x, rest) - ops.binomial_deviance(x, rest, one, zero, log_one, log_zero)
    before = log_beta_powers(one, zero, a, b, log_one, log_zero)
    return ways + before - log_saturated_beta(x + a, rest + b)


def _beta_binomial_draw(noise: NoiseSource, p: Params) -> Value:
    one = noise.log_gamma(p["concentration1"], tag="one")
    probs = ops.sigmoid(one - noise.log_gamma(p["concentration0"], tag="zero"))
    return noise.binomial(p["total_count"], probs)


def _beta_binomial_mean(p: Params) -> Value:
    a, b = p["concentration1"], p["concentration0"]
    return p["total_count"] * (a / (a + b))


def _beta_binomial_variance(p: Params) -> Value:
    a, b = p["concentration1"], p["concentration0"]
    spread = (a + b + p["total_count"]) / (a + b + 1.0)
    return _beta_binomial_mean(p) * (b / (a + b)) * spread


BETA_BINOMIAL = Distribution(
    name="BetaBinomial",
    parameters=(
        Parameter("total_count", _COUNT),
        Parameter("concentration1", POSITIVE),
        Parameter("concentration0", POSITIVE),
    ),
    support=Support("integer_interval", (0, "total_count")),
    log_density=_beta_binomial_log_density,
    draw=_beta_binomial_draw,
    mean=_beta_binomial_mean,
    variance=_beta_binomial_variance,
    source="(n choose x) B(x + a, n - x + b) / B(a, b), n = total_count, a = concentration1, "
    "b = concentration0; draws are floats (Johnson, Kemp and Kotz 2005, ch. 6)",
)


# --- negative binomial and geometric -------------------------------------------------------------


def _negative_binomial_log_density(x: Value, p: Params) -> Value:
    x, r = ops.cast(x, "f32"), p["total_count"]

    def density(x: Value) -> Value:
        some = ops.where(x > 0.0, x, 1.0)
        saturated = ops.where(x > 0.0, log_saturated_beta(some, r) - ops.log(some), 0.0)
        return saturated - _deviance(x, r, p)

    return within(_is_count(x), x, 0.0, density)


def _negative_binomial_draw(noise: NoiseSource, p: Params) -> Value:
    # a Poisson whose rate is a Gamma of mean total_count probs / (1 - probs)
    one, zero = bernoulli_log_probs(p)
    return noise.poisson(ops.exp(noise.log_gamma(p["total_count"], tag="rate") + one - zero))


def _negative_binomial_mean(p: Params) -> Value:
    one, zero = bernoulli_probs(p)
    return p["total_count"] * (one / zero)


NEGATIVE_BINOMIAL = Distribution(
    name="NegativeBinomial",
    parameters=(Parameter("total_count", POSITIVE), *_PROBS),
    support=_COUNT,
    log_density=_negative_binomial_log_density,
    draw=_negative_binomial_draw,
    mean=_negative_binomial_mean,
    variance=lambda p: _negative_binomial_mean(p) / bernoulli_probs(p)[1],
    source="Gamma(x + r) / (x! Gamma(r)) probs^x (1 - probs)^r, r = total_count: the successes "
    "before r failures; draws are floats, as in TensorFlow Probability "
    "(Johnson, Kemp and Kotz 2005, ch. 5)",
)


def _geometric_log_density(x: Value, p: Params) -> Value:
    x = ops.cast(x, "f32")
    return within(_is_count(x), x, 0.0, lambda x: _powers(x * 0.0 + 1.0, x, p))


def _geometric_entropy(p: Params) -> Value:
    terms = zip(bernoulli_probs(p), bernoulli_log_probs(p), strict=True)
    one, zero = (expected_log(prob, log_prob) for prob, log_prob in terms)
    return -(one + zero) / bernoulli_probs(p)[0]


GEOMETRIC = Distribution(
    name="Geometric",
    parameters=_PROBS,
    support=_COUNT,
    log_density=_geometric_log_density,
    draw=lambda noise, p: ops.floor(ops.log(noise.standard("uniform")) / bernoulli_log_probs(p)[1]),
    mean=lambda p: bernoulli_probs(p)[1] / bernoulli_probs(p)[0],
    variance=lambda p: bernoulli_probs(p)[1] / bernoulli_probs(p)[0] ** 2,
    entropy=_geometric_entropy,
    source="probs (1 - probs)^x: the failures before a success; draws are floats, as in "
    "TensorFlow Probability (Johnson, Kemp and Kotz 2005, ch. 5)",
)
