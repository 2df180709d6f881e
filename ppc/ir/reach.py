"""What a node depends on."""

from __future__ import annotations

from collections.abc import Iterable

from ppc.ir.nodes import Graph, Node, later, operands


def reached(graph: Graph, roots: Iterable[str], *, samples: bool = True) -> set[str]:
    """The names of all nodes that `roots` (and, unless told not to, the samples) depend on."""
    nodes = graph.by_name()
    todo = list(roots)
    if samples:
        todo += [node.name for node in graph.sites]
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        node = nodes[name]
        todo.extend(operands(node))
        todo.extend(later(node))
    return seen


def in_order(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """The nodes in topological order, otherwise as they stand. Raises ValueError for a cycle."""
    by_name = {node.name: node for node in nodes}
    placed: dict[str, Node] = {}
    above: set[str] = set()  # those that wait for the operands that are being placed
    for first in by_name:
        stack = [first]
        while stack:
            name = stack[-1]
            waiting = [n for n in operands(by_name[name]) if n not in placed]
            if waiting and name not in placed:
                above.add(name)
                if above & set(waiting):
                    raise ValueError(f"{name} depends on itself")
                stack += waiting
                continue
            placed[name] = by_name[name]
            above.discard(stack.pop())
    return tuple(placed.values())
