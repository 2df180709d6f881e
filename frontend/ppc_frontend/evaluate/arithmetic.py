"""Operators: on known numbers now, on sizes symbolically, on graph values as nodes."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import libcst as cst

from ppc.ir.build import Value
from ppc.ir.sizes import Size
from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.tensors import describe, has_tensor, is_tensor, needs_number, tensor
from ppc_frontend.values import POISON, Elements, Given, PoisonedError
from ppc_frontend.vocabulary import builders, elementwise, products

BINARY: dict[type[cst.CSTNode], tuple[str, str]] = {  # symbol, primitive
    cst.Add: ("+", "add"),
    cst.Subtract: ("-", "sub"),
    cst.Multiply: ("*", "mul"),
    cst.Divide: ("/", "div"),
    cst.FloorDivide: ("//", "floordiv"),
    cst.Modulo: ("%", "mod"),
    cst.Power: ("**", "pow"),
    cst.MatrixMultiply: ("@", "matmul"),
    cst.BitAnd: ("&", "logical_and"),
    cst.BitOr: ("|", "logical_or"),
    cst.BitXor: ("^", "logical_xor"),
    cst.AddAssign: ("+", "add"),
    cst.SubtractAssign: ("-", "sub"),
    cst.MultiplyAssign: ("*", "mul"),
    cst.DivideAssign: ("/", "div"),
    cst.FloorDivideAssign: ("//", "floordiv"),
    cst.ModuloAssign: ("%", "mod"),
    cst.PowerAssign: ("**", "pow"),
    cst.MatrixMultiplyAssign: ("@", "matmul"),
}

_PYTHON: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "//": operator.floordiv, "%": operator.mod, "**": operator.pow, "&": operator.and_,
    "|": operator.or_, "^": operator.xor,
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip

COMPARE: dict[type[cst.CSTNode], tuple[str, str]] = {
    cst.Equal: ("==", "eq"),
    cst.NotEqual: ("!=", "ne"),
    cst.LessThan: ("<", "lt"),
    cst.LessThanEqual: ("<=", "le"),
    cst.GreaterThan: (">", "gt"),
    cst.GreaterThanEqual: (">=", "ge"),
}


_COMPARISONS = frozenset(symbol for symbol, _ in COMPARE.values())


def binary(ctx: Context, kind: type[cst.CSTNode], left: Any, right: Any) -> Any:
    """A binary operator on two values."""
    if kind not in BINARY:
        ctx.refuse(wrong.Unsupported(span=ctx.span, what=f"the operator {kind.__name__}"))
    symbol, primitive = BINARY[kind]
    return _operate(ctx, symbol, primitive, left, right)


def by_symbol(ctx: Context, symbol: str, left: Any, right: Any) -> Any:
    """A binary operator, by how it is written, on two values."""
    return _operate(ctx, symbol, dict(BINARY.values())[symbol], left, right)


def _operate(ctx: Context, symbol: str, primitive: str, left: Any, right: Any) -> Any:
    if left is POISON or right is POISON:
        raise PoisonedError
    for mine, other in ((left, right), (right, left)):
        # With an array, a list is one too; else `+` and `*` are Python's.
        if isinstance(mine, Elements) and mine.is_list and not isinstance(other, Value | Given):
            mine.refuse(ctx, f"`{symbol}`")
    if is_tensor(left) or is_tensor(right):
        return _on_tensors(ctx, symbol, primitive, left, right)
    if isinstance(left, Size) or isinstance(right, Size):
        return _on_sizes(ctx, symbol, primitive, left, right)
    _bounded(ctx, symbol, left, right)
    try:
        return _PYTHON[symbol](left, right)
    except (TypeError, ValueError, ArithmeticError, KeyError) as error:
        if symbol == "@":
            return products.matmul(ctx, x=left, y=right)
        words = f"{describe(left)} {symbol} {describe(right)}"
        ctx.refuse(wrong.BadOperation(span=ctx.span, reason=f"{words}: {error}"))


_MOST_BITS = 4096  # of an integer that is computed now
_MOST_ITEMS = 100_000  # of a list or string that is computed now


def _bounded(ctx: Context, symbol: str, left: Any, right: Any) -> None:
    """Refuse what Python would take all memory or hours for; graph values inside lists too."""
    too_large = False
    if symbol == "**" and isinstance(left, int) and isinstance(right, int):
        too_large = right > 0 and abs(left) > 1 and left.bit_length() * right > _MOST_BITS
    elif symbol == "*":
        pairs = ((left, right), (right, left))
        too_large = any(
            isinstance(items, list | tuple | str)
            and isinstance(times, int)
            and len(items) * times > _MOST_ITEMS
            for items, times in pairs
        )
    elif symbol in _COMPARISONS and (has_tensor(left) or has_tensor(right)):
        ctx.refuse(wrong.BranchOnTensor(span=ctx.span, what=f"`{symbol}`"))
    if too_large:
        words = f"{describe(left)} {symbol} {describe(right)}: the result is too large"
        ctx.refuse(wrong.BadOperation(span=ctx.span, reason=words))


def _on_tensors(ctx: Context, symbol: str, primitive: str, left: Any, right: Any) -> Any:
    if symbol == "@":
        return products.matmul(ctx, x=left, y=right)
    if symbol in {"&", "|", "^"}:
        _needs_booleans(ctx, f"`{symbol}`", left, right)
    if symbol in {"+", "-"} and _is_boolean(left) and _is_boolean(right):
        help_ = "booleans do not add up in NumPy: cast them by .astype(int), or use `|`"
        ctx.refuse(
            wrong.BadOperation(span=ctx.span, reason=f"a boolean {symbol} a boolean: {help_}")
        )
    if symbol == "**" and isinstance(right, int | float) and right == 2:
        return ctx.op("square", tensor(ctx, left))
    if symbol in {"==", "!="} and (left is None or right is None):
        return symbol == "!="
    return elementwise.binary(ctx, primitive, x=left, y=right)


def _is_boolean(value: Any) -> bool:
    """Whether a value is a boolean, or a tensor of them."""
    if isinstance(value, Value | Given):
        return (value.type.dtype if isinstance(value, Value) else value.dtype) == "bool"
    return isinstance(value, bool)


def _needs_booleans(ctx: Context, what: str, *operands: Any) -> None:
    """Refuse operands that are not booleans: on them `&`, `and` and their kin mean other things."""
    for value in operands:
        if not _is_boolean(value):
            reason = f"{what} of {describe(value)} that is not boolean"
            ctx.refuse(wrong.Unsupported(span=ctx.span, what=reason))


def both(ctx: Context, primitive: str, left: Any, right: Any) -> Value:
    """`left and right`, `left or right` of booleans, at least one a tensor."""
    _needs_booleans(ctx, f"`{primitive.removeprefix('logical_')}`", left, right)
    return ctx.op(primitive, elementwise.operand(ctx, left), elementwise.operand(ctx, right))


def _on_sizes(ctx: Context, symbol: str, primitive: str, left: Any, right: Any) -> Any:
    """Arithmetic on sizes stays symbolic where the result is a polynomial, else makes nodes."""
    whole = all(isinstance(v, int | Size) and not isinstance(v, bool) for v in (left, right))
    if whole:
        a, b = Size.of(left), Size.of(right)
        match symbol:
            case "+":
                return simplified(a + b)
            case "-":
                return simplified(a - b)
            case "*":
                return simplified(a * b)
            case "//" if b.value is not None and b.value > 0:
                return simplified(a // b.value)
            case "%" if b.value is not None and b.value > 0:
                return simplified(a - (a // b.value) * b.value)
            case "**" if b.value is not None and 0 <= b.value <= 16:
                power = Size.of(1)
                for _ in range(b.value):
                    power = power * a
                return simplified(power)
            case "//":
                exact = builders.quotient(a, b)
                return simplified(exact) if exact is not None else ctx.fixed(a) // ctx.fixed(b)
            case "==" | "!=" | "<" | "<=" | ">" | ">=":
                return _compare_sizes(ctx, symbol, a, b)
    if isinstance(left, list | tuple | str) or isinstance(right, list | tuple | str):
        if symbol == "*":  # repetition: the number of elements is structure
            return _PYTHON["*"](
                ctx.fixed(left) if isinstance(left, Size) else left,
                ctx.fixed(right) if isinstance(right, Size) else right,
            )
        if symbol in {"==", "!="}:
            return symbol == "!="
    if left is None or right is None:
        return symbol == "!="
    return ctx.op(primitive, number(ctx, left), number(ctx, right))


def number(ctx: Context, value: Any) -> Value | bool | int | float:
    """A number or the graph value of a size."""
    return elementwise.operand(ctx, value)


def simplified(value: Size) -> Size | int:
    """An integer where the size is one."""
    return value if value.value is None else value.value


def _compare_sizes(ctx: Context, symbol: str, a: Size, b: Size) -> bool:
    """A comparison of sizes decides structure, unless it holds for every value of the names."""
    difference = (a - b).value
    if difference is not None:
        return bool(_PYTHON[symbol](difference, 0))
    return bool(_PYTHON[symbol](ctx.fixed(a), ctx.fixed(b)))


def compare(ctx: Context, kind: cst.BaseCompOp, left: Any, right: Any) -> Any:
    """One comparison."""
    if left is POISON or right is POISON:
        raise PoisonedError
    match kind:
        case cst.Is() | cst.IsNot():
            same = left is right or (left == right if isinstance(left, bool) else False)
            return same if isinstance(kind, cst.Is) else not same
        case cst.In() | cst.NotIn():
            if has_tensor(left) or has_tensor(right):
                ctx.refuse(wrong.BranchOnTensor(span=ctx.span, what="`in`"))
            try:
                found = left in right
            except TypeError as error:
                words = f"{describe(left)} in {describe(right)}"
                ctx.refuse(wrong.BadOperation(span=ctx.span, reason=f"{words}: {error}"))
            return found if isinstance(kind, cst.In) else not found
    symbol, primitive = COMPARE[type(kind)]
    return _operate(ctx, symbol, primitive, left, right)


def unary(ctx: Context, kind: cst.BaseUnaryOp, value: Any) -> Any:
    """`-x`, `+x`, `not x`, `~x`."""
    if value is POISON:
        raise PoisonedError
    match kind:
        case cst.Minus():
            if is_tensor(value):
                if _is_boolean(value):
                    reason = "-: a boolean has no negative; `~` is its complement"
                    ctx.refuse(wrong.BadOperation(span=ctx.span, reason=reason))
                return ctx.op("neg", tensor(ctx, value))
            return _python_unary(ctx, operator.neg, value, "-")
        case cst.Plus():
            return value if is_tensor(value) else _python_unary(ctx, operator.pos, value, "+")
        case cst.Not():
            if is_tensor(value):
                return ctx.op("logical_not", tensor(ctx, value, "bool"))
            return not truth(ctx, value)
        case cst.BitInvert():
            if is_tensor(value):
                _needs_booleans(ctx, "`~`", value)
                return ctx.op("logical_not", tensor(ctx, value))
            return _python_unary(ctx, operator.invert, value, "~")
    ctx.refuse(wrong.Unsupported(span=ctx.span, what=type(kind).__name__))


def _python_unary(ctx: Context, function: Callable[[Any], Any], value: Any, symbol: str) -> Any:
    if isinstance(value, Size):
        return simplified(-value) if symbol == "-" else value
    try:
        return function(value)
    except TypeError as error:
        ctx.refuse(wrong.BadOperation(span=ctx.span, reason=f"{symbol}{describe(value)}: {error}"))


def truth(ctx: Context, value: Any, what: str = "`if`") -> bool:
    """Whether a known value is true. Refuses graph values; a size must be fixed."""
    if value is POISON:
        raise PoisonedError
    if is_tensor(value):
        needs_number(ctx, value, f"a decision by {what}")
        ctx.refuse(wrong.BranchOnTensor(span=ctx.span, what=what))
    if isinstance(value, Size):
        return bool(ctx.fixed(value))
    return bool(value)
