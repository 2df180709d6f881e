"""Types: a dtype, named axes, then a shape in symbolic sizes, printed `f32[N | k, 2*d]`.

Named axes (plates and their kin) are not positions. An operation acts on the shape and is
repeated along every named axis of its operands, so `f32[N | d] @ f32[d, e]` is `f32[N | e]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal, get_args

from ppc.ir.sizes import Size
from ppc.records import dataclass

DType = Literal["bool", "i32", "f32"]
DTYPES: tuple[DType, ...] = get_args(DType)  # in the order of promotion
# A `loop` is the axis of a `for` that the pass `plates` has not seen yet.
AxisKind = Literal["plate", "loop", "enumerated", "particle", "restart", "chain", "time"]
# What stands behind the size of an axis in its text form, in this order.
AXIS_WORDS = ("datamodel", "subsampled")


@dataclass(frozen=True, slots=True)
class Axis:
    """A named axis of a graph."""

    name: str
    kind: AxisKind = "plate"
    size: Size = Size()  # its length in the data; a batch of a subsampled plate is shorter
    subsampled: bool = False  # whether a step sees only some of its elements
    datamodel: bool = False  # whether it is the plate of `inf.datamodel`


@dataclass(frozen=True, slots=True)
class Tensor:
    """The type of every value of a graph."""

    dtype: DType = "f32"
    axes: tuple[str, ...] = ()  # in the order in which the graph declares them
    shape: tuple[Size, ...] = ()

    @property
    def rank(self) -> int:
        """The number of positional dimensions; named axes do not count."""
        return len(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether values of this type carry derivatives."""
        return self.dtype == "f32"

    def with_shape(self, shape: Iterable[Size | int | str]) -> Tensor:
        """This type with another shape."""
        return replace(self, shape=tuple(Size.of(s) for s in shape))

    def with_dtype(self, dtype: DType) -> Tensor:
        """This type with another dtype."""
        return replace(self, dtype=dtype)

    def with_axes(self, axes: Iterable[str]) -> Tensor:
        """This type with other named axes, given in declaration order."""
        return replace(self, axes=tuple(axes))

    def substitute(self, values: Mapping[str, Size | int | str]) -> Tensor:
        """Replace names of sizes in the shape."""
        return self.with_shape(s.substitute(values) for s in self.shape)

    def __str__(self) -> str:
        shape = ", ".join(str(s) for s in self.shape)
        if not self.axes:
            return f"{self.dtype}[{shape}]"
        return f"{self.dtype}[{', '.join(self.axes)} | {shape}]".replace(" | ]", " |]")


def scalar(dtype: DType = "f32") -> Tensor:
    """The type of one number."""
    return Tensor(dtype)


def promote(dtypes: Iterable[DType]) -> DType:
    """The smallest dtype that holds all of `dtypes`: bool, then i32, then f32."""
    return max(dtypes, key=DTYPES.index, default="bool")
