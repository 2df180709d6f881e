"""Loops whose number of rounds is a number of the graph: `for n in range(length[d])`.

They go through as many rounds as the longest has, each under the condition that it is one of its
row's own: data come as a padded rectangle. How long that is, the arrays say that the body indexes
by the loop's variable; where it indexes none, it is a size by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import libcst as cst

from ppc.ir.build import Value
from ppc.ir.sizes import Size
from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.evaluate import branches
from ppc_frontend.evaluate.indexed import Indexed
from ppc_frontend.scope import Frame
from ppc_frontend.tensors import tensor
from ppc_frontend.values import Given, PoisonedError, Ragged, RejectedError, Steps


def ragged(ctx: Context, args: Sequence[Any]) -> Ragged:
    """`range(stop)` or `range(start, stop)` whose stop is an integer of the graph."""
    start = args[0] if len(args) == 2 else 0
    stop = tensor(ctx, args[-1])
    if len(args) > 2 or not isinstance(start, int | Size) or isinstance(start, bool):
        ctx.refuse(wrong.Unsupported(span=ctx.span, what="`range` with such a start or step"))
    if stop.type.dtype != "i32" or stop.type.rank:
        ctx.refuse(wrong.NotKnown(span=ctx.span, what="a whole number of rounds", found="a tensor"))
    return Ragged(Size.of(start), stop)


def steps(ctx: Context, frame: Frame, node: cst.For, values: Ragged) -> Steps:
    """The rounds of the longest row."""
    longest = _longest(ctx, frame, node)
    if longest is None:  # the rounds themselves have a name, so that arrays tell their number
        start = values.start
        name = _name(node) + (f"_from_{start}" if start.value != 0 else "")
        longest = start + Size.of(name if name.isidentifier() else _name(node))
    return Steps(values.start, longest, 1)


def inside(ctx: Context, i: Any, values: Ragged) -> Value:
    """Whether a round is one of its row's own; `ppc.ir.affine.ragged` knows it by its form."""
    return ctx.op("logical_not", ctx.op("ge", i, values.stop))


def where_inside(ctx: Context, frame: Frame, decides: Value, body: Callable[[], None]) -> None:
    """Evaluate the body of such a loop."""
    decision = branches.fork(ctx, frame, decides)
    with decision.side(True):
        body()
    with decision.side(False):
        pass
    decision.join()
    decision.choose_all()


def _longest(ctx: Context, frame: Frame, node: cst.For) -> Size | None:
    """The dimension of an array that a loop, or another to the same ends, indexes by its variable.

    None where there is no such array.
    """
    found = _indexed(ctx, frame, node)
    if found is not None:
        return found
    for function in _all(frame.module.tree, cst.FunctionDef):
        loops = list(_all(function, cst.For))
        if any(loop is node for loop in loops):
            for loop in loops:
                alike = loop is not node and _name(loop) == _name(node) != _UNNAMED
                if alike and (found := _indexed(ctx, frame, loop)) is not None:
                    return found
    return None


def _indexed(ctx: Context, frame: Frame, node: cst.For) -> Size | None:
    """The dimension of an array that the body of a loop indexes by its variable."""
    if not isinstance(node.target, cst.Name):
        return None
    for found in _all(node.body, cst.Subscript):
        for at, item in enumerate(found.slice):
            index = item.slice.value if isinstance(item.slice, cst.Index) else None
            own = isinstance(index, cst.Name) and index.value == node.target.value
            if own and (dims := _dims(ctx, frame, found.value)):
                return dims[at] if at < len(dims) else None
    return None


_Kind = TypeVar("_Kind", bound=cst.CSTNode)


def _all(root: cst.CSTNode, kind: type[_Kind]) -> Iterator[_Kind]:
    """The nodes of a kind, in the order of the text. (`libcst.matchers` takes long to import.)"""
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, kind):
            yield node
        stack.extend(reversed(node.children))


def _dims(ctx: Context, frame: Frame, node: cst.BaseExpression) -> tuple[Size, ...] | None:
    """The dimensions of an array by name, or of its rows."""
    if isinstance(node, cst.Subscript):
        whole = _dims(ctx, frame, node.value)
        picks = all(isinstance(item.slice, cst.Index) for item in node.slice)
        return whole[len(node.slice) :] if whole and picks else None
    if not isinstance(node, cst.Name):
        return None
    try:
        value = frame.find(node.value)
    except (KeyError, RejectedError, PoisonedError):
        return None
    match value:
        case Given():
            return tuple(value.dims)
        case Value():
            return tuple(Size.of(size) for size in ctx.visible(value))
        case Indexed():
            return value.sizes
    return None


_UNNAMED = "max_rounds"


def _name(node: cst.For) -> str:
    """A name for the longest of the lengths that the data tell: `max_length`."""
    call = node.iter
    if not isinstance(call, cst.Call) or not call.args or not isinstance(call.func, cst.Name):
        return _UNNAMED
    names = _all(call.args[-1], cst.Name) if call.func.value == "range" else iter(())
    return next((f"max_{name.value}" for name in names), _UNNAMED)
