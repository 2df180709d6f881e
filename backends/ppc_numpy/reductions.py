"""Rules of the primitives that work along dimensions of the shape.

`max` and `min` share the derivative evenly among ties. `logsumexp` of a row of -inf passes 0.
"""

# Arithmetic on arrays whose dtype is not said has type Any.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any

import numpy as np

from ppc_numpy.rules import Array, Call, Gradients, Rule, times


def _spread(call: Call, g: Array) -> Array:
    """`g` with the reduced dimensions back, of size 1."""
    rank = g.ndim + len(call.axes)
    return np.expand_dims(g, tuple(rank + a for a in call.axes))


def _sum_vjp(call: Call, g: Array, _: Array, x: Array) -> Gradients:
    return (np.broadcast_to(_spread(call, g), x.shape),)


def _prod_vjp(call: Call, g: Array, _: Array, x: Array) -> Gradients:
    """Products of all other elements, without dividing by a zero."""
    if not x.size:
        return (np.zeros_like(x),)
    ends = tuple(range(-len(call.axes), 0))
    moved = np.moveaxis(x, call.axes, ends)
    rows = moved.reshape(*moved.shape[: moved.ndim - len(ends)], -1)
    ones = np.ones((*rows.shape[:-1], 1))
    before = np.cumprod(np.concatenate([ones, rows[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([ones, rows[..., :0:-1]], -1), -1)[..., ::-1]
    others = np.moveaxis((before * after).reshape(moved.shape), ends, call.axes)
    return (times(_spread(call, g), others),)


def _extreme_vjp(call: Call, g: Array, y: Array, x: Array) -> Gradients:
    return (extreme_gradient(_spread(call, g), _spread(call, y), x, call.axes),)


def extreme_gradient(g: Array, y: Array, x: Array, axes: tuple[int, ...]) -> Array:
    """`g` shared among the elements of `x` that equal the extreme `y`, dimensions kept."""
    ties = (x == y) * 1.0
    return times(g, ties / ties.sum(axis=axes, keepdims=True))


def logsumexp(x: Array, axes: tuple[int, ...]) -> Array:
    """log(sum(exp(x))), with -inf and inf as limits."""
    top = np.max(x, axis=axes, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(top), top, 0.0)
    total = np.log(np.sum(np.exp(x - shift), axis=axes, keepdims=True)) + shift
    return np.squeeze(total, axis=axes)


def logsumexp_gradient(g: Array, x: Array, axes: tuple[int, ...]) -> Array:
    """`g` by the softmax of `x`: 0 where all are -inf, shared among infinities.

    `g` has the reduced dimensions, of size 1. Taking exp(x - y) with the rounded result y would
    lose digits where y is large.
    """
    top = np.max(x, axis=axes, keepdims=True, initial=-np.inf)
    e = np.exp(x - np.where(np.isfinite(top), top, 0.0))
    e = np.where(top == np.inf, (x == np.inf) * 1.0, e)
    total = e.sum(axis=axes, keepdims=True)
    return times(g, e / np.where(total == 0, 1.0, total))


def _logsumexp_vjp(call: Call, g: Array, _: Array, x: Array) -> Gradients:
    return (logsumexp_gradient(_spread(call, g), x, call.axes),)


def _log_softmax(call: Call, x: Array) -> Array:
    total = np.expand_dims(logsumexp(x, (call.axis,)), call.axis)
    return x - total


def _log_softmax_vjp(call: Call, g: Array, y: Array, _: Array) -> Gradients:
    return (g - np.exp(y) * g.sum(axis=call.axis, keepdims=True),)


def _softmax(call: Call, x: Array) -> Array:
    e = np.exp(x - np.max(x, axis=call.axis, keepdims=True))
    return e / e.sum(axis=call.axis, keepdims=True)


def _softmax_vjp(call: Call, g: Array, y: Array, _: Array) -> Gradients:
    return (y * (g - (g * y).sum(axis=call.axis, keepdims=True)),)


def _cumsum_vjp(call: Call, g: Array, *_: Array) -> Gradients:
    return (np.flip(np.cumsum(np.flip(g, call.axis), call.axis), call.axis),)


def _along_axes(function: Any) -> Any:
    return lambda call, x: function(x, axis=call.axes)


REDUCTIONS = {
    "sum": Rule(_along_axes(np.sum), _sum_vjp, rounds=True, sums=True),
    "prod": Rule(_along_axes(np.prod), _prod_vjp, rounds=True, sums=True),
    "max": Rule(_along_axes(np.max), _extreme_vjp),
    "min": Rule(_along_axes(np.min), _extreme_vjp),
    "logsumexp": Rule(
        lambda call, x: logsumexp(x, call.axes), _logsumexp_vjp, rounds=True, sums=True
    ),
    "any": Rule(_along_axes(np.any)),
    "all": Rule(_along_axes(np.all)),
    "argmax": Rule(lambda call, x: np.argmax(x, axis=call.axis)),
    "argmin": Rule(lambda call, x: np.argmin(x, axis=call.axis)),
    "cumsum": Rule(
        lambda call, x: np.cumsum(x, axis=call.axis), _cumsum_vjp, rounds=True, sums=True
    ),
    "softmax": Rule(_softmax, _softmax_vjp, rounds=True, sums=True),
    "log_softmax": Rule(_log_softmax, _log_softmax_vjp, rounds=True, sums=True),
    "flip": Rule(
        lambda call, x: np.flip(x, call.axis), lambda call, g, *_: (np.flip(g, call.axis),)
    ),
}
