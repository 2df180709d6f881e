"""Subscripts: of lists, tuples, dictionaries and strings now, of graph values as nodes."""

from __future__ import annotations

from typing import Any

from ppc.ir import affine
from ppc.ir.build import Value
from ppc.ir.rules import show
from ppc.ir.sizes import Size
from ppc.records import dataclass
from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.tensors import describe, integer, is_tensor, needs_number, tensor
from ppc_frontend.values import POISON, Given, PoisonedError, RejectedError
from ppc_frontend.vocabulary import builders


@dataclass(frozen=True, slots=True)
class Slice:
    """`start:stop:step`, each known or None."""

    start: Any
    stop: Any
    step: Any


WHOLE = Slice(None, None, None)


def subscript(ctx: Context, value: Any, items: list[Any]) -> Any:
    """`value[items]`."""
    if value is POISON or any(item is POISON for item in items):
        raise PoisonedError
    if isinstance(value, Value | Given):
        return index(ctx, tensor(ctx, value), items)
    if any(is_tensor(item) for item in items) and isinstance(value, list | tuple):
        return _of_list(ctx, value, items)
    key = items[0] if len(items) == 1 else tuple(items)
    if isinstance(key, Slice):
        parts = (key.start, key.stop, key.step)
        key = slice(*(ctx.fixed(p) if isinstance(p, Size) else p for p in parts))
    elif isinstance(key, Size):
        key = ctx.fixed(key)
    needs_number(ctx, key, "a key")
    try:
        return ctx.seen(value[key])
    except (KeyError, IndexError):
        ctx.refuse(wrong.NoElement(span=ctx.span, what=describe(value), key=repr(key)))
    except TypeError as error:
        words = f"{describe(value)}[{describe(key)}]"
        ctx.refuse(wrong.BadOperation(span=ctx.span, reason=f"{words}: {error}"))


def _of_list(ctx: Context, value: Any, items: list[Any]) -> Any:
    """A list of numbers or tensors is stacked; one of anything else needs the number."""
    try:
        return index(ctx, tensor(ctx, value), items)
    except RejectedError:
        for item in items:
            needs_number(ctx, item, "a list of such elements")
        raise


def index(ctx: Context, value: Value, items: list[Any]) -> Value:
    """A graph value indexed as NumPy does what code sees; rows of a plate stay rows."""
    items = _without_ellipsis(ctx, value, items)
    for at in range(ctx.lead(value)):
        first = items.pop(0) if items else Slice(None, None, None)
        if first != Slice(None, None, None):
            if first is None:
                ctx.across(value, "adding an axis before the rows", at=at)
            ctx.across(value, "indexing", at=at)
    axis = -value.type.rank  # the axis that the next item is about, counted from the right
    if sum(item is not None for item in items) > value.type.rank:
        ctx.refuse(
            wrong.ShapeMismatch(
                span=ctx.span,
                reason=f"there are more indices than dimensions in {show(ctx.visible(value))}",
            )
        )
    arrays = [item for item in items if is_tensor(item) or isinstance(item, list)]
    if len(arrays) > 1 and not _one_array(ctx, items):
        ctx.refuse(wrong.Unsupported(span=ctx.span, what="indexing with more than one array"))
    for item in items:
        if item is None:
            value = ctx.op("expand_dims", value, axis=axis - 1)
        elif isinstance(item, Slice):
            value = _sliced(ctx, value, axis, item)
            axis += 1
        elif isinstance(item, bool):
            ctx.refuse(wrong.NotKnown(span=ctx.span, what="an index", found=describe(item)))
        elif isinstance(item, int | Size):
            value = _at(ctx, value, axis, item)
            axis += 1
        else:
            value = _taken(ctx, value, axis, item)
            axis += 1
    return value


def _one_array(ctx: Context, items: list[Any]) -> bool:
    """Whether at most one index has dimensions, and a slice does not stand between the others.

    Positions without dimensions are picked one after the other, which is what NumPy does.
    """
    ranks = [tensor(ctx, i).type.rank if is_tensor(i) else isinstance(i, list) for i in items]
    picks = [k for k, item in enumerate(items) if is_tensor(item) or isinstance(item, list)]
    between = items[picks[0] : picks[-1] + 1]
    split = any(item is None or isinstance(item, Slice) for item in between)
    return sum(map(bool, ranks)) == 0 or (sum(map(bool, ranks)) == 1 and not split)


def _without_ellipsis(ctx: Context, value: Value, items: list[Any]) -> list[Any]:
    if not any(item is ... for item in items):
        return list(items)
    at = next(i for i, item in enumerate(items) if item is ...)
    others = sum(item is not None and item is not ... for item in items)
    fill = ctx.lead(value) + value.type.rank - others
    whole = [Slice(None, None, None)] * max(0, fill)
    return [*items[:at], *whole, *items[at + 1 :]]


