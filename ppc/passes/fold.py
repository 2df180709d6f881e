"""Constant folding and exact identities.

What: operations on constants are computed now, in double precision; a broadcast constant enters
an elementwise operation as the number; identities that hold for every value (NaN and infinities
included, or only more accurate than what they replace) are applied.
Before: `a = broadcast_to(1.0; (k)); b = a * 0.1; c = x - b; d = c / 1.0`.  After: `d = x - 0.1`.
When not: `0 * x` stays (x may be infinite), and so does what would overflow or leave the reals.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping

from ppc.ir import ops
from ppc.ir.build import Builder, Number, Value
from ppc.ir.nodes import Const, Graph, Node, Op, is_named
from ppc.ir.primitives import PRIMITIVES


def run(graph: Graph) -> Graph:
    """The graph with constants folded."""
    builder = Builder.like(graph)
    env: dict[str, str] = {}
    for node in graph.nodes:
        with builder.at(node.span):
            simpler = _simplified(builder, node, env) if isinstance(node, Op) else None
            if simpler is None:
                builder.copy(node, env)
            else:
                env[node.name] = simpler.name
                if is_named(node):
                    builder.suggest(simpler, node.name)
    for result, name in graph.outputs:
        builder.output(result, builder.value(env[name]))
    return builder.build()


def _simplified(builder: Builder, node: Op, env: dict[str, str]) -> Value | None:
    """A value equal to `node` and simpler, or None."""
    args = [builder.value(env[name]) for name in node.args]
    if node.primitive == "dim":
        return None
    if PRIMITIVES[node.primitive].elementwise:
        return _elementwise(builder, node, args)
    if node.primitive == "broadcast_to":
        inner = builder.nodes[args[0].name]
        if args[0].type == node.type:
            return args[0]
        if isinstance(inner, Op) and inner.primitive == "broadcast_to":
            return ops.broadcast_to(builder.value(inner.args[0]), node.type.shape)
    if node.primitive == "reshape" and args[0].type == node.type:
        return args[0]
    return None


def _elementwise(builder: Builder, node: Op, args: list[Value]) -> Value | None:
    bare = [_number_inside(builder, arg) for arg in args]
    numbers = [_number(builder, value) for value in bare]
    folded = _folded(node, numbers)
    if folded is not None:
        return builder.full(folded, node.type)
    if bare != args:
        attrs = dict(node.attrs)
        thinner = builder.op(node.primitive, *bare, name=node.name, **attrs)  # type: ignore[arg-type]  # no attribute is called span
        if thinner.type == node.type:
            last = builder.nodes[thinner.name]
            assert isinstance(last, Op)
            simpler = _identity(builder, last, bare, numbers)
            return thinner if simpler is None else simpler
        del builder.nodes[thinner.name]
    return _identity(builder, node, args, numbers)


def _number_inside(builder: Builder, value: Value) -> Value:
    """The scalar constant that `value` repeats, if it does; else `value`."""
    node = builder.nodes[value.name]
    if isinstance(node, Op) and node.primitive == "broadcast_to":
        inner = builder.nodes[node.args[0]]
        if isinstance(inner, Const) and not inner.type.rank:
            return builder.value(inner.name)
    return value


def _number(builder: Builder, value: Value) -> Number | None:
    node: Node = builder.nodes[value.name]
    if isinstance(node, Const) and not isinstance(node.value, tuple):
        return node.value
    return None


def _folded(node: Op, numbers: list[Number | None]) -> Number | None:
    function = _FOLD.get(node.primitive)
    known = [number for number in numbers if number is not None]
    if function is None or len(known) < len(numbers):
        return None
    try:
        result = function(*known)
    except (ValueError, OverflowError, ZeroDivisionError):
        return None
    if isinstance(result, complex) or not math.isfinite(result):
        return None
    return result


def _identity(
    builder: Builder, node: Op, args: list[Value], numbers: list[Number | None]
) -> Value | None:
    """An operand, or one operation on one, that equals the node."""
    kept = _neutral(node.primitive, args, numbers)
    if kept is not None and kept.type == node.type:
        return kept
    inner = [builder.nodes[arg.name] for arg in args]
    match node.primitive, inner:
        case (("add" | "sub"), [_, _]) if numbers[1] is not None and node.type.is_float:
            shift = float(numbers[1]) if node.primitive == "add" else -float(numbers[1])
            return _shifted(builder, node, args[0], shift)
        case "neg", [Op(primitive="neg", args=(x,))]:
            return builder.value(x)
        case "log", [Op(primitive="exp", args=(x,))]:
            return builder.value(x)
        case "log", [Op(primitive="div", args=(x, y))] if _is_exp(builder, x, y):
            # log(exp(a) / b) = a - log(b), with fewer roundings; likewise below the line.
            logs = [_log(builder, builder.value(name)) for name in (x, y)]
            return logs[0] - logs[1]
        case "cast", [_] if args[0].type == node.type:
            return args[0]
        case "mul", [_, Op(primitive="mul", args=(a, b))] if numbers[0] is not None:
            scale = _number(builder, builder.value(a))
            if scale is not None and node.type.is_float:
                return _same(builder.value(b) * (float(numbers[0]) * scale), node)
        case "mul", [_, _] if numbers[0] == -1 and args[1].type == node.type:
            return -args[1]
        case "sub", [_, _] if numbers[0] == 0 and args[1].type == node.type:
            return -args[1]
        case "mul", [_, _] if numbers[1] is not None and numbers[0] is None:
            # Constants stand in front, so that products of them meet.
            return _same(builder.op("mul", args[1], args[0], name=node.name), node)
    return None


def _shifted(builder: Builder, node: Op, x: Value, shift: float) -> Value | None:
    """x + shift, with a constant that x already has added merged, written as the plainer of + -."""
    inner = builder.nodes[x.name]
    merged = False
    if isinstance(inner, Op) and inner.primitive in ("add", "sub"):
        before = _number(builder, builder.value(inner.args[1]))
        if before is not None:
            shift += float(before) if inner.primitive == "add" else -float(before)
            x, merged = builder.value(inner.args[0]), True
    plain = "sub" if shift < 0 else "add"
    if not merged and plain == node.primitive:
        return None
    return _same(builder.op(plain, x, builder.const(abs(shift)), name=_own_name(node)), node)


def _own_name(node: Op) -> str | None:
    return node.name if is_named(node) else None


def _is_exp(builder: Builder, *names: str) -> bool:
    nodes = [builder.nodes[name] for name in names]
    return any(isinstance(node, Op) and node.primitive == "exp" for node in nodes)


def _log(builder: Builder, value: Value) -> Value:
    """log(value), or what it is the exponential of."""
    node = builder.nodes[value.name]
    if isinstance(node, Op) and node.primitive == "exp":
        return builder.value(node.args[0])
    number = _number(builder, value)
    if number is not None and number > 0:
        return builder.const(math.log(number))
    return ops.log(value)


def _same(value: Value, node: Op) -> Value | None:
    return value if value.type == node.type else None


def _neutral(primitive: str, args: list[Value], numbers: list[Number | None]) -> Value | None:
    match primitive, numbers:
        case ("add", [0, None]) | ("mul", [1, None]):
            return args[1]
        case ("add" | "sub", [None, 0]) | ("mul" | "div" | "pow", [None, 1]):
            return args[0]
        case "where", [(True | False) as taken, *_]:
            return args[1] if taken else args[2]
    return None


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


_FOLD: Mapping[str, Callable[..., Number]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "pow": operator.pow,
    "neg": operator.neg,
    "abs": abs,
    "square": lambda x: x * x,
    "maximum": max,
    "minimum": min,
    "exp": math.exp,
    "expm1": math.expm1,
    "log": math.log,
    "log1p": math.log1p,
    "sqrt": math.sqrt,
    "lgamma": math.lgamma,
    "sigmoid": _sigmoid,
    "log_sigmoid": lambda x: -_softplus(-x),
    "softplus": _softplus,
    "erf": math.erf,
    "erfc": math.erfc,
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "logical_not": operator.not_,
    "logical_and": lambda a, b: a and b,
    "logical_or": lambda a, b: a or b,
    "stop_gradient": lambda x: x,
}
