"""The negative evidence lower bound, term by term.

For each latent site the divergence of guide from model, for each observed site the negative log
density, for each factor minus its value, all at one draw of the guide:

    loss = sum over latents of [log q(z) - log p(z | parents)] - sum over observed of log p(x | z)

Where the graph proves it exact, log q - log p of a site is replaced by KL(q || p) in closed form:
its family has a row in the KL table, and neither the model's nor the guide's parameters of the
site depend on the site's own noise. The draws of the other sites are then held fixed, and the
inner expectation is that KL (Rao-Blackwellisation; Ranganath, Gerrish and Blei 2014, section 4).

Sums over a subsampled plate weight each row, so that the mean over an epoch is the full sum.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

from ppc.diagnostics import InternalError
from ppc.diagnostics.notes import ExactKL, NoClosedForm, Note, ReadsOwnDraw
from ppc.distributions import Distribution
from ppc.distributions.kl import kl_divergence
from ppc.ir import ops
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Data, Graph, Noise, Sample, mask_node, observed_node, operands
from ppc.ir.types import Tensor
from ppc.objective.inline import draw, inline, merged, name_parameters, rename
from ppc.objective.score import log_density, where_counted
from ppc.objective.support import known_support
from ppc.records import dataclass


@dataclass(frozen=True, slots=True)
class Factor:
    """A site as the guide has it."""

    distribution: Distribution
    site: Sample
    args: Mapping[str, Value]
    value: Value
    noise: frozenset[str]  # the names of its noise nodes


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss graph; its outputs are the terms, by site, and how each was estimated."""

    graph: Graph
    estimators: Mapping[str, str]  # site to "closed-form KL" | "drawn" | "observed"
    notes: tuple[Note, ...]  # why each latent's term is what it is


def negative_elbo(model: Graph, guide: Graph) -> Loss:
    """The loss of a matched pair; roles are set and guide sites are known to fit."""
    builder = merged(model, guide, name=model.name, stage="loss")
    input_arrays(builder, model)
    factors: dict[str, Factor] = {}

    def in_guide(site: Sample, dist: Distribution, args: Mapping[str, Value]) -> Value:
        if site.role == "observed":
            return builder.value(site.name)
        name_parameters(builder, site, args, prefix="q_")
        before = len(builder.nodes)
        value = rename(builder, draw(builder, site, dist, args), site.name)
        made = itertools.islice(reversed(builder.nodes.values()), len(builder.nodes) - before)
        noise = frozenset(n.name for n in made if isinstance(n, Noise))
        factors[site.name] = Factor(dist, site, args, value, noise)
        return value

    terms: dict[str, Value] = {}
    estimators: dict[str, str] = {}
    notes: list[Note] = []

    def in_model(site: Sample, dist: Distribution, args: Mapping[str, Value]) -> Value:
        name_parameters(builder, site, args)
        if site.role == "observed":
            value = checked_value(builder, site, dist, args)
            term = rename(builder, log_density(builder, site, dist, value, args), f"lp_{site.name}")
            estimators[site.name] = "observed"
        else:
            factor = factors[site.name]
            value = factor.value
            builder.inside.add(value.name)  # the guide has the support of the model
            term, why = _divergence(builder, site, factor, dist, args)
            estimators[site.name] = "closed-form KL" if isinstance(why, ExactKL) else "drawn"
            notes.append(why)
        total = weighted_sum(builder, term, site.type, dist.event_rank)
        terms[site.name] = -total if site.role == "observed" else total
        return value

    def factor(site: Sample, value: Value) -> None:
        term = rename(builder, where_counted(builder, site, value), f"lp_{site.name}")
        terms[site.name] = -weighted_sum(builder, term, site.type, 0)

    of_data, of_site = readings(builder, lambda name: factors[name].value)
    inline(builder, guide, in_guide, of_data)
    inline(builder, model, in_model, of_site, factor=factor)
    for name, term in terms.items():
        builder.output(name, term)
    return Loss(builder.build(), estimators, tuple(notes))


