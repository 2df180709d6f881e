"""Whole graphs: inputs, first values, sizes, regions, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from ppc_numpy import evaluate, evaluate_nodes, value_and_gradient
from reference_graphs import tensor

from ppc.diagnostics import InternalError
from ppc.ir import ops
from ppc.ir.build import Builder
from ppc.ir.nodes import Graph, Op, Region, State
from ppc.ir.sizes import Size
from ppc.ir.types import Axis, Tensor, scalar

N, K = Size.of("N"), Size.of("k")
ROWS = Tensor("f32", ("N",), (K,))


def _regression() -> Graph:
    """Squared errors of y against x @ w + b, with b one number for each row."""
    builder = Builder("regression", "loss", axes=[Axis("N", size=N, subsampled=True)],
                      hypers=[("k", None)])  # fmt: skip
    x = builder.data("x", ROWS)
    y = builder.data("y", Tensor("f32", ("N",)))
    noise = builder.noise("w_noise", "uniform", Tensor("f32", (), (K,)), site="w")
    w = builder.param("w", 2.0 * noise - 1.0)
    b = builder.param("b", builder.const(0.5), type_=Tensor("f32", ("N",)))
    scale = builder.hyper_value("scale")
    residual = (y - x @ w - b) / scale
    builder.output("loss", ops.sum_axes(residual**2, ("N",)))
    builder.output("rows", builder.dim(N))
    return builder.build()


X = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]])
Y = np.array([1.0, 2.0, 3.0])
GIVEN = {"x": X, "y": Y, "w_noise": [0.25, 1.0], "scale": 2.0}


def test_parameters_start_at_their_first_value() -> None:
    found = evaluate(_regression(), GIVEN, sizes={"N": 30})
    residual = (Y - X @ np.array([-0.5, 1.0]) - 0.5) / 2
    assert found["loss"] == pytest.approx((residual**2).sum())
    assert found["rows"] == 30


def test_given_parameters_need_no_first_value() -> None:
    given = {"x": X, "y": Y, "w": [1.0, 1.0], "b": [0.0, 1.0, 2.0], "scale": 1.0}
    assert evaluate(_regression(), given, sizes={"N": 3})["loss"] == pytest.approx(4.0 + 1 + 0)


def test_gradient_with_respect_to_parameters_and_data() -> None:
    given = {"x": X, "y": Y, "w": [1.0, 1.0], "b": [0.0, 1.0, 2.0], "scale": 1.0}
    value, g = value_and_gradient(
        _regression(), given, "loss", ["w", "b", "x", "scale"], sizes={"N": 3}
    )
    residual = Y - X.sum(1) - given["b"]
    np.testing.assert_allclose(g["w"], -2 * residual @ X)
    np.testing.assert_allclose(g["b"], -2 * residual)
    np.testing.assert_allclose(g["x"], -2 * np.outer(residual, [1, 1]))
    np.testing.assert_allclose(g["scale"], -2 * value)


def test_a_parameter_passes_nothing_to_its_first_value() -> None:
    _, g = value_and_gradient(_regression(), GIVEN, "loss", ["w", "w_noise"], sizes={"N": 3})
    assert np.abs(g["w"]).min() > 0
    np.testing.assert_array_equal(g["w_noise"], [0, 0])


def test_any_node_can_be_given_and_asked_for() -> None:
    values = evaluate_nodes(_regression(), {**GIVEN, "matmul": np.zeros(3)}, ["sub_1", "matmul"])
    np.testing.assert_array_equal(values["matmul"], [0, 0, 0])
    assert "w" not in values


def test_all_nodes() -> None:
    values = evaluate_nodes(_regression(), GIVEN, sizes={"N": 3})
    assert set(values) == set(_regression().by_name())


@pytest.mark.parametrize(
    "change, sizes, message",
    [
        ({"z": 1.0}, {}, "no node z"),
        ({"x": X[:, :1], "w_noise": [0.1, 0.2]}, {}, "k is"),
        ({"y": Y[:2]}, {}, "2 elements along N"),
        ({"y": np.zeros((3, 1))}, {}, "has shape"),
        ({}, {}, "the size N in N is neither"),
        ({}, {"k": 7}, "k is 7"),
    ],
)
def test_inputs_that_do_not_fit(change, sizes, message) -> None:
    if "the size N" not in message:
        sizes = {"N": 30, **sizes}
    with pytest.raises(InternalError, match=message):
        evaluate(_regression(), {**GIVEN, **change}, sizes=sizes)


def test_a_missing_input_is_named() -> None:
    given = {name: value for name, value in GIVEN.items() if name != "y"}
    with pytest.raises(InternalError, match=r"the data node y: f32\[N \|\]"):
        evaluate(_regression(), given, sizes={"N": 3})


def test_a_value_that_does_not_have_its_type_is_an_error() -> None:
    builder = Builder("wrong", "function")
    x = builder.data("x", tensor("", 3))
    node = Op(name="y", type=tensor("", 2), primitive="exp", args=("x",))
    graph = Graph("wrong", "function", (builder.nodes["x"], node), (("out", "y"),))
    with pytest.raises(InternalError, match="y"):
        evaluate(graph, {x.name: np.zeros(3)})


def test_sizes_come_from_shapes_that_are_expressions() -> None:
    builder = Builder("sizes", "function")
    builder.data("x", Tensor("f32", (), (2 * K + 1,)))
    builder.output("k", builder.dim(K))
    assert evaluate(builder.build(), {"x": np.zeros(7)})["k"] == 3


def test_an_output_that_is_no_scalar_needs_a_cotangent() -> None:
    builder = Builder("vector", "function")
    builder.output("out", ops.exp(builder.data("x", tensor("", 2))))
    with pytest.raises(InternalError, match="cotangent"):
        value_and_gradient(builder.build(), {"x": [0.0, 1.0]}, "out", ["x"])


def test_states_start_at_their_first_value_and_have_a_next_one() -> None:
    builder = Builder("moving", "loss")
    start = builder.const(1.0)
    state = builder.append(State(name="mean", type=scalar(), init=start.name, update="next"))
    builder.op("add", state * 0.9, 0.1, name="next")
    graph = builder.build()
    assert evaluate_nodes(graph, {}, ["next"])["next"] == pytest.approx(1.0)
    assert evaluate_nodes(graph, {"mean": 3.0}, ["next"])["next"] == pytest.approx(2.8)


def _running_sum(kind: str) -> Graph:
    """Partial sums of rows of x times c, row by row."""
    body = Builder("body", "function")
    total, x, c = (body.data(name, tensor()) for name in ("total", "x", "c"))
    body.output("sum", total + x * c)
    outer = Builder("scan", "function")
    for name, type_ in (("total", tensor()), ("x", tensor("", 3)), ("c", tensor())):
        outer.data(name, type_)
    node = Region(name="sums", type=tensor("", 3), kind=kind, args=("total", "x", "c"),
                  carry=(("total", "sum"),), body=body.build(), output="sum")  # fmt: skip
    outer.output("out", outer.append(node))
    return outer.build()


def test_a_scan_carries_and_stacks() -> None:
    given = {"total": 10.0, "x": [1.0, 2.0, 3.0], "c": 2.0}
    np.testing.assert_array_equal(evaluate(_running_sum("scan"), given)["out"], [12, 16, 22])


def test_the_derivative_of_a_scan_goes_back_through_its_rounds() -> None:
    given = {"total": 10.0, "x": [1.0, 2.0, 3.0], "c": 2.0}
    seed = np.array([1.0, 10.0, 100.0])  # of the partial sums t + c (x_1 + ... + x_k)
    _, found = value_and_gradient(
        _running_sum("scan"), given, "out", ["total", "x", "c"], cotangent=seed
    )
    assert found["total"] == 111.0
    np.testing.assert_array_equal(found["x"], 2.0 * np.array([111.0, 110.0, 100.0]))
    assert found["c"] == 1.0 + 10.0 * 3.0 + 100.0 * 6.0


def test_other_regions_are_refused() -> None:
    given = {"total": 10.0, "x": [1.0, 2.0, 3.0], "c": 2.0}
    with pytest.raises(NotImplementedError, match="cond"):
        evaluate(_running_sum("cond"), given)