def _at(ctx: Context, value: Value, axis: int, item: int | Size) -> Value:
    length = value.type.shape[axis]
    position = Size.of(item)
    known, count = ctx.known_size(position), ctx.known_size(length)
    if known is not None and count is not None and not -count <= known < count:
        reason = f"index {known} is out of range for {count} elements"
        ctx.refuse(ctx.shape_mistake(reason, (value,)))
    if position.value is not None and position.value < 0:
        position = length + position
    return ctx.op("index", value, axis=axis, at=position)


def _sliced(ctx: Context, value: Value, axis: int, item: Slice) -> Value:
    length = value.type.shape[axis]
    step = 1 if item.step is None else integer(ctx, item.step, "a step")
    if step == 0:
        ctx.refuse(wrong.NotKnown(span=ctx.span, what="a step other than 0", found="0"))
    if step == -1 and item.start is None and item.stop is None:
        return ctx.op("flip", value, axis=axis)
    if step < 0:
        ctx.refuse(wrong.Unsupported(span=ctx.span, what="a slice with a negative step"))
    start, stop = _bound(ctx, item.start, length, 0), _bound(ctx, item.stop, length, length)
    if step == 1 and start.value == 0 and stop == length:
        return value
    extent = ctx.known_size(stop - start)
    if extent is not None and extent < 0:
        ctx.fixed(stop - start)
        stop = start
    return ctx.op("slice", value, axis=axis, start=start, stop=stop, step=step)


def _bound(ctx: Context, bound: Any, length: Size, default: Size | int) -> Size:
    """An end of a slice counted from the left; clamped where the sizes are known, as NumPy does."""
    if bound is None:
        return Size.of(default)
    if isinstance(bound, bool) or not isinstance(bound, int | Size):
        needs_number(ctx, bound, "the end of a slice")
        ctx.refuse(wrong.NotKnown(span=ctx.span, what="the end of a slice", found=describe(bound)))
    end = Size.of(bound)
    known, count = ctx.known_size(end), ctx.known_size(length)
    if all(factor < 0 for _, factor in end.terms) and end.terms:  # -k, whatever k is
        end = length + end
    elif known is not None and known < 0:
        ctx.fixed(end)  # another value may be counted from the left
        end = length + end
    known = ctx.known_size(end)
    if known is not None and known < 0:
        ctx.fixed(end)
        return Size.of(0)
    if known is not None and count is not None and known > count:
        ctx.fixed(end - length)
        return length
    return end


def _taken(ctx: Context, value: Value, axis: int, item: Any) -> Value:
    """Elements at integer positions, themselves a graph value."""
    position = tensor(ctx, item)
    if position.type.dtype == "bool":
        ctx.refuse(wrong.Unsupported(span=ctx.span, what="indexing with a boolean mask"))
    if ctx.lead(value) and ctx.lead(position):
        # One position for each row is a pick in that row; what NumPy would do pairs the axes.
        ctx.refuse(
            wrong.Unsupported(span=ctx.span, what="indexing rows with an index for each row")
        )
    if ctx.lead(position) and value.type.rank + axis > 0:
        ctx.refuse(wrong.Unsupported(span=ctx.span, what="indexing a later axis with rows"))
    builders.in_range(ctx, value, position, axis)
    found = affine.position(ctx.builder.nodes, position.name)
    if found is not None and any(loop.axis == found.axis for loop in ctx.loops):
        check_range(ctx, found, value.type.shape[axis], value)
    return ctx.op("take", value, position, axis=axis)


def check_range(
    ctx: Context, found: affine.Position, length: Size, value: Value | None = None
) -> None:
    """Refuse positions of a loop's rounds that are not known to be inside an array's length."""
    count = ctx.builder.axes[found.axis].size
    ends = (found.start, found.last(count))
    first, last = ends if found.step > 0 else ends[::-1]
    if _inside(ctx, first, last, length):
        return
    loop = next(loop for loop in ctx.loops if loop.axis == found.axis)
    others = [(loop.span, "the loop is here")]
    place = ctx.place(value)
    if value is not None and place is not None and place != ctx.span:
        others.append((place, f"this has shape {show(ctx.visible(value))}"))
    certain = ctx.known_size(length - last) is not None
    ctx.refuse(
        wrong.LoopRange(
            span=ctx.span, variable=loop.variable, first=str(first), last=str(last),
            length=str(length), certain=certain, others=tuple(others),
        )
    )  # fmt: skip


def _inside(ctx: Context, first: Size, last: Size, length: Size) -> bool:
    """Whether positions up to `last` are inside a length; from `first`, perhaps from the end."""
    room = length - 1 - last
    known = ctx.known_size(room)
    if known is None:
        if not room.is_nonnegative:
            return False
    elif known < 0:
        return False
    elif room.value is None:  # true of the fixed values alone
        if known == 0:
            ctx.builder.sizes().same(length, last + 1)
        else:
            ctx.fixed(room)
    if (first.value or 0) >= 0 and (first.value is not None or first.is_nonnegative):
        return True
    known = ctx.known_size(first + length)
    return known >= 0 if known is not None else first.value == -1
