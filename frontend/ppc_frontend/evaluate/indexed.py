"""Arrays, lists and dictionaries whose elements loops write: `theta[j] = inf.Normal(...)`.

What a loop writes at its own variable is one node that varies along the loop's axis. Reading it at
the same position gives that node; at another, a gather; whole, a vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, NoReturn

from ppc.ir.affine import Position, position
from ppc.ir.build import Value
from ppc.ir.nodes import Op, Sample
from ppc.ir.sizes import Size
from ppc.spans import Span
from ppc_frontend import wrong
from ppc_frontend.context import Condition, Context, Loop
from ppc_frontend.evaluate import carry, lags
from ppc_frontend.evaluate.indexing import WHOLE, Slice, check_range, index
from ppc_frontend.tensors import is_tensor, tensor
from ppc_frontend.values import Elements

Place = Position | Size


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Elements that are written together: one, or those of all rounds of loops."""

    at: tuple[Place, ...]  # along each dimension that is indexed
    value: Value
    loops: tuple[Loop, ...]  # those whose variables it is written by
    span: Span
    only: Span | None = None  # the branch of a decision that alone writes it, if there is one
    under: tuple[Condition, ...] = ()  # the conditions under which it is written


@dataclass(slots=True, eq=False)
class Indexed(Elements):
    """What has elements by position, written one by one or a round at a time."""

    name: str
    kind: Literal["array", "list", "dict"]
    depth: int  # how many of the loops around are older than it
    sizes: tuple[Size, ...] | None = None  # its dimensions, where it was declared with them
    base: Any = None  # what elements hold that are not written
    parts: list[Part] = field(default_factory=list)

    @property
    def described(self) -> str:
        """Its kind in a user's words."""
        return f"the {self.kind} {self.name}"

    @property
    def rank(self) -> int:
        """The number of dimensions by which it is written."""
        return len(self.parts[0].at) if self.parts else 0

    def tensor(self, ctx: Context) -> Value:
        """All elements as one array."""
        if self.kind == "list" and self.parts and ctx.lead(self.parts[0].value):
            ctx.across(self.parts[0].value, "stacking")
        return whole(ctx, self)

    def stacked(self, ctx: Context) -> Value:
        """All elements as one array, along the first dimension behind those of open plates."""
        return whole(ctx, self)

    def refuse(self, ctx: Context, what: str) -> NoReturn:
        """Refuse a use of it as Python's own list: the loop that fills it is unrolled, or stays."""
        refuse_use(ctx, self, what)

    @property
    def is_list(self) -> bool:
        """Whether it is Python's list or dictionary, not an array."""
        return self.kind != "array"


def owner(ctx: Context, found: Any, items: Sequence[Any], name: str) -> Indexed | None:
    """What an element is written to, where a loop writes it or nothing declared it.

    None for the known lists and dictionaries that Python itself can change.
    """
    if isinstance(found, Indexed):
        return found
    whole_array = isinstance(found, Value) and not ctx.plates
    if not (ctx.loops and isinstance(found, list | dict)) and not whole_array:
        return None
    depth = ctx.born.get(id(found), (None, 0))[1]
    if isinstance(found, Value):
        it = Indexed(name, "array", depth, found.type.shape, found)
    elif depth == len(ctx.loops) and not any(isinstance(item, Value) for item in items):
        return None
    elif isinstance(found, dict):
        it = Indexed(name, "dict", depth, parts=_held(ctx, found))
    else:
        blank = any(item is None for item in found)
        held = _held(ctx, dict(enumerate(found))) if blank else []
        base = None if blank else found
        it = Indexed(name, "list", depth, (Size.of(len(found)),), base, held)
    ctx.indexed[id(found)] = (found, it)
    return it


def _held(ctx: Context, found: dict[Any, Any]) -> list[Part]:
    """The elements that a list or dictionary has by number, before a loop writes others."""
    parts: list[Part] = []
    for key, value in found.items():
        numbers = key if isinstance(key, tuple) else (key,)
        known = all(isinstance(n, int) and not isinstance(n, bool) for n in numbers)
        if known and is_tensor(value):
            at = tuple(Size.of(n) for n in numbers)
            parts.append(Part(at, tensor(ctx, value), (), ctx.span))
    return [part for part in parts if len(part.at) == len(parts[0].at)]


# --- writing -------------------------------------------------------------------------------------


