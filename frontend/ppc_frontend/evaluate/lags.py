"""What a round of a loop reads of earlier rounds of it: a node `Lag`, where that is all it reads.

The reading stands before the writing: `z[t] = inf.Normal(rho * z[t - 1], s)`. So a lag is made when
it is read, with the type that what it reads will probably have, and settled when the loop is over:
how many rounds it goes back, and what stands in front of the first round, which is what was written
before the loop. Where nothing was, the reading must be under a condition on the loop's variable
that excludes those rounds: `if t > 0`. A wrong guess of the type makes the evaluation start again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ppc.diagnostics.notes import LoopCarries
from ppc.ir import ops
from ppc.ir.affine import Position, number, position
from ppc.ir.build import Value
from ppc.ir.nodes import Lag, Op, Sample, is_random
from ppc.ir.reach import in_order
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor
from ppc.spans import Span
from ppc_frontend.context import Carry, Condition, Context, Loop
from ppc_frontend.evaluate import carry
from ppc_frontend.evaluate.arithmetic import by_symbol
from ppc_frontend.evaluate.indexing import index
from ppc_frontend.tensors import is_tensor, tensor
from ppc_frontend.values import Carried

if TYPE_CHECKING:
    from ppc_frontend.evaluate.indexed import Indexed, Part, Place


@dataclass(slots=True, eq=False)
class Reading:
    """A lag that is not settled yet, and where it is read."""

    node: str
    loop: Loop  # when it is over, what was read has been written
    of: Indexed | Carried
    at: tuple[Place, ...]  # the element, of an array
    span: Span
    what: str
    conditions: list[tuple[Condition, ...]] = field(default_factory=list)  # of each reading
    around: tuple[Loop, ...] = ()  # the loops in which it is read


# --- reading -------------------------------------------------------------------------------------


def element(ctx: Context, it: Indexed, at: tuple[Place, ...], what: str) -> Value:
    """An element that another round of a loop around writes, or has written."""
    loop = ctx.loops[it.depth]
    like = it.parts[0].value.type if it.parts else None
    return _read(ctx, loop, it, at, what, it.name, like)


def local(ctx: Context, carried: Carried) -> Any:
    """A local name that the body has not bound yet: what it was at the end of the round before."""
    outer = carried.outer
    if isinstance(outer, Carried):
        outer = local(ctx, outer)
    if not (isinstance(outer, bool | int | float | Size) or is_tensor(outer)):
        carry.refuse(ctx, carried.loop, carried.name)
    first = tensor(ctx, outer)
    value = _read(ctx, carried.loop, carried, (), carried.name, carried.name, first.type)
    for symbol, term in carried.terms:
        value = by_symbol(ctx, symbol, value, term)
    return value


def _read(
    ctx: Context, loop: Loop, of: Indexed | Carried, at: tuple[Place, ...], what: str, name: str,
    like: Tensor | None,
) -> Value:  # fmt: skip
    now = (*ctx.masks, *ctx.left)
    for known in ctx.readings:
        if known.of is of and known.at == at:
            known.conditions.append(now)
            return ctx.builder.value(known.node)
    key = (loop.key, name)
    guess = next((c.type for c in ctx.assumed.carried if (c.loop, c.name) == key), None)
    type_ = guess or Tensor(*(("f32",) if like is None else (like.dtype, (), like.shape)))
    rows = {*ctx.rows()[: _depth(ctx, loop)], *(like.axes if like and not at else ())}
    if at:
        rows = set(ctx.rows())
    type_ = type_.with_axes(axis for axis in ctx.builder.axes if axis in rows)
    lag = Lag(name=f"{name}_lag", type=type_, of="", axis=loop.axis, by=1)
    value = ctx.builder.append(lag)
    around = tuple(ctx.loops)
    ctx.readings.append(Reading(value.name, loop, of, at, ctx.span, what, [now], around))
    return value


def _depth(ctx: Context, loop: Loop) -> int:
    """How many of the plates and loops around a loop are around its rounds, itself included."""
    return len(ctx.plates) + ctx.loops.index(loop) + 1


# --- settling ------------------------------------------------------------------------------------


def settle_local(ctx: Context, loop: Loop, name: str, bound: Any) -> Any:
    """What a name holds at the end of a round, where the body has read it before it bound it."""
    for reading in [r for r in ctx.readings if r.loop is loop and isinstance(r.of, Carried)]:
        assert isinstance(reading.of, Carried)
        if reading.of.name != name:
            continue
        ctx.readings.remove(reading)
        with ctx.at(reading.span):
            lag = ctx.builder.value(reading.node)
            if isinstance(bound, Carried):  # nothing but what was added to it
                bound = lag
                for symbol, term in reading.of.terms:
                    bound = by_symbol(ctx, symbol, bound, term)
            if not (isinstance(bound, bool | int | float | Size) or is_tensor(bound)):
                carry.refuse(ctx, loop, reading.what)
            first = reading.of.outer
            if isinstance(first, Carried):
                first = local(ctx, first)
            last = _typed(ctx, reading, tensor(ctx, bound))
            if last is not None:
                _settle(ctx, reading, last, loop.axis, 1, [tensor(ctx, first)])
                return last
    return bound


def settle(ctx: Context, loop: Loop) -> None:
    """Settle what was read of the arrays that a loop, which is over now, has written."""
    mine = [r for r in ctx.readings if r.loop is loop]
    ctx.readings = [r for r in ctx.readings if r.loop is not loop]
    if ctx.mistakes:
        return
    back: list[tuple[Reading, Part, int, int]] = []
    for reading in mine:
        with ctx.at(reading.span):
            back.append((reading, *_written(ctx, reading)))
    for reading, part, d, by in back:
        with ctx.at(reading.span):
            value = _typed(ctx, reading, part.value)
            if value is None:
                continue
            most = max(by_ for _, p, d_, by_ in back if p is part and d_ == d)
            elements = [_before(ctx, reading, part, d, k) for k in range(most, 0, -1)]
            for r in range(by):
                if elements[most - by + r] is None and not _excluded(ctx, reading, part, d, r):
                    carry.refuse(ctx, loop, reading.what)
            first = next((i for i, e in enumerate(elements) if e is not None), most)
            init = [e if e is not None else ctx.builder.const(0) for e in elements[first:]]
            place = part.at[d]
            assert isinstance(place, Position)
            _settle(ctx, reading, value, place.axis, by, init)


def _written(ctx: Context, reading: Reading) -> tuple[Part, int, int]:
    """The part that writes what is read; in which dimension, and how many rounds earlier."""
    it = reading.of
    assert not isinstance(it, Carried)
    for part in it.parts:
        if reading.loop not in part.loops or len(part.at) != len(reading.at):
            continue
        differ = [d for d, place in enumerate(part.at) if place != reading.at[d]]
        if len(differ) == 1:
            by = _rounds_back(part.at[differ[0]], reading.at[differ[0]])
            if by is not None and by > 0:
                return part, differ[0], by
    carry.refuse(ctx, reading.loop, reading.what)


def _rounds_back(written: Place, read: Place) -> int | None:
    """How many rounds before it is read an element was written."""
    if not isinstance(written, Position) or not isinstance(read, Position):
        return None
    if written.axis != read.axis or written.step != read.step:
        return None
    ahead = (written.start - read.start).value
    return None if ahead is None or ahead % written.step else ahead // written.step


def _before(ctx: Context, reading: Reading, part: Part, d: int, back: int) -> Value | None:
    """The element `back` rounds before the first; None where nothing has written it."""
    it, at = reading.of, part.at[d]
    assert not isinstance(it, Carried) and isinstance(at, Position)
    where = at.start - back * at.step
    wanted = (*part.at[:d], where, *part.at[d + 1 :])
    for other in it.parts:
        if other.at == wanted and other.only is None:
            return other.value
    if it.base is None or where.value is None:
        return None
    items = [_item(ctx, place) for place in wanted]
    base = it.base
    if isinstance(base, list):
        known = where.value if len(items) == 1 else len(base)
        return tensor(ctx, base[known]) if -len(base) <= known < len(base) else None
    return index(ctx, tensor(ctx, base), items)


def _item(ctx: Context, place: Place) -> Any:
    if isinstance(place, Size):
        return place if place.value is None else place.value
    found = ctx.op("axis_index", axis=place.axis)
    found = found if place.step == 1 else ctx.op("mul", found, place.step)
    return found if place.start.value == 0 else ctx.op("add", found, ctx.builder.dim(place.start))


def _typed(ctx: Context, reading: Reading, value: Value) -> Value | None:
    """What is written with the axes of the lag; None where the lag's type was guessed wrong."""
    lag = ctx.builder.nodes[reading.node]
    name = reading.of.name
    if (value.type.dtype, value.type.shape) != (lag.type.dtype, lag.type.shape):
        wanted = Carry(reading.loop.key, name, Tensor(value.type.dtype, (), value.type.shape))
        if any((c.loop, c.name) == (wanted.loop, wanted.name) for c in ctx.assumed.carried):
            carry.refuse(ctx, reading.loop, reading.what)
        ctx.carried.add(wanted)
        return None
    if not set(value.type.axes) <= set(lag.type.axes):
        carry.refuse(ctx, reading.loop, reading.what)
    for axis in lag.type.axes:
        if axis not in value.type.axes:
            rows = ops.broadcast_to(value, (ctx.builder.axes[axis].size, *value.type.shape))
            value = ctx.builder.op("to_axis", rows, axis=axis)
    return value


