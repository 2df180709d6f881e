"""Builders along axes, of new tensors and of shapes. Keywords are these builders' own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ppc.ir.build import Value
from ppc.ir.nodes import NoiseKind
from ppc.ir.rules import show
from ppc.ir.sizes import Size, product
from ppc.ir.types import Tensor
from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.rounds import unrollable
from ppc_frontend.tensors import describe, elements, has_tensor, integer, shape, size, tensor
from ppc_frontend.vocabulary import rows
from ppc_frontend.vocabulary.elementwise import dtype_of, operand

# --- along axes ----------------------------------------------------------------------------------


def reduction(
    ctx: Context, primitive: str, *, x: Any, axis: Any = None, keepdims: Any = False,
    dtype: Any = None,
) -> Any:  # fmt: skip
    """Reduce over some or all axes of what code sees."""
    known = _known_reduction(primitive, x, axis)
    if known is not None and not keepdims and dtype is None:
        return known
    value = tensor(ctx, x, dtype_of(ctx, dtype))
    if primitive == "sum" and not keepdims:
        plates, axis = rows.split(ctx, value, axis)
        value = rows.total(ctx, value, plates) if plates else value
    return keep(ctx, value, ctx.op(primitive, value, axes=(axes := reduced(ctx, value, axis))),
                axes, keepdims)  # fmt: skip


def _known_reduction(primitive: str, x: Any, axis: Any) -> Any:
    """Reductions of lists of sizes stay known, as in `np.prod([28, 28])`."""
    if axis is not None or not isinstance(x, list | tuple) or not x:
        return None
    if not all(isinstance(item, int | Size) and not isinstance(item, bool) for item in x):
        return None
    if primitive in {"sum", "prod"}:
        items = [Size.of(item) for item in x]
        total = product(items) if primitive == "prod" else sum(items, Size())
        return total if total.value is None else total.value
    if primitive in {"max", "min"} and all(isinstance(item, int) for item in x):
        return max(x) if primitive == "max" else min(x)
    return None


def reduced(ctx: Context, value: Value, axis: Any, what: str = "reducing") -> tuple[int, ...]:
    """The negative axes of a reduction; None is all of them."""
    if axis is None:
        if ctx.lead(value):
            ctx.across(value, what)
        return tuple(range(-value.type.rank, 0))
    items = axis if isinstance(axis, list | tuple) else (axis,)
    found = [ctx.axis(value, integer(ctx, item, "an axis"), what=what) for item in items]
    return tuple(sorted(set(found)))


def keep(ctx: Context, value: Value, result: Value, axes: Sequence[int], keepdims: Any) -> Value:
    """Put axes of size 1 where a reduction took them, if asked to."""
    if not keepdims:
        return result
    rank = value.type.rank
    gone = {rank + a for a in axes}
    sizes = [Size.of(1) if i in gone else s for i, s in enumerate(value.type.shape)]
    return ctx.op("reshape", result, shape=tuple(sizes))


def mean(ctx: Context, *, x: Any, axis: Any = None, keepdims: Any = False) -> Value:
    """The mean over axes."""
    value = tensor(ctx, x, "f32")
    plates, axis = ((), axis) if keepdims else rows.split(ctx, value, axis)
    value = rows.total(ctx, value, plates) if plates else value
    axes = reduced(ctx, value, axis)
    count = ctx.builder.dim(product(value.type.shape[a] for a in axes))
    if plates:
        count = ctx.op("mul", count, rows.number(ctx, plates))
    total = ctx.op("sum", value, axes=axes)
    return keep(ctx, value, ctx.op("div", total, count), axes, keepdims)


def variance(
    ctx: Context, root: bool = False, *, x: Any, axis: Any = None, keepdims: Any = False,
    ddof: Any = 0,
) -> Value:  # fmt: skip
    """The variance over axes, or its root; `ddof` as in NumPy."""
    value = tensor(ctx, x, "f32")
    axes = reduced(ctx, value, axis)
    count = product(value.type.shape[a] for a in axes) - integer(ctx, ddof, "ddof")
    centre = mean(ctx, x=value, axis=list(axes), keepdims=True)
    total = ctx.op("sum", ctx.op("square", ctx.op("sub", value, centre)), axes=axes)
    result = keep(ctx, value, ctx.op("div", total, ctx.builder.dim(count)), axes, keepdims)
    return ctx.op("sqrt", result) if root else result


def norm(ctx: Context, *, x: Any, axis: Any = None, keepdims: Any = False) -> Value:
    """The Euclidean norm."""
    value = tensor(ctx, x, "f32")
    axes = reduced(ctx, value, axis)
    total = ctx.op("sum", ctx.op("square", value), axes=axes)
    return ctx.op("sqrt", keep(ctx, value, total, axes, keepdims))


def along(ctx: Context, primitive: str, *, x: Any, axis: Any = -1) -> Value:
    """A primitive along one axis that keeps the shape."""
    value = tensor(ctx, x)
    if axis is None:
        value, axis = reshape(ctx, x=value, shape_=-1), -1
    at = ctx.axis(value, integer(ctx, axis, "an axis"), what=primitive)
    return ctx.op(primitive, value, axis=at)


def normalised(ctx: Context, primitive: str, *, x: Any, axis: Any = -1) -> Value:
    """Softmax or its logarithm along an axis, over all elements together where it is None."""
    value = tensor(ctx, x, "f32")
    if axis is not None:
        return along(ctx, primitive, x=value, axis=axis)
    if ctx.lead(value):
        ctx.across(value, primitive)
    flat = ctx.op("reshape", value, shape=(product(value.type.shape),))
    return ctx.op("reshape", ctx.op(primitive, flat, axis=-1), shape=value.type.shape)


def flip(ctx: Context, *, x: Any, axis: Any = None) -> Value:
    """The elements in reverse along one axis, some, or all."""
    value = tensor(ctx, x)
    for at in reduced(ctx, value, axis, "flipping"):
        value = ctx.op("flip", value, axis=at)
    return value


def arg_extreme(ctx: Context, primitive: str, *, x: Any, axis: Any = None) -> Value:
    """The position of the largest or smallest element."""
    value = tensor(ctx, x)
    if axis is None:
        value, axis = reshape(ctx, x=value, shape_=-1), -1
    at = ctx.axis(value, integer(ctx, axis, "an axis"), what=primitive)
    return ctx.op(primitive, value, axis=at)


# --- creation ------------------------------------------------------------------------------------


def filled(
    ctx: Context, number: Any = None, *, shape_: Any, fill: Any = None, dtype: Any = None
) -> Value:
    """A shape full of one number."""
    content = number if number is not None else fill
    value = tensor(ctx, content, dtype_of(ctx, dtype))
    sizes = shape(ctx, shape_)
    return ctx.op("broadcast_to", value, shape=sizes) if sizes or value.type.rank else value


def filled_like(
    ctx: Context, number: Any = None, *, x: Any, fill: Any = None, dtype: Any = None
) -> Value:
    """The shape of another value full of one number; the same for each row of a plate."""
    like = tensor(ctx, x)
    content = tensor(ctx, number if number is not None else fill)
    value = ctx.builder.cast(content, dtype_of(ctx, dtype) or like.type.dtype)
    if like.type.axes:  # keep the rows: what code sees has them
        row = ctx.op("ge", ctx.op("axis_index", axis=like.type.axes[-1]), 0)
        value = ctx.op("broadcast_to", value, shape=like.type.shape)
        return ctx.builder.op("where", row, value, value)
    return ctx.op("broadcast_to", value, shape=like.type.shape) if like.type.rank else value


def array(ctx: Context, *, x: Any, dtype: Any = None, shape_: Any = None) -> Value:
    """A tensor from numbers, nested lists and tensors."""
    value = tensor(ctx, x, dtype_of(ctx, dtype))
    if shape_ is None:
        return value
    sizes = shape(ctx, shape_)
    if not value.type.rank:
        return ctx.op("broadcast_to", value, shape=sizes)
    return reshape(ctx, x=value, shape_=shape_)


def eye(ctx: Context, *, rows: Any, columns: Any = None, dtype: Any = None) -> Value:
    """The identity matrix."""
    n = size(ctx, rows)
    if columns is not None and size(ctx, columns) != n:
        found = describe(columns)
        ctx.refuse(wrong.UnsupportedArgument(span=ctx.span, function="eye", name="M", value=found))
    return ctx.builder.cast(ctx.op("eye", size=n), dtype_of(ctx, dtype) or "f32")


def arange(
    ctx: Context, *, start: Any, stop: Any = None, step: Any = None, dtype: Any = None
) -> Value:
    """Numbers from start up to stop."""
    if stop is None:
        start, stop = 0, start
    if step is None:
        step = 1
    kind = dtype_of(ctx, dtype)
    if any(isinstance(v, float) for v in (start, stop, step)):
        if not all(isinstance(v, int | float) for v in (start, stop, step)):
            ctx.refuse(
                wrong.NotKnown(span=ctx.span, what="the end of a range", found=describe(stop))
            )
        if not step or not all(map(math.isfinite, (start, stop, step))):
            reason = f"a range from {start} to {stop} by {step} has no end"
            ctx.refuse(wrong.BadOperation(span=ctx.span, reason=reason))
        count = max(0, math.ceil((stop - start) / step))
        unrollable(ctx, count)
        return ctx.builder.const(tuple(float(start + step * i) for i in range(count)), kind)
    by = integer(ctx, step, "a step")
    if by == 0:
        ctx.refuse(wrong.NotKnown(span=ctx.span, what="a step other than 0", found="0"))
    first, last = size(ctx, start), size(ctx, stop)
    length = (last - first + (by - 1)) // by if by > 0 else (first - last + (-by - 1)) // -by
    known = ctx.known_size(length)
    if known is not None and known < 0:
        ctx.fixed(length)
        length = Size.of(0)
    value = ctx.op("arange", size=length)
    if by != 1:
        value = ctx.op("mul", value, by)
    if first.value != 0:
        value = ctx.op("add", value, tensor(ctx, start))
    return ctx.builder.cast(value, kind) if kind else value


def linspace(ctx: Context, *, start: Any, stop: Any, num: Any = 50, endpoint: Any = True) -> Value:
    """Evenly spaced numbers."""
    count = size(ctx, num)
    steps = ctx.builder.cast(ctx.op("arange", size=count), "f32")
    gaps = ctx.builder.dim(count - 1 if endpoint else count)
    if endpoint and count.value in (None, 1):  # a single number is the first
        gaps = ctx.op("maximum", gaps, 1)
    if endpoint and ctx.known_size(count) == 1:
        ctx.fixed(count)
        gaps = ctx.builder.dim(1)
    width = ctx.op("div", ctx.op("sub", operand(ctx, stop), operand(ctx, start)), gaps)
    return ctx.op("add", ctx.op("mul", steps, width), operand(ctx, start))


def random(
    ctx: Context, kind: NoiseKind, *, shape_: Any = (), mean: Any = 0.0, scale: Any = 1.0,
    low: Any = 0.0, high: Any = 1.0,
) -> Value:  # fmt: skip
    """Random numbers: only as the first value of a Parameter."""
    if not ctx.in_init:
        ctx.refuse(wrong.NoiseOutside(span=ctx.span))
    tag = ctx.number(f"{ctx.in_init}.init")
    type_ = Tensor("f32", (), shape(ctx, shape_))
    noise = ctx.builder.noise(f"{ctx.in_init}_noise", kind, type_, site=tag)
    if kind == "normal":
        return ctx.op("add", ctx.op("mul", noise, operand(ctx, scale)), operand(ctx, mean))
    width = ctx.op("sub", tensor(ctx, high, "f32"), operand(ctx, low))
    return ctx.op("add", ctx.op("mul", noise, width), operand(ctx, low))


# --- shape ---------------------------------------------------------------------------------------


def reshape(ctx: Context, *, x: Any, shape_: Any) -> Value:
    """Another shape; -1 is the rest. In a plate the shape begins with -1 or the plate's size."""
    value = tensor(ctx, x)
    wanted = list(shape_) if isinstance(shape_, list | tuple) else [shape_]
    for axis in ctx.lead_axes(value):
        first = wanted.pop(0) if wanted else None
        if first not in (-1, axis.size):
            ctx.across(value, "reshaping")
    rest = [i for i, w in enumerate(wanted) if isinstance(w, int) and w == -1]
    if len(rest) > 1:
        reason = "only one size of a shape can be -1"
        ctx.refuse(ctx.shape_mistake(reason, (value,)))
    sizes = [Size.of(1) if i in rest else size(ctx, w) for i, w in enumerate(wanted)]
    if rest:
        sizes[rest[0]] = _rest(ctx, value, sizes, shape_)
    return ctx.op("reshape", value, shape=tuple(sizes))


