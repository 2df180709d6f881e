"""A mean-field guide, inferred from the model.

What: for each latent site of P one independent factor with parameters of the site's plates and
shape, on the site's support: Normal on the reals, and its image under the support's bijection
elsewhere (LogNormal on the positive numbers). The result is a guide like one that a user wrote.
Before: `theta: f32[J |] = sample Normal(...) latent`.
After: `theta_loc`, `theta_scale = param ... support=positive`, `theta = sample Normal(...)`.
A factor starts at the location of its prior where that is fixed, so that a prior far from 0 is
found; its scale starts at 0.1.
When not: discrete sites, and supports without a bijection from the reals, are refused by name.
Source: Kucukelbir, Tran, Ranganath, Gelman and Blei (2017), Automatic differentiation
variational inference; the initial scale of 0.1 is NumPyro's.
"""

from __future__ import annotations

from ppc.diagnostics import CompileError, Mistake
from ppc.diagnostics.model import NoMeanField
from ppc.distributions import DISTRIBUTIONS, MEAN_FIELD, draw_type
from ppc.distributions.supports import words
from ppc.ir import ops
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Const, Graph, Hyper, Op, Sample, Support
from ppc.ir.reach import reached
from ppc.passes.match import support_of

INITIAL_SCALE = 0.1


def run(model: Graph) -> Graph:
    """A mean-field guide for the latents of `model`. Raises CompileError."""
    builder = Builder.like(model, stage="guide", name="meanfield")
    mistakes: list[Mistake] = []
    env: dict[str, str] = {}
    for site in model.samples:
        if site.role == "latent":
            support = support_of(site, model)
            family = _family(support)
            if family is None:
                words_ = words(support)
                mistakes.append(NoMeanField(name=site.name, support=words_, span=site.span))
            else:
                with builder.at(site.span):
                    _factor(builder, site, support, family, model, env)
    if mistakes:
        raise CompileError(mistakes)
    return builder.build()


def _family(support: Support) -> str | None:
    """The mean-field family on a support, if its bounds are numbers."""
    if not all(isinstance(bound, float) for bound in support.bounds):
        return None
    return MEAN_FIELD.get(support.kind)


def _location(
    builder: Builder, site: Sample, support: Support, model: Graph, env: dict[str, str]
) -> Value:
    """Where a factor starts: the location of a prior on the reals where it is fixed, else 0."""
    loc = dict(site.args).get("loc")
    nodes = model.by_name()
    if loc is None or support.kind not in ("real", "real_vector"):
        return builder.full(0.0, site.type)
    needed = reached(model, [loc], samples=False)
    if not all(isinstance(nodes[name], Const | Hyper | Op) for name in needed):
        return builder.full(0.0, site.type)
    for node in model.nodes:
        if node.name in needed and node.name not in env:
            builder.copy(node, env)
    return ops.broadcast_to(builder.cast(builder.value(env[loc]), "f32"), site.type.shape)


def _factor(
    builder: Builder,
    site: Sample,
    support: Support,
    family: str,
    model: Graph,
    env: dict[str, str],
) -> None:
    """The parameters of a site and its factor."""
    start = _location(builder, site, support, model, env)
    spread = builder.full(INITIAL_SCALE, site.type)
    location, scale, *bounds = (p.name for p in DISTRIBUTIONS[family].parameters)
    args = {
        location: builder.param(f"{site.name}_loc", start, type_=site.type),
        scale: builder.param(
            f"{site.name}_scale", spread, support=Support("positive"), type_=site.type
        ),
    }
    for name, bound in zip(bounds, support.bounds, strict=True):
        assert not isinstance(bound, str)
        args[name] = builder.const(float(bound))
    type_ = draw_type(DISTRIBUTIONS[family], args, plates=site.type.axes)
    builder.sample(site.name, family, args, type_)
