"""Roles: which sites are observed.

What: the named sites become observed; the others are latent. A value that the model itself
observes (`inf.observe`) moves from the outputs to its site.
Before: `x = sample Normal(...) latent`, observed {x}.  After: `x = sample Normal(...) observed`.
When not: a site that the model itself observes (`inf.observe`) stays observed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ppc.diagnostics import CompileError
from ppc.diagnostics.model import UnknownObserved
from ppc.ir.nodes import Graph, Node, Sample
from ppc.ir.reach import in_order
from ppc.passes.constrain import with_free_names


def run(graph: Graph, observed: Collection[str]) -> Graph:
    """The model with its observed sites marked. Raises CompileError for a name it lacks."""
    sites = tuple(node.name for node in graph.samples)
    unknown = [name for name in observed if name not in sites]
    if unknown:
        raise CompileError(
            [UnknownObserved(name=name, model=graph.name, sites=sites) for name in unknown]
        )
    given = {name: value for name, value in graph.outputs if name in sites}
    nodes = [_marked(node, observed, given.get(node.name)) for node in graph.nodes]
    return with_free_names(replace(graph, nodes=in_order(nodes), outputs=()))


def _marked(node: Node, observed: Collection[str], given: str | None) -> Node:
    if not isinstance(node, Sample):
        return node
    if given is not None:
        node = replace(node, attrs=(*node.attrs, ("value", given)))
    return replace(node, role="observed") if node.name in observed else node
