"""From what an expression evaluates to, to graph values and sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ppc.ir.build import Value
from ppc.ir.nodes import ConstValue
from ppc.ir.rules import show
from ppc.ir.sizes import Size
from ppc.ir.types import Axis, DType, Tensor
from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.values import (
    POISON,
    Bound,
    Builtin,
    DTypeValue,
    Elements,
    Given,
    Method,
    PoisonedError,
    Ref,
    SupportValue,
    UserFunction,
)


def is_tensor(value: Any) -> bool:
    """Whether arithmetic on a value makes nodes."""
    return isinstance(value, Value | Given | Elements)


def has_tensor(value: Any) -> bool:
    """Whether a value is, or holds, graph values."""
    if isinstance(value, list | tuple):
        return any(has_tensor(item) for item in value)
    return is_tensor(value)


def tensor(ctx: Context, value: Any, dtype: DType | None = None) -> Value:
    """A graph value; numbers and nested lists of them become constants."""
    if isinstance(value, bool | int | float):
        return _constant(ctx, value, dtype)
    result = _tensor(ctx, value)
    return ctx.builder.cast(result, dtype) if dtype else result


def _constant(ctx: Context, value: ConstValue, dtype: DType | None = None) -> Value:
    try:
        return ctx.builder.const(value, dtype)
    except OverflowError:
        what = "a number that is too large for its type"
        ctx.refuse(wrong.NotATensor(span=ctx.span, what=what))
    except ValueError:
        what = "a ragged list" if isinstance(value, tuple) else "a number without that type"
        ctx.refuse(wrong.NotATensor(span=ctx.span, what=what))


def _tensor(ctx: Context, value: Any) -> Value:
    match value:
        case Value():
            if value.name in ctx.distributions:
                ctx.refuse(wrong.DistributionIsUsed(span=ctx.span, name=value.name))
            return value
        case Given():
            return given(ctx, value)
        case Elements():
            return value.tensor(ctx)
        case Size():
            if value.value is not None:
                return _constant(ctx, value.value)
            return ctx.builder.dim(value)
        case bool() | int() | float():
            return _constant(ctx, value)
        case list() | tuple() | range():
            return _sequence(ctx, list(value))
    if value is POISON:
        raise PoisonedError
    ctx.refuse(wrong.NotATensor(span=ctx.span, what=describe(value)))


def _sequence(ctx: Context, items: list[Any]) -> Value:
    if not items:
        ctx.refuse(wrong.NotATensor(span=ctx.span, what="an empty list"))
    constant = literal(items)
    if constant is not None:
        return _constant(ctx, constant)
    parts = [_tensor(ctx, ctx.seen(item)) for item in items]
    return stack(ctx, parts, 0)


def stack(ctx: Context, parts: Sequence[Value], axis: int) -> Value:
    """Parts joined along a new visible axis."""
    widest = max(parts, key=lambda p: (ctx.lead(p), p.type.rank))
    for part in parts:  # a global part would be repeated for each row: not what stacking does
        if ctx.lead(part) != ctx.lead(widest):
            shapes = f"{show(ctx.visible(widest))} and {show(ctx.visible(part))}"
            ctx.refuse(ctx.shape_mistake(f"shapes {shapes} cannot be stacked", (widest, part)))
    at = ctx.axis(widest, axis, extra=1, what="stacking")
    return ctx.op("stack", *parts, axis=at)


def literal(value: Any) -> ConstValue | None:
    """Nested tuples of numbers from nested lists of numbers; None where there is anything else."""
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        items = [literal(item) for item in value]
        if items and all(item is not None for item in items):
            return tuple(item for item in items if item is not None)
    return None


def given(ctx: Context, value: Given) -> Value:
    """The value of an array argument, as code sees it here."""
    plates = _plates_of(ctx, value)
    key = value.name if value.array is None else id(value.array)
    if key not in ctx.given:
        ctx.given[key] = _declared(ctx, value, plates)
    node = ctx.given[key]
    open_axes = [plate.axis for plate in ctx.plates]
    for axis in reversed(plates):
        if axis not in open_axes:
            node = ctx.op("from_axis", node, axis=axis)
    return node


def _plates_of(ctx: Context, value: Given) -> list[str]:
    """The plates of the leading dimensions of an array."""
    meant = dict(ctx.assumed.plates)
    plates: list[str] = []
    for name in value.names:
        axis = meant.get(name or "")
        if axis is None or axis in plates:
            break
        plates.append(axis)
    return plates


def _declared(ctx: Context, value: Given, plates: Sequence[str]) -> Value:
    """The node of an array, on its plates."""
    for axis, name in zip(plates, value.names, strict=False):
        ctx.declare(Axis(axis, size=Size.of(name or axis)))
    order = {name: i for i, name in enumerate(ctx.builder.axes)}
    # Rows of plates in another order than theirs come as positions first.
    direct = len(plates) if plates == sorted(plates, key=order.__getitem__) else 0
    dims = value.dims[direct:]
    for name in sorted({name for dim in dims for name in dim.names}):
        if name not in ctx.builder.axes:
            ctx.builder.hypers.setdefault(name, None)
    with ctx.at(value.span):
        node = ctx.builder.data(value.name, Tensor(value.dtype, tuple(plates[:direct]), dims))
        if value.array is not None:
            ctx.arrays[node.name] = value.array
        for axis in plates[direct:]:
            node = ctx.op("to_axis", node, axis=axis)
    return node


def needs_number(ctx: Context, value: Any, what: str) -> None:
    """Refuse a loop's variable, or what depends on it, where the number of a round is needed."""
    if not isinstance(value, Value):
        return
    loop = next((lo for lo in reversed(ctx.loops) if lo.axis in value.type.axes), None)
    if loop is not None:
        ctx.refuse(
            wrong.LoopNumber(
                span=ctx.span, what=what, variable=loop.variable, sizes=ctx.settable(loop),
                others=((loop.span, "the loop is here"),),
            )
        )  # fmt: skip


