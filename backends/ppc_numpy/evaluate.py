"""Evaluation of any graph at any stage on arrays, and its derivatives.

An array for a node of type `f32[N, J | a, b]` has shape (N, J, a, b): named axes first. Integers
are int64; floats are `dtype`. Inputs are keyed by node name: data, noise, sites, and whatever
else is to be taken as given. A parameter that is not given starts at its `init`, a number that
is fixed at the start is found among the sizes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ppc.diagnostics import InternalError
from ppc.ir.nodes import Graph
from ppc_numpy.machine import Machine
from ppc_numpy.rules import Array

Sizes = Mapping[str, int]


def evaluate(
    graph: Graph,
    inputs: Mapping[str, ArrayLike],
    *,
    dtype: DTypeLike = np.float64,
    sizes: Sizes | None = None,
    axis_sizes: Sizes | None = None,
) -> dict[str, Array]:
    """The outputs of the graph, by output name.

    `sizes` are named sizes, beyond those that the graph fixes and those that the inputs' shapes
    tell; `axis_sizes` the lengths of named axes that no input has. Only what the outputs need is
    computed and must be given. Raises InternalError for inputs that are missing, unknown or of
    the wrong shape, and where a value does not have the shape of its type.
    """
    values = evaluate_nodes(
        graph, inputs, [node for _, node in graph.outputs],
        dtype=dtype, sizes=sizes, axis_sizes=axis_sizes,
    )  # fmt: skip
    return {name: values[node] for name, node in graph.outputs}


def evaluate_nodes(
    graph: Graph,
    inputs: Mapping[str, ArrayLike],
    nodes: Iterable[str] | None = None,
    *,
    dtype: DTypeLike = np.float64,
    sizes: Sizes | None = None,
    axis_sizes: Sizes | None = None,
) -> dict[str, Array]:
    """The values of these nodes, of all where not said, and of all that they need."""
    machine = Machine(graph, inputs, dtype=dtype, sizes=sizes, axis_sizes=axis_sizes)
    machine.run(machine.nodes if nodes is None else nodes)
    return machine.values


def value_and_gradient(
    graph: Graph,
    inputs: Mapping[str, ArrayLike],
    output: str,
    wrt: Sequence[str],
    *,
    cotangent: ArrayLike | None = None,
    dtype: DTypeLike = np.float64,
    sizes: Sizes | None = None,
    axis_sizes: Sizes | None = None,
) -> tuple[Array, dict[str, Array]]:
    """An output, and its gradient with respect to nodes: parameters, data, or any float node.

    An output that is not a scalar needs a `cotangent` of its shape; the gradient is then that of
    their inner product. Raises InternalError as `evaluate` does.
    """
    machine = Machine(graph, inputs, dtype=dtype, sizes=sizes, axis_sizes=axis_sizes)
    name = dict(graph.outputs)[output]
    machine.run([name, *wrt])
    value = machine.values[name]
    if cotangent is None and value.shape:
        raise InternalError(f"the output {output} has shape {value.shape}: give a cotangent")
    seed = np.broadcast_to(np.asarray(1.0 if cotangent is None else cotangent), value.shape)
    return value, machine.pull({name: seed}, wrt)
