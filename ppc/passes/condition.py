"""Roles: which sites are observed.

What: the named sites become observed; the others are latent.
Before: `x = sample Normal(...) latent`, observed {x}.  After: `x = sample Normal(...) observed`.
When not: a site that the model itself observes (`inf.observe`) stays observed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ppc.diagnostics import CompileError
from ppc.diagnostics.model import UnknownObserved
from ppc.ir.nodes import Graph, Sample


def run(graph: Graph, observed: Collection[str]) -> Graph:
    """The model with its observed sites marked. Raises CompileError for a name it lacks."""
    sites = tuple(node.name for node in graph.samples)
    unknown = [name for name in observed if name not in sites]
    if unknown:
        raise CompileError(
            [UnknownObserved(name=name, model=graph.name, sites=sites) for name in unknown]
        )
    nodes = tuple(
        replace(node, role="observed")
        if isinstance(node, Sample) and node.name in observed
        else node
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes)
