"""Builders of matrix and tensor products. Keywords are these builders' own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ppc.ir.build import Value
from ppc.ir.rules import show
from ppc.ir.sizes import Size, product
from ppc.ir.types import DType
from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.tensors import describe, integer, tensor
from ppc_frontend.vocabulary.builders import matrix_transpose


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
    if min(a.type.rank, b.type.rank) >= 2 and (row_a or row_b):
        over_a = not row_a and a.type.rank > b.type.rank
        over_b = not row_b and b.type.rank > a.type.rank
        if over_a or over_b or (row_a and row_b and a.type.rank != b.type.rank):
            ctx.mismatch(a, b)  # rows would meet another batch axis
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
        if not 0 <= n <= min(a.type.rank, b.type.rank):
            reason = f"{n} axes cannot be summed over"
            ctx.refuse(ctx.shape_mistake(reason, (a, b)))
        left, right = list(range(-n, 0)), [i - b.type.rank for i in range(n)]
    else:
        items = list(axes) if isinstance(axes, list | tuple) else []
        pair = [item if isinstance(item, list | tuple) else [item] for item in items]
        if len(pair) != 2 or len(pair[0]) != len(pair[1]):
            what = "as many axes of the second operand as of the first"
            ctx.refuse(wrong.NotKnown(span=ctx.span, what=what, found=describe(axes)))
        left = [ctx.axis(a, integer(ctx, i, "an axis"), what="a product") for i in pair[0]]
        right = [ctx.axis(b, integer(ctx, i, "an axis"), what="a product") for i in pair[1]]
    if ctx.lead(b):
        ctx.across(b, "a tensor product")
    sizes = ctx.builder.sizes()
    if len(set(left)) < len(left) or len(set(right)) < len(right):
        ctx.refuse(ctx.shape_mistake("an axis is summed over twice", (a, b)))
    for i, j in zip(left, right, strict=True):
        if not sizes.same(a.type.shape[i], b.type.shape[j]):
            shapes = f"{show(ctx.visible(a))} and {show(ctx.visible(b))}"
            reason = f"the axes of {shapes} that are summed over have other sizes"
            ctx.refuse(ctx.shape_mistake(reason, (a, b)))
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


def matvec(ctx: Context, *, x: Any, y: Any, transpose_x: Any = False) -> Value:
    """A matrix times vectors along the last axis."""
    a, v = tensor(ctx, x), tensor(ctx, y)
    a = matrix_transpose(ctx, x=a) if transpose_x else a
    product_ = ctx.op("matmul", a, ctx.op("expand_dims", v, axis=-1))
    return ctx.op("squeeze", product_, axis=-1)


def einsum(ctx: Context, *, subscripts: Any, operands: Sequence[Any]) -> Value:
    """A sum of products of one operand or two, by elementwise products and sums.

    Each operand has the letters of its plates first, outermost first, and so has the result.
    """
    values = [tensor(ctx, item) for item in operands]
    terms, letters_out = _subscripts(ctx, subscripts, values)
    letters = {
        axis.name: letter
        for t, v in zip(terms, values, strict=True)
        for axis, letter in zip(ctx.lead_axes(v), t, strict=False)
    }
    if letters:
        plates = [p.axis for p in ctx.plates if p.axis in letters]
        rows = ["".join(letters[axis.name] for axis in ctx.lead_axes(v)) for v in values]
        fits = letters_out.startswith("".join(letters[axis] for axis in plates))
        for t, own in zip(terms, rows, strict=True):
            rest = t.removeprefix(own)
            fits = fits and t.startswith(own) and not set(rest) & set(letters.values())
        if not fits or len(set(letters.values())) < len(letters):
            ctx.across(next(v for v in values if ctx.lead(v)), "einsum")
        terms = [t.removeprefix(own) for t, own in zip(terms, rows, strict=True)]
        letters_out = letters_out[len(letters) :]
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
            wrong.UnsupportedArgument(
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
