"""Builders that the tables of several libraries share. Keywords are these builders' own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ppc.diagnostics.language import NotKnown, UnsupportedArgument
from ppc.diagnostics.model_language import NoiseOutside, ShapeMismatch
from ppc.ir.build import Value
from ppc.ir.nodes import NoiseKind
from ppc.ir.primitives import show
from ppc.ir.sizes import Size, product
from ppc.ir.types import DType, Tensor
from ppc_frontend.context import Context
from ppc_frontend.tensors import describe, has_tensor, integer, shape, size, stack, tensor
from ppc_frontend.values import DTypeValue, Ref

# --- elementwise ---------------------------------------------------------------------------------


def unary(ctx: Context, primitive: str, *, x: Any) -> Any:
    """One primitive on one operand."""
    return ctx.op(primitive, tensor(ctx, x))


def binary(ctx: Context, primitive: str, *, x: Any, y: Any) -> Any:
    """One primitive on two operands."""
    return ctx.op(primitive, operand(ctx, x), operand(ctx, y))


def operand(ctx: Context, value: Any) -> Value | bool | int | float:
    """A graph value, or a number as it is."""
    return value if isinstance(value, bool | int | float) else tensor(ctx, value)


def composite(ctx: Context, function: Callable[..., Value], **operands: Any) -> Value:
    """A function of aligned graph values, made of several primitives."""
    values = ctx.align([tensor(ctx, v) for v in operands.values()])
    return function(ctx, **dict(zip(operands, values, strict=True)))


def elu(ctx: Context, *, x: Any, alpha: Any = 1.0) -> Value:
    """x where positive, alpha (exp(x) - 1) elsewhere."""
    v = tensor(ctx, x, "f32")
    negative = ctx.op("expm1", ctx.op("minimum", v, 0.0))
    return ctx.op("where", ctx.op("gt", v, 0.0), v, ctx.op("mul", negative, operand(ctx, alpha)))


def selu(ctx: Context, *, x: Any) -> Value:
    """Scaled ELU (Klambauer et al., 2017)."""
    return ctx.op("mul", elu(ctx, x=x, alpha=1.6732632423543772), 1.0507009873554805)


def gelu(ctx: Context, *, x: Any, approximate: Any = False) -> Value:
    """x Phi(x), or its approximation by tanh (Hendrycks and Gimpel, 2016)."""
    v = tensor(ctx, x, "f32")
    if not approximate:
        return ctx.op("mul", v, ctx.op("ndtr", v))
    cubic = ctx.op("add", v, ctx.op("mul", ctx.op("mul", v, ctx.op("square", v)), 0.044715))
    inner = ctx.op("mul", cubic, math.sqrt(2.0 / math.pi))
    return ctx.op("mul", ctx.op("mul", v, 0.5), ctx.op("add", ctx.op("tanh", inner), 1.0))


def silu(ctx: Context, *, x: Any, beta: Any = 1.0) -> Value:
    """x sigmoid(beta x)."""
    v = tensor(ctx, x, "f32")
    inner = v if beta == 1.0 else ctx.op("mul", v, operand(ctx, beta))
    return ctx.op("mul", v, ctx.op("sigmoid", inner))


def leaky_relu(ctx: Context, *, x: Any, alpha: Any = 0.2) -> Value:
    """x where positive, alpha x elsewhere."""
    v = tensor(ctx, x, "f32")
    return ctx.op("where", ctx.op("ge", v, 0.0), v, ctx.op("mul", v, operand(ctx, alpha)))


def relu6(ctx: Context, *, x: Any) -> Value:
    """x between 0 and 6."""
    return ctx.op("minimum", ctx.op("relu", tensor(ctx, x)), 6.0)


def softsign(ctx: Context, *, x: Any) -> Value:
    """x / (1 + |x|)."""
    v = tensor(ctx, x, "f32")
    return ctx.op("div", v, ctx.op("add", ctx.op("abs", v), 1.0))


def hard_tanh(ctx: Context, *, x: Any) -> Value:
    """x between -1 and 1."""
    return clip(ctx, x=x, low=-1.0, high=1.0)


def logit(ctx: Context, *, x: Any) -> Value:
    """log(x / (1 - x))."""
    v = tensor(ctx, x, "f32")
    return ctx.op("sub", ctx.op("log", v), ctx.op("log1p", ctx.op("neg", v)))


def reciprocal(ctx: Context, *, x: Any) -> Value:
    """1 / x."""
    return ctx.op("div", 1.0, tensor(ctx, x, "f32"))


def squared_difference(ctx: Context, *, x: Any, y: Any) -> Value:
    """(x - y) squared."""
    return ctx.op("square", binary(ctx, "sub", x=x, y=y))


def xlogy(ctx: Context, *, x: Any, y: Any) -> Value:
    """x log(y), 0 at x = 0."""
    return ctx.op("xlogy", operand(ctx, x), operand(ctx, y))


def base_log(ctx: Context, base: float, *, x: Any) -> Value:
    """Logarithm to another base."""
    return ctx.op("div", ctx.op("log", tensor(ctx, x)), math.log(base))


def clip(ctx: Context, *, x: Any, low: Any = None, high: Any = None) -> Value:
    """x between bounds; None is no bound."""
    value = tensor(ctx, x)
    if low is not None:
        value = ctx.op("maximum", value, operand(ctx, low))
    if high is not None:
        value = ctx.op("minimum", value, operand(ctx, high))
    return value


def where(ctx: Context, *, condition: Any, x: Any = None, y: Any = None) -> Value:
    """x where the condition holds, y elsewhere."""
    if x is None or y is None:
        ctx.refuse(UnsupportedArgument(span=ctx.span, function="where", name="x", value="None"))
    return ctx.op("where", tensor(ctx, condition, "bool"), operand(ctx, x), operand(ctx, y))


def cast(ctx: Context, *, x: Any, dtype: Any) -> Value:
    """Another dtype: the graph has one float, one integer and one boolean."""
    return tensor(ctx, x, dtype_of(ctx, dtype))


def dtype_of(ctx: Context, dtype: Any) -> DType | None:
    """The graph's dtype for a library's, its name, or a Python type; None for None."""
    match dtype:
        case None:
            return None
        case DTypeValue():
            return dtype.dtype
        case str() if dtype in DTYPE_NAMES:
            return DTYPE_NAMES[dtype]
    name = getattr(dtype, "name", None)
    if name in {"float", "int", "bool"}:
        return {"float": "f32", "int": "i32", "bool": "bool"}[name]  # type: ignore[return-value]
    ctx.refuse(NotKnown(span=ctx.span, what="a dtype", found=describe(dtype)))


DTYPE_NAMES: dict[str, DType] = {
    **dict.fromkeys(("float16", "bfloat16", "float32", "float64", "float_", "double"), "f32"),
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint8", "uint32", "int_"), "i32"),
    **dict.fromkeys(("bool", "bool_"), "bool"),
}  # type: ignore[arg-type]  # fromkeys widens the literals


# --- along axes ----------------------------------------------------------------------------------


def reduction(
    ctx: Context, primitive: str, *, x: Any, axis: Any = None, keepdims: Any = False,
    dtype: Any = None,
) -> Any:  # fmt: skip
    """Reduce over some or all axes of what code sees."""
    known = _known_reduction(primitive, x, axis)
    if known is not None:
        return known
    value = tensor(ctx, x, dtype_of(ctx, dtype))
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
    axes = reduced(ctx, value, axis)
    count = product(value.type.shape[a] for a in axes)
    total = ctx.op("sum", value, axes=axes)
    return keep(ctx, value, ctx.op("div", total, ctx.builder.dim(count)), axes, keepdims)


def variance(
    ctx: Context, root: bool = False, *, x: Any, axis: Any = None, keepdims: Any = False,
    ddof: Any = 0,
) -> Value:  # fmt: skip
    """The variance over axes, or its root; `ddof` as in NumPy."""
    value = tensor(ctx, x, "f32")
    axes = reduced(ctx, value, axis)
    count = product(value.type.shape[a] for a in axes) - integer(ctx, ddof, "ddof")
    centre = mean(ctx, x=value, axis=[a for a in axes], keepdims=True)
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
    if primitive in {"softmax", "log_softmax"}:
        value = ctx.builder.cast(value, "f32")
    if axis is None:
        value, axis = reshape(ctx, x=value, shape_=-1), -1
    at = ctx.axis(value, integer(ctx, axis, "an axis"), what=primitive)
    return ctx.op(primitive, value, axis=at)


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
    return ctx.op("broadcast_to", value, shape=sizes) if sizes else value


def filled_like(
    ctx: Context, number: Any = None, *, x: Any, fill: Any = None, dtype: Any = None
) -> Value:
    """The shape of another value full of one number; the same for each row of a plate."""
    like = tensor(ctx, x)
    content = tensor(ctx, number if number is not None else fill)
    value = ctx.builder.cast(content, dtype_of(ctx, dtype) or like.type.dtype)
    if like.type.axes:  # keep the rows: what code sees has them
        row = ctx.op("ge", ctx.op("axis_index", axis=like.type.axes[-1]), 0)
        value = ctx.builder.op("broadcast_to", value, shape=like.type.shape)
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
        ctx.refuse(UnsupportedArgument(span=ctx.span, function="eye", name="M", value=found))
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
            ctx.refuse(NotKnown(span=ctx.span, what="the end of a range", found=describe(stop)))
        count = max(0, math.ceil((stop - start) / step))
        return ctx.builder.const(tuple(float(start + step * i) for i in range(count)), kind)
    by = integer(ctx, step, "a step")
    if by == 0:
        ctx.refuse(NotKnown(span=ctx.span, what="a step other than 0", found="0"))
    first, last = size(ctx, start), size(ctx, stop)
    length = (last - first + (by - 1)) // by if by > 0 else (first - last + (-by - 1)) // -by
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
    width = ctx.op("div", ctx.op("sub", operand(ctx, stop), operand(ctx, start)), gaps)
    return ctx.op("add", ctx.op("mul", steps, width), operand(ctx, start))


def random(
    ctx: Context, kind: NoiseKind, *, shape_: Any = (), mean: Any = 0.0, scale: Any = 1.0,
    low: Any = 0.0, high: Any = 1.0,
) -> Value:  # fmt: skip
    """Random numbers: only as the first value of a Parameter."""
    if not ctx.in_init:
        ctx.refuse(NoiseOutside(span=ctx.span))
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
    if ctx.lead(value):
        axis = ctx.builder.axes[ctx.plates[-1].axis]
        first = wanted.pop(0) if wanted else None
        if first not in (-1, axis.size):
            ctx.across(value, "reshaping")
    rest = [i for i, w in enumerate(wanted) if isinstance(w, int) and w == -1]
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
            ctx.refuse(ShapeMismatch(span=ctx.span, reason=f"{reason}: {total} / {others}"))
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
    for item in sorted(axis) if isinstance(axis, list | tuple) else [axis]:
        at = ctx.axis(value, integer(ctx, item, "an axis"), extra=1, what="adding an axis before")
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
    for at in sorted(found):  # from the left, so that axes counted from the right stay true
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
    order = [integer(ctx, a, "an axis") for a in axes]
    total = lead + rank
    order = [a + total if a < 0 else a for a in order]
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


def concat(ctx: Context, *, parts: Any, axis: Any = 0) -> Value:
    """Parts joined along an axis of what code sees."""
    values = [tensor(ctx, part) for part in parts]
    widest = max(values, key=ctx.lead)
    at = ctx.axis(widest, integer(ctx, axis, "an axis"), what="joining")
    seen = {ctx.lead(v) + v.type.rank for v in values}
    if len(seen) > 1 or len({ctx.lead(v) for v in values}) > 1:
        shapes = " and ".join(dict.fromkeys(show(ctx.visible(v)) for v in values))
        ctx.refuse(ctx.shape_mistake(f"shapes {shapes} cannot be joined", values))
    return ctx.op("concat", *values, axis=at)


def stacked(ctx: Context, *, parts: Any, axis: Any = 0) -> Value:
    """Parts joined along a new axis."""
    values = [tensor(ctx, part) for part in parts]
    return stack(ctx, values, integer(ctx, axis, "an axis"))


def broadcast(ctx: Context, *, x: Any, shape_: Any) -> Value:
    """Repeated to a shape."""
    value = tensor(ctx, x)
    sizes = shape(ctx, shape_)
    if ctx.lead(value):
        sizes = sizes[ctx.lead(value) :]
    return ctx.op("broadcast_to", value, shape=sizes)


def take(ctx: Context, *, x: Any, indices: Any, axis: Any = 0) -> Any:
    """Elements at positions: the axis is replaced by the shape of the positions."""
    value = tensor(ctx, x)
    if axis is None:
        value, axis = reshape(ctx, x=value, shape_=-1), 0
    at = ctx.axis(value, integer(ctx, axis, "an axis"), what="picking")
    if isinstance(indices, int | Size):
        return ctx.op("index", value, axis=at, at=Size.of(indices))
    index = tensor(ctx, indices)
    return ctx.op("take", value, index, axis=at)


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
        ctx.refuse(ShapeMismatch(span=ctx.span, reason="a diagonal must be one vector"))
    identity = ctx.builder.cast(ctx.op("eye", size=value.type.shape[0]), value.type.dtype)
    column = ctx.op("expand_dims", value, axis=-1)
    return ctx.builder.op("mul", column, identity)


# --- products ------------------------------------------------------------------------------------


def matmul(
    ctx: Context, *, x: Any, y: Any, transpose_x: Any = False, transpose_y: Any = False
) -> Value:
    """NumPy's matrix product of what code sees."""
    a, b = tensor(ctx, x), tensor(ctx, y)
    a = matrix_transpose(ctx, x=a) if transpose_x else a
    b = matrix_transpose(ctx, x=b) if transpose_y else b
    row_a, row_b = ctx.lead(a), ctx.lead(b)
    if (row_b and b.type.rank < 2) or (row_a and row_b and a.type.rank < 2):
        ctx.across(b, "a matrix product")
    if row_a and not a.type.rank:
        ctx.across(a, "a matrix product")
    if row_a and a.type.rank == 1 and b.type.rank > 2:
        ctx.across(a, "a matrix product")
    dtype: DType = "f32" if "f32" in (a.type.dtype, b.type.dtype) else "i32"
    return ctx.op("matmul", ctx.builder.cast(a, dtype), ctx.builder.cast(b, dtype))