def _settle(
    ctx: Context, reading: Reading, value: Value, axis: str, by: int, init: Sequence[Value]
) -> None:
    builder = ctx.builder
    lag = builder.nodes[reading.node]
    assert isinstance(lag, Lag)
    firsts = [ops.broadcast_to(builder.cast(v, lag.type.dtype), lag.type.shape) for v in init]
    names = tuple(first.name for first in firsts)
    source = builder.nodes[value.name]
    drawn = isinstance(source, Sample) and is_random(source)
    over = next((o for o in reading.around if o.axis == axis), reading.loop)
    note = LoopCarries(
        about=over.variable, what=reading.what, by=by, drawn=drawn, span=reading.span
    )
    ctx.notes.append(note)
    builder.nodes[reading.node] = replace(lag, of=value.name, axis=axis, by=by, init=names)
    builder.nodes = {node.name: node for node in in_order(builder.nodes.values())}


# --- the first rounds ----------------------------------------------------------------------------


def _excluded(ctx: Context, reading: Reading, part: Part, d: int, r: int) -> bool:
    """Whether every reading is under a condition that does not hold in round `r`."""
    place = part.at[d]
    assert isinstance(place, Position)
    return all(
        any(_holds(ctx, c.name, place.axis, r) is (not taken) for c, taken in conditions)
        for conditions in reading.conditions
    )


