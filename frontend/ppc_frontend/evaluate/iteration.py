"""Going through the elements of a value, one round after the other."""

from __future__ import annotations

from typing import Any

from ppc.ir.build import Value
from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.evaluate.indexed import Indexed
from ppc_frontend.evaluate.indexing import index
from ppc_frontend.rounds import unrollable
from ppc_frontend.tensors import describe, tensor
from ppc_frontend.values import Given, Numbered, Steps, Together


def iterate(ctx: Context, value: Any) -> list[Any]:
    """The elements of a known sequence, or the slices of a graph value of known length."""
    match value:
        case Steps():
            ends = (ctx.fixed(value.start), ctx.fixed(value.stop), value.step)
            return iterate(ctx, range(*ends))
        case Together():
            return list(zip(*(iterate(ctx, part) for part in value.parts), strict=False))
        case Numbered():
            return list(enumerate(iterate(ctx, value.items), ctx.fixed(value.start)))
    if isinstance(value, Value | Given | Indexed):
        array = tensor(ctx, value)
        if ctx.lead(array):
            ctx.across(array, "iterating")
        if not array.type.rank:
            ctx.refuse(wrong.NotIterable(span=ctx.span, what="a scalar"))
        count = ctx.fixed(array.type.shape[0])
        unrollable(ctx, count)
        return [index(ctx, array, [i]) for i in range(count)]
    if isinstance(value, range):
        unrollable(ctx, len(value))
    if isinstance(value, list | tuple | str | range | dict):
        return list(value)
    ctx.refuse(wrong.NotIterable(span=ctx.span, what=describe(value)))