def dot(ctx: Context, *, x: Any, y: Any) -> Any:
    """NumPy's dot: a matrix product, or an elementwise one with a scalar."""
    a, b = tensor(ctx, x), tensor(ctx, y)
    if not ctx.visible(a) or not ctx.visible(b):
        return ctx.op("mul", a, b)
    if b.type.rank > 2:
        reason = "dot with more than two dimensions on the right is not supported; use matmul"
        ctx.refuse(ctx.shape_mistake(reason, (a, b)))
    return matmul(ctx, x=a, y=b)


def tensordot(ctx: Context, *, x: Any, y: Any, axes: Any = 2) -> Value:
    """A sum of products over given axes of each operand."""
    a, b = tensor(ctx, x), tensor(ctx, y)
    if isinstance(axes, int | Size):
        n = integer(ctx, axes, "a number of axes")
        left, right = list(range(-n, 0)), [i - b.type.rank for i in range(n)]
    else:
        pair = [item if isinstance(item, list | tuple) else [item] for item in axes]
        left = [ctx.axis(a, integer(ctx, i, "an axis"), what="a product") for i in pair[0]]
        right = [ctx.axis(b, integer(ctx, i, "an axis"), what="a product") for i in pair[1]]
    if ctx.lead(b):
        ctx.across(b, "a tensor product")
    keep_a = [i for i in range(-a.type.rank, 0) if i not in left]
    keep_b = [i for i in range(-b.type.rank, 0) if i not in right]
    shape_a = tuple(a.type.shape[i] for i in keep_a)
    shape_b = tuple(b.type.shape[i] for i in keep_b)
    inner_a = product(a.type.shape[i] for i in left)
    inner_b = product(b.type.shape[i] for i in right)
    flat_a = _permuted(ctx, a, keep_a + left, (product(shape_a), inner_a))
    flat_b = _permuted(ctx, b, right + keep_b, (inner_b, product(shape_b)))
    return ctx.op("reshape", ctx.op("matmul", flat_a, flat_b), shape=shape_a + shape_b)


