"""The kinds of supports and constraints: one row each.

A `Support` of a graph names a kind and its bounds; a row says what the kind means: which values
belong to it, whether they are discrete, how an unbounded real reaches it, and how a message calls
it. Membership counts the bounds themselves where a row's words say "from" or "to".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ppc.ir.nodes import Support
from ppc.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

SIMPLEX_TOLERANCE = 1e-5  # a float32 sum of 1000 probabilities is off by less


@dataclass(frozen=True, slots=True)
class SupportKind:
    """A row of the table."""

    name: str
    words: str  # for messages, in the plural: "positive numbers"; {0}, {1} are the bounds
    contains: Callable[..., Array]  # of an array and the bounds; its event dimensions go
    bounds: int = 0
    discrete: bool = False
    event_rank: int = 0
    bijection: str = ""  # a row of ppc.distributions.bijections; empty: there is none
    interior: str = ""  # the kind without its boundary, where that is another kind

    def describe(self, *bounds: object) -> str:
        """The values of this kind, in words: `numbers from 0 to 1`."""
        return self.words.format(*bounds)


def _finite(x: Array) -> Array:
    import numpy as np

    return np.asarray(np.isfinite(x))


def _is_nan(x: Array) -> Array:
    import numpy as np

    return np.asarray(np.isnan(x))


def _whole(x: Array) -> Array:
    import numpy as np

    return np.asarray(_finite(x) & (np.floor(x) == x))


def _finite_vector(x: Array) -> Array:
    return _all(_finite(x))


def _all(mask: Array) -> Array:
    import numpy as np

    result: Array = np.asarray(mask.all(axis=-1))
    return result


def _simplex(x: Array) -> Array:
    complete: Array = abs(x.sum(-1) - 1) <= SIMPLEX_TOLERANCE
    return _all((x >= 0) & _finite(x)) & complete


def _positive_definite(x: Array) -> Array:
    """Whether matrices are symmetric to float32, with positive eigenvalues."""
    import numpy as np

    x = np.asarray(x, float)
    turned = np.swapaxes(x, -1, -2)
    finite: Array = np.asarray(np.isfinite(x).all(axis=(-1, -2)))
    safe = np.where(finite[..., None, None], x, np.eye(x.shape[-1]))
    close = np.abs(x - turned) <= 2.0**-20 * (np.abs(x) + np.abs(turned))
    result: Array = finite & close.all(axis=(-1, -2)) & (np.linalg.eigvalsh(safe) > 0).all(-1)
    return result


def _ordered(x: Array) -> Array:
    """Whether each element is above the one before it."""
    with_finite: Array = _finite_vector(x) & (x[..., 1:] > x[..., :-1]).all(axis=-1)
    return with_finite


def _positive_ordered(x: Array) -> Array:
    return _ordered(x) & _all(x > 0)


_ROWS = (
    SupportKind("real", "finite numbers", _finite, bijection="identity"),
    SupportKind("extended_real", "numbers, also infinite ones", lambda x: ~_is_nan(x)),
    SupportKind("positive", "positive numbers", lambda x: (x > 0) & _finite(x), bijection="exp"),
    SupportKind(
        "nonnegative",
        "numbers from 0 upwards",
        lambda x: (x >= 0) & _finite(x),
        bijection="exp",
        interior="positive",
    ),
    SupportKind(
        "unit_interval",
        "numbers from 0 to 1",
        lambda x: (x >= 0) & (x <= 1),
        bijection="sigmoid",
    ),
    SupportKind(
        "interval",
        "numbers from {0} to {1}",
        lambda x, low, high: (x >= low) & (x <= high),
        bounds=2,
        bijection="interval",
    ),
    SupportKind(
        "greater_than",
        "numbers from {0} upwards",
        lambda x, low: (x >= low) & _finite(x),
        bounds=1,
        bijection="greater_than",
    ),
    SupportKind(
        "less_than",
        "numbers up to {0}",
        lambda x, high: (x <= high) & _finite(x),
        bounds=1,
        bijection="less_than",
    ),
    SupportKind(
        "nonnegative_integer",
        "whole numbers from 0 upwards",
        lambda x: (x >= 0) & _whole(x),
        discrete=True,
    ),
    SupportKind(
        "integer_interval",
        "whole numbers from {0} to {1}",
        lambda x, low, high: (x >= low) & (x <= high) & _whole(x),
        bounds=2,
        discrete=True,
    ),
    SupportKind("boolean", "zeros and ones", lambda x: (x == 0) | (x == 1), discrete=True),
    SupportKind(
        "real_vector",
        "vectors of finite numbers",
        _finite_vector,
        event_rank=1,
        bijection="identity",
    ),
    SupportKind(
        "simplex",
        "vectors of probabilities that sum to 1",
        _simplex,
        event_rank=1,
        bijection="centred_softmax",
    ),
    SupportKind("ordered", "vectors that increase", _ordered, event_rank=1, bijection="ordered"),
    SupportKind(
        "positive_ordered",
        "vectors of positive numbers that increase",
        _positive_ordered,
        event_rank=1,
        bijection="positive_ordered",
    ),
    SupportKind(
        "positive_definite",
        "symmetric positive definite matrices",
        _positive_definite,
        event_rank=2,
    ),
)

SUPPORTS: Mapping[str, SupportKind] = {row.name: row for row in _ROWS}


def outside(kind: str, x: Array, *bounds: Array | float) -> Array:
    """Which values do not belong to a kind of support, without its event dimensions.

    `x` has shape (..., event); bounds broadcast against it. NaN belongs to no kind. Raises
    KeyError for a kind that does not exist.
    """
    inside: Array = SUPPORTS[kind].contains(x, *bounds)
    return ~inside


def bad_rows(kind: str, x: Array, *bounds: Array | float) -> Array:
    """Which rows (of the leading dimension) hold a value outside, as a mask of shape (N,)."""
    import numpy as np

    bad = outside(kind, x, *bounds)
    rows: Array = np.asarray(bad.any(axis=tuple(range(1, bad.ndim))))
    return rows


def same_up_to_boundary(a: Support, b: Support) -> bool:
    """Whether two supports differ at most in boundary points, which have no density."""
    return _open(a) == _open(b)


def _open(support: Support) -> Support:
    """The support without its boundary, under its simplest name."""
    match support:
        case Support("interval", (0, 1)):
            return Support("unit_interval")
        case Support("greater_than", (0,)):
            return Support("positive")
    return Support(SUPPORTS[support.kind].interior or support.kind, support.bounds)


def words(support: Support) -> str:
    """A support for a sentence: `positive numbers`."""
    return SUPPORTS[support.kind].describe(*support.bounds)


def within(inner: Support, outer: Support) -> bool:
    """Whether a guide on `inner` fits a site on `outer`: the same range, boundary points aside.

    A guide on a part of the range is refused too: it would leave the rest without mass. Equal
    kinds whose bounds are not all numbers are taken to agree.
    """
    if same_up_to_boundary(inner, outer):
        return True
    return inner.kind == outer.kind and not all(isinstance(b, float) for b in inner.bounds)
