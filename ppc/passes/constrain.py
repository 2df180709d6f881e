"""Constrained parameters become functions of unconstrained ones.

What: a parameter with a support becomes an unconstrained parameter and the bijection from the
reals, so that an optimiser may move it freely.
Before: `s = param init=c support=positive`.  After: `log_s = param init=log(c)`, `s = exp(log_s)`.
When not: a parameter on the reals stays as it is.
"""

from __future__ import annotations

from dataclasses import replace

from ppc.distributions.bijections import BIJECTIONS, Bijection
from ppc.distributions.supports import SUPPORTS
from ppc.ir.build import Builder, Operand
from ppc.ir.nodes import REAL, Graph, Param, Support

_PREFIXES = {"exp": "log", "sigmoid": "logit"}


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
            raw = replace(node, name=name, init=raw_init.name, support=REAL)
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


def unconstrained_name(param: Param) -> str:
    """The name of the parameter on the reals: `log_s` for a positive `s`; layers keep theirs."""
    bijection = bijection_to(param.support)
    if bijection is None:
        return param.name
    group, dot, own = param.name.rpartition(".")
    return f"{group}{dot}{_PREFIXES.get(bijection.name, 'raw')}_{own}"
