"""What one round of a loop reads of another. Both kinds of reading are recognised here.

A local name that the body reads before it binds it is a `Carried`; an element of an array that
the loop is still writing, such as `z[t - 1]`, comes to `element`. A loop with such a reading is
unrolled where it is short and known, and refused otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from ppc.diagnostics.base import Mistake
from ppc_frontend import wrong
from ppc_frontend.context import Context, Loop, Unrolled
from ppc_frontend.rounds import MOST_ROUNDS
from ppc_frontend.values import Carried


def local(ctx: Context, carried: Carried) -> Any:
    """A local name that a round reads of the round before."""
    refuse(ctx, carried.loop, carried.name)


def element(ctx: Context, name: str, items: Sequence[Any]) -> Any:
    """An element, other than that of this round, of an array that a loop around is writing."""
    if not ctx.loops:
        ctx.refuse(wrong.NoElement(span=ctx.span, what=f"`{name}`", key="this"))
    refuse(ctx, ctx.loops[-1], ctx.span.excerpt or name)


def refuse(ctx: Context, loop: Loop, what: str) -> NoReturn:
    """Refuse a reading of another round."""
    others = ((loop.span, "the loop is here"),)
    ctx.refuse(
        wrong.LoopCarried(
            span=ctx.span, what=what, variable=loop.variable, sizes=ctx.settable(loop),
            others=others,
        )
    )  # fmt: skip


def stopped(ctx: Context, mistake: Mistake) -> None:
    """Ask for the innermost loop around to be unrolled, where it can be, because of a mistake."""
    for loop in reversed(ctx.loops):
        if unroll(ctx, loop, mistake.message()):
            return


def unroll(ctx: Context, loop: Loop, reason: str) -> bool:
    """Ask for a loop to be unrolled in the next evaluation, where its length is known."""
    count = ctx.known_size(loop.count)
    if count is None or count > MOST_ROUNDS:
        return False
    ctx.unrolled.add(Unrolled(loop.key, reason, ctx.span))
    return True
