"""Parameters become inputs.

What: a graph with parameters is split in two: `init` computes the first value of each, and the
rest takes them as data. After this a graph is a function of its inputs alone.
Before: `b = param init=c; out = x * b`.
After: init `out b = c`; rest `b = data parameter; out = x * b`.
When not: nothing is left over.
"""

from __future__ import annotations

from dataclasses import replace

from ppc.ir import ops
from ppc.ir.build import Builder
from ppc.ir.nodes import Data, Graph, Param
from ppc.ir.reach import reached
from ppc.passes import dce


def run(graph: Graph) -> tuple[Graph, Graph]:
    """The init graph and the rest."""
    return _init(graph), _rest(graph)


def _init(graph: Graph) -> Graph:
    whole = replace(graph, axes=tuple(replace(a, subsampled=False) for a in graph.axes))
    builder = Builder.like(whole, stage="function", name="init_params")
    env: dict[str, str] = {}
    needed = reached(graph, [p.init for p in graph.params], samples=False)
    for node in graph.nodes:
        if node.name in needed:
            builder.copy(node, env)
    for param in graph.params:
        with builder.at(param.span):
            start = ops.filled(builder.value(env[param.init]), param.type)
        builder.suggest(start, param.name.replace(".", "_"))
        builder.output(param.name, start)
    return builder.build()


def _rest(graph: Graph) -> Graph:
    builder = Builder.like(graph)
    env: dict[str, str] = {}
    for node in graph.nodes:
        if isinstance(node, Param):
            data = Data(name=node.name, type=node.type, origin="parameter", span=node.span)
            env[node.name] = builder.append(data).name
        else:
            builder.copy(node, env)
    for result, name in graph.outputs:
        builder.output(result, builder.value(env[name]))
    return dce.run(builder.build())
