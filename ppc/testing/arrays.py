"""Small graphs for the primitives that shapes, dtypes and attributes matter to.

The first dimension of `x`, `z`, `i` and `p` is called `n`, so that it can be empty or one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.ir import ops
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Graph
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor

Array = NDArray[Any]
Case = Callable[[Builder, Mapping[str, Value]], Value]


def cases() -> dict[str, list[Case]]:
    """For each primitive, functions that apply it to operands of a small graph."""
    k, n = Size.of(3), Size.of("n")

    def each(names: str, *arguments: str, **attrs: Any) -> dict[str, Any]:
        def case(name: str) -> Any:
            return [lambda b, v: b.op(name, *(v[a] for a in arguments), **attrs)]

        return {name: case(name) for name in names.split()}

    def axes(name: str, operand: str = "x") -> Any:
        chosen = ((-1,), (-2,), (-1, -2), (-1, -2, -3))
        return [lambda b, v, a=a: b.op(name, v[operand], axes=a) for a in chosen]

    def axis(name: str) -> Any:
        return [lambda b, v, a=a: b.op(name, v["x"], axis=a) for a in (-1, -2, -3)]

    return {
        **{name: axes(name) for name in "sum prod max min logsumexp".split()},
        **{name: axes(name, "p") for name in "any all".split()},
        **{name: axis(name) for name in "argmax argmin cumsum softmax log_softmax flip".split()},
        **each("eq ne lt le gt ge", "i", "j"),
        **each("logical_and logical_or logical_xor", "p", "q"),
        **each("logical_not", "p"), **each("isfinite isnan floor ceil round sign", "x"),
        **each("floordiv mod", "i", "j1"),
        **each("where", "p", "x", "z"), **each("stop_gradient", "x"),
        "cast": [
            lambda b, v: b.cast(v["i"], "f32"), lambda b, v: b.cast(v["p"], "f32"),
            lambda b, v: b.cast(v["z"], "i32"), lambda b, v: b.cast(v["i"], "bool"),
            lambda b, v: b.cast(b.dim(n + 1), "f32"),
        ],
        "sum of booleans": [lambda b, v: b.op("sum", v["p"], axes=(-1,))],
        "arithmetic of booleans": [lambda b, v: v["p"] + v["q"]],
        "integers": [lambda b, v: b.op("square", v["i"]) * 2 - v["j"]],
        "reshape": [
            lambda b, v: b.op("reshape", v["x"], shape=(n * 2, k)),
            lambda b, v: b.op("reshape", b.op("sum", v["w"], axes=(-1, -2)), shape=()),
        ],
        "broadcast_to": [
            lambda b, v: b.op("broadcast_to", v["w"], shape=(n, k, k)),
            lambda b, v: b.full(2.5, Tensor("f32", (), (n, k))),
            lambda b, v: b.full(0.0, Tensor("f32", (), (k,))),
            lambda b, v: b.full(3, Tensor("i32", (), (k, k))),
        ],
        "expand_dims": [
            lambda b, v, a=a: b.op("expand_dims", v["x"], axis=a) for a in (-1, -2, -3, -4)
        ],
        "squeeze": [
            lambda b, v, a=a: b.op("squeeze", b.op("expand_dims", v["x"], axis=a), axis=a)
            for a in (-1, -3)
        ],
        "transpose": [
            lambda b, v: b.op("transpose", v["w"], perm=(-1, -2)),
            lambda b, v: b.op("transpose", v["x"], perm=(-1, -3, -2)),
            lambda b, v: b.op("transpose", v["x"], perm=(-3, -2, -1)),
        ],
        "concat": [
            lambda b, v, a=a: b.op("concat", v["x"], v["z"], axis=a) for a in (-1, -2, -3)
        ],
        "stack": [lambda b, v, a=a: b.op("stack", v["x"], v["z"], axis=a) for a in (-1, -4)],
        "slice": [
            lambda b, v: b.op("slice", v["x"], axis=-1, start=Size.of(1), stop=k, step=1),
            lambda b, v: b.op("slice", v["x"], axis=-3, start=Size.of(0), stop=n, step=2),
            lambda b, v: b.op("slice", v["w"], axis=-1, start=Size.of(0), stop=Size.of(2), step=2),
        ],
        "index": [
            lambda b, v: b.op("index", v["x"], axis=-1, at=Size.of(-1)),
            lambda b, v: b.op("index", v["x"], axis=-3, at=n - 1),
        ],
        "take": [lambda b, v, a=a: b.op("take", v["x"], v["at"], axis=a) for a in (-1, -2, -3)],
        "take_along": [
            lambda b, v: b.op("take_along", v["x"], v["i01"], axis=-1),
            lambda b, v: b.op("take_along", v["x"], v["row"], axis=-2),
            lambda b, v: b.op("take_along", v["v"], b.const(1, "i32"), axis=-1),
        ],
        "segment_sum": [
            lambda b, v: b.op("segment_sum", v["x"], _row(b, v["i01"]), size=k),
            lambda b, v: b.op("segment_sum", _row(b, v["i"]), _row(b, v["i01"]), size=Size.of(2)),
        ],
        "one_hot": [lambda b, v: b.op("one_hot", v["i01"], depth=k)],
        "arange": [lambda b, v: b.op("arange", size=n * 2)],
        "eye": [lambda b, v: b.op("eye", size=k)],
        "dim": [lambda b, v: b.dim(n * 2 + 1)],
        "matmul": [
            lambda b, v: v["x"] @ v["w"], lambda b, v: v["v"] @ v["w"],
            lambda b, v: v["w"] @ v["v"], lambda b, v: v["v"] @ v["v"],
        ],
        **{
            name: [lambda b, v, n=name: b.op(n, v["w"]), lambda b, v, n=name: b.op(n, _stack(v))]
            for name in ("tril", "diagonal")
        },
        "cholesky": [
            lambda b, v: b.op("cholesky", _definite(b, v["w"])),
            lambda b, v: b.op("cholesky", _definite(b, v["x"])),
        ],
        "solve_triangular": [
            lambda b, v, t=t, one=one: _solution(b, v, one, t) for t in (0, 1) for one in "vwxs"
        ],
        "a constant array": [lambda b, v: v["v"] * b.const((0.5, -1.0, 2.0))],
        "numbers of Python": [
            lambda b, v: b.const(1.0) / b.const(0.25) + b.cast(b.dim(n), "f32"),
            lambda b, v: b.op("exp", b.const(0.5)) * b.op("log1mexp", b.const(2.0)),
            lambda b, v: b.op("sum", b.op("expand_dims", b.const(2.0), axis=-1), axes=(-1,)),
        ],
    }  # fmt: skip


def _row(b: Builder, x: Value) -> Value:
    """The first column."""
    return b.op("index", x, axis=-1, at=Size.of(0))


def _stack(v: Mapping[str, Value]) -> Value:
    """A square matrix for each row."""
    return v["x"] @ ops.transpose(v["z"])


def _definite(b: Builder, x: Value) -> Value:
    """A positive definite matrix, whose eigenvalues are 1 at least."""
    return x @ ops.transpose(x) + b.op("eye", size=x.type.shape[-2])


def _solution(b: Builder, v: Mapping[str, Value], one: str, transposed: int) -> Value:
    """For one vector, for the rows of a matrix, for many matrices' rows, for a stack of matrices.

    The diagonals are 1 at least, so that solutions are of the size of the vectors.
    """
    matrix = _definite(b, v["x"] if one == "s" else v["w"])
    vectors = v["x"] if one != "s" else b.op("sum", v["x"], axes=(-1,))
    vectors = vectors if one in "xs" else v[one]
    return b.op("solve_triangular", matrix, vectors, transposed=transposed)


def together(chosen: Mapping[str, Case], n: int) -> tuple[Graph, dict[str, Array]]:
    """One graph of several cases, a result for each, and inputs: `LABEL_x` is x of a case."""
    b = Builder("small", "function", hypers=[("n", None)])
    inputs: dict[str, Array] = {}
    for label, case in chosen.items():
        own = {key: b.data(f"{label}_{key}", type_) for key, type_ in TYPES.items()}
        b.output(label, case(b, own))
        inputs |= {f"{label}_{key}": x for key, x in _values(n).items()}
    return b.build(), inputs


_N, _2, _3 = Size.of("n"), Size.of(2), Size.of(3)

TYPES = {
    "x": Tensor("f32", (), (_N, _2, _3)), "z": Tensor("f32", (), (_N, _2, _3)),
    "v": Tensor("f32", (), (_3,)), "w": Tensor("f32", (), (_3, _3)),
    "i": Tensor("i32", (), (_N, _3)), "j": Tensor("i32", (), (_N, _3)),
    "j1": Tensor("i32", (), (_N, _3)), "i01": Tensor("i32", (), (_N, _2)),
    "row": Tensor("i32", (), (Size.of(1), _3)), "at": Tensor("i32", (), (_2, _N)),
    "p": Tensor("bool", (), (_N, _2, _3)), "q": Tensor("bool", (), (_N, _2, _3)),
}  # fmt: skip


def _values(n: int) -> dict[str, Array]:
    rng = np.random.default_rng(7)
    inputs: dict[str, Array] = {}
    for key, type_ in TYPES.items():
        shape = tuple(s.evaluate({"n": n}) or 0 for s in type_.shape)
        if type_.dtype == "f32":
            inputs[key] = rng.normal(size=shape)
        elif type_.dtype == "bool":
            inputs[key] = rng.random(shape) < 0.5
        else:
            low, high = {"i": (-4, 5), "j": (-4, 5), "j1": (1, 4)}.get(key, (0, 2))
            inputs[key] = rng.integers(low, high, shape)
    return inputs
