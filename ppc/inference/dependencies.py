"""Which random variables and parameters each random variable's distribution depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppc.diagnostics import StateError
from ppc.diagnostics.command import MissingPlot
from ppc.ir.nodes import Graph, Param, Sample, operands

if TYPE_CHECKING:
    import networkx as nx
    from matplotlib.axes import Axes


def parents(graph: Graph) -> dict[str, tuple[str, ...]]:
    """For each random variable, those that its distribution is made of, in model order.

    What is computed in between is passed through; a value or mask that the model gives a variable
    is no part of its distribution.
    """
    nodes = graph.by_name()
    found = {}
    for site in graph.sites:
        todo = [name for _, name in site.args]
        seen: set[str] = set()
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                if not isinstance(nodes[name], Sample | Param):
                    todo.extend(operands(nodes[name]))
        found[site.name] = tuple(
            node.name for node in graph if node.name in seen and isinstance(node, Sample | Param)
        )
    return found


def dependencies(graph: Graph) -> nx.DiGraph[str]:
    """The parents as a networkx graph, whose nodes have a `kind`: the role, or "parameter".

    Raises StateError where networkx is not installed.
    """
    try:
        import networkx as nx
    except ModuleNotFoundError:
        raise StateError(MissingPlot(call="graph", package="networkx")) from None

    made: nx.DiGraph[str] = nx.DiGraph(name=graph.name)
    for node in graph:
        if isinstance(node, Sample):
            made.add_node(node.name, kind=node.role)
        elif isinstance(node, Param):
            made.add_node(node.name, kind="parameter")
    for child, above in parents(graph).items():
        made.add_edges_from((parent, child) for parent in above)
    return made


_COLOURS = {
    "latent": "white", "observed": "lightgrey", "parameter": "lightblue",
    "factor": "lightyellow", "deterministic": "whitesmoke",
}  # fmt: skip


def draw(graph: nx.DiGraph[str]) -> Axes:
    """Draw a graph of dependencies into matplotlib's current axes, parents to the left.

    Raises StateError where matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ModuleNotFoundError:
        raise StateError(MissingPlot(call="plot_graph")) from None
    import networkx as nx

    axes = plt.gca()
    for depth, names in enumerate(nx.topological_generations(graph)):
        for name in names:
            graph.nodes[name]["depth"] = depth
    nx.draw_networkx(
        graph,
        nx.multipartite_layout(graph, subset_key="depth"),
        ax=axes,
        node_color=[_COLOURS[kind] for _, kind in graph.nodes(data="kind")],
        edgecolors="black",
        node_size=900,
    )
    axes.set_axis_off()
    return axes
