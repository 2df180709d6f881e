"""Statements: each is given up alone where it is refused, so that all mistakes are found."""

from __future__ import annotations

import contextlib
from typing import Any

import libcst as cst

from ppc.ir.build import Value
from ppc.ir.rules import RuleError
from ppc.ir.sizes import Size
from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.evaluate import (
    arithmetic,
    branches,
    carry,
    indexed,
    loops,
    openers,
    ragged,
    sums,
)
from ppc_frontend.evaluate.expressions import (
    bind_target,
    evaluate,
    make_function,
    subscript_items,
)
from ppc_frontend.evaluate.iteration import iterate
from ppc_frontend.naming import name_values
from ppc_frontend.scope import Frame, binds, imports, target_names
from ppc_frontend.source import statements
from ppc_frontend.tensors import describe, is_tensor, tensor
from ppc_frontend.values import POISON, Carried, PoisonedError, Ragged, RejectedError, Summed


class _Return(Exception):  # noqa: N818  # control flow, no error
    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class _Break(Exception):  # noqa: N818  # control flow, no error
    pass


class _Continue(Exception):  # noqa: N818  # control flow, no error
    pass


def run_body(ctx: Context, frame: Frame, node: cst.FunctionDef) -> Any:
    """The value that a function returns. Raises PoisonedError where it was refused."""
    before, left = len(ctx.mistakes), len(ctx.left)
    value = None
    try:
        run_block(ctx, frame, node.body)
    except _Return as returned:
        if returned.value is POISON:
            raise PoisonedError from None
        value = returned.value
    else:
        if len(ctx.mistakes) > before:  # what was refused may have been the way out
            raise PoisonedError
    finally:
        del ctx.left[left:]
    return ctx.seen(branches.returned(ctx, frame, value)) if ctx.depth else None


def run_block(ctx: Context, frame: Frame, body: cst.BaseSuite) -> None:
    """Run statements one after the other."""
    for statement in statements(body):
        run(ctx, frame, statement)


def run(ctx: Context, frame: Frame, node: cst.CSTNode) -> None:
    """Run one statement; where it is refused, note why and poison what it would have bound."""
    try:
        with ctx.at(frame.module.span(node)):
            handler = _HANDLERS.get(type(node))
            if handler is None:
                what = _NAMES.get(type(node), f"`{type(node).__name__.lower()}`")
                ctx.refuse(wrong.Unsupported(span=ctx.span, what=what))
            handler(ctx, frame, node)
    except (RejectedError, PoisonedError, RuleError) as error:
        mistake = None
        if isinstance(error, RejectedError):
            mistake = error.mistake
        elif isinstance(error, RuleError):
            mistake = wrong.ShapeMismatch(span=frame.module.span(node), reason=error.reason)
        if mistake is not None:
            ctx.mistakes.append(mistake)
            carry.stopped(ctx, mistake)
        _poison(frame, node)
        if isinstance(node, cst.Return):
            raise _Return(POISON) from None


def _poison(frame: Frame, node: cst.CSTNode) -> None:
    for name in binds(node):
        frame.variables[name] = POISON
    if isinstance(node, cst.If | cst.For | cst.While | cst.With | cst.Try):
        for child in node.children:
            for inner in child.children if isinstance(child, cst.BaseSuite) else [child]:
                parts = inner.body if isinstance(inner, cst.SimpleStatementLine) else [inner]
                for part in parts:
                    _poison(frame, part)


# --- small statements ----------------------------------------------------------------------------


def _expression(ctx: Context, frame: Frame, node: cst.Expr) -> None:
    if isinstance(node.value, cst.SimpleString | cst.ConcatenatedString | cst.Ellipsis):
        return
    evaluate(ctx, frame, node.value)


def _assign(ctx: Context, frame: Frame, node: cst.Assign) -> None:
    if _adds(ctx, frame, node):
        return
    value = evaluate(ctx, frame, node.value)
    for target in node.targets:
        assign(ctx, frame, target.target, value)


def _adds(ctx: Context, frame: Frame, node: cst.Assign) -> bool:
    """`total = total + term` in a loop, taken as `total += term`; whether it was that."""
    if len(node.targets) != 1 or not isinstance(node.targets[0].target, cst.Name):
        return False
    name = node.targets[0].target.value
    carried = frame.variables.get(name)
    terms: list[tuple[str, cst.BaseExpression]] = []
    found = node.value
    while isinstance(found, cst.BinaryOperation):
        symbol = arithmetic.BINARY[type(found.operator)][0]
        left, right = found.left, found.right
        if symbol in "+*" and isinstance(right, cst.Name) and right.value == name:
            left, right = right, left
        terms.append((symbol, right))
        found = left
    if not isinstance(carried, Carried) or not isinstance(found, cst.Name) or found.value != name:
        return False
    if not terms or not all(_accumulates(carried, symbol) for symbol, _ in terms):
        return False
    if len({symbol in "*/" for symbol, _ in terms}) > 1:
        return False
    values = [(symbol, tensor(ctx, evaluate(ctx, frame, term))) for symbol, term in terms]
    carried.terms.extend(values)
    return True