def write(ctx: Context, it: Indexed, items: Sequence[Any], value: Any, text: str) -> None:
    """`it[items] = value`. Refuses what other rounds of a loop around would write again."""
    while items and items[-1] == WHOLE:
        items = items[:-1]
    places = [place(ctx, item) for item in items]
    at = tuple(p for p in places if p is not None)
    if len(at) < len(items) or not at or len({_axis(p) for p in at if _axis(p)}) < _positions(at):
        ctx.refuse(wrong.Scattered(span=ctx.span, target=text))
    if it.parts and len(at) != it.rank:
        ctx.refuse(wrong.Scattered(span=ctx.span, target=text))
    node = tensor(ctx, value)
    inside = ctx.loops[it.depth :]
    axes = {_axis(p) for p in at}
    for loop in inside:
        if loop.axis not in axes and (loop.axis in node.type.axes or _is_site(ctx, node)):
            others = ((loop.span, "the loop is here"),)
            mistake = wrong.EachRound(
                span=ctx.span, target=text, variable=loop.variable, others=others
            )
            ctx.refuse(mistake)
    for p, size in zip(at, it.sizes or (), strict=False):
        _within(ctx, p, size)
    loops = tuple(loop for loop in inside if loop.axis in axes)
    if node.name in ctx.orders:  # data of the site have the dimensions of the target, in its order
        rest = [a for a in ctx.orders[node.name] if a not in axes]
        ctx.orders[node.name] = (*rest, *(_axis(p) for p in at if _axis(p)))
    part = Part(at, node, loops, ctx.span)
    it.parts = [*(p for p in it.parts if p.at != at), part]


def _axis(found: Place) -> str:
    return found.axis if isinstance(found, Position) else ""


def _positions(at: Sequence[Place]) -> int:
    return sum(isinstance(p, Position) for p in at)


def _is_site(ctx: Context, node: Value) -> bool:
    return isinstance(ctx.builder.nodes[node.name], Sample)


def _within(ctx: Context, found: Place, size: Size) -> None:
    if isinstance(found, Position):
        check_range(ctx, found, size)
        return
    known, count = ctx.known_size(found), ctx.known_size(size)
    if known is not None and count is not None and not -count <= known < count:
        reason = f"index {known} is out of range for {count} elements"
        ctx.refuse(wrong.ShapeMismatch(span=ctx.span, reason=reason))


def place(ctx: Context, item: Any) -> Place | None:
    """Where an index points: a size, or a position along the axis of a loop around."""
    if isinstance(item, bool):
        return None
    if isinstance(item, int | Size):
        return Size.of(item)
    if isinstance(item, Value):
        found = position(ctx.builder.nodes, item.name)
        if found is not None and any(loop.axis == found.axis for loop in ctx.loops):
            return found
    return None


def append(ctx: Context, found: list[Any] | Indexed, value: Any) -> bool:
    """`found.append(value)` in the body of a loop; whether it is one around which the list was."""
    it = found
    if isinstance(it, list):
        depth = ctx.born.get(id(it), (None, 0))[1]
        if depth == len(ctx.loops):
            return False
        parts = [Part((Size.of(i),), tensor(ctx, v), (), ctx.span) for i, v in enumerate(it)]
        it = Indexed("the list", "list", depth, parts=parts)
        ctx.indexed[id(found)] = (found, it)
    inside = ctx.loops[it.depth :]
    if len(inside) != 1 or any(set(part.loops) & set(inside) for part in it.parts):
        refuse_use(ctx, it, "two appends in one round")
    (loop,) = inside
    end = _length(ctx, it)
    part = Part((Position(loop.axis, end),), tensor(ctx, value), (loop,), ctx.span)
    it.parts.append(part)
    return True


def listed(ctx: Context, element: Any, loop: Loop) -> Indexed:
    """The list of a comprehension, from the element of all rounds."""
    at: tuple[Place, ...] = (Position(loop.axis),)
    if isinstance(element, Indexed) and len(element.parts) == 1:
        at = (*at, *element.parts[0].at)
        element = element.parts[0].value
    it = Indexed("", "list", len(ctx.loops) - 1)
    it.parts.append(Part(at, tensor(ctx, element), (loop,), ctx.span))
    return it


def length(ctx: Context, it: Indexed) -> Size:
    """How many elements it has along its first dimension."""
    if it.sizes:
        return it.sizes[0]
    if any(loop in ctx.loops for part in it.parts for loop in part.loops):
        refuse_use(ctx, it, "the length")
    ends = [_end(ctx, part.at[0]) for part in it.parts]
    return max(ends, key=lambda end: ctx.known_size(end) or 0) if ends else Size()


def _length(ctx: Context, it: Indexed) -> Size:
    """One more than the last index that is written."""
    end = Size()
    for part in it.parts:
        end = _end(ctx, part.at[0])
    return end


# --- reading -------------------------------------------------------------------------------------


