"""Families on integers."""

from __future__ import annotations

import math

from ppc.distributions.base import Distribution, NoiseSource, Parameter, Params
from ppc.distributions.gamma import rate_of
from ppc.distributions.location_scale import POSITIVE
from ppc.distributions.special import known_inside, log_saturated_gamma, within
from ppc.ir import ops
from ppc.ir.build import Value
from ppc.ir.nodes import Support

_UNIT = Support("unit_interval")


def expected_log(p: Value, log_p: Value) -> Value:
    """p * log_p, and 0 where p is 0 whatever log_p is."""
    positive = p > 0.0
    return ops.where(positive, p, 0.0) * ops.where(positive, log_p, 0.0)


# --- Bernoulli -----------------------------------------------------------------------------------


def bernoulli_log_probs(p: Params) -> tuple[Value, Value]:
    """The log probabilities of 1 and of 0."""
    if "logits" in p:
        return ops.log_sigmoid(p["logits"]), ops.log_sigmoid(-p["logits"])
    return ops.log(p["probs"]), ops.log1p(-p["probs"])


def bernoulli_probs(p: Params) -> tuple[Value, Value]:
    """The probabilities of 1 and of 0."""
    if "logits" in p:
        return ops.sigmoid(p["logits"]), ops.sigmoid(-p["logits"])
    return p["probs"], 1.0 - p["probs"]


def _bernoulli_log_density(x: Value, p: Params) -> Value:
    one, zero = ops.eq(x, 1), ops.eq(x, 0)
    if "logits" in p:
        density = ops.log_sigmoid(ops.where(one, p["logits"], -p["logits"]))
    else:
        # each logarithm only where it is asked for, so that probabilities of 0 and 1 are exact
        of_one = ops.log(ops.where(one, p["probs"], 1.0))
        density = of_one + ops.log1p(-ops.where(zero, p["probs"], 0.0))
    return density if known_inside(x) else ops.where(ops.logical_or(one, zero), density, -math.inf)


def _bernoulli_draw(noise: NoiseSource, p: Params) -> Value:
    return ops.cast(noise.standard("uniform") < bernoulli_probs(p)[0], noise.type.dtype)


def _bernoulli_variance(p: Params) -> Value:
    one, zero = bernoulli_probs(p)
    return one * zero


def _bernoulli_entropy(p: Params) -> Value:
    terms = zip(bernoulli_probs(p), bernoulli_log_probs(p), strict=True)
    one, zero = (expected_log(prob, log_prob) for prob, log_prob in terms)
    return -(one + zero)


BERNOULLI = Distribution(
    name="Bernoulli",
    parameters=(Parameter("logits", group="probs"), Parameter("probs", _UNIT, group="probs")),
    support=Support("boolean"),
    log_density=_bernoulli_log_density,
    dtype="i32",
    draw=_bernoulli_draw,
    mean=lambda p: bernoulli_probs(p)[0],
    variance=_bernoulli_variance,
    entropy=_bernoulli_entropy,
    source="probs = P(x = 1) = sigmoid(logits) (Johnson, Kemp and Kotz 2005, ch. 3)",
)


# --- Categorical ---------------------------------------------------------------------------------


def categorical_log_probs(p: Params) -> Value:
    """The log probabilities, normalised along the last dimension."""
    if "logits" in p:
        return ops.log_softmax(p["logits"])
    total = ops.expand_dims(ops.sum_(p["probs"]), -1)
    return ops.log(p["probs"]) - ops.log(total)


def categorical_probs(p: Params) -> Value:
    """The probabilities, normalised along the last dimension."""
    if "logits" in p:
        return ops.softmax(p["logits"])
    return p["probs"] / ops.expand_dims(ops.sum_(p["probs"]), -1)


def _weights(p: Params) -> Value:
    return p["logits"] if "logits" in p else p["probs"]


def _last_category(p: Params) -> Value:
    weights = _weights(p)
    return weights.builder.dim(weights.type.shape[-1] - 1)


def _categorical_log_density(x: Value, p: Params) -> Value:
    if known_inside(x):
        return _category_log_prob(x, p)
    inside = ops.logical_and(x >= 0, x <= _last_category(p))
    index = ops.where(inside, x, 0)
    if "logits" in p:
        density = ops.take_along(ops.log_softmax(p["logits"]), index)
    else:
        # the logarithm of the picked one only, so that the others may be 0
        picked = ops.where(inside, ops.take_along(p["probs"], index), 1.0)
        density = ops.log(picked) - ops.log(ops.sum_(p["probs"]))
    return ops.where(inside, density, -math.inf)


def _category_log_prob(x: Value, p: Params) -> Value:
    if "logits" in p:
        return ops.take_along(ops.log_softmax(p["logits"]), x)
    return ops.log(ops.take_along(p["probs"], x)) - ops.log(ops.sum_(p["probs"]))


def _categorical_draw(noise: NoiseSource, p: Params) -> Value:
    weights = _weights(p)
    gumbel = noise.standard("gumbel", weights.type.shape[-1])
    return ops.argmax((weights if "logits" in p else ops.log(weights)) + gumbel)


CATEGORICAL = Distribution(
    name="Categorical",
    parameters=(
        Parameter("logits", event_rank=1, group="probs"),
        Parameter("probs", Support("simplex"), event_rank=1, group="probs"),
    ),
    support=Support("integer_interval", (0, "last")),
    bounds={"last": _last_category},
    log_density=_categorical_log_density,
    dtype="i32",
    draw=_categorical_draw,
    probabilities=categorical_probs,
    entropy=lambda p: -ops.sum_(expected_log(categorical_probs(p), categorical_log_probs(p))),
    source="P(x = k) = probs[k] / sum(probs) = softmax(logits)[k], k from 0 "
    "(draws: Maddison, Tarlow and Minka 2014)",
)


# --- Poisson -------------------------------------------------------------------------------------


def _poisson_log_density(x: Value, p: Params) -> Value:
    x = ops.cast(x, "f32")
    inside = ops.logical_and(x >= 0.0, ops.eq(ops.floor(x), x))
    return within(inside, x, 0.0, lambda x: _poisson_inside(x, p))


def _poisson_inside(x: Value, p: Params) -> Value:
    """That of the saturated model, which the data alone tell, less the deviance from it."""
    rate, log_rate = rate_of(p)
    some = ops.where(x > 0.0, x, 1.0)
    saturated = ops.where(x > 0.0, log_saturated_gamma(some) - ops.log(some), 0.0)
    return saturated - ops.poisson_deviance(x, rate, log_rate)


POISSON = Distribution(
    name="Poisson",
    parameters=(
        Parameter("rate", POSITIVE, group="rate"),
        Parameter("log_rate", group="rate"),
    ),
    support=Support("nonnegative_integer"),
    log_density=_poisson_log_density,
    draw=lambda noise, p: noise.poisson(rate_of(p)[0]),
    mean=lambda p: rate_of(p)[0],
    variance=lambda p: rate_of(p)[0],
    source="rate^x exp(-rate) / x!; draws are floats, as in TensorFlow Probability "
    "(Johnson, Kemp and Kotz 2005, ch. 4)",
)
