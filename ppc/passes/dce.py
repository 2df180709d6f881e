"""Dead code.

What: nodes that no output, sample or state update reaches are dropped.
Before: `a = exp(x); b = log(x); out = b`.  After: `b = log(x); out = b`.
When not: Sample nodes stay (they are the model), and so does what they use.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ppc.ir.nodes import Graph, State, operands


def run(graph: Graph) -> Graph:
    """The graph without the nodes that nothing needs."""
    kept = reached(graph, [name for _, name in graph.outputs])
    return replace(graph, nodes=tuple(n for n in graph.nodes if n.name in kept))


def reached(graph: Graph, roots: Iterable[str], *, samples: bool = True) -> set[str]:
    """The names of all nodes that `roots` (and, unless told not to, the samples) depend on."""
    nodes = graph.by_name()
    todo = list(roots)
    if samples:
        todo += [node.name for node in graph.samples]
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        node = nodes[name]
        todo.extend(operands(node))
        if isinstance(node, State):
            todo.append(node.update)
    return seen
