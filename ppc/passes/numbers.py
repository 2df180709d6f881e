"""Elementwise primitives on numbers of Python, in double precision, for constant folding.

SciPy has the special functions too, but takes longer to import than a program takes to emit.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping

from ppc.ir.build import Number


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _log1mexp(x: float) -> float:
    """log(1 - exp(-x)) for x > 0 (Maechler 2012)."""
    return math.log(-math.expm1(-x)) if x < math.log(2) else math.log1p(-math.exp(-x))


def _log1pmx(x: float) -> float:
    """log(1 + x) - x, near 0 by log(1 + x) = 2 artanh(r), r = x / (2 + x)."""
    if abs(x) > 0.5:
        return math.log1p(x) - x
    r = x / (2 + x)
    return r * (2 * _artanh_rest(r) - x)


def _artanh_rest(y: float) -> float:
    """artanh(y) / y - 1 for |y| <= 1/3, where what is left out is below 1e-17 of it."""
    return math.fsum(y ** (2 * k) / (2 * k + 1) for k in range(1, 18))


# Stirling's series: B_2k / (2k (2k - 1)) (Abramowitz and Stegun 6.1.40).
_STIRLING = (
    1 / 12,
    -1 / 360,
    1 / 1260,
    -1 / 1680,
    1 / 1188,
    -691 / 360360,
    1 / 156,
    -3617 / 122400,
)


def _lgamma_correction(x: float) -> float:
    """lgamma(x) - ((x - 1/2) log x - x + log(2 pi)/2); small x come to 10 by the recurrence."""
    if x <= 0:
        raise ValueError
    steps = []
    while x < 10:
        near = x >= 1
        steps.append(
            _artanh_rest(1 / (2 * x + 1)) if near else (x + 0.5) * math.log((x + 1) / x) - 1
        )
        x += 1
    return math.fsum([*steps, *(c / x ** (2 * k + 1) for k, c in enumerate(_STIRLING))])


def _lbeta(a: float, b: float) -> float:
    """log B(a, b), in which the leading terms of Stirling's formula cancel in closed form."""
    p, q = sorted((a, b))
    shared = math.log1p(p / q)
    rest = [_lgamma_correction(p), _lgamma_correction(q), -_lgamma_correction(p + q)]
    leading = [p * math.log(p / q), -p * shared, -q * shared]
    return math.fsum([*leading, 0.5 * math.log(2 * math.pi / p), 0.5 * shared, *rest])


def _xlogy(x: float, y: float) -> float:
    return x * math.log(y) if x else 0.0


def _xlog1py(x: float, y: float) -> float:
    return x * math.log1p(y) if x else 0.0


def _logaddexp(a: float, b: float) -> float:
    return max(a, b) + math.log1p(math.exp(-abs(a - b)))


def _where(condition: Number, a: Number, b: Number) -> Number:
    return a if condition else b


# Each raises ValueError, OverflowError or ZeroDivisionError outside of its domain.
NUMBERS: Mapping[str, Callable[..., Number]] = {
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
    "rsqrt": lambda x: 1 / math.sqrt(x),
    "lgamma": math.lgamma,
    "sigmoid": _sigmoid,
    "log_sigmoid": lambda x: -_softplus(-x),
    "softplus": _softplus,
    "erf": math.erf,
    "erfc": math.erfc,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "arctan": math.atan,
    "arctan2": math.atan2,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "log1mexp": _log1mexp,
    "log1pmx": _log1pmx,
    "lgamma_correction": _lgamma_correction,
    "lbeta": _lbeta,
    "logaddexp": _logaddexp,
    "xlogy": _xlogy,
    "xlog1py": _xlog1py,
    "where": _where,
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "logical_not": operator.not_,
    "logical_and": lambda a, b: a and b,
    "logical_or": lambda a, b: a or b,
    "logical_xor": operator.ne,
    "stop_gradient": lambda x: x,
}
