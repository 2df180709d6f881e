"""Loops that are evaluated once, on a named axis: their rounds are then one batch of operations.

`for j in range(J)`, `for x_i in x`, `enumerate` and `zip` of such: the loop variable is the index
along an axis of its own, and everything that the body computes with it varies along that axis. The
axis of a size by name is called after it, so that all loops over `range(J)` share one; that of a
number is called after the loop's variable. What cannot be computed for all rounds at once makes the
evaluation start again with the loop unrolled (`carry.stopped`), if it is short and known.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import libcst as cst

from ppc.diagnostics.notes import LoopUnrolled, LoopVectorised
from ppc.ir.build import Value
from ppc.ir.sizes import Size
from ppc.ir.types import Axis
from ppc.spans import Span
from ppc_frontend import wrong
from ppc_frontend.context import Context, Loop
from ppc_frontend.evaluate import carry, lags, sums
from ppc_frontend.evaluate.arithmetic import by_symbol
from ppc_frontend.evaluate.indexed import Indexed
from ppc_frontend.evaluate.indexing import WHOLE, index
from ppc_frontend.scope import Frame, bound_in, every_statement, target_names
from ppc_frontend.tensors import tensor
from ppc_frontend.values import (
    Carried,
    Given,
    Last,
    Numbered,
    PoisonedError,
    RejectedError,
    Steps,
    Summed,
    Together,
)


@dataclass(frozen=True, slots=True)
class Rounds:
    """What a loop goes through: how many rounds, and the element of the round `i`."""

    count: Size
    element: Callable[[Value], Any]
    last: Callable[[], Any]  # the element of the last round


def rounds(ctx: Context, values: Any) -> Rounds | None:
    """The rounds of a loop that can be evaluated once; None for what is gone through as it is."""
    match values:
        case range() if len(values):
            return _steps(ctx, Steps(Size.of(values.start), Size.of(values.stop), values.step))
        case Steps() if values.count.value != 0:
            return _steps(ctx, values)
        case Value() | Given() | Indexed():
            return _elements(ctx, values)
        case Together():
            return _together(ctx, values)
        case Numbered():
            inner = rounds(ctx, values.items)
            if inner is None:
                return None
            numbers = _steps(ctx, Steps(Size.of(values.start), values.start + inner.count, 1))
            return Rounds(
                inner.count,
                lambda i: (numbers.element(i), inner.element(i)),
                lambda: (numbers.last(), inner.last()),
            )
    return None


def _steps(ctx: Context, values: Steps) -> Rounds:
    def element(i: Value) -> Value:
        scaled = i if values.step == 1 else ctx.op("mul", i, values.step)
        if values.start.value == 0:
            return scaled
        return ctx.op("add", scaled, ctx.builder.dim(values.start))

    def last() -> int | Size:
        end = values.start + (values.count - 1) * values.step
        return end if end.value is None else end.value

    return Rounds(values.count, element, last)


def _elements(ctx: Context, values: Any) -> Rounds:
    """The elements of an array along its first dimension."""
    array = tensor(ctx, values)
    if ctx.lead(array):
        ctx.across(array, "iterating")
    if not array.type.rank:
        ctx.refuse(wrong.NotIterable(span=ctx.span, what="a scalar"))
    return Rounds(
        array.type.shape[0], lambda i: index(ctx, array, [i]), lambda: index(ctx, array, [-1])
    )


def _together(ctx: Context, values: Together) -> Rounds | None:
    parts = [rounds(ctx, part) for part in values.parts]
    found = [part for part in parts if part is not None]
    if len(found) < len(parts):
        return None
    count = found[0].count
    for part in found[1:]:
        known = ctx.known_size(part.count), ctx.known_size(count)
        if known[0] is not None and known[1] is not None and known[0] != known[1]:
            ctx.fixed(part.count - count)  # as Python does, up to the end of the shortest
            count = min(part.count, count, key=lambda size: ctx.known_size(size) or 0)
        elif not ctx.builder.sizes().same(part.count, count):
            lengths = tuple(dict.fromkeys(str(p.count) for p in found))
            ctx.refuse(wrong.LoopLengths(span=ctx.span, lengths=lengths))
    return Rounds(
        count,
        lambda i: tuple(part.element(i) for part in found),
        lambda: tuple(part.last() for part in found),
    )


# --- the axis ------------------------------------------------------------------------------------


def _axis(ctx: Context, count: Size, variable: str) -> str:
    """The axis of a loop: that of its size where there is one, else a new one."""
    taken = {*ctx.rows()}
    if count.value is None:
        for axis in ctx.builder.axes.values():
            if axis.size == count and axis.name not in taken:
                return axis.name
    hint = count.name or _plain(variable)
    for name in _names(hint):
        axis_ = ctx.builder.axes.get(name)
        if axis_ is not None and axis_.size == count and name not in taken:
            return name
        own = name == count.name or name not in ctx.builder.hypers
        if axis_ is None and own and name not in ctx.sites:
            return name
    raise AssertionError("there is always a name")


def _plain(variable: str) -> str:
    """A name for an axis from a loop's target."""
    name = next((n for n in variable.replace("(", " ").replace(",", " ").split()), "").strip("_)")
    return name if name.isidentifier() and not keyword.iskeyword(name) else "plate"