def _permuted(ctx: Context, x: Value, perm: list[int], shape_: tuple[Size, ...]) -> Value:
    if perm != list(range(-x.type.rank, 0)):
        x = ctx.op("transpose", x, perm=tuple(perm))
    return x if x.type.shape == shape_ else ctx.op("reshape", x, shape=shape_)


def outer(ctx: Context, *, x: Any, y: Any) -> Value:
    """The outer product of two vectors."""
    a, b = tensor(ctx, x), tensor(ctx, y)
    for value in (a, b):
        if ctx.lead(value):
            ctx.across(value, "an outer product")
        if value.type.rank != 1:
            reason = f"an outer product takes vectors, not shape {show(value.type.shape)}"
            ctx.refuse(ctx.shape_mistake(reason, (a, b)))
    return ctx.op("mul", ctx.op("expand_dims", a, axis=-1), b)


def no_change(ctx: Context, *, x: Any) -> Any:
    """The operand itself."""
    return tensor(ctx, x) if has_tensor(x) else x


def is_ref(value: Any, path: str) -> bool:
    """Whether a value is that name of a library."""
    return isinstance(value, Ref) and value.path == path


def flatten(ctx: Context, *, x: Any) -> Value:
    """One dimension; in a plate, one for each row is left alone only with -1."""
    return reshape(ctx, x=x, shape_=[-1])


