"""Final names: sites, parameters and data keep theirs, other nodes get the user's variables'."""

from __future__ import annotations

from dataclasses import replace

from ppc.ir.build import Builder
from ppc.ir.nodes import Attr, Data, Graph, Hyper, Node, Op, Param, Sample, rename_operands
from ppc.ir.sizes import Size
from ppc_frontend.context import Context


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
    for node in later:
        hint = ctx.hints.get(node.name) or _plain(node)
        names[node.name] = scratch.fresh(hint)
        scratch.nodes[names[node.name]] = node
    return names


def _plain(node: Node) -> str:
    if isinstance(node, Op):
        return node.primitive
    base, _, number = node.name.rpartition("_")
    return base if base and number.isdigit() else node.name
