"""Maps of the reals onto the supports: one row each.

`forward` maps a real y to x, `inverse` maps back, `log_det` is log |dx/dy| at y. Bounds are graph
values or numbers; every map acts on each element alone and increases, save `less_than`, which
decreases. All three keep their digits for y of any size: the forward map reaches the bounds only
where the dtype has no number left between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ppc.ir import ops
from ppc.ir.build import Operand, Value
from ppc.records import dataclass


@dataclass(frozen=True, slots=True)
class Bijection:
    """A row of the table; the functions take the bounds after their first argument."""

    name: str
    forward: Callable[..., Value]
    inverse: Callable[..., Value]
    log_det: Callable[..., Value]
    bounds: int = 0
    source: str = ""


def _sigmoid_log_det(y: Value) -> Value:
    return ops.log_sigmoid(y) + ops.log_sigmoid(-y)


def _interval_log_det(y: Value, low: Operand, high: Operand) -> Value:
    return _sigmoid_log_det(y) + ops.log(_width(y, low, high))


def _width(y: Value, low: Operand, high: Operand) -> Value:
    return y.builder.op("sub", high, low)


def _interval(y: Value, low: Operand, high: Operand) -> Value:
    # Counted from the nearer bound, so that the distance to it keeps its digits.
    width = _width(y, low, high)
    near_low = low + width * ops.sigmoid(y)
    return ops.where(y < 0, near_low, high - width * ops.sigmoid(-y))


_ROWS = (
    Bijection(
        "identity",
        forward=lambda y: y,
        inverse=lambda x: x,
        log_det=lambda y: 0.0 * y,
        source="x = y",
    ),
    Bijection(
        "exp",
        forward=ops.exp,
        inverse=ops.log,
        log_det=lambda y: y,
        source="x = exp(y) (Kucukelbir et al. 2017, sec. 2.3; Stan reference manual, 10.2)",
    ),
    Bijection(
        "softplus",
        forward=ops.softplus,
        inverse=lambda x: x + ops.log1mexp(x),
        log_det=ops.log_sigmoid,
        source="x = log(1 + exp(y)) (Dugas et al. 2001)",
    ),
    Bijection(
        "sigmoid",
        forward=ops.sigmoid,
        inverse=lambda x: ops.log(x) - ops.log1p(-x),
        log_det=_sigmoid_log_det,
        source="x = 1 / (1 + exp(-y)) (Stan reference manual, 10.5)",
    ),
    Bijection(
        "interval",
        forward=_interval,
        inverse=lambda x, low, high: ops.log(x - low) - ops.log(high - x),
        log_det=_interval_log_det,
        bounds=2,
        source="x = low + (high - low) sigmoid(y) (Stan reference manual, 10.5)",
    ),
    Bijection(
        "greater_than",
        forward=lambda y, low: low + ops.exp(y),
        inverse=lambda x, low: ops.log(x - low),
        log_det=lambda y, low: y,
        bounds=1,
        source="x = low + exp(y) (Stan reference manual, 10.2)",
    ),
    Bijection(
        "less_than",
        forward=lambda y, high: high - ops.exp(y),
        inverse=lambda x, high: ops.log(high - x),
        log_det=lambda y, high: y,
        bounds=1,
        source="x = high - exp(y) (Stan reference manual, 10.3)",
    ),
)

BIJECTIONS: Mapping[str, Bijection] = {row.name: row for row in _ROWS}