def read(ctx: Context, it: Indexed, items: Sequence[Any]) -> Value:
    """`it[items]`."""
    n = it.rank
    places = tuple(place(ctx, item) for item in items[:n])
    for part in it.parts:
        if places == part.at:
            _everywhere(ctx, it, part)
            rest = [*[WHOLE] * ctx.lead(part.value), *items[n:]]
            return index(ctx, part.value, rest) if items[n:] else part.value
    if _being_written(ctx, it):
        n = n or len(items)
        at = tuple(p for p in map(partial(place, ctx), items[:n]) if p is not None)
        if len(at) < n or not _positions(at) or len(ctx.loops) <= it.depth:
            carry.element(ctx, it.name)
        value = lags.element(ctx, it, at, ctx.span.excerpt or it.name)
        return index(ctx, value, [*[WHOLE] * ctx.lead(value), *items[n:]]) if items[n:] else value
    for part in it.parts:
        _everywhere(ctx, it, part)
    if len(it.parts) == 1 and it.base is None and _regular(it.parts[0]):
        return _of_part(ctx, it.parts[0], items)
    lead = [WHOLE] * ctx.lead(it.parts[0].value)
    return index(ctx, whole(ctx, it), [*lead, *items])


def _everywhere(ctx: Context, it: Indexed, part: Part) -> None:
    """Refuse elements that only one side of a decision has written, unless it is taken here too."""
    everywhere = all(any(_same(ctx, own, held) for held in ctx.masks) for own in part.under)
    if part.only is not None and not (part.under and everywhere):
        others = ((part.only, "only this branch writes it"),)
        ctx.refuse(wrong.PartlyBound(span=ctx.span, name=it.name, others=others))


def _same(ctx: Context, one: Condition, other: Condition) -> bool:
    """Whether two conditions hold for the same rows, as far as their nodes show."""
    todo = [(one[0].name, other[0].name)]
    while todo:
        names = todo.pop()
        a, b = (ctx.builder.nodes[name] for name in names)
        if a.name == b.name:
            continue
        alike = replace(a, name="", span=None) == replace(b, name="", span=None)
        if isinstance(a, Op) and isinstance(b, Op):
            alike = (a.primitive, a.attrs, a.type) == (b.primitive, b.attrs, b.type)
            todo += zip(a.args, b.args, strict=False)
        if not alike:
            return False
    return one[1] == other[1]


def _being_written(ctx: Context, it: Indexed) -> bool:
    """Whether a loop around writes it, so that other rounds have elements of it."""
    own = any(loop in ctx.loops for part in it.parts for loop in part.loops)
    return own or not it.parts or any(it.name in loop.writes for loop in ctx.loops[it.depth :])


def _regular(part: Part) -> bool:
    return all(isinstance(at, Position) and at.step == 1 for at in part.at)


def _of_part(ctx: Context, part: Part, items: Sequence[Any]) -> Value:
    """Elements of one part: gathered along its axes, or whole in the dimensions with a slice."""
    value = part.value
    n = len(part.at)
    items = [*items, *[WHOLE] * (n - len(items))]
    rest: list[Any] = []
    for at, item in reversed(list(zip(part.at, items, strict=False))):
        assert isinstance(at, Position)
        if isinstance(item, Slice):
            value = _open(ctx, value, at.axis)
            if at.start.value != 0:
                refuse_slice(ctx)
            rest.insert(0, item)
        elif place(ctx, item) == at or at.axis not in value.type.axes:
            continue
        else:
            value = _picked(ctx, value, at, item)
            if isinstance(item, Value):
                rest = [*[WHOLE] * item.type.rank, *rest]
    rest += items[n:]
    return index(ctx, value, [*[WHOLE] * ctx.lead(value), *rest]) if rest else value


def refuse_slice(ctx: Context) -> NoReturn:
    """Refuse a slice of what does not start at 0."""
    what = "a slice of what a loop writes from another index than 0"
    ctx.refuse(wrong.Unsupported(span=ctx.span, what=what))


def _picked(ctx: Context, value: Value, at: Position, item: Any) -> Value:
    """The elements at an index along one axis."""
    count = ctx.builder.axes[at.axis].size
    if isinstance(item, int | Size) and not isinstance(item, bool):
        whole_ = ctx.op("from_axis", value, axis=at.axis)
        known = ctx.known_size(Size.of(item))
        shifted = Size.of(item) if known is not None and known < 0 else Size.of(item) - at.start
        lead = [WHOLE] * ctx.lead(whole_)
        return index(ctx, whole_, [*lead, shifted if shifted.value is None else shifted.value])
    where = tensor(ctx, item)
    if where.type.dtype != "i32":
        ctx.refuse(wrong.NotKnown(span=ctx.span, what="an index", found="a tensor of numbers"))
    if (found := place(ctx, where)) is not None and isinstance(found, Position):
        check_range(ctx, found.shifted(-at.start), count, value)
    if at.start.value != 0:
        where = ctx.op("sub", where, ctx.builder.dim(at.start))
    return ctx.op("take_axis", value, where, axis=at.axis)


