"""Constant folding and exact identities.

What: operations on constants are computed now, in double precision; a broadcast constant enters
an elementwise operation as the number, and a small constant matrix is factored; identities that
hold for every value (NaN and infinities included, or only more accurate than what they replace)
are applied.
Before: `a = broadcast_to(1.0; (k)); b = a * 0.1; c = x - b; d = c / 1.0`.  After: `d = x - 0.1`.
When not: `0 * x` stays (x may be infinite), and so does what would overflow or leave the reals.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import cast

from ppc.ir import ops
from ppc.ir.build import Builder, Number, Value
from ppc.ir.nodes import Const, ConstValue, Graph, Node, Op, Region, is_named
from ppc.ir.primitives import PRIMITIVES
from ppc.passes.matrices import MATRICES, Matrix
from ppc.passes.numbers import NUMBERS

_MOST_ELEMENTS = 64  # of an array that is computed now: one that a reader still takes in


def run(graph: Graph) -> Graph:
    """The graph with constants folded."""
    builder = Builder.like(graph)
    env: dict[str, str] = {}
    for node in graph.nodes:
        with builder.at(node.span):
            simpler = _simplified(builder, node, env) if isinstance(node, Op) else None
            if isinstance(node, Region):
                node = replace(node, body=run(node.body))
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
    if node.primitive in MATRICES:
        return _matrix(builder, node, args[0])
    return _reduced(builder, node, args[0]) if node.primitive in _REDUCE else None


def _matrix(builder: Builder, node: Op, x: Value) -> Value | None:
    """What an operation on a small constant matrix gives."""
    inner = builder.nodes[x.name]
    if not isinstance(inner, Const) or inner.type.rank != 2 or inner.type.axes:
        return None
    if not _few(inner.value):
        return None
    try:
        value = MATRICES[node.primitive](cast("Matrix", inner.value))
    except ValueError:
        return None
    return builder.const(value, node.type.dtype)


def _elementwise(builder: Builder, node: Op, args: list[Value]) -> Value | None:
    bare = [_number_inside(builder, arg) for arg in args]
    numbers = [_number(builder, value) for value in bare]
    folded = _folded(node, numbers)
    if folded is not None:
        return builder.full(folded, node.type)
    array = _folded_array(builder, node, bare)
    if array is not None:
        return array
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
    if isinstance(node, Const) and node.type.rank:
        elements = _few(node.value)
        if elements and len({repr(x) for x in elements}) == 1:
            return builder.const(elements[0], node.type.dtype)
    return value


def _few(value: ConstValue) -> list[Number]:
    """The elements of a constant, where they are few; else none."""
    elements = list(itertools.islice(_elements(value), _MOST_ELEMENTS + 1))
    return elements if len(elements) <= _MOST_ELEMENTS else []


def _elements(value: ConstValue) -> Iterator[Number]:
    if isinstance(value, tuple):
        for item in value:
            yield from _elements(item)
    else:
        yield value


def _number(builder: Builder, value: Value) -> Number | None:
    node: Node = builder.nodes[value.name]
    if isinstance(node, Const) and not isinstance(node.value, tuple):
        return node.value
    return None


def _folded(node: Op, numbers: list[Number | None]) -> Number | None:
    function = NUMBERS.get(node.primitive)
    known = [number for number in numbers if number is not None]
    if function is None or len(known) < len(numbers):
        return None
    return _finite(function, known)


def _finite(function: Callable[..., Number], numbers: Sequence[Number]) -> Number | None:
    try:
        result = function(*numbers)
    except (ValueError, OverflowError, ZeroDivisionError):
        return None
    return None if isinstance(result, complex) or not math.isfinite(result) else result


def _folded_array(builder: Builder, node: Op, args: list[Value]) -> Value | None:
    """The array that an operation on small constant arrays, and numbers, gives."""
    function = NUMBERS.get(node.primitive)
    nodes = [builder.nodes[arg.name] for arg in args]
    known = [inner for inner in nodes if isinstance(inner, Const)]
    shape = [size.value or 0 for size in node.type.shape]
    if function is None or len(known) < len(args) or not 0 < math.prod(shape) <= _MOST_ELEMENTS:
        return None
    ranks = [inner.type.rank for inner in known]
    try:
        value = _mapped(function, [inner.value for inner in known], ranks, shape)
    except ValueError:
        return None
    return builder.const(value, node.type.dtype)


def _mapped(
    function: Callable[..., Number], values: list[ConstValue], ranks: list[int], shape: list[int]
) -> ConstValue:
    """The function of each element, the values broadcast from the right. Raises ValueError."""
    if not shape:
        result = _finite(function, [value for value in values if not isinstance(value, tuple)])
        if result is None:
            raise ValueError
        return result
    rows, inner = [], [rank - (rank == len(shape)) for rank in ranks]
    for i in range(shape[0]):
        each = [
            value[i if len(value) > 1 else 0]
            if isinstance(value, tuple) and rank == len(shape)
            else value
            for value, rank in zip(values, ranks, strict=True)
        ]
        rows.append(_mapped(function, each, inner, shape[1:]))
    return tuple(rows)


_REDUCE: dict[str, Callable[[list[Number]], Number]] = {
    "sum": math.fsum, "prod": math.prod, "max": max, "min": min,
}  # fmt: skip


def _reduced(builder: Builder, node: Op, x: Value) -> Value | None:
    """A reduction of a small constant vector, or of a number repeated in one, as a number."""
    size = x.type.shape[0].value if x.type.rank == 1 else None
    inner = builder.nodes[_number_inside(builder, x).name]
    if size is None or not 0 < size <= _MOST_ELEMENTS or not isinstance(inner, Const):
        return None
    if dict(node.attrs)["axes"] != (-1,):
        return None
    elements = list(_elements(inner.value))
    total = _finite(
        lambda *xs: _REDUCE[node.primitive](list(xs)),
        elements * (size if len(elements) == 1 else 1),
    )
    return None if total is None else builder.const(total, node.type.dtype)


def _identity(
    builder: Builder, node: Op, args: list[Value], numbers: list[Number | None]
) -> Value | None:
    """An operand, or one operation on one, that equals the node."""
    kept = _neutral(node.primitive, args, numbers)
    if kept is not None and kept.type == node.type:
        return kept
    number = _number(builder, kept) if kept is not None else None
    if number is not None and node.primitive == "where":
        return builder.full(number, node.type)
    inner = [builder.nodes[arg.name] for arg in args]
    match node.primitive, inner:
        case (("add" | "sub"), [_, _]) if numbers[1] is not None and node.type.is_float:
            shift = float(numbers[1]) if node.primitive == "add" else -float(numbers[1])
            return _shifted(builder, node, args[0], shift)
        case "neg", [Op(primitive="neg", args=(x,))]:
            return builder.value(x)
        case "where", [_, _, _] if args[1].name == args[2].name and args[1].type == node.type:
            return args[1]
        case "where", [_, _, _] if numbers[1] is not None and numbers[1:2] == numbers[2:]:
            return builder.full(numbers[1], node.type)
        case (("logical_and" | "logical_or") as either, [_, _]) if _absorbing(either) in numbers:
            return builder.full(_absorbing(either), node.type)
        case "sub", [Op(primitive="add", args=(a, b)), _] if args[1].name in (a, b):
            return _same(builder.value(b if args[1].name == a else a), node)
        case "div", [Op(primitive="mul", args=(a, b)), Op(primitive="exp" | "softplus")] if args[
            1
        ].name in (a, b):
            return _same(builder.value(b if args[1].name == a else a), node)
        case "sub", [_, Op(primitive="sigmoid", args=(x,))] if numbers[0] == 1:
            return ops.sigmoid(_opposite(builder, x))
        case "log", [Op(primitive="sigmoid", args=(x,))]:
            return ops.log_sigmoid(builder.value(x))
        case "log1p", [Op(primitive="neg", args=(y,))]:
            x_ = _inside(builder, y, "sigmoid")
            return None if x_ is None else ops.log_sigmoid(-x_)
        case "sub", [
            Op(primitive="log_sigmoid", args=(x,)),
            Op(primitive="log_sigmoid", args=(y,)),
        ]:
            # log(s(x)) - log(s(-x)) = x for the logistic function s
            if _negated(builder, x) == y:
                return -builder.value(y)
            return builder.value(x) if _negated(builder, y) == x else None
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


def _inside(builder: Builder, name: str, primitive: str) -> Value | None:
    """The operand of a node of that primitive."""
    node = builder.nodes[name]
    found = isinstance(node, Op) and node.primitive == primitive
    return builder.value(node.args[0]) if found and isinstance(node, Op) else None


def _opposite(builder: Builder, name: str) -> Value:
    """Less a value: what it is the negative of, where it is one."""
    found = _inside(builder, name, "neg")
    return -builder.value(name) if found is None else found


def _negated(builder: Builder, name: str) -> str | None:
    found = _inside(builder, name, "neg")
    return found.name if found is not None else None


def _absorbing(primitive: str) -> bool:
    """What decides a conjunction or disjunction whatever the other operand is."""
    return primitive == "logical_or"


def _same(value: Value, node: Op) -> Value | None:
    return value if value.type == node.type else None


def _neutral(primitive: str, args: list[Value], numbers: list[Number | None]) -> Value | None:
    match primitive, numbers:
        case ("add", [0, None]) | ("mul", [1, None]):
            return args[1]
        case ("add" | "sub", [None, 0]) | ("mul" | "div" | "pow", [None, 1]):
            return args[0]
        case ("logical_and", [True, None]) | ("logical_or", [False, None]):
            return args[1]
        case ("logical_and", [None, True]) | ("logical_or", [None, False]):
            return args[0]
        case "where", [(True | False) as taken, *_]:
            return args[1] if taken else args[2]
    return None
