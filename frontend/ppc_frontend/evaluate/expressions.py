"""Expressions: one function for each kind of syntax."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import libcst as cst

from ppc.diagnostics.base import Mistake
from ppc.ir.build import Value
from ppc.ir.sizes import Size
from ppc_frontend import wrong
from ppc_frontend.context import Context, Places
from ppc_frontend.evaluate import arithmetic, branches, carry, loops
from ppc_frontend.evaluate.attributes import attribute
from ppc_frontend.evaluate.calls import call
from ppc_frontend.evaluate.indexed import Indexed, listed, owner, read
from ppc_frontend.evaluate.indexing import Slice, subscript
from ppc_frontend.evaluate.iteration import iterate
from ppc_frontend.evaluate.python import BUILTINS
from ppc_frontend.naming import name_values
from ppc_frontend.scope import Frame, target_names
from ppc_frontend.tensors import describe, has_tensor, is_tensor, needs_number, printable
from ppc_frontend.values import POISON, Builtin, Method, Partly, PoisonedError, Ref, UserFunction
from ppc_frontend.vocabulary import elementwise


def evaluate(ctx: Context, frame: Frame, node: cst.CSTNode) -> Any:
    """The value of an expression; nodes that it makes get its place."""
    handler = _HANDLERS.get(type(node))
    with ctx.at(frame.module.span(node)):
        if handler is None:
            ctx.refuse(wrong.Unsupported(span=ctx.span, what=_words(node)))
        value = handler(ctx, frame, node)
        if value is POISON:
            raise PoisonedError
        if isinstance(value, Partly):
            ctx.refuse(_read_here(ctx, value))
        if ctx.indexed and id(value) in ctx.indexed:
            return ctx.indexed[id(value)][1]
        return value


def _read_here(ctx: Context, value: Partly) -> Mistake:
    """The mistake of reading what has no value, at the place of the reading."""
    mistake = value.mistake
    if mistake.span is None or mistake.span == ctx.span:
        return mistake
    return replace(
        mistake, span=ctx.span, others=((mistake.span, "it is made here"), *mistake.others)
    )


def _words(node: cst.CSTNode) -> str:
    return _NAMES.get(type(node), type(node).__name__)


_NAMES: dict[type[cst.CSTNode], str] = {
    cst.Await: "`await`",
    cst.Yield: "`yield`",
    cst.NamedExpr: "`:=`",
    cst.GeneratorExp: "a generator expression",
    cst.SetComp: "a set comprehension",
    cst.Set: "a set",
}


def _name(ctx: Context, frame: Frame, node: cst.Name) -> Any:
    try:
        return loops.resolve(ctx, frame.find(node.value))
    except KeyError:
        pass
    if node.value in _SINGLETONS:
        return _SINGLETONS[node.value]
    if node.value in BUILTINS:
        return Builtin(node.value)
    near = wrong.nearest(node.value, [*frame.names(), *BUILTINS])
    ctx.refuse(wrong.UndefinedName(span=ctx.span, name=node.value, near=near))


_SINGLETONS = {"True": True, "False": False, "None": None, "Ellipsis": ...}


def _integer(ctx: Context, frame: Frame, node: cst.Integer) -> int:
    return node.evaluated_value


def _float(ctx: Context, frame: Frame, node: cst.Float) -> float:
    return node.evaluated_value


def _string(ctx: Context, frame: Frame, node: cst.SimpleString) -> Any:
    return node.evaluated_value


def _concatenated(ctx: Context, frame: Frame, node: cst.ConcatenatedString) -> Any:
    return evaluate(ctx, frame, node.left) + evaluate(ctx, frame, node.right)


def _formatted(ctx: Context, frame: Frame, node: cst.FormattedString) -> str:
    text = ""
    for part in node.parts:
        if isinstance(part, cst.FormattedStringText):
            text += part.value.replace("{{", "{").replace("}}", "}")
        elif isinstance(part, cst.FormattedStringExpression):
            value = printable(ctx, evaluate(ctx, frame, part.expression))
            if part.format_spec is not None or part.equal is not None:
                ctx.refuse(wrong.Unsupported(span=ctx.span, what="a format specification"))
            text += {"r": repr, "a": ascii}.get(part.conversion or "", str)(value)
    return text


def _elements(ctx: Context, frame: Frame, node: cst.Tuple | cst.List) -> list[Any]:
    values: list[Any] = []
    for element in node.elements:
        value = evaluate(ctx, frame, element.value)
        if isinstance(element, cst.StarredElement):
            values.extend(iterate(ctx, value))
        else:
            values.append(value)
    return values


def _tuple(ctx: Context, frame: Frame, node: cst.Tuple) -> Any:
    return tuple(_elements(ctx, frame, node))


def _list(ctx: Context, frame: Frame, node: cst.List) -> Any:
    made = _elements(ctx, frame, node)
    if ctx.loops:
        ctx.born[id(made)] = (made, len(ctx.loops))
    return made


def _dict(ctx: Context, frame: Frame, node: cst.Dict) -> Any:
    result: dict[Any, Any] = {}
    if ctx.loops:
        ctx.born[id(result)] = (result, len(ctx.loops))
    for element in node.elements:
        if isinstance(element, cst.DictElement):
            key = _key(ctx, evaluate(ctx, frame, element.key))
            result[key] = evaluate(ctx, frame, element.value)
        else:
            result.update(mapping(ctx, evaluate(ctx, frame, element.value)))
    return result


def _key(ctx: Context, value: Any) -> Any:
    """The key of a dictionary. Refuses tensors that are no predicates, and what has no hash."""
    if isinstance(value, Value) and value.type.dtype == "bool":
        return value  # of the pairs that `tf.case` takes
    if isinstance(value, Size):
        return ctx.fixed(value)
    needs_number(ctx, value, "a key")
    if has_tensor(value):
        ctx.refuse(wrong.NotKnown(span=ctx.span, what="a key", found=describe(value)))
    try:
        hash(value)
    except TypeError as error:
        ctx.refuse(wrong.BadOperation(span=ctx.span, reason=f"{describe(value)}: {error}"))
    return value


def mapping(ctx: Context, value: Any) -> dict[Any, Any]:
    """What `**` takes: a dictionary."""
    if not isinstance(value, dict):
        ctx.refuse(wrong.NotKnown(span=ctx.span, what="a dictionary", found=describe(value)))
    return value


def _binary(ctx: Context, frame: Frame, node: cst.BinaryOperation) -> Any:
    left, right = evaluate(ctx, frame, node.left), evaluate(ctx, frame, node.right)
    return arithmetic.binary(ctx, type(node.operator), left, right)


def _unary(ctx: Context, frame: Frame, node: cst.UnaryOperation) -> Any:
    return arithmetic.unary(ctx, node.operator, evaluate(ctx, frame, node.expression))


def _comparison(ctx: Context, frame: Frame, node: cst.Comparison) -> Any:
    left = evaluate(ctx, frame, node.left)
    result: Any = True
    for part in node.comparisons:
        right = evaluate(ctx, frame, part.comparator)
        now = arithmetic.compare(ctx, part.operator, left, right)
        if now is False:
            return False
        if now is not True:
            result = now if result is True else arithmetic.both(ctx, "logical_and", result, now)
        left = right
    return result


def _boolean(ctx: Context, frame: Frame, node: cst.BooleanOperation) -> Any:
    left = evaluate(ctx, frame, node.left)
    if is_tensor(left):
        primitive = "logical_and" if isinstance(node.operator, cst.And) else "logical_or"
        return arithmetic.both(ctx, primitive, left, evaluate(ctx, frame, node.right))
    is_true = arithmetic.truth(ctx, left)
    if isinstance(node.operator, cst.And):
        return evaluate(ctx, frame, node.right) if is_true else left
    return left if is_true else evaluate(ctx, frame, node.right)


def _conditional(ctx: Context, frame: Frame, node: cst.IfExp) -> Any:
    test = evaluate(ctx, frame, node.test)
    with ctx.at(frame.module.span(node.test)):
        decides = branches.condition(ctx, test, whole=False)
    if isinstance(decides, bool):
        return evaluate(ctx, frame, node.body if decides else node.orelse)
    if decides is not None:
        first, second = (partial(evaluate, ctx, frame, side) for side in (node.body, node.orelse))
        return branches.either(ctx, frame, decides, first, second)
    if is_tensor(test):
        chosen, other = evaluate(ctx, frame, node.body), evaluate(ctx, frame, node.orelse)
        return elementwise.where(ctx, condition=test, x=chosen, y=other)
    branch = node.body if arithmetic.truth(ctx, test) else node.orelse
    return evaluate(ctx, frame, branch)


def _attribute(ctx: Context, frame: Frame, node: cst.Attribute) -> Any:
    return attribute(ctx, evaluate(ctx, frame, node.value), node.attr.value)


def _subscript(ctx: Context, frame: Frame, node: cst.Subscript) -> Any:
    value = evaluate(ctx, frame, node.value)
    items = subscript_items(ctx, frame, node)
    if isinstance(node.value, cst.Name) and not isinstance(value, Indexed):
        name = node.value.value  # what a loop around writes later in its body
        if any(name in loop.writes for loop in ctx.loops) and any(map(is_tensor, items)):
            value = owner(ctx, value, items, name) or value
    if isinstance(value, Indexed) and not any(item is POISON for item in items):
        return read(ctx, value, items)
    return subscript(ctx, value, items)


def subscript_items(ctx: Context, frame: Frame, node: cst.Subscript) -> list[Any]:
    """What stands between the brackets."""
    items: list[Any] = []
    for element in node.slice:
        item = element.slice
        if isinstance(item, cst.Slice):
            parts = (item.lower, item.upper, item.step)
            items.append(Slice(*(evaluate(ctx, frame, p) if p else None for p in parts)))
            continue
        assert isinstance(item, cst.Index)
        value = evaluate(ctx, frame, item.value)
        items.extend(value if isinstance(value, tuple) else [value])
    return items


def _call(ctx: Context, frame: Frame, node: cst.Call) -> Any:
    function = evaluate(ctx, frame, node.func)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    places = Places()
    for arg in node.args:
        if not arg.star:
            places.add(arg.keyword.value if arg.keyword else None, frame.module.span(arg))
        if arg.star == "**":
            _spread(ctx, kwargs, mapping(ctx, evaluate(ctx, frame, arg.value)))
        elif arg.star == "*":
            args.extend(iterate(ctx, evaluate(ctx, frame, arg.value)))
        elif arg.keyword is not None:
            value = evaluate_argument(ctx, frame, function, arg)
            _spread(ctx, kwargs, {arg.keyword.value: value})
        else:
            args.append(evaluate_argument(ctx, frame, function, arg))
    if isinstance(function, Method) and function.name == "append" and ctx.loops and args:
        _name_appended(ctx, node, args[0])
    ctx.places = None if any(arg.star for arg in node.args) else places
    try:
        result = call(ctx, function, args, kwargs)
    finally:
        ctx.places = None
    if ctx.loops and isinstance(result, Value):
        ctx.born[id(result)] = (result, len(ctx.loops))
    return result


def _name_appended(ctx: Context, node: cst.Call, value: Any) -> None:
    """What a loop appends to a list is called after the list."""
    if isinstance(node.func, cst.Attribute) and isinstance(node.func.value, cst.Name):
        name_values(ctx, "_".join([node.func.value.value, *map(str, ctx.loop)]), value)


def _spread(ctx: Context, kwargs: dict[str, Any], more: dict[Any, Any]) -> None:
    """Add keywords to those of a call. Refuses what is no name, and a name that is there."""
    for name, value in more.items():
        if not isinstance(name, str):
            ctx.refuse(wrong.NotKnown(span=ctx.span, what="a keyword", found=describe(name)))
        if name in kwargs:
            mistake = wrong.UnknownKeyword(
                span=ctx.span, function="the function", name=name, twice=True
            )
            ctx.refuse(mistake)
        kwargs[name] = value


def evaluate_argument(ctx: Context, frame: Frame, function: Any, arg: cst.Arg) -> Any:
    """An argument; that of a Parameter may draw random numbers for its first value."""
    if isinstance(function, Ref) and function.path == "ppc.Parameter" and not ctx.in_init:
        ctx.in_init = "parameter"
        try:
            return evaluate(ctx, frame, arg.value)
        finally:
            ctx.in_init = ""
    if isinstance(arg.value, cst.GeneratorExp):
        return _comprehension(ctx, frame, arg.value)
    return evaluate(ctx, frame, arg.value)


def _lambda(ctx: Context, frame: Frame, node: cst.Lambda) -> UserFunction:
    return make_function(ctx, frame, "<lambda>", node)


def make_function(
    ctx: Context, frame: Frame, name: str, node: cst.FunctionDef | cst.Lambda
) -> UserFunction:
    """A function of the user, with its defaults evaluated where it is written."""
    params = [*node.params.posonly_params, *node.params.params, *node.params.kwonly_params]
    defaults = {
        p.name.value: evaluate(ctx, frame, p.default) for p in params if p.default is not None
    }
    return UserFunction(name, node, frame.module, frame, defaults)


def _list_comprehension(ctx: Context, frame: Frame, node: cst.ListComp) -> Any:
    return _comprehension(ctx, frame, node)


def _comprehension(ctx: Context, frame: Frame, node: cst.ListComp | cst.GeneratorExp) -> Any:
    inner = Frame(frame.module, frame, loops=frame.loops)
    made = _at_once(ctx, inner, node)
    if made is not None:
        return made
    results: list[Any] = []
    _rounds(ctx, inner, node.for_in, lambda: results.append(evaluate(ctx, inner, node.elt)))
    return results


def _at_once(ctx: Context, frame: Frame, node: cst.ListComp | cst.GeneratorExp) -> Indexed | None:
    """A comprehension evaluated once for all its rounds; None for one that is unrolled.

    One of known length that makes no random variable is unrolled: it is arithmetic on numbers.
    """
    loop, span = node.for_in, frame.module.span(node)
    if loop.ifs or loop.inner_for_in is not None or ctx.is_unrolled(span):
        return None
    head = frame.module.span(loop.iter)
    with ctx.at(head):
        found = loops.rounds(ctx, evaluate(ctx, frame, loop.iter))
    if found is None:
        return None
    known, sites = ctx.known_size(found.count), len(ctx.sites_of)
    if known is not None and not _calls(node.elt):
        return None
    variable = frame.module.tree.code_for_node(loop.target).strip()
    with loops.opened(ctx, found.count, variable, span, head) as (opened, i):
        bind_target(ctx, frame, loop.target, found.element(i))
        element = evaluate(ctx, frame, node.elt)
        if known is not None and len(ctx.sites_of) == sites:
            carry.unroll(ctx, opened, "")
        return listed(ctx, element, opened)


def _calls(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Call) or any(_calls(child) for child in node.children)


def _dict_comprehension(ctx: Context, frame: Frame, node: cst.DictComp) -> Any:
    inner = Frame(frame.module, frame)
    results: dict[Any, Any] = {}

    def add() -> None:
        key = _key(ctx, evaluate(ctx, inner, node.key))
        results[key] = evaluate(ctx, inner, node.value)

    _rounds(ctx, inner, node.for_in, add)
    return results


def _rounds(ctx: Context, frame: Frame, loop: cst.CompFor, body: Callable[[], None]) -> None:
    if loop.asynchronous is not None:
        ctx.refuse(wrong.Unsupported(span=ctx.span, what="`async for`"))
    for item in iterate(ctx, evaluate(ctx, frame, loop.iter)):
        bind_target(ctx, frame, loop.target, item)
        tests = (arithmetic.truth(ctx, evaluate(ctx, frame, test.test)) for test in loop.ifs)
        if not all(tests):
            continue
        if loop.inner_for_in is not None:
            _rounds(ctx, frame, loop.inner_for_in, body)
        else:
            body()


def bind_target(ctx: Context, frame: Frame, target: cst.CSTNode, value: Any) -> None:
    """Assign a value to a name, or its elements to a tuple of targets."""
    match target:
        case cst.Name():
            frame.variables[target.value] = value
            return
        case cst.Tuple() | cst.List():
            values = iterate(ctx, value)
            stars = [i for i, e in enumerate(target.elements) if isinstance(e, cst.StarredElement)]
            count = len(target.elements)
            if len(values) != count and not (stars and len(values) >= count - 1):
                ctx.refuse(wrong.Unpacked(span=ctx.span, values=len(values), names=count))
            if stars:
                at, extra = stars[0], len(values) - count + 1
                values = [*values[:at], values[at : at + extra], *values[at + extra :]]
            for element, item in zip(target.elements, values, strict=True):
                bind_target(ctx, frame, element.value, item)
            return
    what = f"assignment to {', '.join(target_names(target)) or 'this'}"
    ctx.refuse(wrong.Unsupported(span=ctx.span, what=what))


_HANDLERS: dict[type[cst.CSTNode], Callable[[Context, Frame, Any], Any]] = {
    cst.Name: _name,
    cst.Integer: _integer,
    cst.Float: _float,
    cst.SimpleString: _string,
    cst.ConcatenatedString: _concatenated,
    cst.FormattedString: _formatted,
    cst.Tuple: _tuple,
    cst.List: _list,
    cst.Dict: _dict,
    cst.BinaryOperation: _binary,
    cst.UnaryOperation: _unary,
    cst.Comparison: _comparison,
    cst.BooleanOperation: _boolean,
    cst.IfExp: _conditional,
    cst.Attribute: _attribute,
    cst.Subscript: _subscript,
    cst.Call: _call,
    cst.Lambda: _lambda,
    cst.ListComp: _list_comprehension,
    cst.DictComp: _dict_comprehension,
    cst.Ellipsis: lambda ctx, frame, node: ...,
}
