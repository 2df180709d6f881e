"""A mean-field guide, inferred from the model.

What: for each latent site of P one independent factor with parameters of the site's plates and
shape, on the site's support: Normal on the reals, and its image under the support's bijection
elsewhere (LogNormal on the positive numbers). The result is a guide like one that a user wrote.
Before: `theta: f32[J |] = sample Normal(...) latent`.
After: `theta_loc`, `theta_scale = param ... support=positive`, `theta = sample Normal(...)`.
A factor starts where its prior is, as far as the prior's parameters are fixed, so that a prior far
from 0 is found and a narrow one is not left by the first draws. On the reals, where the factor is
a Normal, so may be the prior: then its location and scale count; of another prior on the reals its
location and standard deviation; elsewhere the inverse of the bijection takes the mean there, and
its derivative the standard deviation (of a map of numbers). The scale starts at a tenth of the
prior's, and at 0.1 where that is more than 1, unknown or infinite: noise in the gradients grows
with it.
When not: discrete sites, and supports without a bijection from the reals, are refused by name.
Source: Kucukelbir, Tran, Ranganath, Gelman and Blei (2017), Automatic differentiation
variational inference; the initial scale of 0.1 is NumPyro's.
"""

from __future__ import annotations

import math
from dataclasses import replace

from ppc.diagnostics import CompileError, Mistake
from ppc.diagnostics.model import NoMeanField
from ppc.distributions import BIJECTIONS, MEAN_FIELD, SUPPORTS, draw_type, find
from ppc.distributions.membership import interior
from ppc.distributions.supports import words
from ppc.ir import ops
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Const, Graph, Hyper, Node, Op, Sample, Support, is_weight, operands
from ppc.passes.match import support_of

INITIAL_SCALE = 0.1
# Weights of layers start apart, as in TensorFlow Probability: N(0, 0.1), and softplus(-3) wide.
WEIGHT_SPREAD, WEIGHT_SCALE = 0.1, 0.04858735157374206


def run(model: Graph) -> Graph:
    """A mean-field guide for the latents of `model`. Raises CompileError."""
    builder = Builder.like(model, stage="guide", name="meanfield")
    mistakes: list[Mistake] = []
    fixed = _Fixed(builder, model)
    sites = {site.name for site in model.samples}
    builder.reserved |= sites  # for the factors
    for site in model.samples:
        if site.role == "latent":
            support = support_of(site, model)
            family = _family(support)
            if family is None:
                words_ = words(support)
                mistakes.append(NoMeanField(name=site.name, support=words_, span=site.span))
            else:
                with builder.at(site.span):
                    start = _start(builder, site, support, fixed)
                    _factor(builder, site, support, family, start, sites)
    if mistakes:
        raise CompileError(mistakes)
    return builder.build()


def completed(guide: Graph, model: Graph) -> Graph:
    """A matched guide with factors of the weights of layers that it has none of."""
    covered = {site.name for site in guide.samples}
    missing = [s for s in model.samples if is_weight(s) and s.role == "latent"]
    missing = [site for site in missing if site.name not in covered]
    if not missing:
        return guide
    builder = Builder.like(model, stage="guide", name=guide.name)
    builder.reserve(guide)
    builder.reserve(model)
    taken = {node.name for graph in (guide, model) for node in graph.nodes}
    for site in missing:
        support = support_of(site, model)
        family = _family(support)
        assert family is not None  # a weight is real
        with builder.at(site.span):
            start = _start(builder, site, support, _Fixed(builder, model))
            _factor(builder, site, support, family, start, taken)
    return replace(guide, nodes=(*guide.nodes, *builder.build().nodes))


def _family(support: Support) -> str | None:
    """The mean-field family on a support, if its bounds are numbers."""
    if not all(isinstance(bound, float) for bound in support.bounds):
        return None
    return MEAN_FIELD.get(support.kind)