def matvec(ctx: Context, *, x: Any, y: Any, transpose_x: Any = False) -> Value:
    """A matrix times vectors along the last axis."""
    a, v = tensor(ctx, x), tensor(ctx, y)
    a = matrix_transpose(ctx, x=a) if transpose_x else a
    product_ = ctx.op("matmul", a, ctx.op("expand_dims", v, axis=-1))
    return ctx.op("squeeze", product_, axis=-1)


def einsum(ctx: Context, *, subscripts: Any, operands: Sequence[Any]) -> Value:
    """A sum of products of one operand or two, by elementwise products and sums.

    In a plate each row operand has the plate's letter first, and so has the result.
    """
    values = [tensor(ctx, item) for item in operands]
    terms, letters_out = _subscripts(ctx, subscripts, values)
    rows = {t[0] for t, v in zip(terms, values, strict=True) if ctx.lead(v)}
    if rows:
        letter = rows.pop()
        if rows or letters_out[:1] != letter:
            ctx.across(next(v for v in values if ctx.lead(v)), "einsum")
        if any(letter in t for t, v in zip(terms, values, strict=True) if not ctx.lead(v)):
            ctx.across(next(v for v in values if ctx.lead(v)), "einsum")
        terms = [t[1:] if ctx.lead(v) else t for t, v in zip(terms, values, strict=True)]
        letters_out = letters_out[1:]
    order = letters_out + "".join(sorted({c for t in terms for c in t if c not in letters_out}))
    spread = [_spread(ctx, v, t, order) for v, t in zip(values, terms, strict=True)]
    result = spread[0]
    for other in spread[1:]:
        result = ctx.builder.op("mul", result, other)
    gone = len(order) - len(letters_out)
    return ctx.op("sum", result, axes=tuple(range(-gone, 0))) if gone else result


