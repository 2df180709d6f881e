"""Named axes: an operation is repeated along them; operands align by name, not by position."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ppc_numpy import evaluate
from reference_graphs import LENGTHS, POSITIONAL, Case, graph_of, matmuls, tensor

from ppc.ir.build import Builder
from ppc.ir.sizes import Size
from ppc.ir.types import Axis


@pytest.mark.parametrize("case", [c for c in POSITIONAL if any(t.axes for t in c.types)], ids=str)
def test_an_operation_is_repeated_along_named_axes(case: Case) -> None:
    """Slice by slice, without axes, gives the slices of the result."""
    inputs = case.inputs(np.random.default_rng(3))
    whole = evaluate(case.graph(), inputs)["out"]
    axes = [a for a in LENGTHS if any(a in t.axes for t in case.types)]
    plain = graph_of(case.primitive, [t.with_axes(()) for t in case.types], case.attrs)
    for at in itertools.product(*(range(LENGTHS[a]) for a in axes)):
        places = dict(zip(axes, at, strict=True))
        slices = {
            name: x[tuple(places[a] for a in type_.axes)]
            for (name, x), type_ in zip(inputs.items(), case.types, strict=True)
        }
        part = evaluate(plain, slices)["out"]
        np.testing.assert_allclose(whole[at], part, rtol=1e-14, atol=1e-15)


def _subscripts(case: Case) -> str:
    """einsum's notation for a matrix product over named axes n, j and stacks y, z."""
    terms = []
    for type_, matrix in zip(case.types, ("ab", "bc"), strict=True):
        stacked = "yz"[4 - type_.rank :] if type_.rank > 2 else ""
        core = matrix if type_.rank > 1 else "b"
        terms.append("".join(type_.axes).lower() + stacked + core)
    axes = "".join(a.lower() for a in LENGTHS if any(a in t.axes for t in case.types))
    both = "".join(s for s in "yz" if s in terms[0] + terms[1])
    rows = "a" if case.types[0].rank > 1 else ""
    columns = "c" if case.types[1].rank > 1 else ""
    return f"{terms[0]},{terms[1]}->{axes}{both}{rows}{columns}"


@pytest.mark.parametrize("case", matmuls(), ids=str)
def test_matmul_is_einsum(case: Case) -> None:
    inputs = case.inputs(np.random.default_rng(4))
    a, b = inputs["x0"], inputs["x1"]
    subscripts = _subscripts(case)
    # einsum wants sizes to agree where matmul broadcasts a 1 in the stack
    for i, letter in enumerate(subscripts.split(",")[0]):
        if letter == "z" and a.shape[i] == 1:
            a = np.repeat(a, 3, axis=i)
    expected = np.einsum(subscripts, a, b)
    # three products of numbers below 2, summed in some order: 3 * 4 * 3 roundings
    np.testing.assert_allclose(evaluate(case.graph(), inputs)["out"], expected, rtol=0, atol=1e-14)


def _run(primitive: str, types, arrays, **attrs):
    inputs = {f"x{i}": x for i, x in enumerate(arrays)}
    return evaluate(graph_of(primitive, types, attrs), inputs)["out"]


X = np.random.default_rng(5).standard_normal((2, 3, 4))


@pytest.mark.parametrize("axes, over", [(("N",), 0), (("J",), 1), (("J", "N"), (0, 1))])
def test_reduce_axis(axes, over) -> None:
    types = [tensor("NJ", 4)]
    reduced = _run("reduce_axis", types, [X], op="sum", axes=axes)
    np.testing.assert_allclose(reduced, X.sum(over), rtol=1e-14, atol=1e-15)
    reduced = _run("reduce_axis", types, [X], op="max", axes=axes)
    np.testing.assert_array_equal(reduced, X.max(over))
    reduced = _run("reduce_axis", types, [X], op="logsumexp", axes=axes)
    np.testing.assert_allclose(reduced, np.log(np.exp(X).sum(over)), rtol=1e-14, atol=1e-15)


def test_take_axis_by_an_index_over_another_axis() -> None:
    index = np.array([[1, 0], [0, 0], [1, 1]])
    taken = _run("take_axis", [tensor("N", 4), tensor("J", 2, dtype="i32")], [X[:, 0], index],
                 axis="N")  # fmt: skip
    np.testing.assert_array_equal(taken, X[:, 0][index])


def test_take_axis_by_an_index_over_an_axis_of_the_operand() -> None:
    index = np.array([1, 0, 1])
    taken = _run("take_axis", [tensor("NJ", 4), tensor("J", dtype="i32")], [X, index], axis="N")
    np.testing.assert_array_equal(taken, X[index, np.arange(3)])


def test_take_axis_by_an_index_over_the_taken_axis() -> None:
    index = np.array([1, 1])
    taken = _run("take_axis", [tensor("NJ", 4), tensor("N", dtype="i32")], [X, index], axis="N")
    np.testing.assert_array_equal(taken, X[index])


def test_axes_and_dimensions_change_places() -> None:
    np.testing.assert_array_equal(
        _run("to_axis", [tensor("J", 2, 4)], [X.swapaxes(0, 1)], axis="N"), X
    )
    np.testing.assert_array_equal(_run("to_axis", [tensor("N", 3, 4)], [X], axis="J"), X)
    np.testing.assert_array_equal(
        _run("from_axis", [tensor("NJ", 4)], [X], axis="N"), X.swapaxes(0, 1)
    )
    np.testing.assert_array_equal(_run("from_axis", [tensor("NJ", 4)], [X], axis="J"), X)


def test_axis_index_counts_along_the_axis_of_a_batch() -> None:
    builder = Builder("one", "loss", axes=[Axis("N", size=Size.of("N"), subsampled=True)],
                      hypers=[("N", 100)])  # fmt: skip
    x = builder.data("x", tensor("N"))
    index = builder.cast(builder.op("axis_index", axis="N"), "f32")
    builder.output("out", x * index + builder.dim("N"))
    found = evaluate(builder.build(), {"x": np.ones(3)})["out"]
    np.testing.assert_array_equal(found, [100, 101, 102])


def test_operands_align_by_name() -> None:
    """(3,) along J times (2,) of the shape: nothing to do with their positions."""
    a, b = np.arange(3.0), np.array([1.0, 10.0])
    product = _run("mul", [tensor("J"), tensor("", 2)], [a, b])
    np.testing.assert_array_equal(product, np.einsum("j,k->jk", a, b))
    product = _run("mul", [tensor("J", 2), tensor("N", 1)], [np.outer(a, b), X[:, 0, :1]])
    np.testing.assert_allclose(product, np.einsum("jk,n->njk", np.outer(a, b), X[:, 0, 0]))
