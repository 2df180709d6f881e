"""Constrained parameters become functions of unconstrained ones.

What: a parameter with a support becomes an unconstrained parameter and the bijection from the
reals, so that an optimiser may move it freely.
Before: `s = param init=c support=positive`.  After: `log_s = param init=log(c)`, `s = exp(log_s)`.
When not: a parameter on the reals stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ppc.distributions.bijections import BIJECTIONS, Bijection
from ppc.distributions.supports import SUPPORTS
from ppc.ir.build import Builder, Operand
from ppc.ir.nodes import REAL, Data, Graph, Node, Param, Sample, Support

_PREFIXES = {"exp": "log", "sigmoid": "logit", "centred_softmax": "logits"}


def run(graph: Graph) -> Graph:
    """The graph with every parameter on the reals."""
    builder = Builder.like(graph)
    builder.reserved |= {unconstrained_name(param) for param in graph.params}
    env: dict[str, str] = {}
    for node in graph.nodes:
        bijection = bijection_to(node.support) if isinstance(node, Param) else None
        if not isinstance(node, Param) or bijection is None:
            builder.copy(node, env)
            continue
        bounds: list[Operand] = [
            builder.value(env[b]) if isinstance(b, str) else b for b in node.support.bounds
        ]
        with builder.at(node.span):
            raw_init = bijection.inverse(builder.value(env[node.init]), *bounds)
            name = unconstrained_name(node)
            type_ = bijection.free(node.type)
            raw = replace(node, name=name, type=type_, init=raw_init.name, support=REAL, free="")
            value = bijection.forward(builder.append(raw), *bounds)
        named = replace(builder.nodes.pop(value.name), name=node.name)
        builder.nodes[node.name] = named
        env[node.name] = node.name
    for result, name in graph.outputs:
        builder.output(result, builder.value(env[name]))
    return builder.build()


def bijection_to(support: Support) -> Bijection | None:
    """The bijection from the reals to a support; None where the support is the reals."""
    name = SUPPORTS[support.kind].bijection
    return None if name in ("", "identity") else BIJECTIONS[name]


def with_free_names(graph: Graph, taken: Collection[str] = ()) -> Graph:
    """The graph where no parameter is called, on the reals, like another input or one of `taken`.

    Names of inputs are those of a program's arrays and of results, so they hold in every graph that
    is made of this one.
    """
    inputs = {*taken, *input_names(graph)}
    nodes: list[Node] = []
    for node in graph.nodes:
        if isinstance(node, Param) and bijection_to(node.support) is not None:
            usual = unconstrained_name(replace(node, free=""))
            name, count = usual, 1
            while name in inputs:
                count += 1
                name = f"{usual}_{count}"
            inputs.add(name)
            node = replace(node, free="" if name == usual else name)
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes))


def input_names(graph: Graph) -> set[str]:
    """The names of parameters, arrays and random variables."""
    return {node.name for node in graph.nodes if isinstance(node, Param | Data | Sample)}


def unconstrained_name(param: Param) -> str:
    """The name of the parameter on the reals: `log_s` for a positive `s`; layers keep theirs."""
    if param.free:
        return param.free
    bijection = bijection_to(param.support)
    if bijection is None:
        return param.name
    group, dot, own = param.name.rpartition(".")
    return f"{group}{dot}{_PREFIXES.get(bijection.name, 'raw')}_{own}"
