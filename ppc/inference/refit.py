"""Refits: the posterior of new rows where the guide has parameters for the fitted rows only.

What: the parameters of rows, of model and guide, are fitted to the new rows by the loss and method
of the fit, all rows in each step; all other parameters are held at what the fit found.
Before: `scale = param`, `z_loc: f32[N |] = param`.
After: `scale = data argument`, `z_loc` as it was.
When not: an observed site that is not given has no term; what the given ones read must be known.
Source: the variational EM of a model with local latents, its local step alone (Hoffman, Blei, Wang
and Paisley 2013, Stochastic variational inference, sec. 2.2).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ppc import registry
from ppc.compiler import Options, compile_loss
from ppc.diagnostics import DataError
from ppc.diagnostics.data import MissingData
from ppc.emit.program import assemble
from ppc.inference.fit import run
from ppc.ir.nodes import Data, Graph, Node, Param, Sample, observed_node
from ppc.ir.reach import reached
from ppc.passes.constrain import unconstrained_name

if TYPE_CHECKING:
    from ppc.inference.fit import Fitted
    from ppc.inference.methods import VI

Array = NDArray[Any]


def refitted(
    fitted: Fitted,
    given: Sequence[str],
    inputs: Mapping[str, Array],
    sizes: Mapping[str, int],
    rows: Collection[str],
    method: VI,
    *,
    seed: int,
    backend: str | None,
) -> dict[str, Array]:
    """The parameters, on the reals, of the rows of the plates `rows`, fitted to the given sites.

    `inputs` are the sites and arguments that are given, by name. Raises DataError where something
    that is needed is not among them, or the loss is not finite.
    """
    own = _row_parameters(fitted, rows)
    held = {name: x for name, x in fitted.parameters().items() if name not in own}
    known = {**inputs, **held}
    model = _observing(_holding(fitted.model, held), given, inputs)
    guide = _guiding(_holding(fitted.guide, held), model, inputs)
    if not any(param.name in own for graph in (model, guide) for param in graph.params):
        return {}
    c = compile_loss(model, guide, Options(tuple(given), loss=method.loss_function))
    plan = assemble(c)
    columns = [column.name for column in plan.columns if column.given]
    _need([name for name in columns if name not in held], (model, guide), inputs)
    settings = registry.FitSettings(
        program=plan, seed=seed, epochs=method.epochs, batch_size={},
        learning_rate=method.learning_rate, optimizer=method.optimizer,
        sizes={name: sizes.get(name, value or 0) for name, value in plan.hypers.items()},
        progress=None,
    )  # fmt: skip
    outcome = run(settings, f"refit_{plan.name}", known, backend)
    names = _on_the_reals(c.graphs["model"], c.graphs["guide"])
    before = _on_the_reals(fitted.model, fitted.guide)
    return {before[p]: outcome.parameters[n] for p, n in names.items() if n in outcome.parameters}


def _row_parameters(fitted: Fitted, rows: Collection[str]) -> set[str]:
    params = (*fitted.model.params, *fitted.guide.params)
    return {param.name for param in params if set(rows).intersection(param.type.axes)}


def _holding(graph: Graph, held: Collection[str]) -> Graph:
    """The graph with parameters that are given."""

    def given(node: Node) -> Node:
        if isinstance(node, Param) and node.name in held:
            return Data(name=node.name, type=node.type, span=node.span)
        return node

    return replace(graph, nodes=tuple(given(node) for node in graph.nodes))


def _observing(model: Graph, given: Collection[str], known: Collection[str]) -> Graph:
    """The model of what is given: other observed sites go, as nobody saw them."""
    nodes = model.by_name()
    kept: list[str] = []
    for site in model.sites:
        own = observed_node(site)
        above = reached(model, [own], samples=False) if own else set()
        arguments = [name for name in above if isinstance(nodes[name], Data)]
        seen = own is not None and all(name in known for name in arguments)
        seen = seen or _known_factor(model, site, known)
        if site.role == "latent" or site.name in given or seen:
            kept.append(site.name)
    needed = reached(model, kept, samples=False)
    unseen = [s.name for s in model.samples if s.name in needed and s.name not in kept]
    _need(unseen, (model,), known)

    def marked(node: Node) -> Node:
        if isinstance(node, Sample) and node.name in given:
            attrs = tuple(pair for pair in node.attrs if pair[0] != "value")
            return replace(node, role="observed", attrs=attrs)
        return node

    return replace(model, nodes=tuple(marked(n) for n in model.nodes if n.name in needed))


def _known_factor(model: Graph, site: Sample, known: Collection[str]) -> bool:
    """Whether a site is a factor whose data are at hand."""
    if site.role != "factor":
        return False
    above = reached(model, [site.name], samples=False)
    return all(d.name in known for d in model.data if d.name in above)


def _guiding(guide: Graph, model: Graph, known: Collection[str]) -> Graph:
    """The guide of the latents of `model`, with the sites that it reads."""
    latents = {site.name for site in model.samples if site.role == "latent"}
    roots = [site.name for site in guide.samples if site.name in latents]
    observed = {site.name for site in model.samples} - latents
    cut = replace(  # what is given depends on nothing
        guide,
        nodes=tuple(
            replace(n, args=(), attrs=()) if isinstance(n, Sample) and n.name in observed else n
            for n in guide.nodes
        ),
    )
    needed = reached(cut, roots, samples=False)
    sites = [s.name for s in guide.samples if s.name in needed and s.name not in latents]
    _need(sites, (guide,), known)
    whole = reached(guide, needed, samples=False)
    return replace(guide, nodes=tuple(node for node in guide.nodes if node.name in whole))


def _need(names: Sequence[str], graphs: Sequence[Graph], known: Collection[str]) -> None:
    """Raise DataError for names that are not known."""
    types = {node.name: str(node.type) for graph in graphs for node in graph.nodes}
    missing = [name for name in names if name not in known]
    if missing:
        told = tuple(name for name in known if name in types)
        raise DataError([MissingData(name=n, type=types[n], given=told) for n in missing])


def _on_the_reals(*graphs: Graph) -> dict[str, str]:
    """The names of parameters on the reals, by their names."""
    return {param.name: unconstrained_name(param) for graph in graphs for param in graph.params}