def _annotated(ctx: Context, frame: Frame, node: cst.AnnAssign) -> None:
    if node.value is not None:
        assign(ctx, frame, node.target, evaluate(ctx, frame, node.value))


def _augmented(ctx: Context, frame: Frame, node: cst.AugAssign) -> None:
    if isinstance(node.target, cst.Name) and isinstance(
        carried := frame.variables.get(node.target.value), Carried
    ):
        symbol = arithmetic.BINARY[type(node.operator)][0]
        if _accumulates(carried, symbol):
            term = evaluate(ctx, frame, node.value)
            carried.terms.append((symbol, tensor(ctx, term)))
            return
    elif isinstance(node.target, cst.Subscript):
        if _adds_to_element(ctx, frame, node, node.target):
            return
    elif not isinstance(node.target, cst.Name):
        ctx.refuse(wrong.Unsupported(span=ctx.span, what="augmented assignment to an attribute"))
    left, right = evaluate(ctx, frame, node.target), evaluate(ctx, frame, node.value)
    assign(ctx, frame, node.target, arithmetic.binary(ctx, type(node.operator), left, right))


def _adds_to_element(
    ctx: Context, frame: Frame, node: cst.AugAssign, target: cst.Subscript
) -> bool:
    """`counts[group[n]] += x[n]` in a loop, taken as a sum; whether it was that."""
    name = target.value.value if isinstance(target.value, cst.Name) else ""
    held = frame.variables.get(name)
    symbol = arithmetic.BINARY[type(node.operator)][0]
    if not isinstance(held, Summed) or symbol not in "+-":
        return False
    items = sums.positions(subscript_items(ctx, frame, target))
    if not sums.takes(ctx, held, items):
        return False
    sums.add(ctx, held, items, symbol, evaluate(ctx, frame, node.value))
    return True


def _accumulates(carried: Carried, symbol: str) -> bool:
    """Whether a name that a loop adds to, or multiplies, can be reduced over its rounds at once."""
    groups = ("+-", "*/")
    mine = next((group for group in groups if symbol in group), "")
    number = isinstance(carried.outer, int | float | Size | Carried) or is_tensor(carried.outer)
    return bool(mine) and number and all(before in mine for before, _ in carried.terms)


def assign(ctx: Context, frame: Frame, target: cst.CSTNode, value: Any) -> None:
    """Bind a value; sites, parameters, layers and nodes without a name get the target's."""
    if isinstance(target, cst.Subscript):
        _assign_element(ctx, frame, target, value)
        return
    if isinstance(target, cst.Name):
        suffix = "".join(f"_{i}" for i in ctx.loop)
        name_values(ctx, target.value + suffix, value)
    elif isinstance(target, cst.Tuple | cst.List):
        names = [list(target_names(element.value)) for element in target.elements]
        if isinstance(value, list | tuple) and len(value) == len(names):
            for name, item in zip(names, value, strict=True):
                if len(name) == 1:
                    name_values(ctx, name[0], item)
    bind_target(ctx, frame, target, value)


def _assign_element(ctx: Context, frame: Frame, target: cst.Subscript, value: Any) -> None:
    owner = _owner(ctx, frame, target)
    items = subscript_items(ctx, frame, target)
    if (found := indexed.owner(ctx, owner, items, _text(frame, target.value))) is not None:
        text = _text(frame, target)
        suffix = "".join(f"_{i}" for i in (_constants(items) or ctx.loop))
        if isinstance(target.value, cst.Name):
            name_values(ctx, target.value.value + suffix, value)
        indexed.write(ctx, found, items, value, text)
        return
    if is_tensor(owner):
        ctx.refuse(wrong.ElementOfArray(span=ctx.span, name=_text(frame, target.value)))
    if not isinstance(owner, list | dict):
        what = f"assignment to an element of {describe(owner)}"
        ctx.refuse(wrong.Unsupported(span=ctx.span, what=what))
    key = items[0] if len(items) == 1 else tuple(items)
    if isinstance(key, Size):
        key = ctx.fixed(key)
    if isinstance(target.value, cst.Name):
        keys = key if isinstance(key, tuple) else (key,)
        if all(isinstance(k, int | str) for k in keys):
            name_values(ctx, "_".join([target.value.value, *map(str, keys)]), value)
    elements: Any = owner
    try:
        elements[key] = value
    except (IndexError, TypeError) as error:
        ctx.refuse(wrong.BadOperation(span=ctx.span, reason=str(error)))


