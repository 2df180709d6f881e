"""Convolutions and pooling, as slices, stacks and a matrix product.

What: the windows of an axis are its slices that start at each place of the window, stacked in front
of the channels: `[..., length, channels]` to `[..., count, size, channels]`.
Padding is Keras's: "valid" is none; "same" gives `ceil(length / stride)` windows, with the odd
element of padding at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

from ppc.ir.build import Value
from ppc.ir.sizes import Size, product
from ppc.ir.types import Tensor
from ppc_frontend.context import Context


def windowed(ctx: Context, x: Value, axis: int, size: int, stride: int, dilation: int = 1) -> Value:
    """The windows of an axis of `x`; their own axis stands in front of the last one."""
    length = x.type.shape[axis]
    span = (size - 1) * dilation + 1
    if stride > 1:
        length = Size.of(ctx.fixed(length))
    count = (length - span) // stride + 1
    parts = [
        ctx.builder.op(
            "slice", x, axis=axis, start=Size.of(i * dilation),
            stop=(count - 1) * stride + (i * dilation + 1), step=stride,
        )
        for i in range(size)
    ]  # fmt: skip
    return ctx.builder.op("stack", *parts, axis=-2)


def amounts(
    ctx: Context, length: Size, size: int, stride: int, dilation: int, padding: str
) -> tuple[int, int]:
    """What "same" padding adds before and behind an axis."""
    span = (size - 1) * dilation + 1
    if padding == "valid":
        return 0, 0
    total = span - 1
    if stride > 1:
        known = ctx.fixed(length)
        total = max((-(-known // stride) - 1) * stride + span - known, 0)
    return total // 2, total - total // 2


def padded(ctx: Context, x: Value, axis: int, before: int, behind: int, fill: float = 0.0) -> Value:
    """`x` with `fill` before and behind an axis."""
    parts = [x]
    for i, amount in enumerate((before, behind)):
        if amount:
            shape = list(x.type.shape)
            shape[axis] = Size.of(amount)
            edge = ctx.builder.full(fill, Tensor("f32", (), tuple(shape)))
            parts.insert(0 if i == 0 else len(parts), edge)
    return x if len(parts) == 1 else ctx.builder.op("concat", *parts, axis=axis)


def patches(
    ctx: Context, x: Value, sizes: Sequence[int], strides: Sequence[int],
    dilations: Sequence[int], padding: str, fill: float = 0.0,
) -> Value:  # fmt: skip
    """`[..., spatial..., channels]` to `[..., counts..., sizes..., channels]`."""
    rank = len(sizes)
    for i, (size, stride, dilation) in enumerate(zip(sizes, strides, dilations, strict=True)):
        at = i - rank - 1
        around = amounts(ctx, x.type.shape[at], size, stride, dilation, padding)
        x = padded(ctx, x, at, *around, fill)
    for size, stride, dilation in zip(sizes, strides, dilations, strict=True):
        # Each new axis stands behind the others, so the next one to cut is as far from the end.
        x = windowed(ctx, x, -rank - 1, size, stride, dilation)
    return x


def convolved(ctx: Context, found: Value, kernel: Value) -> Value:
    """Patches times a kernel f32[sizes..., in, out]: `[..., counts..., out]`."""
    rank = kernel.type.rank - 2
    inner = product(kernel.type.shape[:-1])
    shape = (*found.type.shape[: found.type.rank - rank - 1], inner)
    flat = ctx.builder.op("reshape", found, shape=shape)
    weights = ctx.builder.op("reshape", kernel, shape=(inner, kernel.type.shape[-1]))
    return ctx.builder.op("matmul", flat, weights)


def transposed(
    ctx: Context, x: Value, kernel: Value, strides: Sequence[int], padding: str
) -> Value:
    """The transpose of a convolution whose kernel is f32[sizes..., out, in]."""
    rank = len(strides)
    sizes = [ctx.fixed(s) for s in kernel.type.shape[:rank]]
    for i, (size, stride) in enumerate(zip(sizes, strides, strict=True)):
        # Element j of the whole result is the sum of x[m] k[j - stride m]. "same" leaves out as
        # many at the start as the convolution that it is the transpose of would pad.
        at, rest = i - rank - 1, max(size - stride, 0)
        cut = rest // 2 if padding == "same" else 0
        x = _spread(ctx, x, at, stride)
        x = padded(ctx, x, at, size - 1 - cut, cut if padding == "same" else rest)
    for axis in range(-rank - 2, -2):
        kernel = ctx.builder.op("flip", kernel, axis=axis)
    perm = (*range(-rank - 2, -2), -1, -2)
    kernel = ctx.builder.op("transpose", kernel, perm=perm)
    ones = [1] * rank
    return convolved(ctx, patches(ctx, x, sizes, ones, ones, "valid"), kernel)


def _spread(ctx: Context, x: Value, axis: int, stride: int) -> Value:
    """Each element of an axis followed by stride - 1 zeros."""
    if stride == 1:
        return x
    rank, shape = x.type.rank, list(x.type.shape)
    one = ctx.builder.op("expand_dims", x, axis=axis)
    zeros = [*shape[: rank + axis + 1], Size.of(stride - 1), *shape[rank + axis + 1 :]]
    parts = one, ctx.builder.full(0.0, Tensor("f32", (), tuple(zeros)))
    shape[axis] = shape[axis] * stride
    return ctx.builder.op(
        "reshape", ctx.builder.op("concat", *parts, axis=axis), shape=tuple(shape)
    )