def size(ctx: Context, value: Any) -> Size:
    """A size from an integer or symbolic integer. Refuses floats, graph values, negative ones."""
    if isinstance(value, int | Size) and not isinstance(value, bool):
        found = Size.of(value)
        known = ctx.known_size(found)
        if known is not None and known < 0:
            ctx.refuse(wrong.NotKnown(span=ctx.span, what="a size of 0 or more", found=str(known)))
        return found
    if value is POISON:
        raise PoisonedError
    needs_number(ctx, value, "a size")
    ctx.refuse(wrong.NotKnown(span=ctx.span, what="a size", found=describe(value)))


def shape(ctx: Context, value: Any) -> tuple[Size, ...]:
    """A shape from an integer or a list of them."""
    if isinstance(value, list | tuple):
        return tuple(size(ctx, item) for item in value)
    return (size(ctx, value),)


def elements(ctx: Context, value: Any, what: str) -> list[Any]:
    """The elements of a list or tuple. Refuses anything else, and an empty one."""
    if isinstance(value, list | tuple) and value:
        return list(value)
    if isinstance(value, Elements):
        value.refuse(ctx, what)
    if value is POISON:
        raise PoisonedError
    found = "an empty list" if isinstance(value, list | tuple) else describe(value)
    ctx.refuse(wrong.NotKnown(span=ctx.span, what=what, found=found))


def integer(ctx: Context, value: Any, what: str) -> int:
    """An integer that decides structure: an axis, a number of parts."""
    if isinstance(value, int):
        return value
    if isinstance(value, Size):
        return ctx.fixed(value)
    if value is POISON:
        raise PoisonedError
    needs_number(ctx, value, what)
    ctx.refuse(wrong.NotKnown(span=ctx.span, what=what, found=describe(value)))


def printable(ctx: Context, value: Any) -> Any:
    """A value whose text is the user's: numbers, strings and containers of them."""
    match value:
        case Size():
            return ctx.fixed(value)
        case None | bool() | int() | float() | str():
            return value
        case list():
            return [printable(ctx, item) for item in value]
        case tuple():
            return tuple(printable(ctx, item) for item in value)
    if value is POISON:
        raise PoisonedError
    needs_number(ctx, value, "a text")
    ctx.refuse(wrong.Unsupported(span=ctx.span, what=f"the text of {describe(value)}"))


def describe(value: Any) -> str:
    """A value in a user's words."""
    match value:
        case Value() | Given():
            return "a tensor"
        case Size():
            return f"the size {value}"
        case None:
            return "None"
        case bool() | int() | float() | str():
            return repr(value)
        case list() | tuple() | dict():
            return f"a {type(value).__name__}"
        case Ref():
            return value.path
        case UserFunction():
            return f"the function {value.name}"
        case Builtin() | Method():
            return f"the function {value.name}"
        case Bound():
            return "a function"
        case DTypeValue():
            return f"the dtype {value.dtype}"
        case SupportValue():
            return f"the support {value.kind}"
    return getattr(value, "described", f"a {type(value).__name__}")
