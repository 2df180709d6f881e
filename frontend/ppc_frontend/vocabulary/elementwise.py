"""Builders of elementwise functions. Keywords are these builders' own."""

from __future__ import annotations

import math
from typing import Any

from ppc.ir.build import Value
from ppc.ir.types import DType
from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.tensors import describe, tensor
from ppc_frontend.values import DTypeValue


def unary(ctx: Context, primitive: str, *, x: Any) -> Any:
    """One primitive on one operand."""
    return ctx.op(primitive, tensor(ctx, x))


def binary(ctx: Context, primitive: str, *, x: Any, y: Any) -> Any:
    """One primitive on two operands."""
    first, second = operand(ctx, x), operand(ctx, y)
    if primitive == "pow":
        return power(ctx, first, second)
    return ctx.op(primitive, first, second)


def power(ctx: Context, base: Value | float, exponent: Value | float) -> Value:
    """A power. Refuses an integer to a negative one, as NumPy does."""
    below = exponent if not isinstance(exponent, Value) else ctx.constant(exponent)
    whole = isinstance(base, int) or (isinstance(base, Value) and base.type.dtype != "f32")
    if whole and isinstance(below, int) and below < 0:
        reason = f"an integer ** {below}: make the base a float, as 1.0 * x"
        ctx.refuse(wrong.BadOperation(span=ctx.span, reason=reason))
    return ctx.op("pow", base, exponent)


def operand(ctx: Context, value: Any) -> Value | bool | int | float:
    """A graph value, or a number as it is."""
    return value if isinstance(value, bool | int | float) else tensor(ctx, value)


def elu(ctx: Context, *, x: Any, alpha: Any = 1.0) -> Value:
    """x where positive, alpha (exp(x) - 1) elsewhere."""
    v = tensor(ctx, x, "f32")
    negative = ctx.op("expm1", ctx.op("minimum", v, 0.0))
    return ctx.op("where", ctx.op("gt", v, 0.0), v, ctx.op("mul", negative, operand(ctx, alpha)))


def selu(ctx: Context, *, x: Any) -> Value:
    """Scaled ELU (Klambauer et al., 2017)."""
    return ctx.op("mul", elu(ctx, x=x, alpha=1.6732632423543772), 1.0507009873554805)


def gelu(ctx: Context, *, x: Any, approximate: Any = False) -> Value:
    """x Phi(x), or its approximation by tanh (Hendrycks and Gimpel, 2016)."""
    v = tensor(ctx, x, "f32")
    if not approximate:
        return ctx.op("mul", v, ctx.op("ndtr", v))
    cubic = ctx.op("add", v, ctx.op("mul", ctx.op("mul", v, ctx.op("square", v)), 0.044715))
    inner = ctx.op("mul", cubic, math.sqrt(2.0 / math.pi))
    return ctx.op("mul", ctx.op("mul", v, 0.5), ctx.op("add", ctx.op("tanh", inner), 1.0))


def silu(ctx: Context, *, x: Any, beta: Any = 1.0) -> Value:
    """x sigmoid(beta x)."""
    v = tensor(ctx, x, "f32")
    inner = v if beta == 1.0 else ctx.op("mul", v, operand(ctx, beta))
    return ctx.op("mul", v, ctx.op("sigmoid", inner))


def leaky_relu(ctx: Context, *, x: Any, alpha: Any = 0.2) -> Value:
    """x where positive, alpha x elsewhere."""
    v = tensor(ctx, x, "f32")
    return ctx.op("where", ctx.op("ge", v, 0.0), v, ctx.op("mul", v, operand(ctx, alpha)))


def relu6(ctx: Context, *, x: Any) -> Value:
    """x between 0 and 6."""
    return ctx.op("minimum", ctx.op("relu", tensor(ctx, x)), 6.0)


def softsign(ctx: Context, *, x: Any) -> Value:
    """x / (1 + |x|)."""
    v = tensor(ctx, x, "f32")
    return ctx.op("div", v, ctx.op("add", ctx.op("abs", v), 1.0))


def hard_tanh(ctx: Context, *, x: Any) -> Value:
    """x between -1 and 1."""
    return clip(ctx, x=x, low=-1.0, high=1.0)


def logit(ctx: Context, *, x: Any) -> Value:
    """log(x / (1 - x))."""
    v = tensor(ctx, x, "f32")
    return ctx.op("sub", ctx.op("log", v), ctx.op("log1p", ctx.op("neg", v)))


def reciprocal(ctx: Context, *, x: Any) -> Value:
    """1 / x."""
    return ctx.op("div", 1.0, tensor(ctx, x, "f32"))


def squared_difference(ctx: Context, *, x: Any, y: Any) -> Value:
    """(x - y) squared."""
    return ctx.op("square", binary(ctx, "sub", x=x, y=y))


def base_log(ctx: Context, base: float, *, x: Any) -> Value:
    """Logarithm to another base."""
    return ctx.op("div", ctx.op("log", tensor(ctx, x)), math.log(base))


def clip(ctx: Context, *, x: Any, low: Any = None, high: Any = None) -> Value:
    """x between bounds; None is no bound."""
    value = tensor(ctx, x)
    if low is not None:
        value = ctx.op("maximum", value, operand(ctx, low))
    if high is not None:
        value = ctx.op("minimum", value, operand(ctx, high))
    return value


def where(ctx: Context, *, condition: Any, x: Any = None, y: Any = None) -> Value:
    """x where the condition holds, y elsewhere."""
    if x is None or y is None:
        ctx.refuse(
            wrong.UnsupportedArgument(span=ctx.span, function="where", name="x", value="None")
        )
    return ctx.op("where", tensor(ctx, condition, "bool"), operand(ctx, x), operand(ctx, y))


def cast(ctx: Context, *, x: Any, dtype: Any) -> Value:
    """Another dtype: the graph has one float, one integer and one boolean."""
    return tensor(ctx, x, dtype_of(ctx, dtype))


def dtype_of(ctx: Context, dtype: Any) -> DType | None:
    """The graph's dtype for a library's, its name, or a Python type; None for None."""
    match dtype:
        case None:
            return None
        case DTypeValue():
            return dtype.dtype
        case str() if dtype in DTYPE_NAMES:
            return DTYPE_NAMES[dtype]
    name = getattr(dtype, "name", None)
    if name in {"float", "int", "bool"}:
        return {"float": "f32", "int": "i32", "bool": "bool"}[name]  # type: ignore[return-value]
    ctx.refuse(wrong.NotKnown(span=ctx.span, what="a dtype", found=describe(dtype)))


DTYPE_NAMES: dict[str, DType] = {
    **dict.fromkeys(("float16", "bfloat16", "float32", "float64", "float_", "double"), "f32"),
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint8", "uint32", "int_"), "i32"),
    **dict.fromkeys(("bool", "bool_"), "bool"),
}
