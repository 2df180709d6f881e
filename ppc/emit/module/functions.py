"""Positional graphs as Python functions that run on a backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ppc.emit.function import emit_body, helpers_used, used_names
from ppc.emit.module.dialect import Dialect
from ppc.emit.module.scope import complete
from ppc.emit.names import Names
from ppc.emit.printer import print_module
from ppc.emit.tree import (
    Assign,
    Constant,
    Dict,
    FunctionDef,
    Module,
    Name,
    Param,
    Return,
    Stmt,
    Subscript,
)
from ppc.ir.nodes import Data, Graph, Hyper, Node, Noise, Op, Sample, State
from ppc.ir.nodes import Param as Parameter
from ppc.ir.sizes import Size

_GIVEN = (Data, Hyper, Noise, Sample, State, Parameter)


def graph_source(dialect: Dialect, graph: Graph) -> str:
    """The text of a module with one function, `evaluate(inputs, sizes)`, for a positional graph."""
    return print_module(_module(dialect, graph))


def compile_graph(
    dialect: Dialect, graph: Graph, **constants: object
) -> Callable[..., dict[str, Any]]:
    """A function of inputs by node name and, as `sizes=`, of named sizes: the outputs by name.

    It imports the backend's library when called the first time. Meant for tests: a program is
    emitted as a whole. `constants` replace those at the head of the module.
    """
    code = compile(graph_source(dialect, graph), f"<ppc {graph.name}>", "exec")
    cache: dict[str, Any] = {}

    def run(inputs: Mapping[str, Any], *, sizes: Mapping[str, int] | None = None) -> dict[str, Any]:
        if not cache:
            exec(code, cache)  # noqa: S102  # printed from a tree, where no text of a user is code
            cache.update(constants)
        result: dict[str, Any] = cache["evaluate"](inputs, sizes or {})
        return result

    return run


def _module(dialect: Dialect, graph: Graph) -> Module:
    names = Names(["inputs", "sizes", "evaluate"])
    given = [node.name for node in graph.nodes if isinstance(node, _GIVEN)]
    inputs = names.all(given)
    free = {name for node in graph.nodes for name in _size_names(node)} - set(graph.sizes)
    sizes = names.all(sorted(free))
    body, outputs = emit_body(
        graph,
        table=dialect.table,
        inputs={key: Name(name) for key, name in inputs.items()},
        sizes={key: Name(name) for key, name in sizes.items()},
        names=names,
    )
    result = Dict(tuple((Constant(name), expr) for name, expr in outputs.items()))
    used = set(used_names((*body, result)))
    unpacked: list[Stmt] = [
        Assign(Name(name), Subscript(Name(source), Constant(key)))
        for source, variables in (("inputs", inputs), ("sizes", sizes))
        for key, name in variables.items()
        if name in used
    ]
    function = FunctionDef(
        "evaluate",
        (Param("inputs"), Param("sizes")),
        (*unpacked, *body, Return(result)),
        docstring=f"The outputs of the graph {graph.name!r}, by name.",
    )
    return complete(dialect, [*helpers_used(dialect.table, function), function])


def _size_names(node: Node) -> frozenset[str]:
    """The names of sizes in the type and the attributes of a node."""
    sizes = list(node.type.shape)
    if isinstance(node, Op):
        for _, value in node.attrs:
            parts = value if isinstance(value, tuple) else (value,)
            sizes += [part for part in parts if isinstance(part, Size)]
    return frozenset(name for size in sizes for name in size.names)
