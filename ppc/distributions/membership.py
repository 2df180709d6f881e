"""Membership in a support, as a graph: what data are checked with, on the host; points inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ppc.distributions.bijections import BIJECTIONS, gaps
from ppc.distributions.supports import SUPPORTS
from ppc.ir import ops
from ppc.ir.build import Operand, Value


def _whole(x: Value, range_: Value) -> Value:
    """Whether x is in a range of numbers and whole."""
    return ops.logical_and(range_, ops.eq(ops.floor(x), x)) if x.type.is_float else range_


def _between(x: Value, low: Operand, high: Operand) -> Value:
    return ops.logical_and(x >= low, x <= high)


def _sums_to_one(x: Value) -> Value:
    near = ops.abs_(ops.sum_(x) - 1.0) <= SIMPLEX_TOLERANCE
    return ops.logical_and(_all(x >= 0.0), near)


def _all(x: Value) -> Value:
    return x.builder.op("all", x, axes=(-1,))


SIMPLEX_TOLERANCE = 1e-5  # a float32 sum of 1000 probabilities is off by less

_INSIDE: Mapping[str, Callable[..., Value]] = {
    "positive": lambda x: x > 0.0,
    "nonnegative": lambda x: x >= 0.0,
    "unit_interval": lambda x: _between(x, 0.0, 1.0),
    "interval": _between,
    "greater_than": lambda x, low: x >= low,
    "less_than": lambda x, high: x <= high,
    "nonnegative_integer": lambda x: _whole(x, x >= 0),
    "integer_interval": lambda x, low, high: _whole(x, _between(x, low, high)),
    "boolean": lambda x: ops.logical_or(ops.eq(x, 0), ops.eq(x, 1)),
    "simplex": _sums_to_one,
    "ordered": lambda x: _all(gaps(x) > 0.0),
    "positive_ordered": lambda x: ops.logical_and(_all(x > 0.0), _all(gaps(x) > 0.0)),
}


def inside(kind: str, x: Value, *bounds: Operand) -> Value | None:
    """Whether finite numbers belong to a kind of support; None where all of them do."""
    row = _INSIDE.get(kind)
    return None if row is None else row(x, *bounds)


_DISCRETE_POINTS: Mapping[str, Callable[..., Operand]] = {
    "nonnegative_integer": lambda: 0,
    "integer_interval": lambda low, _: low,
    "boolean": lambda: 0,
}


def interior(kind: str, like: Value, *bounds: Operand) -> Operand:
    """A point inside a kind of support that broadcasts with `like`, a value on it.

    Where there is a bijection from the reals it is the image of 0; every density is smooth there.
    """
    if kind in _DISCRETE_POINTS:
        return _DISCRETE_POINTS[kind](*bounds)
    if kind in _ARRAY_POINTS:
        return _ARRAY_POINTS[kind](like)
    bijection = BIJECTIONS[SUPPORTS[kind].bijection]
    event = replace(like.type, shape=like.type.shape[like.type.rank - bijection.event_rank :])
    zero = like.builder.full(0.0, replace(bijection.free(event), axes=()))
    return bijection.forward(zero, *bounds)


_ARRAY_POINTS: Mapping[str, Callable[[Value], Operand]] = {
    "real_vector": lambda _: 0.0,
    "positive_definite": lambda x: x.builder.op("eye", size=x.type.shape[-1]),
}
