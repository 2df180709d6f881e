"""Distributions made from distributions: `inf.MixtureSameFamily(weights, components)`.

`inf.Truncated(distribution, low, high)` and `inf.Censored(distribution, low, high)` are the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ppc.distributions import COMPOSED, DISTRIBUTIONS, can_be_bounded, find
from ppc.distributions.mixture import COMPONENTS, MIXTURE
from ppc.distributions.restricted import BOUNDS
from ppc.ir.build import Value
from ppc_frontend import sites, wrong
from ppc_frontend.context import Context
from ppc_frontend.tensors import tensor
from ppc_frontend.vocabulary.base import bind

_OWN = ("locs", "scales", "logits", "probs")
_GAUSSIAN = "locs, scales, logits=None, probs=None"
_BOUNDED = "distribution, low=None, high=None"
_MIXTURE = "mixture_distribution, components_distribution, reparameterize:-=False"


def gaussians(ctx: Context, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Value:
    """`inf.MixtureGaussian(locs, scales, logits=None, probs=None)`: components on the last axis."""
    bound = bind(ctx, "inf.MixtureGaussian", f"{_GAUSSIAN}, {sites.COMMON}", args, kwargs)
    places = ctx.bound_places
    weights = {key: bound[key] for key in ("logits", "probs") if bound[key] is not None}
    made = (
        sites.sample(ctx, find("Categorical"), (), weights),
        sites.sample(ctx, find("Normal"), (bound["locs"], bound["scales"]), {}),
    )
    ctx.bound_places = places
    rest = {key: value for key, value in kwargs.items() if key not in _OWN}
    return sample(ctx, "MixtureSameFamily", made, rest)


def sample(ctx: Context, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Value:
    """A random variable of a distribution of COMPOSED, which is called with distributions."""
    made = _mixture if name == "MixtureSameFamily" else _bounded
    return made(ctx, name, args, kwargs)


def _bounded(ctx: Context, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Value:
    """A distribution with bounds, of which either may be left out."""
    bound = bind(ctx, f"inf.{name}", f"{_BOUNDED}, {sites.COMMON}", args, kwargs)
    places = dict(ctx.bound_places)
    with ctx.at(places.get("distribution", ctx.span)):
        inner = sites.as_distribution(ctx, bound["distribution"])
        base = find(inner.distribution)
        if not can_be_bounded(base):
            known = tuple(n for n, row in DISTRIBUTIONS.items() if can_be_bounded(row))
            ctx.refuse(
                wrong.NotBounded(span=ctx.span, distribution=base.name, made=name, known=known)
            )
    values = {n: ctx.builder.value(arg) for n, arg in inner.args}
    for end in BOUNDS:
        given = bound[end.name]
        with ctx.at(places.get(end.name, ctx.span)):
            values[end.name] = tensor(ctx, end.default if given is None else given, "f32")
    return sites.variable(ctx, COMPOSED[name](base), values, bound, places)


def _mixture(ctx: Context, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Value:
    bound = bind(ctx, f"inf.{name}", f"{_MIXTURE}, {sites.COMMON}", args, kwargs)
    places = dict(ctx.bound_places)
    with ctx.at(places.get("mixture_distribution", ctx.span)):
        weights = sites.as_distribution(ctx, bound["mixture_distribution"])
        if weights.distribution != "Categorical":
            ctx.refuse(wrong.NotACategorical(span=ctx.span, what=weights.distribution))
    with ctx.at(places.get("components_distribution", ctx.span)):
        components = sites.as_distribution(ctx, bound["components_distribution"])
        component = find(components.distribution)
        batch = components.type.shape[: components.type.rank - component.event_rank]
        if not batch:
            ctx.refuse(wrong.NoComponents(span=ctx.span, distribution=component.name))
        count = ctx.builder.value(weights.args[0][1]).type.shape[-1]
        if not ctx.builder.sizes().same(count, batch[-1]):
            ctx.refuse(
                wrong.OtherComponents(span=ctx.span, weights=str(count), count=str(batch[-1]))
            )
    values = {MIXTURE + n: ctx.builder.value(arg) for n, arg in weights.args}
    for parameter, arg in components.args:
        value = ctx.builder.value(arg)
        declared = component.parameter(parameter)
        rank = declared.event_rank if declared else 0
        for _ in range(rank + 1 - value.type.rank):  # the same for each component
            value = ctx.op("expand_dims", value, axis=-1 - rank)
        values[COMPONENTS + parameter] = value
    return sites.variable(ctx, COMPOSED[name](component), values, bound, places)