def _start(builder: Builder, site: Sample, support: Support, fixed: _Fixed) -> tuple[Value, Value]:
    """Where a factor starts on the reals: its location, and its scale."""
    dist = find(site.distribution)
    if is_weight(site):
        noise = builder.noise(f"{site.name}_start", "normal", site.type, site=f"{site.name}_start")
        return WEIGHT_SPREAD * noise, builder.full(WEIGHT_SCALE, site.type)
    prior = fixed.arguments(site)
    bijection = BIJECTIONS[SUPPORTS[support.kind].bijection]
    free = bijection.free(site.type)
    location, width = builder.full(0.0, free), None
    if dist.transform:  # a Normal on the reals itself
        location, width = prior.get("loc", location), prior.get("scale")
    elif support.kind in ("real", "real_vector"):
        location = prior.get("loc", location)
        if len(prior) == len(site.args) and dist.variance:
            width = _deviation(dist.variance(prior))
    elif len(prior) == len(site.args) and dist.mean and dist.variance:
        mean = dist.mean(prior)
        bounds = [float(bound) for bound in support.bounds if not isinstance(bound, str)]
        inside = interior(support.kind, mean, *bounds)
        location = bijection.inverse(ops.where(mean < math.inf, mean, inside), *bounds)
        if not bijection.event_rank:
            steepness = ops.exp(bijection.log_det(location, *bounds))
            width = _deviation(dist.variance(prior)) / steepness
    scale = builder.const(INITIAL_SCALE)
    if width is not None:
        scale = INITIAL_SCALE * ops.minimum(width, 1.0)
    return ops.broadcast_to(location, free.shape), ops.broadcast_to(scale, free.shape)


def _deviation(variance: Value) -> Value:
    """The standard deviation; 1 where the variance is infinite or does not exist."""
    return ops.sqrt(ops.where(variance < math.inf, variance, 1.0))


class _Fixed:
    """What of a model depends on constants and hyperparameters alone, and its copies in a guide."""

    def __init__(self, builder: Builder, model: Graph) -> None:
        self.builder = builder
        self.env: dict[str, str] = {}  # the copies that were made
        self.nodes: dict[str, Node] = {}
        for node in model.nodes:
            if isinstance(node, Const | Hyper | Op) and self.nodes.keys() >= {*operands(node)}:
                self.nodes[node.name] = node

    def arguments(self, site: Sample) -> dict[str, Value]:
        """The parameters of a prior that are so, as floats."""
        found: dict[str, Value] = {}
        for parameter, name in site.args:
            if name in self.nodes:
                found[parameter] = self.builder.cast(self.copied(name), "f32")
        return found

    def copied(self, name: str) -> Value:
        """A node in the guide, with what it reads."""
        todo = [name]
        while todo:
            node = self.nodes[todo[-1]]
            if node.name not in self.env and (
                left := [n for n in operands(node) if n not in self.env]
            ):
                todo += left
                continue
            if node.name not in self.env:
                self.builder.copy(node, self.env)
            todo.pop()
        return self.builder.value(self.env[name])


def _factor(
    builder: Builder,
    site: Sample,
    support: Support,
    family: str,
    start: tuple[Value, Value],
    sites: set[str],
) -> None:
    """The parameters of a site and its factor; none is called like another of the sites."""
    location, scale, *bounds = (p.name for p in find(family).parameters)
    names = [f"{site.name}_{end}" for end in ("loc", "scale")]
    names = [f"{name}_{builder.name}" if name in sites else name for name in names]
    type_ = BIJECTIONS[SUPPORTS[support.kind].bijection].free(site.type)
    args = {
        location: builder.param(names[0], start[0], type_=type_),
        scale: builder.param(names[1], start[1], support=Support("positive"), type_=type_),
    }
    for name, bound in zip(bounds, support.bounds, strict=True):
        assert not isinstance(bound, str)
        args[name] = builder.const(float(bound))
    type_ = draw_type(find(family), args, plates=site.type.axes)
    builder.reserved.discard(site.name)
    builder.sample(site.name, family, args, type_)
