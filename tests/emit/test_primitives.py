"""Rows of the tables where the kit of backends does not reach: edges, and the host's table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from ppc_numpy.evaluate import evaluate
from scipy import special

from ppc import registry
from ppc.backend import Backend
from ppc.emit import host
from ppc.emit.function import emit_body, helpers_used
from ppc.emit.names import Names
from ppc.emit.printer import print_module
from ppc.emit.tree import Constant, Dict, FunctionDef, Module, Name, Param, Return
from ppc.ir.nodes import Graph, Op
from ppc.testing.arrays import Case, cases, together
from ppc.testing.domains import domains
from ppc.testing.primitives import ROOM, compare, elementwise, moved, on_backend, on_reference

Array = np.ndarray
DTYPES = [np.float32, np.float64]


@pytest.fixture(params=["jax", "tensorflow"])
def on(request: pytest.FixtureRequest) -> Backend:
    """A backend that is installed."""
    found = registry.backend(request.param)
    for package in found.requires:
        pytest.importorskip(package)
    return found


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_derivative_of_lbeta_keeps_its_digits_beside_a_large_argument(
    on: Backend, dtype: type
) -> None:
    """d/da log B(a, b) = digamma(a) - digamma(a + b), about -b / a for large a: by the integral
    mean of trigamma, -b * trigamma(a + b/2) to relative order (b/a)^2."""
    a, b = np.asarray([3.0, 1e3, 1e6, 1e9], dtype), np.asarray([1e-6, 1e-3, 0.5, 100.0], dtype)
    _, slopes = on_backend(on, elementwise("lbeta", 2), {"x0": a, "x1": b}, dtype)
    middle = a.astype(np.float64) + 0.5 * b.astype(np.float64)
    want = -b.astype(np.float64) * special.polygamma(1, middle)
    # The gap of Stirling rests is taken at its midpoint or as a difference: see `_digamma_gap`.
    room = ROOM * max(np.finfo(dtype).eps, np.finfo(dtype).eps ** (2 / 3) / 10)
    np.testing.assert_allclose(slopes["x0"], want, rtol=room)


@pytest.mark.parametrize("primitive", ["xlogy", "xlog1py"])
def test_nothing_times_an_infinite_logarithm(on: Backend, primitive: str) -> None:
    end = 0.0 if primitive == "xlogy" else -1.0
    inputs = {"x0": np.zeros(3, np.float32), "x1": np.array([end, np.inf, end + 2], np.float32)}
    y, slopes = on_backend(on, elementwise(primitive, 2), inputs, np.float32)
    np.testing.assert_array_equal(y, 0.0)
    np.testing.assert_array_equal(slopes["x1"], 0.0)


def test_a_beta_density_of_large_parameters(on: Backend) -> None:
    """log Beta(1e6, 1e6) at 0.5: 2 (a - 1) log 0.5 - lbeta, 7.0285 by the identity of Stirling."""
    inputs = {"x0": np.array([1e6]), "x1": np.array([1e6])}
    y, _ = on_backend(on, elementwise("lbeta", 2), inputs, np.float64)
    assert 2 * (1e6 - 1) * np.log(0.5) - y[0] == pytest.approx(7.0285, abs=1e-4)


# --- the table of the host ------------------------------------------------------------------------


def on_host(graph: Graph, inputs: Mapping[str, Array]) -> Any:
    names = Names(["inputs"])
    given = names.all([node.name for node in graph.data])
    body, outputs = emit_body(
        graph, table=host.TABLE, inputs={k: Name(v) for k, v in given.items()},
        sizes={"n": Constant(4)}, names=names,
    )  # fmt: skip
    result = Dict(tuple((Constant(key), value) for key, value in outputs.items()))
    params = tuple(Param(name) for name in given.values())
    function = FunctionDef("evaluate", params, (*body, Return(result)))
    helpers = helpers_used(host.TABLE, function)
    module = Module((*host.imports_used(function, *helpers), *helpers, function))
    space: dict[str, Any] = {}
    exec(print_module(module), space)  # noqa: S102  # what is under test
    return space["evaluate"](**{given[k]: x for k, x in inputs.items() if k in given})["y"]


NUMBERED = [
    pytest.param(case, id=f"{name}-{i}")
    for name, own in cases().items()
    for i, case in enumerate(own)
    if all(
        host.covers(node.primitive)
        for node in together({"y": case}, 4)[0].nodes
        if isinstance(node, Op)
    )
]


@pytest.mark.parametrize("case", NUMBERED)
def test_the_host_on_small_arrays(case: Case) -> None:
    graph, inputs = together({"y": case}, 4)
    want = evaluate(graph, inputs, sizes={"n": 4})["y"]
    got = np.asarray(on_host(graph, inputs))
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-14)
    assert got.shape == want.shape and got.dtype.kind == want.dtype.kind


@pytest.mark.parametrize("primitive", [name for name in domains(np.float64) if host.covers(name)])
def test_the_host_over_a_domain(primitive: str) -> None:
    operands = domains(np.float64)[primitive]
    graph = elementwise(primitive, len(operands))
    inputs = {f"x{i}": x for i, x in enumerate(operands)}
    change, _ = moved(graph, inputs)
    with np.errstate(all="ignore"):
        got = on_host(graph, inputs)
    compare(primitive, got, on_reference(graph, inputs)[0], change, np.float64)