def _names(hint: str) -> Iterator[str]:
    yield hint
    number = 1
    while True:
        yield f"{hint}_{number}"
        number += 1


@contextmanager
def opened(
    ctx: Context, count: Size, variable: str, key: Span, span: Span, writes: Iterable[str] = ()
) -> Iterator[tuple[Loop, Value]]:
    """A loop around what is evaluated inside, and the index of its rounds."""
    name = _axis(ctx, count, variable)
    rows: frozenset[str] = frozenset()
    if name in ctx.builder.axes:
        nodes = ctx.builder.nodes.values()
        rows = frozenset(node.name for node in nodes if name in node.type.axes)
    else:
        ctx.builder.axis(Axis(name, "loop", count))
    ctx.opened.setdefault(name, count)
    loop = Loop(name, variable, key, span, count, rows, frozenset(writes))
    ctx.loops.append(loop)
    try:
        yield loop, ctx.op("axis_index", axis=name)
        lags.settle(ctx, loop)
    except RejectedError as error:
        carry.stopped(ctx, error.mistake)
        raise
    finally:
        ctx.loops.pop()


# --- the statement -------------------------------------------------------------------------------


def vectorised(
    ctx: Context,
    frame: Frame,
    node: cst.For,
    found: Rounds,
    bind: Callable[[Any], None],
    body: Callable[[], None],
    until: str = "",
) -> None:
    """Evaluate the body of a `for` once, for all its rounds.

    `until` is where a row ends, as written, if rows differ.
    """
    span = frame.module.span(node)
    variable = frame.module.tree.code_for_node(node.target).strip()
    head = _head(frame, node)
    mine = list(bound_in(node.body))
    before = {name: frame.variables[name] for name in mine if name in frame.variables}
    writes = list(targets_in(node.body))
    with opened(ctx, found.count, variable, span, head, writes) as (loop, i):
        bind(found.element(i))
        for name, outer in before.items():
            frame.variables[name] = Carried(name, outer, loop)
        sums_ = [n for n in dict.fromkeys(sums.summed_in(node.body)) if n in frame.variables]
        for name in sums_:
            if isinstance(held := frame.variables[name], Value | Summed):
                frame.variables[name] = Summed(name, held, loop)
        for name in writes:
            _declare(ctx, frame, name)
        body()
        for name in before:
            if name in frame.variables:
                bound = frame.variables[name]
                bound = resolve(ctx, bound) if isinstance(bound, Last) else bound
                frame.variables[name] = lags.settle_local(ctx, loop, name, bound)
    for name in dict.fromkeys([*mine, *target_names(node.target), *sums_]):
        if name in frame.variables:
            frame.variables[name] = _after(ctx, frame.variables[name], loop)
    bind(found.last())
    if not ctx.is_unrolled(span):
        ctx.notes.append(LoopVectorised(about=variable, plate=loop.axis, until=until, span=head))