def _owner(ctx: Context, frame: Frame, target: cst.Subscript) -> Any:
    """What an element is assigned to; a name that nothing binds is a new array."""
    if isinstance(target.value, cst.Name):
        name = target.value.value
        try:
            found = frame.find(name)
        except KeyError:
            found = frame.variables[name] = indexed.Indexed(name, "array", frame.loops)
        if isinstance(found, indexed.Indexed):
            return found
    return evaluate(ctx, frame, target.value)


def _text(frame: Frame, node: cst.CSTNode) -> str:
    return frame.module.tree.code_for_node(node).strip()


def _constants(items: list[Any]) -> list[str]:
    return [str(item) for item in items if isinstance(item, int | str)]


def _return(ctx: Context, frame: Frame, node: cst.Return) -> None:
    raise _Return(None if node.value is None else evaluate(ctx, frame, node.value))


def _import(ctx: Context, frame: Frame, node: cst.Import | cst.ImportFrom) -> None:
    frame.variables.update(imports(node))


def _nothing(ctx: Context, frame: Frame, node: cst.CSTNode) -> None:
    """`pass`."""


def _assert(ctx: Context, frame: Frame, node: cst.Assert) -> None:
    """An assertion on what is known is checked now, any other is ignored with a warning."""
    try:
        holds = arithmetic.truth(ctx, evaluate(ctx, frame, node.test))
    except RejectedError:
        ctx.warnings.append(wrong.AssertIgnored(span=ctx.span))
        return
    if not holds:
        ctx.refuse(wrong.AssertFails(span=ctx.span))


def _break(ctx: Context, frame: Frame, node: cst.Break) -> None:
    raise _Break


def _continue(ctx: Context, frame: Frame, node: cst.Continue) -> None:
    raise _Continue


# --- compound statements -------------------------------------------------------------------------


def _function(ctx: Context, frame: Frame, node: cst.FunctionDef) -> None:
    if node.decorators or node.asynchronous:
        ctx.refuse(
            wrong.Unsupported(span=ctx.span, what="a decorated or async function in a model")
        )
    name = node.name.value
    frame.variables[name] = make_function(ctx, frame, name, node)


def _if(ctx: Context, frame: Frame, node: cst.If) -> None:
    test = evaluate(ctx, frame, node.test)
    with ctx.at(frame.module.span(node.test)):
        taken = branches.condition(ctx, test)
        if taken is None:
            taken = arithmetic.truth(ctx, test)
    if isinstance(taken, Value):
        _fork(ctx, frame, node, taken)
    else:
        _side(ctx, frame, node, taken)


def _side(ctx: Context, frame: Frame, node: cst.If, taken: bool) -> None:
    """Run one branch of an `if`."""
    if taken:
        run_block(ctx, frame, node.body)
    elif isinstance(node.orelse, cst.If):
        run(ctx, frame, node.orelse)
    elif node.orelse is not None:
        run_block(ctx, frame, node.orelse.body)


def _fork(ctx: Context, frame: Frame, node: cst.If, condition_: Value) -> None:
    """Run both branches of an `if` on a graph value; each may return."""
    with ctx.at(frame.module.span(node.test)):
        decision = branches.fork(ctx, frame, condition_)
    exits = len(frame.exits)
    left: list[_Return | None] = []
    for taken in (True, False):
        with decision.side(taken):
            try:
                _side(ctx, frame, node, taken)
                left.append(None)
            except _Return as returned:
                left.append(returned)
            except (_Break, _Continue) as way:
                word = "break" if isinstance(way, _Break) else "continue"
                what = f"`{word}` under a condition on a tensor"
                ctx.refuse(wrong.Unsupported(span=ctx.span, what=what))
    decision.join()
    one, two = left
    if one is not None and two is not None:
        raise _Return(decision.choose(one.value, two.value))
    if one is not None or two is not None:
        gone = one or two
        assert gone is not None
        branch = (condition_, one is not None)
        place = exits if one is not None else len(frame.exits)
        branches.leave(ctx, frame, branch, gone.value, place)
        decision.keep(1 if one is not None else 0)
    else:
        decision.choose_all()
    branches.stay(ctx, frame, exits)