def _rest(ctx: Context, value: Value, sizes: Sequence[Size], wanted: Any) -> Size:
    total, others = product(value.type.shape), product(sizes)
    found = quotient(total, others)
    if found is None:
        known = ctx.known_size(total), ctx.known_size(others)
        if known[0] is not None and known[1] and known[0] % known[1] == 0:
            found = Size.of(known[0] // known[1])
        else:
            reason = f"{show(value.type.shape)} cannot be reshaped to {describe(wanted)} with -1"
            ctx.refuse(wrong.ShapeMismatch(span=ctx.span, reason=f"{reason}: {total} / {others}"))
    return found


def quotient(total: Size, divisor: Size) -> Size | None:
    """The exact quotient of two sizes where the divisor is one product of names."""
    if len(divisor.terms) != 1:
        return Size.of(1) if total == divisor else None
    ((names, factor),) = divisor.terms
    result = Size()
    for monomial, coefficient in total.terms:
        left = list(monomial)
        for name in names:
            if name not in left:
                return None
            left.remove(name)
        if coefficient % factor:
            return None
        result = result + Size(((tuple(left), coefficient // factor),))
    return result


def expand_dims(ctx: Context, *, x: Any, axis: Any) -> Value:
    """New axes of size 1."""
    value = tensor(ctx, x)
    items = axis if isinstance(axis, list | tuple) else [axis]
    what = "adding an axis before the rows"
    extra = len(items)
    found = [ctx.axis(value, integer(ctx, i, "an axis"), extra=extra, what=what) for i in items]
    if len(set(found)) < extra:
        ctx.refuse(ctx.shape_mistake(f"an axis is repeated in {items}", (value,)))
    for at in sorted(found, reverse=True):  # from the right: axes count from the end of the result
        value = ctx.op("expand_dims", value, axis=at)
    return value


def squeeze(ctx: Context, *, x: Any, axis: Any = None) -> Value:
    """Axes of size 1 dropped."""
    value = tensor(ctx, x)
    if axis is None:
        shape_ = tuple(s for s in value.type.shape if s.value != 1)
        return ctx.op("reshape", value, shape=shape_)
    items = axis if isinstance(axis, list | tuple) else (axis,)
    found = [ctx.axis(value, integer(ctx, i, "an axis"), what="squeezing") for i in items]
    for at in sorted(set(found)):  # from the left, so that axes counted from the right stay true
        value = ctx.op("squeeze", value, axis=at)
    return value


def transpose(ctx: Context, *, x: Any, axes: Any = None) -> Value:
    """Axes in another order; reversed by default."""
    value = tensor(ctx, x)
    lead, rank = ctx.lead(value), value.type.rank
    if axes is None:
        if lead and rank:
            ctx.across(value, "transposing")
        return (
            value if rank < 2 else ctx.op("transpose", value, perm=tuple(range(-1, -rank - 1, -1)))
        )
    order = [integer(ctx, a, "an axis") for a in elements(ctx, axes, "a list of axes")]
    total = lead + rank
    order = [a + total if a < 0 else a for a in order]
    if sorted(order) != list(range(total)):
        reason = f"{describe(axes)} does not order the axes of shape {show(ctx.visible(value))}"
        ctx.refuse(ctx.shape_mistake(reason, (value,)))
    if lead and order[:lead] != list(range(lead)):
        ctx.across(value, "transposing")
    return ctx.op("transpose", value, perm=tuple(a - total for a in order[lead:]))


def matrix_transpose(ctx: Context, *, x: Any) -> Value:
    """The last two axes exchanged."""
    return swapaxes(ctx, x=x, first=-1, second=-2)


def swapaxes(ctx: Context, *, x: Any, first: Any, second: Any) -> Value:
    """Two axes exchanged."""
    value = tensor(ctx, x)
    a = ctx.axis(value, integer(ctx, first, "an axis"), what="transposing")
    b = ctx.axis(value, integer(ctx, second, "an axis"), what="transposing")
    perm = list(range(-value.type.rank, 0))
    perm[a], perm[b] = perm[b], perm[a]
    return ctx.op("transpose", value, perm=tuple(perm))


def broadcast(ctx: Context, *, x: Any, shape_: Any) -> Value:
    """Repeated to a shape."""
    value = tensor(ctx, x)
    sizes = shape(ctx, shape_)
    if rows := tuple(axis.size for axis in ctx.lead_axes(value)):
        if sizes[: len(rows)] != rows or len(sizes) != len(rows) + value.type.rank:
            ctx.across(value, "broadcasting")
        sizes = sizes[len(rows) :]
    return ctx.op("broadcast_to", value, shape=sizes)


def take(ctx: Context, *, x: Any, indices: Any, axis: Any = 0) -> Any:
    """Elements at positions: the axis is replaced by the shape of the positions."""
    value = tensor(ctx, x)
    if axis is None:
        value, axis = reshape(ctx, x=value, shape_=-1), 0
    at = ctx.axis(value, integer(ctx, axis, "an axis"), what="picking")
    if isinstance(indices, int | Size) and not isinstance(indices, bool):
        return ctx.op("index", value, axis=at, at=Size.of(indices))
    index = tensor(ctx, indices)
    in_range(ctx, value, index, at)
    return ctx.op("take", value, index, axis=at)


def in_range(ctx: Context, value: Value, index: Value, axis: int) -> None:
    """Refuse constant positions that are outside an axis of known length."""
    constant, length = ctx.constant(index), ctx.known_size(value.type.shape[axis])
    stack: list[Any] = [] if constant is None or length is None else [constant]
    while stack:
        item = stack.pop()
        if isinstance(item, tuple):
            stack.extend(item)
        elif length is not None and not -length <= item < length:
            reason = f"index {item} is out of range for {length} elements"
            ctx.refuse(ctx.shape_mistake(reason, (value,)))


def one_hot(ctx: Context, *, x: Any, depth: Any, dtype: Any = None) -> Value:
    """1 at a position of a new last axis."""
    value = ctx.op("one_hot", tensor(ctx, x), depth=size(ctx, depth))
    return ctx.builder.cast(value, dtype_of(ctx, dtype) or "f32")


def shape_tuple(ctx: Context, *, x: Any) -> Any:
    """The shape that code sees, as sizes."""
    return tuple(s if s.value is None else s.value for s in ctx.visible(tensor(ctx, x)))


def total_size(ctx: Context, *, x: Any) -> Any:
    """The number of elements."""
    total = product(ctx.visible(tensor(ctx, x)))
    return total if total.value is None else total.value


def diag(ctx: Context, *, x: Any) -> Value:
    """The diagonal matrix of a vector."""
    value = tensor(ctx, x)
    if value.type.rank != 1:
        ctx.refuse(wrong.ShapeMismatch(span=ctx.span, reason="a diagonal must be one vector"))
    identity = ctx.builder.cast(ctx.op("eye", size=value.type.shape[0]), value.type.dtype)
    column = ctx.op("expand_dims", value, axis=-1)
    return ctx.builder.op("mul", column, identity)


def flatten(ctx: Context, *, x: Any) -> Value:
    """One dimension; in a plate, one for each row is left alone only with -1."""
    return reshape(ctx, x=x, shape_=[-1])


def no_change(ctx: Context, *, x: Any) -> Any:
    """The operand itself."""
    return tensor(ctx, x) if has_tensor(x) else x
