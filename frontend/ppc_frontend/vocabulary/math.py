"""Python's `math`: computed now on known numbers, nodes on graph values."""

from __future__ import annotations

import math
from typing import Any

from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.tensors import tensor
from ppc_frontend.vocabulary import builders as b
from ppc_frontend.vocabulary import elementwise as e
from ppc_frontend.vocabulary.base import Row


def known_or_unary(ctx: Context, name: str, primitive: str, *, x: Any) -> Any:
    """Compute now where the operand is a number."""
    if isinstance(x, int | float):
        try:
            return getattr(math, name)(x)
        except (ValueError, OverflowError) as error:
            ctx.refuse(wrong.BadOperation(span=ctx.span, reason=f"math.{name}({x}): {error}"))
    return ctx.op(primitive, tensor(ctx, x))


def rows() -> dict[str, Row]:
    """By name below `math.`."""
    names = {
        **{
            name: name
            for name in (
                "exp expm1 log1p sqrt sin cos tan sinh cosh tanh erf erfc lgamma floor ceil"
            ).split()
        },
        "acos": "arccos", "asin": "arcsin", "atan": "arctan", "acosh": "arccosh",
        "asinh": "arcsinh", "atanh": "arctanh", "fabs": "abs",
    }  # fmt: skip
    return {
        **{k: Row("x, /", known_or_unary, (k, v)) for k, v in names.items()},
        "log": Row("x, base:-=None, /", known_or_unary, ("log", "log")),
        "log2": Row("x, /", e.base_log, (2.0,)),
        "log10": Row("x, /", e.base_log, (10.0,)),
        "pow": Row("x, y, /", e.binary, ("pow",)),
        "prod": Row("iterable:x, /", b.reduction, ("prod",)),
    }
