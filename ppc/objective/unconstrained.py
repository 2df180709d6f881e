"""Latents on the reals: the bijections there and back, and the density with its Jacobian."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ppc.distributions import BIJECTIONS, SUPPORTS, Distribution, find, support_of
from ppc.distributions.bijections import Bijection
from ppc.ir import ops
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Graph, Lag, Sample
from ppc.ir.types import Tensor
from ppc.objective import score
from ppc.objective.elbo import observed_value
from ppc.objective.functions import factor_term, full, give_sites, on_plates, whole
from ppc.objective.inline import FIXED, inline, name_parameters, rename


def has_unconstrained_form(model: Graph) -> bool:
    """Whether every latent is continuous and its support has a bijection from the reals."""
    latents = [site for site in model.samples if site.role == "latent"]
    nodes = model.by_name()
    for lag in nodes.values():  # a value that is read before its parameters are
        site = nodes[lag.of] if isinstance(lag, Lag) else None
        if isinstance(site, Sample) and site.role == "latent":
            fixed = tuple((p, v) for p, v in site.args if isinstance(nodes[v], FIXED))
            if not _has_fixed_bounds(replace(site, args=fixed)):
                return False
    return all(SUPPORTS[find(s.distribution).support.kind].bijection for s in latents)


def constrain(model: Graph, *, draws: bool = False) -> Graph:
    """The latents on their supports, from reals of the same names.

    With `draws` they are many draws, `[draws, plates..., shape...]`.
    """
    return _between(model, "constrain", lambda b, u, bounds: b.forward(u, *bounds), draws)


def unconstrain(model: Graph, *, draws: bool = False) -> Graph:
    """The latents on the reals, from values on their supports; `draws` as in `constrain`."""
    return _between(model, "unconstrain", lambda b, x, bounds: b.inverse(x, *bounds), draws)


Move = Callable[[Bijection, Value, Sequence[Value | float]], Value]


def _between(model: Graph, name: str, move: Move, draws: bool) -> Graph:
    """Each latent moved by its bijection; bounds may depend on the latents before it."""
    builder = whole(model, None, name, draws=draws)
    back = name == "unconstrain"
    give_sites(builder, model, drawn=draws, latent_type=None if back else free_type)

    known: dict[str, Value] = {}

    def given(site: Sample) -> Value | None:
        if site.role == "observed":
            return observed_value(builder, site)
        return builder.value(site.name) if back else _moved(builder, site, known)

    def moved(site: Sample, dist: Distribution, args: Mapping[str, Value]) -> Value:
        if site.role == "observed":
            return observed_value(builder, site)
        value = known.get(site.name)
        if value is None:
            bijection, bounds = _bijection(builder, dist, args)
            value = move(bijection, builder.value(site.name), bounds)
            value = rename(builder, value, f"{site.name}_moved")
        shape = free_type(site).shape if back else site.type.shape
        builder.output(site.name, on_plates(value, site, shape))
        return builder.value(site.name) if back else value

    inline(builder, model, moved, given)
    return builder.build()


def unconstrained_log_density(model: Graph) -> Graph:
    """log p of all sites as a function of the latents on the reals, with the Jacobian; a scalar.

    The latents are given on the reals, the observed sites as they are: what MCMC moves in.
    """
    builder = whole(model, None, "unconstrained_log_density")
    give_sites(builder, model, latent_type=free_type)
    terms: list[Value] = []
    known: dict[str, Value] = {}

    def early(site: Sample) -> Value | None:
        observed = site.role == "observed"
        return observed_value(builder, site) if observed else _moved(builder, site, known)

    def scored(site: Sample, dist: Distribution, args: Mapping[str, Value]) -> Value:
        name_parameters(builder, site, args)
        value = given = observed_value(builder, site)
        if site.role == "latent":
            bijection, bounds = _bijection(builder, dist, args)
            moved = known[site.name] if site.name in known else bijection.forward(given, *bounds)
            value = rename(builder, moved, f"{site.name}_value")
            if bijection.name != "identity":
                jacobian = bijection.log_det(given, *bounds)
                jacobian = score.where_counted(builder, site, jacobian)
                batch = site.type.shape[: site.type.rank - bijection.event_rank]
                jacobian = on_plates(jacobian, site, batch)
                terms.append(ops.sum_axes(ops.sum_all(jacobian), jacobian.type.axes))
            builder.inside.add(value.name)
        density = rename(
            builder, score.log_density(builder, site, dist, value, args), f"lp_{site.name}"
        )
        term = full(density, site, dist, builder)
        terms.append(ops.sum_axes(ops.sum_all(term), term.type.axes))
        return value

    inline(
        builder, model, scored, early,
        factor=lambda site, v: terms.append(factor_term(builder, site, v)),
    )  # fmt: skip
    builder.output("unconstrained_log_density", functools.reduce(operator.add, terms))
    return builder.build()


def _moved(builder: Builder, site: Sample, known: dict[str, Value]) -> Value | None:
    """The value of a latent that is given on the reals, where its bounds are known already."""
    if site.name not in known and _has_fixed_bounds(site):
        args = {parameter: builder.value(name) for parameter, name in site.args}
        bijection, bounds = _bijection(builder, find(site.distribution), args)
        known[site.name] = bijection.forward(builder.value(site.name), *bounds)
    return known.get(site.name)


def _has_fixed_bounds(site: Sample) -> bool:
    """Whether the bounds of a site's support are among those of its parameters that it has."""
    dist, given = find(site.distribution), dict(site.args)
    bounds = [bound for bound in dist.support.bounds if isinstance(bound, str)]
    return all(bound in given and bound not in dist.bounds for bound in bounds)


def free_type(site: Sample) -> Tensor:
    """The type of a latent on the reals: a simplex has an element less there."""
    return BIJECTIONS[SUPPORTS[find(site.distribution).support.kind].bijection].free(site.type)


def _bijection(
    builder: Builder, dist: Distribution, args: Mapping[str, Value]
) -> tuple[Bijection, list[Value | float]]:
    """The bijection from the reals to a site's support, and its bounds."""
    support = support_of(dist, args)
    bounds = [builder.value(b) if isinstance(b, str) else b for b in support.bounds]
    return BIJECTIONS[SUPPORTS[support.kind].bijection], bounds
