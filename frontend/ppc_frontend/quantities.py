"""Terms of the log density and recorded quantities: `inf.factor(...)`, `inf.deterministic(...)`."""

from __future__ import annotations

from typing import Any

from ppc.ir.build import Value
from ppc.ir.rules import show
from ppc.ir.types import Tensor
from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.sites import claim, masked, outside_plates
from ppc_frontend.tensors import tensor


def factor(ctx: Context, *, value: Any, name: Any = None) -> None:
    """A term of the log density: a number, or one for each row of the plates around."""
    places = dict(ctx.bound_places)
    with ctx.at(places.get("value", ctx.span)):
        found = _rows(ctx, tensor(ctx, value, "f32"))
        outside_plates(ctx, found, 0)
        if found.type.rank:
            shape = show(ctx.visible(found))
            ctx.refuse(wrong.FactorShape(span=ctx.span, shape=shape))
    type_ = _typed(ctx, found)
    _site(ctx, "Factor", found, type_, name, masked(ctx, type_, 0))


def deterministic(ctx: Context, *, value: Any, name: Any = None) -> Value:
    """A quantity under a name, which results report: the value itself, to the model."""
    places = dict(ctx.bound_places)
    with ctx.at(places.get("value", ctx.span)):
        found = _rows(ctx, tensor(ctx, value))
    return _site(ctx, "Deterministic", found, _typed(ctx, found), name, {})


def _rows(ctx: Context, value: Value) -> Value:
    """A value with its rows on the axes of the plates around."""
    if ctx.plates and not ctx.lead(value):
        return ctx.as_rows(value, value.type.rank)
    return value


def _typed(ctx: Context, value: Value) -> Tensor:
    """The type of what has a row wherever the value or a plate around has one."""
    named = {*value.type.axes, *ctx.rows()}
    return value.type.with_axes(axis for axis in ctx.builder.axes if axis in named)


def _site(
    ctx: Context, kind: str, value: Value, type_: Tensor, name: Any, attrs: dict[str, str]
) -> Value:
    places = dict(ctx.bound_places)
    own = ""
    if name is not None:
        with ctx.at(places.get("name", ctx.span)):
            own = claim(ctx, name)
    role = "factor" if kind == "Factor" else "deterministic"
    made = ctx.builder.sample(
        own or role,
        kind,
        {"value": value},
        type_,
        attrs=attrs,
        role=role,  # type: ignore[arg-type]  # a Role
    )
    ctx.sites_of[made.name] = own
    ctx.orders[made.name] = tuple(ctx.rows())
    return made
