"""What a node depends on."""

from __future__ import annotations

from collections.abc import Iterable

from ppc.ir.nodes import Graph, State, operands


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
