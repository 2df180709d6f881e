"""Values and derivatives where functions stop: zeros, infinities, ties, what is not selected."""

from __future__ import annotations

import numpy as np
import pytest
from ppc_numpy import evaluate, value_and_gradient
from reference_graphs import graph_of, tensor
from test_primitive_values import at, slope

from ppc.ir import ops
from ppc.ir.build import Builder

INF = np.inf


def _gradient(build, **points):
    """The gradient of the sum of `build(values...)`."""
    builder = Builder("edge", "function")
    arrays = {name: np.asarray(x, float) for name, x in points.items()}
    values = [builder.data(name, tensor("", *x.shape)) for name, x in arrays.items()]
    builder.output("out", ops.sum_all(build(*values)))
    return value_and_gradient(builder.build(), arrays, "out", list(arrays))


def test_what_where_does_not_take_has_no_influence() -> None:
    def masked_root(x):
        return ops.where(x > 0.0, ops.sqrt(x), 0.0)

    value, gradient = _gradient(masked_root, x=[-1.0, 0.0, 4.0])
    assert value == 2
    np.testing.assert_array_equal(gradient["x"], [0, 0, 0.25])


def test_roots_and_powers_at_zero() -> None:
    np.testing.assert_array_equal(*slope("sqrt", [0.0]), [INF])
    base, exponent = slope("pow", [0.0, 0.0, 0.0, 2.0], [2.0, 1.0, 0.0, 0.0])
    np.testing.assert_array_equal(base, [0, 1, 0, 0])
    np.testing.assert_allclose(exponent, [0, 0, -INF, np.log(2)])
    np.testing.assert_array_equal(*slope("square", [0.0]), [0])


def test_kinks() -> None:
    np.testing.assert_array_equal(*slope("abs", [-2.0, 0.0, 2.0]), [-1, 0, 1])
    np.testing.assert_array_equal(*slope("relu", [-2.0, 0.0, 2.0]), [0, 0, 1])
    np.testing.assert_array_equal(slope("maximum", [1.0, 2.0], [1.0, 1.0]), [[0.5, 1], [0.5, 0]])
    np.testing.assert_array_equal(slope("minimum", [1.0, 2.0], [1.0, 1.0]), [[0.5, 0], [0.5, 1]])


def test_ties_share_the_derivative_of_an_extreme() -> None:
    x = [3.0, 1.0, 3.0]
    _, gradient = _gradient(lambda v: v.builder.op("max", v, axes=(-1,)), x=x)
    np.testing.assert_array_equal(gradient["x"], [0.5, 0, 0.5])


@pytest.mark.parametrize(
    "row, value, weights",
    [
        ([-INF, 0.0], 0.0, [0, 1]),
        ([-INF, -INF], -INF, [0, 0]),
        ([INF, 0.0], INF, [1, 0]),
        ([INF, INF], INF, [0.5, 0.5]),
        ([1000.0, 1000.0], 1000 + np.log(2), [0.5, 0.5]),
    ],
)
def test_log_sums_of_infinities(row, value, weights) -> None:
    total, gradient = _gradient(ops.logsumexp, x=row)
    assert total == pytest.approx(value)
    np.testing.assert_array_equal(gradient["x"], weights)
    assert at("logaddexp", *row) == pytest.approx(value)
    np.testing.assert_array_equal(slope("logaddexp", *row), weights)


def test_products_by_zero() -> None:
    assert at("xlogy", 0.0, 0.0) == 0
    assert at("xlog1py", 0.0, -1.0) == 0
    np.testing.assert_array_equal(slope("xlogy", 0.0, 0.0), [-INF, 0])
    np.testing.assert_array_equal(slope("xlogy", 0.0, 2.0), [np.log(2), 0])
    np.testing.assert_array_equal(slope("xlog1py", 0.0, -1.0), [-INF, 0])


def test_products_with_zeros_have_their_derivative() -> None:
    _, gradient = _gradient(lambda v: v.builder.op("prod", v, axes=(-1,)), x=[2.0, 0.0, 5.0])
    np.testing.assert_array_equal(gradient["x"], [0, 10, 0])


def test_repeated_positions_add_up() -> None:
    types = [tensor("", 3), tensor("", 4, dtype="i32")]
    graph = graph_of("take", types, {"axis": -1})
    inputs = {"x0": [1.0, 2.0, 3.0], "x1": [2, 2, 0, -1]}
    _, gradient = value_and_gradient(graph, inputs, "out", ["x0"], cotangent=[1.0, 10.0, 2.0, 5.0])
    np.testing.assert_array_equal(gradient["x0"], [2, 0, 16])


def test_float32_rounds_each_operation_once() -> None:
    builder = Builder("f", "function")
    x = builder.data("x", tensor())
    builder.output("out", (x + 1.0) - 1.0)
    graph = builder.build()
    assert evaluate(graph, {"x": 1e-9}, dtype=np.float32)["out"] == 0
    assert evaluate(graph, {"x": 1e-9})["out"] == pytest.approx(1e-9, abs=2.0**-52)
    assert evaluate(graph, {"x": 1e-9}, dtype=np.float32)["out"].dtype == np.float32
    assert evaluate(graph_of("exp", [tensor()], {}), {"x0": 100.0}, dtype=np.float32)["out"] == INF
