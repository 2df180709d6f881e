"""Builders that join tensors and take them apart. Keywords are these builders' own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from ppc.ir.build import Value
from ppc.ir.rules import show
from ppc.ir.sizes import Size
from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.tensors import elements, integer, size, stack, tensor
from ppc_frontend.values import Elements
from ppc_frontend.vocabulary.builders import quotient


def concat(ctx: Context, *, parts: Any, axis: Any = 0) -> Value:
    """Parts joined along an axis of what code sees."""
    values = [tensor(ctx, part) for part in elements(ctx, parts, "a list of tensors")]
    widest = max(values, key=ctx.lead)
    at = ctx.axis(widest, integer(ctx, axis, "an axis"), what="joining")
    seen = {ctx.lead(v) + v.type.rank for v in values}
    if len(seen) > 1 or len({ctx.lead(v) for v in values}) > 1:
        shapes = " and ".join(dict.fromkeys(show(ctx.visible(v)) for v in values))
        ctx.refuse(ctx.shape_mistake(f"shapes {shapes} cannot be joined", values))
    return ctx.op("concat", *values, axis=at)


def stacked(ctx: Context, *, parts: Any, axis: Any = 0) -> Value:
    """Parts joined along a new axis."""
    if isinstance(parts, Elements):
        whole = parts.stacked(ctx)
        at = ctx.axis(whole, integer(ctx, axis, "an axis"), what="stacking")
        rank = whole.type.rank
        order = list(range(-rank + 1, 0))
        order.insert(rank + at, -rank)
        return whole if at == -rank else ctx.op("transpose", whole, perm=tuple(order))
    values = [tensor(ctx, part) for part in elements(ctx, parts, "a list of tensors")]
    return stack(ctx, values, integer(ctx, axis, "an axis"))


def split(ctx: Context, *, x: Any, at: Any = None, parts: Any = None, axis: Any = 0) -> list[Value]:
    """Consecutive parts along an axis: cut at places, or parts of given sizes, or so many equal."""
    value = tensor(ctx, x)
    along = ctx.axis(value, integer(ctx, axis, "an axis"), what="splitting")
    length = value.type.shape[along]
    given = parts if at is None else at
    if not isinstance(given, list | tuple):
        count = integer(ctx, given, "a number of parts")
        ends = _equal_ends(ctx, value, length, count)
    elif at is None:
        ends = _ends_of_sizes(ctx, length, given)
    else:
        ends = [*(size(ctx, place) for place in at), length]
    starts = [Size.of(0), *ends[:-1]]
    return [
        ctx.op("slice", value, axis=along, start=start, stop=stop, step=1)
        for start, stop in zip(starts, ends, strict=True)
    ]


def _equal_ends(ctx: Context, value: Value, length: Size, count: int) -> list[Size]:
    part = quotient(length, Size.of(count)) if count > 0 else None
    known = ctx.known_size(length)
    if part is None and known is not None and count > 0 and known % count == 0:
        part = Size.of(known // count)
    if part is None:
        ctx.refuse(ctx.shape_mistake(f"size {length} has no {count} equal parts", (value,)))
    return [part * (i + 1) for i in range(count)]


def _ends_of_sizes(ctx: Context, length: Size, sizes: Sequence[Any]) -> list[Size]:
    """Where parts of these sizes end; one size may be -1, which is the rest."""
    open_ = [i for i, s in enumerate(sizes) if isinstance(s, int) and s == -1]
    known = [Size.of(0) if i in open_ else size(ctx, s) for i, s in enumerate(sizes)]
    if open_:
        known[open_[0]] = length - sum(known, Size())
    return list(itertools.accumulate(known))


def unstack(ctx: Context, *, x: Any, num: Any = None, axis: Any = 0) -> list[Value]:
    """The elements along an axis, which is dropped."""
    value = tensor(ctx, x)
    at = ctx.axis(value, integer(ctx, axis, "an axis"), what="unstacking")
    count = num if num is not None else ctx.known_size(value.type.shape[at])
    if count is None:
        found = str(value.type.shape[at])
        ctx.refuse(wrong.NotKnown(span=ctx.span, what="a number of parts", found=found))
    number = integer(ctx, count, "a number of parts")
    return [ctx.op("index", value, axis=at, at=Size.of(i)) for i in range(number)]