def checked_value(
    builder: Builder, site: Sample, dist: Distribution, args: Mapping[str, Value]
) -> Value:
    """The value of an observed site, known to be on its support where the data are checked."""
    value = observed_value(builder, site)
    if observed_node(site) is None and known_support(builder, dist, args):
        builder.inside.add(value.name)
    return value


Reading = Callable[[Sample], Value | None]


def readings(builder: Builder, drawn: Callable[[str], Value]) -> tuple[Reading, Reading]:
    """What the guide reads of an observed site, and the model of any: latents as they are drawn."""

    def of_data(site: Sample) -> Value | None:
        return builder.value(site.name) if site.role == "observed" else None

    def of_site(site: Sample) -> Value | None:
        return observed_value(builder, site) if site.role == "observed" else drawn(site.name)

    return of_data, of_site


def input_arrays(builder: Builder, model: Graph) -> None:
    """The arrays of the observed sites and the weights of the rows."""
    for site in model.samples:
        if site.role == "observed" and observed_node(site) is None:
            with builder.at(site.span):
                builder.data(site.name, site.type, origin="site")
    for axis in model.axes:
        if axis.subsampled:
            builder.data(f"{axis.name}_weight", Tensor("f32", (axis.name,)), origin="weight")


def row_weight(builder: Builder, axis: str) -> Value:
    """The row weights of a subsampled axis."""
    for node in builder.nodes.values():
        if isinstance(node, Data) and node.origin == "weight" and node.type.axes == (axis,):
            return builder.value(node.name)
    raise InternalError(f"the loss has no weights of {axis}")


def observed_value(builder: Builder, site: Sample) -> Value:
    """What an observed site is observed to be: data, or the value that `inf.observe` gave."""
    return builder.value(observed_node(site) or site.name)


def weighted_sum(builder: Builder, term: Value, site: Tensor, event_rank: int) -> Value:
    """The sum of a site's term over its shape and plates, each row times its weight."""
    batch = site.shape[: site.rank - event_rank]
    total = ops.sum_all(ops.broadcast_to(term, batch))
    for axis in site.axes:
        if builder.axes[axis].subsampled:
            total = row_weight(builder, axis) * total
        elif axis not in total.type.axes:
            total = builder.dim(builder.axes[axis].size) * total
    return ops.sum_axes(total, total.type.axes)


def _divergence(
    builder: Builder, site: Sample, factor: Factor, dist: Distribution, args: Mapping[str, Value]
) -> tuple[Value, Note]:
    """log q - log p of a site, as KL(q || p) where that is exact, and why it is which."""
    q, p = factor.distribution.name, dist.name
    fixed = [v.name for v in (*factor.args.values(), *args.values())]
    masks = [mask for mask in (mask_node(site), mask_node(factor.site)) if mask]
    if _depends(builder, [*fixed, *masks], factor.noise):
        why: Note = ReadsOwnDraw(about=site.name, guide=q, model=p, span=site.span)
    else:
        exact = None
        if mask_node(factor.site) is None:
            exact = kl_divergence(factor.distribution.name, factor.args, dist.name, args)
        if exact is not None:
            why = ExactKL(about=site.name, guide=q, model=p, span=site.span)
            return rename(builder, where_counted(builder, site, exact), f"kl_{site.name}"), why
        why = NoClosedForm(about=site.name, guide=q, model=p, span=site.span)
    log_q = log_density(builder, factor.site, factor.distribution, factor.value, factor.args)
    log_q = rename(builder, where_counted(builder, site, log_q), f"lq_{site.name}")
    log_p = log_density(builder, site, dist, factor.value, args)
    return log_q - rename(builder, log_p, f"lp_{site.name}"), why


def _depends(builder: Builder, names: list[str], noise: frozenset[str]) -> bool:
    seen: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in noise:
            return True
        if name not in seen:
            seen.add(name)
            todo.extend(operands(builder.nodes[name]))
    return False
