"""What one round of a loop reads of another. Both kinds of reading are recognised here.

A local name that the body reads before it binds it is a `Carried`; an element of an array that
the loop is still writing is `z[t - 1]`. What reads a known number of rounds back is in `lags`. A
loop with any other such reading is unrolled where it is short and known, and refused otherwise.
"""

from __future__ import annotations

from typing import NoReturn

from ppc.diagnostics.base import Mistake
from ppc_frontend import wrong
from ppc_frontend.context import Context, Loop, Unrolled
from ppc_frontend.rounds import MOST_ROUNDS


def element(ctx: Context, name: str) -> NoReturn:
    """Refuse the elements, other than that of this round, of what a loop around is writing."""
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
