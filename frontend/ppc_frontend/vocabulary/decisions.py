"""Builders of the libraries' own decisions: `tf.cond`, `tf.case`, `lax.cond`, `np.select`.

Those that take functions evaluate each of them once, as `if` does its branches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.tensors import describe
from ppc_frontend.vocabulary import elementwise


def cond(ctx: Context, *, pred: Any, first: Any, second: Any, operands: Sequence[Any] = ()) -> Any:
    """What the first function returns where the predicate holds, the second elsewhere."""
    from ppc_frontend.evaluate.calls import call

    taken, other = (partial(call, ctx, function, operands, {}) for function in (first, second))
    return _either(ctx, pred, taken, other, (first, second, *operands))


def case(ctx: Context, *, pairs: Any, default: Any = None) -> Any:
    """What the function of the first predicate that holds returns; the default where none does.

    Without a default one of the predicates has to hold, as TensorFlow says: the last one where
    none before it does.
    """
    from ppc_frontend.evaluate.calls import call

    if isinstance(pairs, dict):
        pairs = list(pairs.items())
    if default is None and not pairs:
        ctx.missing("tf.case", "default")
    if not isinstance(pairs, list | tuple) or not all(
        isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs
    ):
        what = "pairs of a predicate and a function"
        ctx.refuse(wrong.NotKnown(span=ctx.span, what=what, found=describe(pairs)))
    if default is None:
        *pairs, (_, default) = pairs
    chosen: Callable[[], Any] = partial(call, ctx, default, (), {})
    held = [default, *(function for _, function in pairs)]
    for pred, function in reversed(pairs):
        chosen = partial(_either, ctx, pred, partial(call, ctx, function, (), {}), chosen, held)
    return chosen()


def switch(ctx: Context, *, index: Any, functions: Any, operands: Sequence[Any] = ()) -> Any:
    """What the function at an index returns; the first or last one beyond."""
    from ppc_frontend.evaluate.calls import call

    if not isinstance(functions, list | tuple) or not functions:
        what = "a list of functions"
        ctx.refuse(wrong.NotKnown(span=ctx.span, what=what, found=describe(functions)))
    *first, last = (partial(call, ctx, function, operands, {}) for function in functions)
    chosen: Callable[[], Any] = last
    for i, function in reversed(list(enumerate(first))):
        pred = elementwise.binary(ctx, "le", x=index, y=i)
        chosen = partial(_either, ctx, pred, function, chosen, (*functions, *operands))
    return chosen()


def _either(
    ctx: Context, pred: Any, first: Callable[[], Any], second: Callable[[], Any],
    held: Sequence[Any],
) -> Any:  # fmt: skip
    from ppc_frontend.evaluate import arithmetic, branches

    decides = branches.condition(ctx, pred)
    if decides is None:
        decides = arithmetic.truth(ctx, pred)
    if isinstance(decides, bool):
        return first() if decides else second()
    return branches.either(ctx, None, decides, first, second, held)


def select(ctx: Context, *, conditions: Any, choices: Any, default: Any = 0) -> Any:
    """The choice of the first condition that holds, element by element."""
    if not isinstance(conditions, list | tuple) or not isinstance(choices, list | tuple):
        found = describe(conditions)
        ctx.refuse(wrong.NotKnown(span=ctx.span, what="a list of conditions", found=found))
    if len(conditions) != len(choices):
        reason = f"{len(conditions)} conditions and {len(choices)} choices"
        ctx.refuse(wrong.BadOperation(span=ctx.span, reason=reason))
    chosen = default
    for condition, choice in reversed(list(zip(conditions, choices, strict=True))):
        chosen = elementwise.where(ctx, condition=condition, x=choice, y=chosen)
    return chosen