def _for(ctx: Context, frame: Frame, node: cst.For) -> None:
    if node.asynchronous is not None:
        ctx.refuse(wrong.Unsupported(span=ctx.span, what="`async for`"))
    values = evaluate(ctx, frame, node.iter)
    span = frame.module.span(node)
    padded = values if isinstance(values, Ragged) else None
    with ctx.at(frame.module.span(node.iter)):
        if padded is not None:
            values = ragged.steps(ctx, frame, node, padded)
        found = None if ctx.is_unrolled(span) else loops.rounds(ctx, values)
        if found is None:
            items = iterate(ctx, values)
    if found is not None:
        _vectorised(ctx, frame, node, found, padded)
        return
    loops.note_unrolled(ctx, frame, node)
    for i, item in enumerate(items):
        ctx.loop.append(i)
        before = len(ctx.mistakes)
        try:
            bind_target(ctx, frame, node.target, item)
            _round(ctx, frame, node, item, padded)
        except _Continue:
            pass
        except _Break:
            return
        finally:
            ctx.loop.pop()
        if len(ctx.mistakes) > before:  # the other rounds would only repeat it
            return
    if node.orelse is not None:
        run_block(ctx, frame, node.orelse.body)


def _round(ctx: Context, frame: Frame, node: cst.For, i: Any, padded: Ragged | None) -> None:
    """The body of a loop, in a round that may be beyond the end of its row."""

    def body() -> None:
        with contextlib.suppress(_Continue):
            run_block(ctx, frame, node.body)

    if padded is None:
        run_block(ctx, frame, node.body)
        return
    with ctx.at(frame.module.span(node.iter)):
        decides = ragged.inside(ctx, i, padded)
    ragged.where_inside(ctx, frame, decides, body)


def _vectorised(
    ctx: Context, frame: Frame, node: cst.For, found: loops.Rounds, padded: Ragged | None
) -> None:
    """A `for` whose body is evaluated once."""
    items: list[Any] = []

    def bind(item: Any) -> None:
        items.append(item)
        bind_target(ctx, frame, node.target, item)

    def body() -> None:
        exits = len(frame.exits)
        try:
            _round(ctx, frame, node, items[0], padded)
            if len(frame.exits) > exits:
                raise _Return(None)
        except (_Break, _Return) as left:
            word = "break" if isinstance(left, _Break) else "return"
            ctx.refuse(wrong.Unsupported(span=ctx.span, what=f"`{word}` in a loop"))
        except _Continue:
            pass

    until = ""
    if padded is not None and isinstance(node.iter, cst.Call):
        until = _text(frame, node.iter.args[-1].value)
    loops.vectorised(ctx, frame, node, found, bind, body, until)
    if node.orelse is not None:
        run_block(ctx, frame, node.orelse.body)


def _with(ctx: Context, frame: Frame, node: cst.With) -> None:
    if node.asynchronous is not None:
        ctx.refuse(wrong.Unsupported(span=ctx.span, what="`async with`"))
    plates, masks = len(ctx.plates), len(ctx.masks)
    try:
        for item in node.items:
            openers.open_block(ctx, frame, item.item)
            if item.asname is not None:
                span = frame.module.span(item.asname)
                ctx.refuse(wrong.Unsupported(span=span, what="`as` of a plate"))
        run_block(ctx, frame, node.body)
    finally:
        del ctx.plates[plates:], ctx.masks[masks:]


def _undefined(ctx: Context, frame: Frame, node: cst.Del) -> None:
    if not isinstance(node.target, cst.Name | cst.Tuple | cst.List):
        ctx.refuse(wrong.Unsupported(span=ctx.span, what="`del` of an element or attribute"))
    for name in target_names(node.target):
        if frame.variables.pop(name, None) is None:
            ctx.refuse(wrong.UndefinedName(span=ctx.span, name=name, near=""))


_NAMES: dict[type[cst.CSTNode], str] = {
    cst.While: "a `while` loop",
    cst.ClassDef: "a class",
    cst.Match: "`match`",
    cst.Try: "`try`",
    cst.TryStar: "`try`",
    cst.TypeAlias: "`type`",
}

_HANDLERS: dict[type[cst.CSTNode], Any] = {
    cst.Expr: _expression,
    cst.Assign: _assign,
    cst.AnnAssign: _annotated,
    cst.AugAssign: _augmented,
    cst.Return: _return,
    cst.Import: _import,
    cst.ImportFrom: _import,
    cst.Pass: _nothing,
    cst.Assert: _assert,
    cst.Break: _break,
    cst.Continue: _continue,
    cst.FunctionDef: _function,
    cst.If: _if,
    cst.For: _for,
    cst.With: _with,
    cst.Del: _undefined,
}