def note_unrolled(ctx: Context, frame: Frame, node: cst.For) -> None:
    """Say why a loop is unrolled."""
    span = frame.module.span(node)
    for known in ctx.assumed.unrolled:
        if known.loop == span:
            others = ((known.place, "this is what asks for it"),) if known.place else ()
            variable = frame.module.tree.code_for_node(node.target).strip()
            note = LoopUnrolled(
                about=variable, reason=known.reason, span=_head(frame, node), others=others
            )
            ctx.notes.append(note)
            return


def _head(frame: Frame, node: cst.For) -> Span:
    return frame.module.span(node.iter)


def _declare(ctx: Context, frame: Frame, name: str) -> None:
    """An array that the body writes element by element, if nothing else has the name."""
    try:
        frame.find(name)
    except KeyError:
        frame.variables[name] = Indexed(name, "array", frame.loops)
    except (RejectedError, PoisonedError):
        pass


def targets_in(body: cst.BaseSuite) -> Iterator[str]:
    """The names in front of the brackets of targets in a block."""
    for item in every_statement(body):
        targets: list[cst.BaseExpression] = []
        if isinstance(item, cst.Assign):
            targets += [t.target for t in item.targets]
        elif isinstance(item, cst.AnnAssign | cst.AugAssign):
            targets.append(item.target)
        for target in targets:
            while isinstance(target, cst.Subscript):
                if isinstance(target.value, cst.Name):
                    yield target.value.value
                target = target.value


def _after(ctx: Context, value: Any, loop: Loop) -> Any:
    """What a local name of the body holds after the loop."""
    match value:
        case Carried():
            return _total(ctx, value, loop) if value.loop is loop else value
        case Summed():
            return sums.after(ctx, value) if value.loop is loop else value
        case Value() if loop.axis in value.type.axes:
            return Last(value, loop.axis)
        case tuple():
            return tuple(_after(ctx, item, loop) for item in value)
        case list():
            return [_after(ctx, item, loop) for item in value]
    return value


def _total(ctx: Context, carried: Carried, loop: Loop) -> Any:
    """What a name holds to which every round of a loop has added."""
    total = carried.outer
    for symbol, term in carried.terms:
        reduced = _reduced(ctx, term, symbol, loop)
        if isinstance(total, Carried):
            total.terms.append((symbol, reduced))
        else:
            total = by_symbol(ctx, symbol, total, reduced)
    return total


def _reduced(ctx: Context, term: Value, symbol: str, loop: Loop) -> Value:
    """The sum, or product, of a term over the rounds."""
    if loop.axis not in term.type.axes:
        count = ctx.builder.dim(loop.count)
        return ctx.op("pow" if symbol in "*/" else "mul", term, count)
    if symbol in "*/":
        rows = ctx.op("from_axis", term, axis=loop.axis)
        return ctx.op("prod", rows, axes=(-rows.type.rank,))
    return ctx.op("reduce_axis", term, op="sum", axes=(loop.axis,))


def resolve(ctx: Context, found: Any) -> Any:
    """What a name holds that a loop binds: the reading of it, in the loop or after it."""
    match found:
        case Carried():
            return lags.local(ctx, found)
        case Summed():
            if found.terms:
                carry.element(ctx, found.name)
            found.is_read = True
            return resolve(ctx, found.outer)
        case Last():
            rows = ctx.op("from_axis", found.value, axis=found.axis)
            return index(ctx, rows, [*[WHOLE] * ctx.lead(rows), -1])
    return ctx.seen(found)
