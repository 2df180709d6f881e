"""Stages of time: what depends on the data alone is computed once, before the loop.

What: splits a loss graph in two. `prepare` computes, from the data, every value that depends on
data, constants and sizes only and that the rest uses; the loss takes these as further columns.
Before: `t = lgamma(y + 1); out = t - y * log_rate`.
After: prepare `t = lgamma(y + 1)`; loss `t = data prepared; out = t - y * log_rate`.
When not: what merely moves, casts or repeats elements is left where it is used, unless it goes
across a subsampled plate, all of whose rows are at hand here only; what the host cannot compute
(`on_host`) stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ppc.diagnostics.notes import Prepared
from ppc.ir.build import Builder
from ppc.ir.nodes import Const, Data, Graph, Op, operands
from ppc.ir.reach import reached
from ppc.ir.text import print_node
from ppc.passes import dce
from ppc.passes.across import crossed
from ppc.records import dataclass

# Primitives that compute nothing: they select, move, repeat or convert.
_MOVES = frozenset(
    "cast reshape broadcast_to expand_dims squeeze transpose slice index take take_along "
    "take_axis to_axis from_axis stop_gradient dim arange axis_index concat stack eye one_hot "
    "flip eq ne lt le gt ge logical_and logical_or logical_not".split()
)


@dataclass(frozen=True, slots=True)
class Staged:
    """A loss in its stages. `prepare` is None where nothing can be computed ahead."""

    prepare: Graph | None
    loss: Graph
    notes: tuple[Prepared, ...] = ()


def run(graph: Graph, on_host: Callable[[str], bool] = lambda _: True) -> Staged:
    """Split a loss graph; `on_host` says which primitives the host can compute."""
    ready = _ready(graph, on_host)
    frontier = _frontier(graph, ready)
    if not frontier:
        return Staged(None, graph)
    return Staged(_prepare(graph, frontier), _rest(graph, frontier), _notes(graph, frontier))


def _notes(graph: Graph, frontier: list[str]) -> tuple[Prepared, ...]:
    nodes = graph.by_name()
    return tuple(
        Prepared(about=name, type=str(node.type), what=print_node(node).split(" = ", 1)[1],
                 span=node.span)
        for name in frontier
        for node in [nodes[name]]
    )  # fmt: skip


def _ready(graph: Graph, on_host: Callable[[str], bool]) -> set[str]:
    """The nodes that depend on the data alone."""
    subsampled = {axis.name for axis in graph.axes if axis.subsampled}
    ready: set[str] = set()
    for node in graph.nodes:
        match node:
            case Const():
                ready.add(node.name)
            case Data() if node.origin not in ("weight", "parameter"):
                ready.add(node.name)
            case Op() if ready.issuperset(node.args):
                if on_host(node.primitive) or crossed(node, subsampled):
                    ready.add(node.name)
    return ready


def _frontier(graph: Graph, ready: set[str]) -> list[str]:
    """The nodes that are worth computing ahead and that later ones, or outputs, use."""
    nodes = graph.by_name()
    subsampled = {axis.name for axis in graph.axes if axis.subsampled}
    whole = {node.name for node in graph.nodes if crossed(node, subsampled)}
    from_data: set[str] = set()
    for node in graph.nodes:
        read = from_data.intersection(operands(node))
        if isinstance(node, Data) or read or node.name in whole:
            from_data.add(node.name)
    used = {name for _, name in graph.outputs}
    for node in graph.nodes:
        if node.name not in ready:
            used.update(operands(node))
    found: list[str] = []
    todo = [name for name in used if name in ready]
    while todo:
        node = nodes[todo.pop()]
        if not isinstance(node, Op) or node.name not in from_data:
            continue
        if node.primitive in _MOVES and node.name not in whole:
            todo.extend(node.args)  # keep the move, prepare what it moves
        elif node.name not in found:
            found.append(node.name)
    order = {name: i for i, name in enumerate(nodes)}
    return sorted(found, key=order.__getitem__)


def _prepare(graph: Graph, frontier: list[str]) -> Graph:
    whole = replace(graph, axes=tuple(replace(a, subsampled=False) for a in graph.axes))
    builder = Builder.like(whole, stage="function", name="prepare")
    env: dict[str, str] = {}
    needed = reached(graph, frontier, samples=False)
    for node in graph.nodes:
        if node.name in needed:
            builder.copy(node, env)
    for name in frontier:
        builder.output(name, builder.value(env[name]))
    return builder.build()


def _rest(graph: Graph, frontier: list[str]) -> Graph:
    builder = Builder.like(graph)
    env: dict[str, str] = {}
    for node in graph.nodes:
        if node.name in frontier:
            column = Data(name=node.name, type=node.type, origin="prepared", span=node.span)
            env[node.name] = builder.append(column).name
        else:
            builder.copy(node, env)
    for result, name in graph.outputs:
        builder.output(result, builder.value(env[name]))
    return dce.run(builder.build())
