"""Final names: sites, parameters and data keep theirs, other nodes get the user's variables'."""

from __future__ import annotations

from dataclasses import replace

from ppc.ir.build import Builder
from ppc.ir.nodes import Data, Graph, Hyper, Node, Op, Param, Sample, rename_operands
from ppc_frontend.context import Context


def finish(ctx: Context) -> Graph:
    """The finished graph, under its final names."""
    builder = ctx.builder
    names = final_names(ctx)
    for node, value in ctx.observed.items():
        builder.output(node, value)
    graph = builder.build()
    nodes = tuple(
        replace(rename_operands(node, names), name=names[node.name]) for node in graph.nodes
    )
    outputs = tuple((names[site], names[value]) for site, value in graph.outputs)
    return replace(graph, nodes=nodes, outputs=outputs)


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
