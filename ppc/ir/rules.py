"""The type rules of primitives: dtype and shape of a result from those of the operands.

Axes of the shape are negative (`-1` is the last), so that a rule means the same whether a named
axis is a name or has been laid out as a leading dimension.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

from ppc.ir.nodes import Attr
from ppc.ir.sizes import Size, product
from ppc.ir.types import DTYPES, DType, Tensor, promote
from ppc.records import dataclass

Attrs = Mapping[str, Attr]
Shape = tuple[Size, ...]


class RuleError(Exception):
    """Operands that a primitive does not take. `reason` is one plain clause, in user terms."""

    def __init__(self, reason: str, *, kind: str = "shape") -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind  # shape | dtype | attribute


@dataclass(slots=True)
class Sizes:
    """What is known of named sizes; records the equalities that fixed values imply."""

    values: Mapping[str, int] = field(default_factory=dict)
    equalities: list[tuple[Size, Size]] = field(default_factory=list)

    def same(self, a: Size, b: Size) -> bool:
        """Whether `a` and `b` are equal, as polynomials or under the fixed values."""
        if a == b:
            return True
        x, y = a.evaluate(self.values), b.evaluate(self.values)
        if x is None or x != y:
            return False
        if (a, b) not in self.equalities and (b, a) not in self.equalities:
            self.equalities.append((a, b))
        return True

    def broadcast(self, a: Shape, b: Shape) -> Shape:
        """The broadcast shape; only a literal 1 broadcasts. Raises RuleError."""
        short, long = sorted((a, b), key=len)
        lead = len(long) - len(short)
        shape = list(long)
        for i, size in enumerate(short):
            other = long[lead + i]
            if other.value == 1:
                shape[lead + i] = size
            elif size.value != 1 and not self.same(size, other):
                raise RuleError(f"shapes {show(a)} and {show(b)} do not broadcast")
        return tuple(shape)


Rule = Callable[[Sizes, Sequence[Tensor], Attrs], tuple[DType, Shape]]


def show(shape: Sequence[Size]) -> str:
    """A shape as a user writes it: `(k,)`."""
    inner = ", ".join(str(s) for s in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def _broadcast_all(sizes: Sizes, args: Sequence[Tensor]) -> Shape:
    shape: Shape = ()
    for arg in args:
        shape = sizes.broadcast(shape, arg.shape)
    return shape


def promoted(sizes: Sizes, args: Sequence[Tensor], _: Attrs) -> tuple[DType, Shape]:
    """The broadcast shape; booleans count as integers."""
    dtype = promote(a.dtype for a in args)
    return ("i32" if dtype == "bool" else dtype), _broadcast_all(sizes, args)


def float_(sizes: Sizes, args: Sequence[Tensor], _: Attrs) -> tuple[DType, Shape]:
    """Floats of the broadcast shape."""
    return "f32", _broadcast_all(sizes, args)


def bool_(sizes: Sizes, args: Sequence[Tensor], _: Attrs) -> tuple[DType, Shape]:
    """Booleans of the broadcast shape."""
    return "bool", _broadcast_all(sizes, args)


def where(sizes: Sizes, args: Sequence[Tensor], _: Attrs) -> tuple[DType, Shape]:
    """The broadcast shape of a condition and two operands, and the dtype of these."""
    if args[0].dtype != "bool":
        raise RuleError("the condition must be boolean", kind="dtype")
    return promote(a.dtype for a in args[1:]), _broadcast_all(sizes, args)


def cast(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """The shape as it is, with the attribute `dtype`."""
    dtype = attrs["dtype"]
    if dtype not in DTYPES:
        raise RuleError(f"{dtype} is not a dtype", kind="dtype")
    return dtype, args[0].shape


def same_as_first(_: Sizes, args: Sequence[Tensor], __: Attrs) -> tuple[DType, Shape]:
    """The first operand's."""
    return args[0].dtype, args[0].shape


