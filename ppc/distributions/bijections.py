"""Maps of the reals onto the supports: one row each.

`forward` maps a real y to x, `inverse` maps back, `log_det` is log |dx/dy| at y. Bounds are graph
values or numbers; the maps of numbers act on each element alone and increase, save `less_than`,
which decreases. All three keep their digits for y of any size: the forward map reaches the bounds
only where the dtype has no number left between. The maps of vectors act on the last dimension,
which may have another length on the reals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ppc.ir import ops
from ppc.ir.build import Operand, Value
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor
from ppc.records import dataclass


@dataclass(frozen=True, slots=True)
class Bijection:
    """A row of the table; the functions take the bounds after their first argument."""

    name: str
    forward: Callable[..., Value]
    inverse: Callable[..., Value]
    log_det: Callable[..., Value]
    bounds: int = 0
    event_rank: int = 0  # of one value: a map of vectors has one log_det for each
    reduction: int = 0  # by how many elements a vector is shorter on the reals
    source: str = ""

    def free(self, type_: Tensor) -> Tensor:
        """The type on the reals of values of `type_` on the support."""
        if not self.reduction:
            return type_
        *lead, last = type_.shape
        return replace(type_, shape=(*lead, last - self.reduction))


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


# --- vectors -------------------------------------------------------------------------------------


_ONE = Size.of(1)


def _from(x: Value, start: Size) -> Value:
    """The elements of vectors from one on."""
    return x.builder.op("slice", x, axis=-1, start=start, stop=x.type.shape[-1], step=1)


def _before(x: Value, stop: Size) -> Value:
    """The elements of vectors before one."""
    return x.builder.op("slice", x, axis=-1, start=Size.of(0), stop=stop, step=1)


def _joined(*parts: Value) -> Value:
    return parts[0].builder.op("concat", *parts, axis=-1)


def _cumulated(x: Value) -> Value:
    return x.builder.op("cumsum", x, axis=-1)


def gaps(x: Value) -> Value:
    """What each element of a vector but the first is above the one before it."""
    return _from(x, _ONE) - _before(x, x.type.shape[-1] - 1)


def _with_zero(y: Value) -> Value:
    lead = y.type.shape[:-1]
    return _joined(y, y.builder.full(0.0, Tensor("f32", (), (*lead, _ONE))))


def _log_ratios(x: Value) -> Value:
    """The logarithms of all elements but the last, less that of the last."""
    last = x.type.shape[-1] - 1
    log_x = ops.log(x)
    return _before(log_x, last) - _from(log_x, last)


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
    Bijection(
        "centred_softmax",
        forward=lambda y: ops.softmax(_with_zero(y)),
        inverse=_log_ratios,
        # dx[i]/dy[j] = x[i] (1[i = j] - x[j]): the determinant of all but the last is prod x
        log_det=lambda y: ops.sum_(ops.log_softmax(_with_zero(y))),
        event_rank=1,
        reduction=1,
        source="x = softmax([y, 0]); log_det is that of all elements of x but the last, sum log x "
        "(Aitchison 1982, the additive log-ratio transformation)",
    ),
    Bijection(
        "ordered",
        forward=lambda y: _cumulated(_joined(_before(y, _ONE), ops.exp(_from(y, _ONE)))),
        inverse=lambda x: _joined(_before(x, _ONE), ops.log(gaps(x))),
        log_det=lambda y: ops.sum_(_from(y, _ONE)),
        event_rank=1,
        source="x[0] = y[0], x[i] = x[i - 1] + exp(y[i]) (Stan reference manual, 10.6)",
    ),
    Bijection(
        "positive_ordered",
        forward=lambda y: _cumulated(ops.exp(y)),
        inverse=lambda x: ops.log(_joined(_before(x, _ONE), gaps(x))),
        log_det=ops.sum_,
        event_rank=1,
        source="x[0] = exp(y[0]), x[i] = x[i - 1] + exp(y[i]) (Stan reference manual, 10.6)",
    ),
)

BIJECTIONS: Mapping[str, Bijection] = {row.name: row for row in _ROWS}
