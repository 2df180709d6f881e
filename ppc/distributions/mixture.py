"""Mixtures of distributions of one family: distributions made from distributions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from ppc.distributions.base import Distribution, NoiseSource, Parameter, Params, Shape
from ppc.distributions.discrete import categorical_log_probs, categorical_probs
from ppc.distributions.special import known_inside
from ppc.ir import ops
from ppc.ir.build import Value
from ppc.ir.nodes import Support
from ppc.ir.types import Tensor

MIXTURE = "mixture_"  # begins the names of the parameters of the mixing distribution
COMPONENTS = "components_"  # and of those of the components


def mixture_of(component: Distribution) -> Distribution:
    """The mixture of `component`s (McLachlan and Peel 2000, ch. 1), one for each label.

    Its parameters are those of a Categorical and of the component, which have one dimension more:
    in front of the event, of the length of the weights.
    """
    rank = component.event_rank
    return Distribution(
        name=f"MixtureSameFamily[{component.name}]",
        parameters=(
            Parameter(f"{MIXTURE}logits", event_rank=1, group="mixture"),
            Parameter(f"{MIXTURE}probs", Support("simplex"), event_rank=1, group="mixture"),
            *(
                replace(p, name=COMPONENTS + p.name, event_rank=p.event_rank + 1)
                for p in component.parameters
            ),
        ),
        support=component.support,
        bounds=_bounds(component),
        log_density=lambda x, p: _log_density(component, x, p),
        dtype=component.dtype,
        event_rank=rank,
        event_shape=lambda p: _event_shape(component, p),
        draw=(lambda noise, p: _draw(component, noise, p)) if component.draw else None,
        mean=(lambda p: _mean(component, p)) if component.mean else None,
        variance=(
            (lambda p: _variance(component, p)) if component.mean and component.variance else None
        ),
        probabilities=(lambda p: _probabilities(component, p)) if component.probabilities else None,
        cdf=(lambda x, p: _cdf(component, x, p)) if component.cdf else None,
        source=f"a {component.name} for each label of a Categorical",
    )


def _part(p: Params, prefix: str) -> Params:
    return {n.removeprefix(prefix): v for n, v in p.items() if n.startswith(prefix)}


def _event_shape(component: Distribution, p: Params) -> Shape:
    return component.event_shape(_part(p, COMPONENTS))


def _log_weights(p: Params) -> Value:
    """The logarithms of the weights: of weight 0, -inf without a derivative that is not finite."""
    weights = _part(p, MIXTURE)
    if "probs" not in weights:
        return categorical_log_probs(weights)
    probs = weights["probs"]
    positive = probs > 0.0
    logs = ops.log(ops.where(positive, probs, 1.0))
    total = ops.log(ops.sum_(probs))
    if total.type.rank:
        total = ops.expand_dims(total, -1)
    return ops.where(positive, logs, -math.inf) - total


def _weights(p: Params, trailing: int) -> Value:
    """The weights, with dimensions behind that of the components."""
    weights = categorical_probs(_part(p, MIXTURE))
    for _ in range(trailing):
        weights = ops.expand_dims(weights, -1)
    return weights


def _for_each(component: Distribution, x: Value) -> Value:
    """A draw in front of whose event stands a dimension for the components."""
    wide = ops.expand_dims(x, -1 - component.event_rank)
    if known_inside(x) and not component.support.bounds:
        x.builder.inside.add(wide.name)
    return wide


def _log_density(component: Distribution, x: Value, p: Params) -> Value:
    each = component.log_density(_for_each(component, x), _part(p, COMPONENTS))
    return ops.logsumexp(_log_weights(p) + each)


def _cdf(component: Distribution, x: Value, p: Params) -> Value:
    assert component.cdf is not None
    each = component.cdf(_for_each(component, x), _part(p, COMPONENTS))
    return ops.sum_(_weights(p, 0) * each)


def _draw(component: Distribution, noise: NoiseSource, p: Params) -> Value:
    """A label by its weights (Maddison, Tarlow and Minka 2014), and the draw of its component."""
    assert component.draw is not None
    rank = component.event_rank
    axes, shape = noise.type.axes, noise.type.shape
    batch, event = shape[: len(shape) - rank], shape[len(shape) - rank :]
    logs = _log_weights(p)
    count = logs.type.shape[-1]
    labels = replace(noise, type=Tensor("f32", axes, batch), event_rank=0)
    label = ops.argmax(logs + labels.standard("gumbel", count, tag="mixture"))
    wide = replace(noise, type=Tensor(noise.type.dtype, axes, (*batch, count, *event)))
    drawn = component.draw(wide, _part(p, COMPONENTS))
    for _ in range(rank):
        label = ops.expand_dims(label, -1)
    return ops.take_along(drawn, label, axis=-1 - rank)


def _mean(component: Distribution, p: Params) -> Value:
    assert component.mean is not None
    return _average(component, component.mean(_part(p, COMPONENTS)), p)


def _average(component: Distribution, each: Value, p: Params) -> Value:
    axis = -1 - component.event_rank
    return ops.sum_(_weights(p, component.event_rank) * each, (axis,))


def _variance(component: Distribution, p: Params) -> Value:
    """The mean of the variances, and the variance of the means."""
    assert component.mean is not None and component.variance is not None
    parts = _part(p, COMPONENTS)
    means, variances = component.mean(parts), component.variance(parts)
    apart = means - ops.expand_dims(_average(component, means, p), -1 - component.event_rank)
    return _average(component, variances + apart**2, p)


def _probabilities(component: Distribution, p: Params) -> Value:
    assert component.probabilities is not None
    return ops.sum_(_weights(p, 1) * component.probabilities(_part(p, COMPONENTS)), (-2,))


def _bounds(component: Distribution) -> Mapping[str, Callable[[Params], Value]]:
    """The outermost bounds of the components, by the names that the support has for them."""
    kind, bounds = component.support.kind, component.support.bounds
    return {
        name: _outermost(component, name, "max" if i or kind == "less_than" else "min")
        for i, name in enumerate(bounds)
        if isinstance(name, str)
    }


def _outermost(component: Distribution, name: str, op: str) -> Callable[[Params], Value]:
    own = component.bounds.get(name)

    def bound(p: Params) -> Value:
        parts = _part(p, COMPONENTS)
        value = own(parts) if own else parts[name]
        return value.builder.op(op, value, axes=(-1,)) if value.type.rank else value

    return bound
