"""What stands behind `with`: plates and masks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import libcst as cst

from ppc.ir.build import Value
from ppc.ir.sizes import Size
from ppc.ir.types import Axis
from ppc_frontend import sites, wrong
from ppc_frontend.context import Context, Plate
from ppc_frontend.evaluate.expressions import evaluate
from ppc_frontend.scope import Frame
from ppc_frontend.tensors import describe, size, tensor
from ppc_frontend.values import Ref, RejectedError
from ppc_frontend.vocabulary import base


def open_block(ctx: Context, frame: Frame, item: cst.BaseExpression) -> None:
    """What stands behind `with`: a plate, or a mask."""
    with ctx.at(frame.module.span(item)):
        function = None
        if isinstance(item, cst.Call):
            with suppress(RejectedError):
                function = evaluate(ctx, frame, item.func)
        opener = _OPENERS.get(function.path) if isinstance(function, Ref) else None
        if not isinstance(item, cst.Call) or opener is None:
            what = "`with` of anything but inf.plate(), inf.datamodel() or inf.mask()"
            ctx.refuse(wrong.Unsupported(span=ctx.span, what=what))
        args = [evaluate(ctx, frame, a.value) for a in item.args if a.keyword is None]
        named = {
            a.keyword.value: evaluate(ctx, frame, a.value)
            for a in item.args
            if a.keyword is not None
        }
        opener(ctx, args, named)


def _open_mask(ctx: Context, args: list[Any], named: dict[str, Any]) -> None:
    """`inf.mask(condition)`: the sites inside count only where it is true."""
    bound = base.bind(ctx, "inf.mask", "condition", args, named)
    ctx.masks.append((condition(ctx, bound["condition"], "a mask"), True))


def condition(ctx: Context, value: Any, what: str) -> Value:
    """A boolean of the graph. Refuses what is none."""
    given = tensor(ctx, value)
    if given.type.dtype != "bool":
        found = f"{describe(value)} of numbers"
        ctx.refuse(wrong.NotKnown(span=ctx.span, what=f"{what} of booleans", found=found))
    return given


def _open_plate(
    function: str, signature: str, ctx: Context, args: list[Any], named: dict[str, Any]
) -> None:
    """`inf.plate(name, size)`, and `inf.datamodel(size)`, whose name is that of its size."""
    bound = base.bind(ctx, function, signature, args, named)
    default = ctx.default_plate
    if bound["name"] is not None:
        default = sites.identifier(ctx, bound["name"])
    length = Size.of(default)
    if bound["size"] not in (None, 0):
        length = size(ctx, bound["size"])
    name = default if bound["name"] is not None else length.name or default
    for plate in ctx.plates:
        if plate.axis == name:
            others = ((plate.span, "the outer one is opened here"),)
            ctx.refuse(wrong.NestedPlate(span=ctx.span, plate=name, others=others))
    sites.open_axis(ctx, Axis(name, size=length))
    if function == _DATAMODEL:
        ctx.builder.axes[name] = replace(ctx.builder.axes[name], datamodel=True)
    ctx.plates.append(Plate(name, ctx.span))


_DATAMODEL = "inf.datamodel"
_OPENERS: dict[str, Callable[..., None]] = {
    "ppc.datamodel": partial(_open_plate, _DATAMODEL, "size=None, name=None"),
    "ppc.plate": partial(_open_plate, "inf.plate", "name, size=None"),
    "ppc.mask": _open_mask,
}
