"""Reductions over the rows of plates, which a loss may make and a model may not.

Rows that only pad a batch are left out.
"""

from __future__ import annotations

from typing import Any

from ppc.ir.build import Value
from ppc_frontend.context import Context
from ppc_frontend.tensors import integer


def split(ctx: Context, value: Value, axis: Any) -> tuple[tuple[str, ...], Any]:
    """The plates among the axes of a reduction, and the other axes, from the last: -1, -2, ..."""
    lead = [found.name for found in ctx.lead_axes(value)]
    if ctx.counted is None or not lead:
        return (), axis
    if axis is None:
        return tuple(lead), None
    places = len(lead) + value.type.rank
    items = axis if isinstance(axis, list | tuple) else (axis,)
    found = [integer(ctx, item, "an axis") for item in items]
    at = [item + places if item < 0 else item for item in found]
    plates = tuple(lead[i] for i in at if 0 <= i < len(lead))
    return plates, [i - places for i in at if not 0 <= i < len(lead)]


def total(ctx: Context, value: Value, plates: tuple[str, ...]) -> Value:
    """The sum over the rows of plates."""
    assert ctx.counted is not None
    for plate in plates:
        counts = ctx.counted[plate]
        if counts is not None:
            value = ctx.builder.op("where", counts, value, 0.0)  # by plate, not as code sees it
    return ctx.op("reduce_axis", value, op="sum", axes=plates)


def number(ctx: Context, plates: tuple[str, ...]) -> Value:
    """How many rows the plates have together, as a float."""
    assert ctx.counted is not None
    result = ctx.builder.const(1.0)
    for plate in plates:
        counts = ctx.counted[plate]
        if counts is None:
            count = ctx.builder.dim(ctx.builder.axes[plate].size)
        else:
            ones = ctx.builder.cast(counts, "f32")
            count = ctx.op("reduce_axis", ones, op="sum", axes=(plate,))
        result = ctx.op("mul", result, count)
    return result
