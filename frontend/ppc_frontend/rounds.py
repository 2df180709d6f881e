"""How much is computed now, element by element, before it must be an array."""

from __future__ import annotations

from ppc_frontend import wrong
from ppc_frontend.context import Context

MOST_ROUNDS = 1000  # what a loop over known values may unroll to


def unrollable(ctx: Context, count: int) -> None:
    """Refuse loops that would unroll to too many nodes."""
    if count > MOST_ROUNDS:
        ctx.refuse(wrong.TooManyRounds(span=ctx.span, count=count, most=MOST_ROUNDS))