def _holds(ctx: Context, name: str, axis: str, r: int) -> bool | None:
    """Whether a condition holds in a round of a loop; None where that is not known."""
    nodes = ctx.builder.nodes
    node = nodes[name]
    if not isinstance(node, Op):
        return None
    if node.primitive in ("logical_not", "logical_and", "logical_or"):
        sides = [_holds(ctx, arg, axis, r) for arg in node.args]
        if node.primitive == "logical_not":
            return None if sides[0] is None else not sides[0]
        decides = node.primitive == "logical_or"
        if decides in sides:
            return decides
        return None if None in sides else not decides
    if node.primitive not in _COMPARISONS:
        return None
    left, right = (_at_round(ctx, arg, axis, r) for arg in node.args)
    known = None if left is None or right is None else ctx.known_size(left - right)
    return None if known is None else _COMPARISONS[node.primitive](known)


_COMPARISONS = {
    "eq": lambda n: n == 0, "ne": lambda n: n != 0, "lt": lambda n: n < 0, "le": lambda n: n <= 0,
    "gt": lambda n: n > 0, "ge": lambda n: n >= 0,
}  # fmt: skip


def _at_round(ctx: Context, name: str, axis: str, r: int) -> Size | None:
    found = position(ctx.builder.nodes, name)
    if found is None:
        return number(ctx.builder.nodes, name)
    return found.start + r * found.step if found.axis == axis else None
