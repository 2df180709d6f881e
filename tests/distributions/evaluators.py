"""A function of a batch, and its derivatives, on the reference evaluator and on JAX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from ppc_numpy import value_and_gradient

from ppc.ir.nodes import Data, Graph

Evaluated = tuple[np.ndarray, np.ndarray]  # values (B,) and gradients (B, operands)
Inputs = Mapping[str, np.ndarray]


def on_numpy(graph: Graph, inputs: Inputs, wrt: Sequence[str], dtype: Any) -> Evaluated:
    """The graph's one output, and its derivatives in the inputs `wrt`."""
    ((output, _),) = graph.outputs
    size = len(next(iter(inputs.values())))
    values, gradients = value_and_gradient(
        graph, inputs, output, wrt, cotangent=np.ones(size), dtype=dtype
    )
    return values, _columns(gradients, wrt)


def on_jax(graph: Graph, inputs: Inputs, wrt: Sequence[str], dtype: Any) -> Evaluated:
    """The same through the printed code."""
    import jax
    from ppc_jax.functions import compile_graph

    ((output, _),) = graph.outputs
    function = compile_graph(graph)
    types = {node.name: node.type.dtype for node in graph if isinstance(node, Data)}
    arrays = {
        name: np.asarray(value, dtype if types[name] == "f32" else np.int32)
        for name, value in inputs.items()
    }
    fixed = {name: value for name, value in arrays.items() if name not in wrt}
    size = len(next(iter(arrays.values())))

    def total(moving: Any) -> Any:
        values = function({**fixed, **moving}, sizes={"B": size})[output]
        return values.sum(), values

    with jax.enable_x64(dtype == np.float64):
        compiled = jax.jit(jax.value_and_grad(total, has_aux=True))
        (_, values), gradients = compiled({name: arrays[name] for name in wrt})
        return np.asarray(values), _columns(gradients, wrt)


def _columns(gradients: Any, wrt: Sequence[str]) -> np.ndarray:
    columns = [np.asarray(gradients[name]) for name in wrt]
    return np.concatenate([c.reshape(len(c), -1) for c in columns], axis=1)


# A dtype, and how many roundings a result may be off: no function here has a longer chain of
# operations on the way to it; XLA's own lgamma and digamma are off by up to 30 in float64.
EVALUATORS = [
    pytest.param(on_numpy, np.float32, 16, id="numpy-float32"),
    pytest.param(on_numpy, np.float64, 16, id="numpy-float64"),
    pytest.param(on_jax, np.float32, 64, id="jax-float32"),
    pytest.param(on_jax, np.float64, 64, id="jax-float64", marks=pytest.mark.slow),
]