def _subscripts(ctx: Context, subscripts: Any, values: list[Value]) -> tuple[list[str], str]:
    text = subscripts.replace(" ", "") if isinstance(subscripts, str) else ""
    left, arrow, out = text.partition("->")
    terms = left.split(",")
    good = (
        bool(arrow)
        and len(terms) == len(values)
        and text.replace(",", "").replace("->", "").isalpha()
    )
    good = good and all(
        len(set(t)) == len(t) == len(ctx.visible(v)) for t, v in zip(terms, values, strict=False)
    )
    if not good or not set(out) <= set(left) or len(set(out)) != len(out):
        ctx.refuse(
            UnsupportedArgument(
                span=ctx.span, function="einsum", name="subscripts", value=describe(subscripts)
            )
        )
    return terms, out


def _spread(ctx: Context, value: Value, term: str, order: str) -> Value:
    """The value with its letters in the order of `order`, size 1 where it lacks one."""
    present = [c for c in order if c in term]
    perm = tuple(term.index(c) - len(term) for c in present)
    if perm != tuple(range(-len(term), 0)):
        value = ctx.op("transpose", value, perm=perm)
    sizes = dict(zip(present, value.type.shape, strict=True))
    shape_ = tuple(sizes.get(c, Size.of(1)) for c in order)
    return value if shape_ == value.type.shape else ctx.op("reshape", value, shape=shape_)
