"""Graphs of one primitive, and cases of all of them: operands in their domain, by type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.ir.build import Builder
from ppc.ir.nodes import Attr, Graph
from ppc.ir.sizes import Size
from ppc.ir.types import Axis, DType, Tensor

Array = NDArray[Any]
LENGTHS = {"N": 2, "J": 3}  # the axes of all graphs here, in order


def tensor(axes: str = "", *shape: int, dtype: DType = "f32") -> Tensor:
    return Tensor(dtype, tuple(axes), tuple(Size.of(n) for n in shape))


def graph_of(primitive: str, types: Sequence[Tensor], attrs: Mapping[str, Attr]) -> Graph:
    """`out = primitive(x0, x1, ...)`."""
    axes = [Axis(name, size=Size.of(n)) for name, n in LENGTHS.items()]
    builder = Builder("one", "function", axes=axes)
    args = [builder.data(f"x{i}", type_) for i, type_ in enumerate(types)]
    builder.output("out", builder.op(primitive, *args, name="result", **attrs))
    return builder.build()


def array_shape(type_: Tensor) -> tuple[int, ...]:
    return (*(LENGTHS[a] for a in type_.axes), *(s.value or 0 for s in type_.shape))


@dataclass(frozen=True)
class Case:
    """A primitive on operands of these types, uniform on these intervals."""

    primitive: str
    types: tuple[Tensor, ...]
    domains: tuple[tuple[float, float], ...] = ()
    attrs: Mapping[str, Attr] = field(default_factory=dict)
    diagonal: float = 0.0  # added to that of the first operand, a matrix

    def graph(self) -> Graph:
        return graph_of(self.primitive, self.types, self.attrs)

    def inputs(self, rng: np.random.Generator) -> dict[str, Array]:
        found = {}
        for i, type_ in enumerate(self.types):
            low, high = self.domains[i] if self.domains else (-2.0, 2.0)
            shape = array_shape(type_)
            if type_.dtype == "i32":
                found[f"x{i}"] = rng.integers(int(low), int(high), shape)
            elif type_.dtype == "bool":
                found[f"x{i}"] = rng.random(shape) < 0.5
            else:
                found[f"x{i}"] = rng.uniform(low, high, shape)
        if self.diagonal:
            found["x0"] = found["x0"] + self.diagonal * np.eye(found["x0"].shape[-1])
        return found

    def __str__(self) -> str:
        return f"{self.primitive}({'; '.join(map(str, self.types))})"


_UNARY: dict[str, tuple[float, float]] = {
    "exp": (-3, 3), "expm1": (-3, 3), "log": (0.1, 4), "log1p": (-0.8, 4), "sqrt": (0.1, 4),
    "rsqrt": (0.1, 4), "sin": (-4, 4), "cos": (-4, 4), "tan": (-1, 1), "arcsin": (-0.9, 0.9),
    "arccos": (-0.9, 0.9), "arctan": (-4, 4), "sinh": (-3, 3), "cosh": (-3, 3), "tanh": (-3, 3),
    "arcsinh": (-4, 4), "arccosh": (1.2, 5), "arctanh": (-0.9, 0.9), "sigmoid": (-5, 5),
    "log_sigmoid": (-5, 5), "softplus": (-5, 5), "erf": (-2, 2), "erfc": (-2, 3),
    "erfinv": (-0.9, 0.9), "ndtr": (-3, 3), "log_ndtr": (-8, 3), "ndtri": (0.05, 0.95),
    "lgamma": (0.2, 6), "digamma": (0.3, 6), "log1mexp": (0.1, 4), "log1pmx": (-0.8, 3),
    "lgamma_correction": (0.2, 20), "neg": (-2, 2), "abs": (0.1, 2), "square": (-2, 2),
    "relu": (0.1, 2), "stop_gradient": (-2, 2), "floor": (0.1, 0.9), "ceil": (0.1, 0.9),
    "round": (0.1, 0.4), "sign": (0.1, 2), "isfinite": (-2, 2), "isnan": (-2, 2),
}  # fmt: skip
_BINARY: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "add": ((-2, 2), (-2, 2)), "sub": ((-2, 2), (-2, 2)), "mul": ((-2, 2), (-2, 2)),
    "div": ((-2, 2), (0.5, 2)), "pow": ((0.3, 2), (-2, 2)), "mod": ((4.1, 4.9), (1.7, 1.9)),
    "floordiv": ((4.1, 4.9), (3.1, 3.9)), "maximum": ((-2, 2), (-2, 2)),
    "minimum": ((-2, 2), (-2, 2)), "arctan2": ((-2, 2), (0.5, 2)),
    "logaddexp": ((-2, 2), (-2, 2)), "xlogy": ((0.1, 2), (0.1, 2)),
    "xlog1py": ((0.1, 2), (-0.5, 2)), "lbeta": ((0.2, 20), (0.2, 20)),
    "eq": ((0, 2), (0, 2)), "ne": ((0, 2), (0, 2)), "lt": ((0, 2), (0, 2)),
    "le": ((0, 2), (0, 2)), "gt": ((0, 2), (0, 2)), "ge": ((0, 2), (0, 2)),
}  # fmt: skip
_LOGIC = ("logical_and", "logical_or", "logical_xor")
_OVER_AXES = ("sum", "prod", "max", "min", "logsumexp")
_ALONG_AXIS = ("cumsum", "softmax", "log_softmax", "flip", "argmax", "argmin")


def _elementwise() -> list[Case]:
    cases = [Case(name, (tensor("N", 3),), (domain,)) for name, domain in _UNARY.items()]
    for name, domains in _BINARY.items():
        cases.append(Case(name, (tensor("N", 3), tensor("J", 2, 1)), domains))
        cases.append(Case(name, (tensor("", 3), tensor("NJ")), domains))
    truth = tensor("J", 2, dtype="bool")
    cases += [Case(name, (truth, tensor("N", dtype="bool"))) for name in _LOGIC]
    cases += [
        Case("logical_not", (truth,)),
        Case("where", (truth, tensor("N", 2), tensor("", 3, 1))),
        Case("cast", (tensor("N", 2),), attrs={"dtype": "f32"}),
        Case("implicit", (tensor("N", 2), tensor("J", 1)), ((-1, 1), (0.3, 30)),
             {"sampler": "log_gamma"}),
    ]  # fmt: skip
    return cases


def _along_shape() -> list[Case]:
    cases = []
    for name in _OVER_AXES:
        cases.append(Case(name, (tensor("N", 2, 3, 2),), attrs={"axes": (-1, -3)}))
        cases.append(Case(name, (tensor("", 4),), attrs={"axes": (-1,)}))
    for name in _ALONG_AXIS:
        cases.append(Case(name, (tensor("N", 3, 2),), attrs={"axis": -2}))
        cases.append(Case(name, (tensor("", 4),), attrs={"axis": -1}))
    truth = tensor("J", 2, 2, dtype="bool")
    cases += [Case(name, (truth,), attrs={"axes": (-2,)}) for name in ("any", "all")]
    return cases


def _shape() -> list[Case]:
    two, six = Size.of(2), Size.of(6)
    index = tensor("J", 2, dtype="i32")
    picks = (-2.0, 2.0), (0.0, 3.0)
    part = {"start": Size.of(1), "stop": Size.of(5), "step": 2, "axis": -2}
    return [
        Case("reshape", (tensor("N", 2, 3),), attrs={"shape": (six,)}),
        Case("broadcast_to", (tensor("N", 1, 3),), attrs={"shape": (two, two, Size.of(3))}),
        Case("expand_dims", (tensor("N", 3),), attrs={"axis": -2}),
        Case("squeeze", (tensor("N", 1, 3),), attrs={"axis": -2}),
        Case("transpose", (tensor("N", 2, 3, 4),), attrs={"perm": (-1, -3, -2)}),
        Case("concat", (tensor("N", 2, 3), tensor("J", 1, 3)), attrs={"axis": -2}),
        Case("stack", (tensor("N", 3), tensor("J", 3)), attrs={"axis": -2}),
        Case("slice", (tensor("N", 6, 2),), attrs=part),
        Case("index", (tensor("N", 3, 2),), attrs={"axis": -2, "at": Size.of(1)}),
        Case("index", (tensor("", 3),), attrs={"axis": -1, "at": Size.of(-1)}),
        Case("take", (tensor("N", 3, 2), index), picks, {"axis": -2}),
        Case("take", (tensor("NJ", 2, 3), index), picks, {"axis": -1}),
        Case("take", (tensor("", 3), tensor("N", dtype="i32")), picks, {"axis": -1}),
        Case("take_along", (tensor("N", 2, 3), index), picks, {"axis": -1}),
        Case("take_along", (tensor("", 3, 2), tensor("J", 2, dtype="i32")), picks, {"axis": -2}),
        Case("one_hot", (index,), ((0.0, 4.0),), {"depth": Size.of(4)}),
        Case("arange", (), attrs={"size": six}),
        Case("eye", (), attrs={"size": two}),
        Case("dim", (), attrs={"size": six}),
    ]


_MATMULS = [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((3,), (2, 3, 4)),
            ((2, 2, 3), (3,)), ((2, 1, 2, 3), (3, 3, 2)), ((2, 3), (2, 3, 4))]  # fmt: skip
_MATMUL_AXES = [("", ""), ("N", ""), ("", "N"), ("N", "N"), ("N", "J"), ("J", "NJ")]


def matmuls() -> list[Case]:
    return [
        Case("matmul", (tensor(left, *a), tensor(right, *b)))
        for a, b in _MATMULS
        for left, right in _MATMUL_AXES
    ]


def _triangles() -> list[Case]:
    """Of matrices whose diagonal is above the sum of the rest of a row: definite."""
    matrices = [("", (3, 3)), ("N", (3, 3)), ("J", (2, 3, 3))]
    solves = [
        (("", (3, 3)), ("", (3,))), (("", (3, 3)), ("NJ", (2, 3))), (("N", (3, 3)), ("NJ", (3,))),
        (("J", (3, 3)), ("N", (2, 3))), (("", (2, 3, 3)), ("N", (3,))),
    ]  # fmt: skip
    one = [
        Case(name, (tensor(axes, *shape),), ((-0.5, 0.5),), diagonal=2.0)
        for name in ("tril", "diagonal", "cholesky")
        for axes, shape in matrices
    ]
    two = [
        Case(
            "solve_triangular", (tensor(a[0], *a[1]), tensor(b[0], *b[1])),
            ((-0.5, 0.5), (-2.0, 2.0)), {"transposed": transposed}, diagonal=2.0,
        )
        for a, b in solves
        for transposed in (0, 1)
    ]  # fmt: skip
    return one + two


def _segments() -> list[Case]:
    pairs = [(("", (5,)), ("", (5,))), (("N", (5, 2)), ("", (5,))), (("", (5, 2)), ("J", (5,))),
             (("J", (5,)), ("NJ", (5,)))]  # fmt: skip
    return [
        Case(
            "segment_sum", (tensor(a[0], *a[1]), tensor(b[0], *b[1], dtype="i32")),
            ((-2.0, 2.0), (0.0, 3.0)), {"size": Size.of(3)},
        )
        for a, b in pairs
    ]  # fmt: skip


def _axes() -> list[Case]:
    picks = (-2.0, 2.0), (0.0, 2.0)
    reductions = [
        Case("reduce_axis", (tensor("NJ", 2),), attrs={"op": op, "axes": axes})
        for op in ("sum", "max", "logsumexp")
        for axes in (("N",), ("J",), ("J", "N"))
    ]
    return [
        *reductions,
        Case("take_axis", (tensor("N", 3), tensor("J", 2, dtype="i32")), picks, {"axis": "N"}),
        Case("take_axis", (tensor("NJ", 3), tensor("J", dtype="i32")), picks, {"axis": "N"}),
        Case("take_axis", (tensor("NJ", 3), tensor("N", dtype="i32")), picks, {"axis": "N"}),
        Case("to_axis", (tensor("J", 2, 3),), attrs={"axis": "N"}),
        Case("to_axis", (tensor("N", 3, 2),), attrs={"axis": "J"}),
        Case("from_axis", (tensor("NJ", 2),), attrs={"axis": "N"}),
        Case("from_axis", (tensor("NJ", 2),), attrs={"axis": "J"}),
        Case("axis_index", (), attrs={"axis": "J"}),
    ]


NAMED = _axes()
POSITIONAL = [*_elementwise(), *_along_shape(), *_shape(), *matmuls(), *_triangles(), *_segments()]
CASES = [*POSITIONAL, *NAMED]

NumpyFunction = Callable[..., Any]
