"""Python's own functions, as far as models need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ppc.ir.build import Value
from ppc.ir.sizes import Size
from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.evaluate.arithmetic import simplified, truth
from ppc_frontend.evaluate.attributes import length
from ppc_frontend.evaluate.indexed import Indexed
from ppc_frontend.evaluate.iteration import iterate
from ppc_frontend.evaluate.ragged import ragged
from ppc_frontend.tensors import describe, is_tensor, printable, tensor
from ppc_frontend.values import (
    Bound,
    Builtin,
    Given,
    Numbered,
    Ref,
    Steps,
    Together,
    UserFunction,
)
from ppc_frontend.vocabulary import builders, elementwise

BUILTINS = frozenset(
    "abs all any bool dict enumerate float int isinstance len list max min pow print range "
    "reversed round sorted str sum tuple zip".split()
)


def call_builtin(ctx: Context, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call one of `BUILTINS`."""
    if name == "print":
        ctx.warnings.append(wrong.PrintIgnored(span=ctx.span))
        return None
    if name == "isinstance":
        ctx.refuse(wrong.Unsupported(span=ctx.span, what="`isinstance` in a model"))
    if name == "len":
        found = length(ctx, args[0]) if len(args) == 1 else None
        if found is not None:
            return found
    if name in {"zip", "enumerate"} and (lazy := _lazily(name, args, kwargs)) is not None:
        return lazy
    if name in {"zip", "enumerate"}:
        args = (
            [iterate(ctx, args[0]), *args[1:]]
            if name == "enumerate" and args
            else [iterate(ctx, a) for a in args]
        )
        args = [ctx.fixed(a) if isinstance(a, Size) else a for a in args]
        kwargs = {k: ctx.fixed(v) if isinstance(v, Size) else v for k, v in kwargs.items()}
    elif kwargs:
        _known_keywords(ctx, name, args, kwargs)
    if any(is_tensor(a) for a in args):
        return _on_tensor(ctx, name, args)
    if any(isinstance(a, Size) for a in args):
        return _on_size(ctx, name, args)
    if name in _SEQUENCES and len(args) == 1 and isinstance(args[0], (range, *_LAZY)):
        args = [iterate(ctx, args[0])]
    if name in {"sum", "max", "min", "any", "all"} and len(args) == 1:
        items = iterate(ctx, args[0])
        if any(isinstance(item, Value | Given | Size) for item in items):
            return _folded(ctx, name, items)
    if name == "str" and args:
        args = [printable(ctx, args[0]), *args[1:]]
    try:
        result = _FUNCTIONS[name](*args, **kwargs)
    except (TypeError, ValueError, OverflowError) as error:
        words = ", ".join(describe(a) for a in args)
        ctx.refuse(wrong.BadOperation(span=ctx.span, reason=f"{name}({words}): {error}"))
    if name in {"zip", "enumerate", "reversed"}:
        return list(result)
    return result


def _lazily(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """`zip` and `enumerate` of arrays and ranges, which a loop may go through at once."""
    arrays = args if name == "zip" else args[:1]
    if not arrays or not all(isinstance(a, (range, *_ARRAYS)) for a in arrays):
        return None
    if name == "zip":
        return None if kwargs else Together(tuple(args))
    start = kwargs.get("start", args[1] if len(args) > 1 else 0)
    fits = len(args) <= 2 and set(kwargs) <= {"start"} and isinstance(start, int | Size)
    return Numbered(args[0], start) if fits else None


_ARRAYS = (Value, Given, Indexed, Steps, Together, Numbered)


_LAZY = (Steps, Together, Numbered)
_SEQUENCES = frozenset("list tuple sorted reversed dict".split())


def _known_keywords(
    ctx: Context, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> None:
    """Refuse keywords that would be lost on tensors and sizes, and functions as keywords."""
    functions = [
        k for k, v in kwargs.items() if isinstance(v, UserFunction | Builtin | Ref | Bound)
    ]
    inside = [item for a in args for item in (a if isinstance(a, list | tuple) else [a])]
    symbolic = any(isinstance(item, Value | Given | Size) for item in inside)
    if functions or (symbolic and name != "dict"):
        keyword = (functions or list(kwargs))[0]
        ctx.refuse(wrong.Unsupported(span=ctx.span, what=f"`{keyword}=` of `{name}`"))


_FUNCTIONS: dict[str, Any] = {
    "abs": abs, "all": all, "any": any, "bool": bool, "dict": dict, "enumerate": enumerate,
    "float": float, "int": int, "len": len, "list": list, "max": max, "min": min, "pow": pow,
    "range": range, "reversed": reversed, "round": round, "sorted": sorted, "str": str,
    "sum": sum, "tuple": tuple, "zip": zip,
}  # fmt: skip


def _on_tensor(ctx: Context, name: str, args: Sequence[Any]) -> Any:
    match name, list(args):
        case "abs", [x]:
            return ctx.op("abs", tensor(ctx, x))
        case "float", [x]:
            return tensor(ctx, x, "f32")
        case "int", [x]:
            return tensor(ctx, x, "i32")
        case "round", [x]:
            return ctx.op("round", tensor(ctx, x))
        case "pow", [x, y]:
            return elementwise.binary(ctx, "pow", x=x, y=y)
        case (("max" | "min"), [x]):
            return builders.reduction(ctx, name, x=x, axis=0)
        case (("max" | "min"), [*items]):
            return _folded(ctx, name, items)
        case "sum", [x]:
            return builders.reduction(ctx, "sum", x=x, axis=0)
        case "range", [*bounds]:
            return ragged(ctx, bounds)
        case (("list" | "tuple"), [x]):
            items = iterate(ctx, x)
            return items if name == "list" else tuple(items)
    ctx.refuse(wrong.Unsupported(span=ctx.span, what=f"`{name}` of a tensor"))


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | Size) and not isinstance(value, bool)


def _on_size(ctx: Context, name: str, args: Sequence[Any]) -> Any:
    if name == "int" and len(args) == 1:
        return args[0]
    if name == "float" and len(args) == 1:
        return tensor(ctx, args[0], "f32")
    if name == "str":
        return str(ctx.fixed(args[0]))
    if name == "bool":
        return truth(ctx, args[0])
    if name == "range" and 1 <= len(args) <= 3 and all(_is_whole(a) for a in args):
        start, stop = (0, args[0]) if len(args) == 1 else args[:2]
        step = args[2] if len(args) == 3 else 1
        if isinstance(step, int) and step:
            return Steps(Size.of(start), Size.of(stop), step)
    fixed = [ctx.fixed(a) if isinstance(a, Size) else a for a in args]
    return call_builtin(ctx, name, fixed, {})


def _folded(ctx: Context, name: str, items: Sequence[Any]) -> Any:
    """`sum`, `max`, `min`, `any` or `all` of known many graph values or sizes."""
    if name == "sum" and not any(is_tensor(item) for item in items):
        return simplified(sum((Size.of(item) for item in items), Size()))
    if not any(is_tensor(item) for item in items):
        fixed = [ctx.fixed(i) if isinstance(i, Size) else i for i in items]
        return _FUNCTIONS[name](fixed)
    primitive = {
        "sum": "add", "max": "maximum", "min": "minimum", "any": "logical_or", "all": "logical_and"
    }[name]  # fmt: skip
    result = items[0]
    for item in items[1:]:
        result = ctx.op(primitive, elementwise.operand(ctx, result), elementwise.operand(ctx, item))
    return result


def is_builtin(value: Any, name: str) -> bool:
    """Whether a value is that function of Python."""
    return isinstance(value, Builtin) and value.name == name
