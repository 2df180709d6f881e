"""Common subexpressions.

What: of operations that are equal (same primitive, operands and attributes), the first stays.
Before: `a = exp(x); b = exp(x); out = a + b`.  After: `a = exp(x); out = a + a`.
When not: noise, parameters and samples are never merged: two draws are two draws.
"""

from __future__ import annotations

from dataclasses import replace

from ppc.ir.nodes import Attr, Const, Graph, Node, Op, Region, rename_operands


def run(graph: Graph) -> Graph:
    """The graph with equal operations merged."""
    names: dict[str, str] = {}
    first: dict[object, str] = {}
    kept: list[Node] = []
    for old in graph.nodes:
        node = rename_operands(old, names)
        if isinstance(node, Region):
            node = replace(node, body=run(node.body))
        key = _key(node)
        if key is not None and key in first:
            names[node.name] = first[key]
            continue
        if key is not None:
            first[key] = node.name
        kept.append(node)
    outputs = tuple((result, names.get(name, name)) for result, name in graph.outputs)
    return replace(graph, nodes=tuple(kept), outputs=outputs)


def _key(node: Node) -> object:
    match node:
        case Op():
            attrs = tuple(sorted((name, _exact(value)) for name, value in node.attrs))
            return (node.primitive, node.args, attrs, node.type.dtype)
        case Const():
            return ("const", node.type.dtype, repr(node.value))
    return None


def _exact(value: Attr) -> str:
    return f"{type(value).__name__}:{value!r}"
