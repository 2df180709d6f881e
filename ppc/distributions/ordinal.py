"""Families of decisions and grades by a threshold."""

from __future__ import annotations

import math

from ppc.distributions.base import Distribution, NoiseSource, Parameter, Params
from ppc.distributions.bijections import gaps
from ppc.distributions.discrete import BERNOULLI, expected_log
from ppc.distributions.special import known_inside
from ppc.ir import ops
from ppc.ir.build import Value
from ppc.ir.nodes import Support
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor

# --- probit --------------------------------------------------------------------------------------


def _probit_log_density(x: Value, p: Params) -> Value:
    if "probs" in p:
        return BERNOULLI.log_density(x, p)
    one, zero = ops.eq(x, 1), ops.eq(x, 0)
    density = ops.log_ndtr(ops.where(one, p["probits"], -p["probits"]))
    return density if known_inside(x) else ops.where(ops.logical_or(one, zero), density, -math.inf)


def _probit_probs(p: Params) -> tuple[Value, Value]:
    if "probs" in p:
        return p["probs"], 1.0 - p["probs"]
    return ops.ndtr(p["probits"]), ops.ndtr(-p["probits"])


def _probit_draw(noise: NoiseSource, p: Params) -> Value:
    return ops.cast(noise.standard("uniform") < _probit_probs(p)[0], noise.type.dtype)


PROBIT_BERNOULLI = Distribution(
    name="ProbitBernoulli",
    parameters=(
        Parameter("probits", group="probs"),
        Parameter("probs", Support("unit_interval"), group="probs"),
    ),
    support=Support("boolean"),
    log_density=_probit_log_density,
    dtype="i32",
    draw=_probit_draw,
    mean=lambda p: _probit_probs(p)[0],
    variance=lambda p: _probit_probs(p)[0] * _probit_probs(p)[1],
    source="probs = P(x = 1) = Phi(probits), Phi the standard normal distribution function "
    "(Albert and Chib 1993)",
)


# --- ordered logistic ----------------------------------------------------------------------------


def _joined(*parts: Value) -> Value:
    return parts[0].builder.op("concat", *parts, axis=-1)


def _ordered_log_probs(p: Params) -> Value:
    """sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)), in logarithms."""
    cutpoints, loc = p["cutpoints"], p["loc"]
    below = cutpoints - (ops.expand_dims(loc, -1) if loc.type.rank else loc)
    *shape, _ = below.type.shape
    zero = below.builder.full(0.0, Tensor("f32", (), (*shape, Size.of(1))))
    between = ops.log1mexp(gaps(ops.broadcast_to(cutpoints, below.type.shape)))
    up, down = ops.log_sigmoid(below), ops.log_sigmoid(-below)
    return _joined(up, zero) + _joined(zero, down) + _joined(zero, between, zero)


def _last_grade(p: Params) -> Value:
    return p["loc"].builder.dim(p["cutpoints"].type.shape[-1])


def _ordered_log_density(x: Value, p: Params) -> Value:
    logs = _ordered_log_probs(p)
    if known_inside(x):
        return ops.take_along(logs, x)
    inside = ops.logical_and(x >= 0, x <= _last_grade(p))
    return ops.where(inside, ops.take_along(logs, ops.where(inside, x, 0)), -math.inf)


def _ordered_draw(noise: NoiseSource, p: Params) -> Value:
    """The number of cutpoints that a Logistic(loc, 1) is above."""
    u = noise.standard("uniform")
    y = p["loc"] + (ops.log(u) - ops.log1p(-u))
    above = (ops.expand_dims(y, -1) if y.type.rank else y) > p["cutpoints"]
    return ops.sum_(ops.cast(above, noise.type.dtype))


def _ordered_entropy(p: Params) -> Value:
    logs = _ordered_log_probs(p)
    return -ops.sum_(expected_log(ops.exp(logs), logs))


ORDERED_LOGISTIC = Distribution(
    name="OrderedLogistic",
    parameters=(Parameter("cutpoints", Support("ordered"), 1), Parameter("loc")),
    support=Support("integer_interval", (0, "last")),
    bounds={"last": _last_grade},
    log_density=_ordered_log_density,
    dtype="i32",
    draw=_ordered_draw,
    probabilities=lambda p: ops.exp(_ordered_log_probs(p)),
    entropy=_ordered_entropy,
    source="P(x > k) = sigmoid(loc - cutpoints[k]), k from 0: one grade more than cutpoints "
    "(McCullagh 1980)",
)