def whole(ctx: Context, it: Indexed) -> Value:
    """All elements as one array; plates that are open stay plates."""
    if _being_written(ctx, it):
        carry.element(ctx, it.name)
    for part in it.parts:
        _everywhere(ctx, it, part)
    if len(it.parts) == 1 and _complete(ctx, it):
        return _opened(ctx, it.parts[0], 0)
    return _joined(ctx, it)


def _complete(ctx: Context, it: Indexed) -> bool:
    """Whether the only part is all there is."""
    sizes: Sequence[Size | None] = it.sizes or [None] * it.rank
    return all(
        isinstance(at, Position)
        and at.is_index
        and (size is None or ctx.builder.sizes().same(ctx.builder.axes[at.axis].size, size))
        for at, size in zip(it.parts[0].at, sizes, strict=False)
    )


def _opened(ctx: Context, part: Part, keep_from: int) -> Value:
    """The elements of a part with a dimension for each index, in order."""
    value = part.value
    for at in reversed(part.at[keep_from:]):
        if isinstance(at, Size):
            value = ctx.op("expand_dims", value, axis=-value.type.rank - 1)
        else:
            value = _open(ctx, value, at.axis)
            if at.step == -1:
                value = ctx.op("flip", value, axis=-value.type.rank)
            elif at.step != 1:
                ctx.refuse(wrong.Unsupported(span=ctx.span, what="an array written in steps"))
    return value


def _open(ctx: Context, value: Value, axis: str) -> Value:
    """The axis as a leading dimension, unless it is a plate that is open."""
    if any(plate.axis == axis for plate in ctx.plates):
        return value
    if axis in value.type.axes:
        return ctx.op("from_axis", value, axis=axis)
    count = ctx.builder.axes[axis].size
    return ctx.op("broadcast_to", value, shape=(count, *value.type.shape))


def _joined(ctx: Context, it: Indexed) -> Value:
    """Several parts as one array, joined along the only dimension in which they differ."""
    first = it.parts[0]
    differ = [d for d in range(it.rank) if len({p.at[d] for p in it.parts}) > 1] or [0]
    if len(differ) > 1:
        refuse_use(ctx, it, "the whole")
    d = differ[0]
    left, pieces, end = list(it.parts), [], Size()
    total = it.sizes[d] if it.sizes and d < len(it.sizes) else None
    while left:
        found = next((p for p in left if _start(ctx, p.at[d]) == end), None)
        if found is None:
            found = min(left, key=lambda p: ctx.known_size(_start(ctx, p.at[d])) or 0)
            pieces.append(_gap(ctx, it, d, end, _start(ctx, found.at[d])))
        left.remove(found)
        pieces.append(_opened(ctx, found, 0))
        end = _end(ctx, found.at[d])
    if total is not None and not ctx.builder.sizes().same(total, end):
        pieces.append(_gap(ctx, it, d, end, total))
    rank = max(piece.type.rank for piece in pieces)
    axis = d - rank
    if any(plate.axis == _axis(first.at[d]) for plate in ctx.plates):
        refuse_use(ctx, it, "the whole")
    return pieces[0] if len(pieces) == 1 else ctx.op("concat", *pieces, axis=axis)


def _start(ctx: Context, at: Place) -> Size:
    if isinstance(at, Size):
        return at
    return at.start if at.step > 0 else at.last(ctx.builder.axes[at.axis].size)


def _end(ctx: Context, at: Place) -> Size:
    if isinstance(at, Size):
        return at + 1
    last = at.last(ctx.builder.axes[at.axis].size) if at.step > 0 else at.start
    return last + 1


def _gap(ctx: Context, it: Indexed, d: int, start: Size, stop: Size) -> Value:
    """Elements that no loop has written, as they were before."""
    known = ctx.known_size(stop - start)
    if it.base is None or (known is not None and known < 0):
        refuse_use(ctx, it, f"elements {start} to {stop - 1}, which nothing has written,")
    base = tensor(ctx, it.base)
    items = [*[WHOLE] * d, Slice(start, stop, None)]
    return index(ctx, base, items)


def refuse_use(ctx: Context, it: Indexed, what: str) -> NoReturn:
    """Refuse what cannot be done with elements that are made all at once."""
    for part in it.parts:
        for loop in part.loops:
            carry.unroll(ctx, loop, f"{what} of `{it.name}` is used")
    others = tuple((part.span, "they are written here") for part in it.parts[:1])
    ctx.refuse(wrong.UsedWhole(span=ctx.span, what=what, name=it.name, others=others))
