"""Going through the elements of a value, one round after the other."""

from __future__ import annotations

from typing import Any

from ppc.ir.build import Value
from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.evaluate.indexing import index
from ppc_frontend.rounds import unrollable
from ppc_frontend.tensors import describe, tensor
from ppc_frontend.values import Given


def iterate(ctx: Context, value: Any) -> list[Any]:
    """The elements of a known sequence, or the slices of a graph value of known length."""
    if isinstance(value, Value | Given):
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
