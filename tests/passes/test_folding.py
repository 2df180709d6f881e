"""Operations on constants, computed while compiling, against the reference; and identities."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ppc_numpy import evaluate, validate

from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Const, Graph, Op
from ppc.ir.primitives import PRIMITIVES
from ppc.ir.types import Tensor
from ppc.passes import fold
from ppc.passes.matrices import MATRICES
from ppc.passes.numbers import NUMBERS

POINTS = [-40.0, -2.5, -0.3, 0.0, 1e-9, 0.2, 0.5, 1.0, 2.0, 3.7, 9.0, 11.5, 120.0, 1e6]
# Each is a sum of terms of about 1 that a few roundings reach, where it is small itself.
SUMS = {"lgamma", "lbeta", "xlogy", "xlog1py", "log_sigmoid", "logaddexp", "sin", "cos", "tan"}


def arguments(primitive: str):
    arity = PRIMITIVES[primitive].arity
    if primitive == "where":
        return [(True, 2.0, 3.0), (False, 2.0, 3.0)]
    if primitive.startswith("logical"):
        return list(itertools.product([True, False], repeat=arity))
    return list(itertools.product(POINTS, repeat=arity))


@pytest.mark.parametrize("primitive", NUMBERS)
def test_numbers_are_those_of_the_reference(primitive: str) -> None:
    computed = 0
    for numbers in arguments(primitive):
        builder = Builder("folded", "function")
        args = [builder.const(number) for number in numbers]
        builder.output("out", builder.op(primitive, *args))
        before = builder.build()
        after = fold.run(before)
        name = dict(after.outputs)["out"]
        node = after.by_name()[name]
        if isinstance(node, Const):
            computed += 1
            expected = float(evaluate(before, {})["out"])
            scale = max(abs(expected), *map(abs, numbers)) if primitive in SUMS else abs(expected)
            assert abs(float(node.value) - expected) <= 2.0**-47 * scale, numbers
    assert computed > len(arguments(primitive)) / 4


def graph(make) -> Graph:
    """What `make` builds of a scalar x, an array y of two and a positive scalar s = exp(t)."""
    builder = Builder("identity", "function")
    x, t = (builder.data(name, Tensor("f32")) for name in "xt")
    y = builder.data("y", Tensor("f32").with_shape((2,)))
    builder.output("out", make(builder, x, y, builder.op("exp", t)))
    return builder.build()


def operations(graph: Graph) -> list[str]:
    return [node.primitive for node in graph.nodes if isinstance(node, Op)]


def reached(graph: Graph) -> list[str]:
    """The primitives that the output needs."""
    from ppc.passes import dce

    return operations(dce.run(graph))


# What is built, and the operations that are left of it.
IDENTITIES = {
    "repeated constants": (lambda b, x, y, s: y * b.const((3.0, 3.0)), ["mul"]),
    "arrays of constants": (
        lambda b, x, y, s: y + b.op("log", b.const((1.0, 2.0))) * b.const((2.0, 0.5)), ["add"],
    ),
    "constants that broadcast": (
        lambda b, x, y, s: y * b.op("sum", b.op("add", b.const((1.0, 2.0)), 1.0), axes=(-1,)),
        ["mul"],
    ),
    "the same in both branches": (lambda b, x, y, s: b.op("where", x > 0.0, x, x), []),
    "true and": (lambda b, x, y, s: b.op("cast", b.op("logical_and", True, x > 0.0), dtype="f32"),
                 ["gt", "cast"]),
    "false and": (
        lambda b, x, y, s: b.op("where", b.op("logical_and", y > 0.0, False), y, y + 1.0), ["add"],
    ),
    "true or": (lambda b, x, y, s: b.op("where", b.op("logical_or", x > 0.0, True), x, 0.0), []),
    "less what was added": (lambda b, x, y, s: ((x + s * x) - x) / s, []),
    "the log-odds of a logistic": (
        lambda b, x, y, s: b.op("log", b.op("sigmoid", y)) - b.op("log1p", -b.op("sigmoid", y)), [],
    ),
    "one less the logistic of a negative": (lambda b, x, y, s: 1.0 - b.op("sigmoid", -x),
                                            ["sigmoid"]),
    "one less a logistic": (lambda b, x, y, s: b.op("log", 1.0 - b.op("sigmoid", x)),
                            ["neg", "log_sigmoid"]),
}  # fmt: skip


@pytest.mark.parametrize("name", IDENTITIES)
def test_identities(name: str) -> None:
    make, left = IDENTITIES[name]
    before = graph(make)
    after = fold.run(before)
    assert reached(after) == left
    validate(before, after, np.random.default_rng(0))


def test_large_arrays_of_constants_stay_as_they_are() -> None:
    values = tuple(float(i) for i in range(100))
    assert reached(fold.run(graph(lambda b, x, y, s: x + b.const(values) * 2.0))) == ["mul", "add"]


def test_what_leaves_the_reals_stays() -> None:
    def made(b: Builder, x: Value, y: Value, s: Value) -> Value:
        return b.op("log", b.const((0.0, 1.0))) + y

    assert reached(fold.run(graph(made))) == ["log", "add"]


WELL, NONE = ((4.0, -1.0, 0.5), (-1.0, 2.0, 0.25), (0.5, 0.25, 1.0)), ((1.0, 2.0), (2.0, 1.0))


def of_matrix(primitive: str, a: tuple[tuple[float, ...], ...]) -> Graph:
    attrs = {"perm": (-1, -2)} if primitive == "transpose" else {}
    builder = Builder("folded", "function")
    builder.output("out", builder.op(primitive, builder.const(a), **attrs))
    return fold.run(builder.build())


@pytest.mark.parametrize("primitive", MATRICES)
def test_small_matrices_are_those_of_numpy(primitive: str) -> None:
    numpys = {
        "tril": np.tril, "diagonal": np.diagonal, "transpose": np.transpose,
        "cholesky": np.linalg.cholesky,
    }  # fmt: skip
    folded = of_matrix(primitive, WELL)
    assert operations(folded) == []
    expected = numpys[primitive](np.array(WELL))
    # the condition of WELL is below 8, and each element is a few roundings
    np.testing.assert_allclose(evaluate(folded, {})["out"], expected, rtol=2.0**-47, atol=0)


def test_a_matrix_without_a_factor_and_a_large_one_stay() -> None:
    assert operations(of_matrix("cholesky", NONE)) == ["cholesky"]
    large = tuple(tuple(float(i == j) for j in range(9)) for i in range(9))
    assert operations(of_matrix("cholesky", large)) == ["cholesky"]
