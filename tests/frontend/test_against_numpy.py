"""Expressions mean what they mean in NumPy: each is compiled, evaluated, and computed by NumPy.

`expressions.txt` holds one a line, over the arrays below. Each is tried outside a plate and inside
one of rows N: what is accepted has NumPy's shape and value, and what NumPy refuses is refused.
Axis N has another length than every other axis, so that a mix-up of axes shows.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ppc_frontend import compile_source
from ppc_numpy.evaluate import evaluate_nodes
from programs import HEAD
from scipy import special as sps

from ppc.diagnostics import CompileError
from ppc.ir.nodes import Data
from ppc.spans import Source

EXPRESSIONS = Path(__file__).with_name("expressions.txt").read_text(encoding="utf-8").splitlines()
N = 4
ARGUMENTS = {
    "x": "Float[Array, 'N 3']", "y": "Float[Array, 'N']", "m": "Float[Array, 'N 2 3']",
    "i": "Int[Array, 'N']", "ni": "Int[Array, 'N 3']", "bb": "Bool[Array, 'N']",
    "v": "Float[Array, '3']", "g": "Float[Array, '2 3']", "t": "Float[Array, '2 3 3']",
    "s": "Float[Array, '']", "one": "Float[Array, '1']", "j": "Int[Array, '3']",
    "h": "Int[Array, '2 3']", "c": "Bool[Array, '3']",
}  # fmt: skip
SIZES = {"k": 3, "n": 2}


def values() -> dict[str, Any]:
    """The arrays; positions in `i` and `j` are in range of axes of length 3."""
    rng = np.random.default_rng(0)
    return {
        "x": rng.normal(size=(N, 3)), "y": rng.normal(size=N), "m": rng.normal(size=(N, 2, 3)),
        "i": np.array([0, 2, 1, 2]), "ni": np.arange(3 * N).reshape(N, 3) - 5,
        "bb": np.array([True, False, True, True]), "v": rng.normal(size=3),
        "g": rng.normal(size=(2, 3)), "t": rng.normal(size=(2, 3, 3)), "s": np.float64(0.7),
        "one": np.array([1.5]), "j": np.array([2, 0, 1]), "h": np.array([[1, -2, 3], [0, -5, 2]]),
        "c": np.array([True, False, True]),
    }  # fmt: skip


def compiled_value(expression: str, plate: bool) -> Any:
    """The value of an expression as ppc understands it. Raises CompileError."""
    head = ", ".join([*(f"{a}: {t}" for a, t in ARGUMENTS.items()), "k", "n"])
    lines = [f"out = {expression}", 'inf.Normal(out, 1.0, name="r")']
    if plate:
        lines = ["with inf.datamodel():", *("    " + line for line in lines)]
    text = "\n".join([f"{HEAD}\n@inf.probmodel\ndef model({head}):", *("    " + s for s in lines)])
    graph = compile_source(Source("model.py", text), settings=SIZES).graph
    (site,) = graph.samples
    loc = dict(site.args)["loc"]
    known = values()
    inputs = {node.name: known[node.name] for node in graph if isinstance(node, Data)}
    axes = {axis.name: N for axis in graph.axes}
    return evaluate_nodes(graph, inputs, [loc], sizes={"N": N, **SIZES}, axis_sizes=axes)[loc]


def numpy_value(expression: str) -> Any:
    """The value of an expression as Python and NumPy compute it."""
    names = {**values(), **SIZES, "np": np, "math": math, "sps": sps}
    return np.asarray(eval(expression, names), np.float64)


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_expression_has_the_value_that_numpy_gives_it(expression: str) -> None:
    expected = numpy_value(expression)
    np.testing.assert_allclose(
        compiled_value(expression, plate=False), expected, rtol=1e-12, atol=1e-14, strict=True
    )
    try:
        inside = compiled_value(expression, plate=True)
    except CompileError:
        return  # it goes across rows
    np.testing.assert_allclose(inside, expected, rtol=1e-12, atol=1e-14, strict=True)


def test_few_expressions_are_refused_in_a_plate() -> None:
    """So that the test above does not pass by refusals."""
    refused = 0
    for expression in EXPRESSIONS:
        try:
            compiled_value(expression, plate=True)
        except CompileError:
            refused += 1
    assert refused < len(EXPRESSIONS) / 4
