"""A function of a batch, and its derivatives, on the reference evaluator and on backends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from ppc_numpy import value_and_gradient

from ppc.ir.nodes import Data, Graph
from ppc.registry import backend
from ppc.testing.runs import Run

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


def on_backend(
    name: str, graph: Graph, inputs: Inputs, wrt: Sequence[str], dtype: Any
) -> Evaluated:
    """The same through the code that a backend prints."""
    found = backend(name)
    for package in found.requires:
        pytest.importorskip(package)
    ((output, _),) = graph.outputs
    types = {node.name: node.type.dtype for node in graph if isinstance(node, Data)}
    arrays = {
        name: np.asarray(value, dtype if types[name] == "f32" else np.int32)
        for name, value in inputs.items()
    }
    ones = {output: np.ones(len(next(iter(arrays.values()))))}
    values, gradients = Run(found).pulled(graph, arrays, wrt, dtype, cotangents=ones)
    return values[output], _columns(gradients, wrt)


def _columns(gradients: Any, wrt: Sequence[str]) -> np.ndarray:
    columns = [np.asarray(gradients[name]) for name in wrt]
    return np.concatenate([c.reshape(len(c), -1) for c in columns], axis=1)


# A dtype, and how many roundings a result may be off: no function here has a longer chain of
# operations on the way to it; XLA's own lgamma and digamma are off by up to 30 in float64.
EVALUATORS = [
    pytest.param(on_numpy, np.float32, 16, id="numpy-float32"),
    pytest.param(on_numpy, np.float64, 16, id="numpy-float64"),
    *(
        pytest.param(
            partial(on_backend, name), dtype, 64, id=f"{name}-{dtype.__name__}", marks=marks
        )
        for name in ("jax", "tensorflow")
        for dtype, marks in ((np.float32, ()), (np.float64, pytest.mark.slow))
    ),
]
