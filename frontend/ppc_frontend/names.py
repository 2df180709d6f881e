"""Final names: sites, parameters and data keep theirs, other nodes get the user's variables'."""

from __future__ import annotations

import itertools
from dataclasses import replace

from ppc.ir.build import Builder
from ppc.ir.nodes import (
    Attr,
    Data,
    Graph,
    Hyper,
    Node,
    Op,
    Param,
    Sample,
    is_random,
    rename_operands,
)
from ppc.ir.sizes import Size
from ppc_frontend import wrong
from ppc_frontend.context import Context


def order_axes(ctx: Context) -> None:
    """Declare axes in an order in which every site has its dimensions as they are written.

    Notes a mistake where two sites want two axes in opposite orders.
    """
    before: dict[str, dict[str, str]] = {name: {} for name in ctx.builder.axes}
    for site, order in ctx.orders.items():
        for first, second in itertools.pairwise(order):
            before[second].setdefault(first, site)
    left, done = list(before), list[str]()
    while left:
        free = next((a for a in left if not set(before[a]) & set(left)), None)
        if free is None:
            _disagree(ctx, left, before)
            return
        done.append(free)
        left.remove(free)
    axes = ctx.builder.axes
    ctx.builder.axes = {name: axes[name] for name in done}
    places = {name: i for i, name in enumerate(done)}
    for name, node in ctx.builder.nodes.items():
        own = node.type.axes
        if len(own) > 1:
            type_ = node.type.with_axes(sorted(own, key=places.__getitem__))
            ctx.builder.nodes[name] = replace(node, type=type_)


def _disagree(ctx: Context, left: list[str], before: dict[str, dict[str, str]]) -> None:
    second = left[0]
    first = next(a for a in left if a in before[second])
    nodes = ctx.builder.nodes
    sites = [name for name, order in ctx.orders.items() if {first, second} <= set(order)]
    places = [place for name in sites if (place := nodes[name].span) is not None]
    others = tuple((place, "here it is another") for place in places[:-1])
    axes = tuple(left)
    ctx.mistakes.append(
        wrong.AxisOrder(span=places[-1] if places else None, axes=axes, others=others)
    )


def finish(ctx: Context) -> Graph:
    """The finished graph, under its final names."""
    builder = ctx.builder
    names = final_names(ctx)
    for node, value in ctx.observed.items():
        builder.output(node, value)
    graph = builder.build()
    used = _names_of_sizes(graph)
    nodes = tuple(
        replace(rename_operands(node, names), name=names[node.name]) for node in graph.nodes
    )
    outputs = tuple((names[site], names[value]) for site, value in graph.outputs)
    hypers = tuple((name, value) for name, value in graph.hypers if name in used)
    return replace(graph, nodes=nodes, outputs=outputs, hypers=hypers)


def _names_of_sizes(graph: Graph) -> set[str]:
    """The named sizes that occur; what the model ignores is no hyperparameter of its graph."""
    names = {name for axis in graph.axes for name in axis.size.names}
    names |= {name for pair in graph.equalities for size in pair for name in size.names}
    for node in graph.nodes:
        names |= names_in(node)
    return names


def names_in(node: Node) -> set[str]:
    """The named sizes in the type and attributes of a node."""
    names = {name for size in node.type.shape for name in size.names}
    stack: list[Attr] = []
    if isinstance(node, Op | Sample):
        stack = [value for _, value in node.attrs]
    while stack:
        value = stack.pop()
        if isinstance(value, Size):
            names |= value.names
        elif isinstance(value, tuple):
            stack.extend(value)
    return names


def final_names(ctx: Context) -> dict[str, str]:
    """Old name to new name, for every node."""
    builder = ctx.builder
    taken = {*builder.hypers, *builder.axes}
    names: dict[str, str] = {}
    later: list[Node] = []
    for node in builder.nodes.values():
        if isinstance(node, Hyper | Data):
            names[node.name] = node.name
        elif node.name in ctx.sites_of:
            if name := ctx.sites_of[node.name]:
                names[node.name] = name
            else:
                later.append(node)
        elif isinstance(node, Param):
            names[node.name] = node.name
        else:
            later.append(node)
    taken |= set(names.values())
    # The sites without any name first: a plain number sets them apart.
    later.sort(key=lambda node: not isinstance(node, Sample | Param))
    scratch = Builder(builder.name, builder.stage)
    scratch.nodes.update(dict.fromkeys(taken))  # type: ignore[arg-type]  # only the keys are used
    counts = {"randvar": 0, "parameter": 0}
    for node in later:
        hint = ctx.hints.get(node.name) or _plain(node)
        drawn = isinstance(node, Param) or (isinstance(node, Sample) and is_random(node))
        if drawn and node.name not in ctx.hints:
            kind = "randvar" if isinstance(node, Sample) else "parameter"  # as InferPy calls them
            while (hint := f"{kind}_{counts[kind]}") in scratch.nodes:
                counts[kind] += 1
            counts[kind] += 1
        names[node.name] = scratch.fresh(hint)
        scratch.nodes[names[node.name]] = node
    return names


def _plain(node: Node) -> str:
    if isinstance(node, Op):
        return node.primitive
    base, _, number = node.name.rpartition("_")
    return base if base and number.isdigit() else node.name
