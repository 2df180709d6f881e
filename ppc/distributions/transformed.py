"""Normals pushed through a bijection: families on intervals, half lines and sets of vectors.

They are what a mean-field guide has for a latent on each of these supports (Kucukelbir et al.
2017, "Automatic differentiation variational inference").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ppc.distributions import membership
from ppc.distributions.base import Distribution, NoiseSource, Parameter, Params, Shape, Tails
from ppc.distributions.bijections import BIJECTIONS, Bijection
from ppc.distributions.location_scale import (
    LOC_SCALE,
    normal_draw,
    normal_entropy,
    normal_log_density,
    normal_quantile,
    standardised,
)
from ppc.distributions.special import within
from ppc.ir import ops
from ppc.ir.build import Value
from ppc.ir.nodes import REAL, Support

Moment = Callable[[Params], Value]


def bounds_of(distribution: Distribution, p: Params) -> tuple[Value, ...]:
    """The values of the bounds of a transformed Normal."""
    return tuple(p[name] for name in distribution.support.bounds if isinstance(name, str))


def draw_and_log_density(
    distribution: Distribution, noise: NoiseSource, p: Params
) -> tuple[Value, Value]:
    """A draw of a transformed Normal and its log density, without inverting the bijection.

    The log density is finite even where the draw rounds to a bound of the support.
    """
    bijection, bounds = BIJECTIONS[distribution.transform], bounds_of(distribution, p)
    y = normal_draw(_on_the_reals(noise, bijection), p)
    log_density = _summed(normal_log_density(y, p), bijection)
    if distribution.transform == "identity":
        return y, log_density
    return bijection.forward(y, *bounds), log_density - bijection.log_det(y, *bounds)


def _on_the_reals(noise: NoiseSource, bijection: Bijection) -> NoiseSource:
    """The noise of the Normals that a draw is made of."""
    return replace(noise, type=bijection.free(noise.type))


def _summed(each: Value, bijection: Bijection) -> Value:
    """The sum over the elements of what the bijection maps at once."""
    return ops.sum_(each, range(-bijection.event_rank, 0))


def _inside(x: Value, kind: str, bounds: tuple[Value, ...]) -> Value:
    """Whether x lies strictly between its bounds: the density vanishes on them."""
    match kind, bounds:
        case "simplex", ():
            return x.builder.op("all", x > 0.0, axes=(-1,))
        case "ordered" | "positive_ordered", ():
            found = membership.inside(kind, x)
            assert found is not None
            return found
        case "interval", (low, high):
            return ops.logical_and(x > low, x < high)
        case "greater_than", (low,):
            return x > low
        case "less_than", (high,):
            return x < high
        case "unit_interval", ():
            return ops.logical_and(x > 0.0, x < 1.0)
    return x > 0.0


def _tails(bijection: Bijection) -> Tails:
    """Of a map of numbers without bounds, which increases."""

    def z(x: Value, p: Params) -> Value:
        return standardised(bijection.inverse(x), p)

    return Tails(
        log_cdf=lambda x, p: ops.log_ndtr(z(x, p)),
        log_survival=lambda x, p: ops.log_ndtr(-z(x, p)),
        quantile=lambda f, s, p: bijection.forward(p["loc"] + p["scale"] * normal_quantile(f, s)),
    )


def _transformed(
    name: str,
    support: Support,
    bijection: Bijection,
    source: str,
    *,
    mean: Moment | None = None,
    variance: Moment | None = None,
    entropy: Moment | None = None,
) -> Distribution:
    """The distribution of bijection(y), y ~ Normal(loc, scale), independent where it is a vector.

    The bounds of the support are parameters of their own.
    """
    names = tuple(str(bound) for bound in support.bounds)
    rank = bijection.event_rank

    def log_density(x: Value, p: Params) -> Value:
        bounds = tuple(p[name] for name in names)

        def density(x: Value) -> Value:
            y = bijection.inverse(x, *bounds)
            return _summed(normal_log_density(y, p), bijection) - bijection.log_det(y, *bounds)

        start = membership.interior(support.kind, x, *bounds)
        return within(_inside(x, support.kind, bounds), x, start, density, rank)

    def draw(noise: NoiseSource, p: Params) -> Value:
        y = normal_draw(_on_the_reals(noise, bijection), p)
        return bijection.forward(y, *(p[name] for name in names))

    def event_shape(p: Params) -> Shape:
        if not rank:
            return ()
        loc, scale = (p[name].type.shape[-1:] for name in ("loc", "scale"))
        (size,) = p["loc"].builder.sizes().broadcast(loc, scale)
        return (size + bijection.reduction,)

    def cdf(x: Value, p: Params) -> Value:
        bounds = tuple(p[name] for name in names)
        inside = _inside(x, support.kind, bounds)
        start = bijection.forward(x.builder.const(0.0), *bounds)  # a point inside
        z = standardised(bijection.inverse(ops.where(inside, x, start), *bounds), p)
        if bijection.name == "less_than":  # decreases, and ends at the bound
            return ops.where(inside, ops.ndtr(-z), 1.0)
        return ops.where(inside, ops.ndtr(z), ops.cast(x > start, "f32"))

    return Distribution(
        name=name,
        parameters=(
            *(replace(each, event_rank=rank) for each in LOC_SCALE),
            *(Parameter(bound, REAL) for bound in names),
        ),
        support=support,
        log_density=log_density,
        event_rank=rank,
        event_shape=event_shape,
        draw=draw,
        reparameterised=True,
        mean=mean,
        variance=variance,
        entropy=entropy,
        cdf=None if rank else cdf,
        tails=None if rank or names else _tails(bijection),
        transform=bijection.name,
        source=source,
    )


def _log_normal_mean(p: Params) -> Value:
    return ops.exp(p["loc"] + 0.5 * p["scale"] ** 2)


def _log_normal_variance(p: Params) -> Value:
    return ops.expm1(p["scale"] ** 2) * ops.exp(2.0 * p["loc"] + p["scale"] ** 2)


LOG_NORMAL = _transformed(
    "LogNormal",
    Support("positive"),
    BIJECTIONS["exp"],
    "exp(y), y ~ Normal(loc, scale) (Johnson, Kotz and Balakrishnan 1994, ch. 14)",
    mean=_log_normal_mean,
    variance=_log_normal_variance,
    entropy=lambda p: p["loc"] + normal_entropy(p),
)

LOGIT_NORMAL = _transformed(
    "LogitNormal",
    Support("unit_interval"),
    BIJECTIONS["sigmoid"],
    "sigmoid(y), y ~ Normal(loc, scale) (Atchison and Shen 1980)",
)

INTERVAL_NORMAL = _transformed(
    "IntervalNormal",
    Support("interval", ("low", "high")),
    BIJECTIONS["interval"],
    "low + (high - low) sigmoid(y), y ~ Normal(loc, scale) (Johnson 1949, system SB)",
)

GREATER_THAN_NORMAL = _transformed(
    "GreaterThanNormal",
    Support("greater_than", ("low",)),
    BIJECTIONS["greater_than"],
    "low + exp(y), y ~ Normal(loc, scale) (Johnson 1949, system SL)",
    mean=lambda p: p["low"] + _log_normal_mean(p),
    variance=_log_normal_variance,
    entropy=lambda p: p["loc"] + normal_entropy(p),
)

LESS_THAN_NORMAL = _transformed(
    "LessThanNormal",
    Support("less_than", ("high",)),
    BIJECTIONS["less_than"],
    "high - exp(y), y ~ Normal(loc, scale) (Johnson 1949, system SL, reflected)",
    mean=lambda p: p["high"] - _log_normal_mean(p),
    variance=_log_normal_variance,
    entropy=lambda p: p["loc"] + normal_entropy(p),
)

LOGISTIC_NORMAL = _transformed(
    "LogisticNormal",
    Support("simplex"),
    BIJECTIONS["centred_softmax"],
    "softmax([y, 0]), y[i] ~ Normal(loc[i], scale[i]): one element more than loc "
    "(Aitchison and Shen 1980)",
)

ORDERED_NORMAL = _transformed(
    "OrderedNormal",
    Support("ordered"),
    BIJECTIONS["ordered"],
    "x[0] = y[0], x[i] = x[i - 1] + exp(y[i]), y[i] ~ Normal(loc[i], scale[i]) "
    "(Stan reference manual, 10.6)",
)

POSITIVE_ORDERED_NORMAL = _transformed(
    "PositiveOrderedNormal",
    Support("positive_ordered"),
    BIJECTIONS["positive_ordered"],
    "x[0] = exp(y[0]), x[i] = x[i - 1] + exp(y[i]), y[i] ~ Normal(loc[i], scale[i]) "
    "(Stan reference manual, 10.6)",
)

TRANSFORMED_NORMALS = (
    LOG_NORMAL,
    LOGIT_NORMAL,
    INTERVAL_NORMAL,
    GREATER_THAN_NORMAL,
    LESS_THAN_NORMAL,
    LOGISTIC_NORMAL,
    ORDERED_NORMAL,
    POSITIVE_ORDERED_NORMAL,
)

# What a mean-field guide has for a latent, by the kind of its support.
MEAN_FIELD: Mapping[str, str] = {
    "real": "Normal",
    "real_vector": "MultivariateNormalDiag",
    "positive": "LogNormal",
    "nonnegative": "LogNormal",
    "unit_interval": "LogitNormal",
    "interval": "IntervalNormal",
    "greater_than": "GreaterThanNormal",
    "less_than": "LessThanNormal",
    "simplex": "LogisticNormal",
    "ordered": "OrderedNormal",
    "positive_ordered": "PositiveOrderedNormal",
}
