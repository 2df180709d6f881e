"""Sums into the elements of an array: `counts[group[n]] += x[n]` in a loop, one sum of segments.

The element to which a round adds may be any, and several rounds may add to one. So nothing in the
loop may read the array; after it, the array is what it was and the sums of what was added.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import libcst as cst

from ppc.ir.affine import Position
from ppc.ir.build import Value
from ppc.ir.sizes import Size, product
from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.evaluate import carry
from ppc_frontend.evaluate.indexed import place
from ppc_frontend.evaluate.indexing import WHOLE
from ppc_frontend.scope import every_statement
from ppc_frontend.tensors import tensor
from ppc_frontend.values import Added, Summed


def summed_in(body: cst.BaseSuite) -> Iterator[str]:
    """The names to whose elements a block adds, also in the blocks inside it."""
    for item in every_statement(body):
        target = item.target if isinstance(item, cst.AugAssign) else None
        if isinstance(target, cst.Subscript) and isinstance(target.value, cst.Name):
            yield target.value.value


def array(held: Summed) -> Value:
    """The array before all loops."""
    outer = held.outer
    while isinstance(outer, Summed):
        outer = outer.outer
    assert isinstance(outer, Value)
    return outer


def positions(items: Sequence[Any]) -> Sequence[Any]:
    """What stands between brackets without the whole dimensions at its end."""
    while items and items[-1] == WHOLE:
        items = items[:-1]
    return items


def takes(ctx: Context, held: Summed, items: Sequence[Any]) -> bool:
    """Whether an addition at these positions is one to any element: not to that of the round."""
    if not 0 < len(items) <= array(held).type.rank or not all(map(_is_position, items)):
        return False
    if held.terms:
        return True
    places = [place(ctx, item) for item in items]
    own = any(isinstance(p, Position) and p.axis == held.loop.axis for p in places)
    return None in places or not own


def _is_position(item: Any) -> bool:
    if isinstance(item, Value):
        return item.type.dtype == "i32" and not item.type.rank
    return isinstance(item, int | Size) and not isinstance(item, bool)


def add(ctx: Context, held: Summed, items: Sequence[Any], symbol: str, value: Any) -> None:
    """`held[items] += value`, or `-=`."""
    _refuse_read(ctx, held)
    sizes = array(held).type.shape
    at = tuple(_at(ctx, item, size) for item, size in zip(items, sizes, strict=False))
    term = tensor(ctx, value, array(held).type.dtype)
    held.terms.append(Added(symbol, at, term, (), ctx.span))


def _refuse_read(ctx: Context, held: Summed) -> None:
    """Refuse to add to what the body has read: in the next round that would be another array."""
    if held.is_read:
        carry.element(ctx, held.name)


def _at(ctx: Context, item: Any, size: Size) -> Value:
    """A position as a number; a known one counts from the start."""
    known = ctx.known_size(Size.of(item)) if isinstance(item, int | Size) else None
    count = ctx.known_size(size)
    if known is None:
        return tensor(ctx, item)
    if count is not None and not -count <= known < count:
        reason = f"index {known} is out of range for {count} elements"
        ctx.refuse(wrong.ShapeMismatch(span=ctx.span, reason=reason))
    return ctx.builder.dim(size + known) if known < 0 else ctx.builder.dim(Size.of(known))


def after(ctx: Context, held: Summed) -> Any:
    """What the name holds after the loop: for a loop around, which may add more, what is added."""
    terms = [replace(term, axes=(*term.axes, held.loop.axis)) for term in held.terms]
    if isinstance(held.outer, Summed):
        if terms:
            with ctx.at(terms[0].span):
                _refuse_read(ctx, held.outer)
        held.outer.terms.extend(terms)
        return held.outer
    total: Value = held.outer
    for term in terms:
        with ctx.at(term.span):
            part = _segments(ctx, term, total.type.shape)
            total = ctx.op("sub" if term.symbol == "-" else "add", total, part)
    return total


def _segments(ctx: Context, term: Added, shape: tuple[Size, ...]) -> Value:
    """The sums of a term over the rounds at each position."""
    sizes, rest = shape[: len(term.at)], shape[len(term.at) :]
    at = term.at
    if len(at) > 1:  # each is in the range of its own dimension, as data are checked to be
        at = tuple(
            ctx.op("take", ctx.op("arange", size=size), index, axis=-1)
            for index, size in zip(at, sizes, strict=True)
        )
    flat = reduce(
        lambda index, pair: index * ctx.builder.dim(pair[1]) + pair[0],
        zip(at[1:], sizes[1:], strict=True),
        at[0],
    )
    index = _rows(ctx, flat, term.axes, ())
    rows = _rows(ctx, term.value, term.axes, rest)
    sums = ctx.op("segment_sum", rows, index, size=product(sizes))
    return sums if len(sizes) == 1 else ctx.op("reshape", sums, shape=shape)


def _rows(ctx: Context, value: Value, axes: Sequence[str], rest: tuple[Size, ...]) -> Value:
    """A value for each round of loops, as the rows of an array with this shape behind."""
    for _ in range(len(rest) - value.type.rank):
        value = ctx.op("expand_dims", value, axis=-value.type.rank - 1)
    for axis in axes:
        if axis in value.type.axes:
            value = ctx.op("from_axis", value, axis=axis)
        else:
            value = ctx.op("expand_dims", value, axis=-value.type.rank - 1)
    counts = tuple(ctx.builder.axes[axis].size for axis in reversed(axes))
    if value.type.shape != (*counts, *rest):
        value = ctx.op("broadcast_to", value, shape=(*counts, *rest))
    return value if len(axes) == 1 else ctx.op("reshape", value, shape=(product(counts), *rest))