def implicit(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """A draw and the parameters of its sampler, broadcast."""
    return "f32", _broadcast_all(sizes, args)


def axes_of(attrs: Attrs, rank: int) -> tuple[int, ...]:
    """The attribute `axes`, checked against a rank."""
    axes = attrs["axes"]
    assert isinstance(axes, tuple)
    return tuple(_checked(a, rank) for a in axes)


def axis_of(attrs: Attrs, rank: int) -> int:
    """The attribute `axis`, checked against a rank."""
    return _checked(attrs["axis"], rank)


def _checked(axis: Attr, rank: int) -> int:
    if not isinstance(axis, int) or not -rank <= axis < 0:
        raise RuleError(f"axis {axis} is out of range for {rank} dimensions")
    return axis


def reduced(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """Without the axes; booleans are counted."""
    (x,) = args
    drop = {x.rank + a for a in axes_of(attrs, x.rank)}
    dtype: DType = "i32" if x.dtype == "bool" else x.dtype
    return dtype, tuple(s for i, s in enumerate(x.shape) if i not in drop)


def reduced_bool(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """Booleans, without the axes."""
    return "bool", reduced(sizes, args, attrs)[1]


def argmax(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """Positions, without the axis."""
    axis = axis_of(attrs, args[0].rank)
    return "i32", _without(args[0].shape, axis)


def along(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """The operand's, along an axis that it has."""
    axis_of(attrs, args[0].rank)
    return args[0].dtype, args[0].shape


def _without(shape: Shape, axis: int) -> Shape:
    at = len(shape) + axis
    return shape[:at] + shape[at + 1 :]


def matmul(sizes: Sizes, args: Sequence[Tensor], _: Attrs) -> tuple[DType, Shape]:
    """NumPy's matrix product."""
    a, b = args
    if not a.rank or not b.rank:
        raise RuleError("matrix product needs at least one dimension on each side")
    inner = b.shape[-2] if b.rank > 1 else b.shape[-1]
    if not sizes.same(a.shape[-1], inner):
        raise RuleError(
            f"inner sizes of the matrix product differ: {show(a.shape)} @ {show(b.shape)}"
        )
    batch = sizes.broadcast(a.shape[:-2], b.shape[:-2])
    rows = a.shape[-2:-1] if a.rank > 1 else ()
    columns = b.shape[-1:] if b.rank > 1 else ()
    return promote((a.dtype, b.dtype)), batch + rows + columns


def transpose(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """The dimensions in the order `perm`."""
    (x,) = args
    perm = attrs["perm"]
    assert isinstance(perm, tuple)
    if sorted(perm, key=str) != sorted(range(-x.rank, 0), key=str):
        raise RuleError(f"{perm} does not permute {x.rank} dimensions")
    return x.dtype, tuple(x.shape[p] for p in perm if isinstance(p, int))


def shape_of(attrs: Attrs) -> Shape:
    """The attribute `shape`."""
    shape = attrs["shape"]
    assert isinstance(shape, tuple)
    return tuple(s if isinstance(s, Size) else Size.of(s) for s in shape)  # type: ignore[arg-type]


def reshape(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """The attribute `shape`, of as many elements."""
    (x,) = args
    shape = shape_of(attrs)
    if not sizes.same(product(x.shape), product(shape)):
        raise RuleError(f"{show(x.shape)} cannot be reshaped to {show(shape)}")
    return x.dtype, shape


def expand_dims(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """A dimension of size 1 at the axis."""
    (x,) = args
    at = x.rank + 1 + axis_of(attrs, x.rank + 1)
    return x.dtype, x.shape[:at] + (Size.of(1),) + x.shape[at:]


def squeeze(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """Without the axis, which has size 1."""
    (x,) = args
    axis = axis_of(attrs, x.rank)
    if x.shape[axis].value != 1:
        raise RuleError(f"axis {axis} of {show(x.shape)} has not size 1")
    return x.dtype, _without(x.shape, axis)


def broadcast_to(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """The attribute `shape`, to which the operand broadcasts."""
    (x,) = args
    shape = shape_of(attrs)
    if len(shape) < x.rank or sizes.broadcast(x.shape, shape) != shape:
        raise RuleError(f"{show(x.shape)} does not broadcast to {show(shape)}")
    return x.dtype, shape


def concat(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """The operands in a row along the axis."""
    first = args[0]
    axis = axis_of(attrs, first.rank)
    total = Size.of(0)
    for x in args:
        same = x.rank == first.rank and all(
            sizes.same(a, b)
            for a, b in zip(_without(x.shape, axis), _without(first.shape, axis), strict=True)
        )
        if not same:
            raise RuleError(
                f"shapes {show(first.shape)} and {show(x.shape)} cannot be joined along {axis}"
            )
        total = total + x.shape[axis]
    shape = list(first.shape)
    shape[axis] = total
    return promote(a.dtype for a in args), tuple(shape)


def stack(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """A new axis with the operands."""
    first = args[0]
    for x in args:
        same = x.rank == first.rank and all(
            sizes.same(a, b) for a, b in zip(x.shape, first.shape, strict=True)
        )
        if not same:
            raise RuleError(f"shapes {show(first.shape)} and {show(x.shape)} cannot be stacked")
    at = first.rank + 1 + axis_of(attrs, first.rank + 1)
    shape = first.shape[:at] + (Size.of(len(args)),) + first.shape[at:]
    return promote(a.dtype for a in args), shape


def slice_(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """The elements from `start` to `stop` along the axis."""
    (x,) = args
    axis = axis_of(attrs, x.rank)
    start, stop, step = attrs["start"], attrs["stop"], attrs["step"]
    assert isinstance(start, Size) and isinstance(stop, Size) and isinstance(step, int)
    length = stop - start
    if step != 1:
        length = (length + (step - 1)) // step
    if length.value is not None and length.value < 0:
        length = Size.of(0)
    shape = list(x.shape)
    shape[axis] = length
    return x.dtype, tuple(shape)


def index(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """Without the axis: its element `at`."""
    (x,) = args
    axis, at = axis_of(attrs, x.rank), attrs["at"]
    assert isinstance(at, Size)
    length = x.shape[axis].value
    if at.value is not None and length is not None and not -length <= at.value < length:
        raise RuleError(f"index {at} is out of range for {length} elements")
    return x.dtype, _without(x.shape, axis)


def take(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """The axis is replaced by the shape of the positions."""
    x, index = args
    axis = axis_of(attrs, x.rank)
    _needs_int(index)
    at = x.rank + axis
    return x.dtype, x.shape[:at] + index.shape + x.shape[at + 1 :]


def take_along(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """One element along the axis for each row."""
    x, index = args
    axis = axis_of(attrs, x.rank)
    _needs_int(index)
    if index.rank != x.rank - 1:
        raise RuleError(f"an index of shape {show(index.shape)} cannot pick from {show(x.shape)}")
    return x.dtype, sizes.broadcast(_without(x.shape, axis), index.shape)


def segment_sum(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """A row for each of `size` positions."""
    x, index = args
    _needs_int(index)
    size = attrs["size"]
    assert isinstance(size, Size)
    if index.rank != 1 or not x.rank or not sizes.same(x.shape[0], index.shape[0]):
        raise RuleError(f"{show(x.shape)} has no row for each of the positions {show(index.shape)}")
    return x.dtype, (size, *x.shape[1:])


def _needs_int(index: Tensor) -> None:
    if index.dtype != "i32":
        raise RuleError("an index must be an integer", kind="dtype")


def one_hot(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """A new last dimension `depth`."""
    depth = attrs["depth"]
    assert isinstance(depth, Size)
    _needs_int(args[0])
    return "f32", (*args[0].shape, depth)


def arange(_: Sizes, __: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """A vector of `size` integers."""
    size = attrs["size"]
    assert isinstance(size, Size)
    return "i32", (size,)


def eye(_: Sizes, __: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """A square matrix."""
    size = attrs["size"]
    assert isinstance(size, Size)
    return "f32", (size, size)


def square(sizes: Sizes, args: Sequence[Tensor], _: Attrs) -> tuple[DType, Shape]:
    """A square matrix, or a stack of them, as it is."""
    shape = args[0].shape
    if len(shape) < 2 or not sizes.same(shape[-2], shape[-1]):
        raise RuleError(f"{show(shape)} is not a square matrix")
    return args[0].dtype, shape


def cholesky(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """The factor of square matrices."""
    return "f32", square(sizes, args, attrs)[1]


def diagonal(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """Square matrices without their last dimension."""
    dtype, shape = square(sizes, args, attrs)
    return dtype, shape[:-1]


def solve_triangular(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    """A solution for each vector, broadcast against the matrices."""
    a, b = args
    _, shape = square(sizes, args, attrs)
    if not b.rank or not sizes.same(shape[-1], b.shape[-1]):
        raise RuleError(f"a matrix {show(a.shape)} has no solutions for vectors {show(b.shape)}")
    return "f32", (*sizes.broadcast(shape[:-2], b.shape[:-1]), shape[-1])


def int_scalar(_: Sizes, __: Sequence[Tensor], ___: Attrs) -> tuple[DType, Shape]:
    """An integer."""
    return "i32", ()


def take_axis(_: Sizes, args: Sequence[Tensor], __: Attrs) -> tuple[DType, Shape]:
    """Elements of an axis at positions, whose shape comes first."""
    x, index = args
    _needs_int(index)
    return x.dtype, index.shape + x.shape


def to_axis(_: Sizes, args: Sequence[Tensor], __: Attrs) -> tuple[DType, Shape]:
    """Without the leading dimension, which becomes an axis."""
    if not args[0].rank:
        raise RuleError("a scalar has no dimension that could be a plate")
    return args[0].dtype, args[0].shape[1:]
