"""Rules of the primitives that consume or make named axes; operands come as they are."""

from __future__ import annotations

import numpy as np

from ppc_numpy.reductions import extreme_gradient, logsumexp, logsumexp_gradient
from ppc_numpy.rules import Array, Call, Gradients, Rule, place, unplace
from ppc_numpy.shape import gather, scatter


def _reduced(call: Call) -> tuple[int, ...]:
    gone = call.attrs["axes"]
    assert isinstance(gone, tuple)
    return tuple(call.types[0].axes.index(str(a)) for a in gone)


def _ordered(call: Call, x: Array) -> Array:
    """Bring the axes that are left into the order of the result."""
    gone = {call.types[0].axes[i] for i in _reduced(call)}
    left = [a for a in call.types[0].axes if a not in gone]
    return place(x, left, call.node.type.axes)


def _reduce_axis(call: Call, x: Array) -> Array:
    over = _reduced(call)
    match call.attrs["op"]:
        case "sum":
            return _ordered(call, x.sum(axis=over))
        case "max":
            return _ordered(call, x.max(axis=over))
        case "logsumexp":
            return _ordered(call, logsumexp(x, over))
    raise NotImplementedError(f"reduce_axis by {call.attrs['op']}")


def _reduce_axis_vjp(call: Call, g: Array, y: Array, x: Array) -> Gradients:
    over = _reduced(call)
    left = [a for i, a in enumerate(call.types[0].axes) if i not in over]
    own = tuple(n for i, n in enumerate(x.shape) if i not in over)

    def back(v: Array) -> Array:
        return np.expand_dims(unplace(v, left, call.node.type.axes, own), over)

    match call.attrs["op"]:
        case "sum":
            return (np.broadcast_to(back(g), x.shape),)
        case "max":
            return (extreme_gradient(back(g), back(y), x, over),)
    return (logsumexp_gradient(back(g), x, over),)


def _taken(call: Call, x: Array, index: Array) -> tuple[Array, Array, tuple[str, ...]]:
    """Both over the axes of the result, the index' shape, x's shape, and the taken axis last."""
    want = call.node.type.axes
    x_type, index_type = call.types
    axis = str(call.attrs["axis"])
    left = tuple(a for a in x_type.axes if a != axis)
    moved = np.moveaxis(x, x_type.axes.index(axis), -1)
    rows = place(moved, left, want, index_type.rank + x_type.rank + 1)
    at = place(index, index_type.axes, want)
    return rows, at.reshape(*at.shape, *[1] * (x_type.rank + 1)), left


def _take_axis(call: Call, x: Array, index: Array) -> Array:
    rows, at, _ = _taken(call, x, index)
    return gather(rows, at, -1)[..., 0]


def _take_axis_vjp(call: Call, g: Array, _: Array, x: Array, index: Array) -> Gradients:
    rows, at, left = _taken(call, x, index)
    total = scatter(g[..., None], at, -1, rows.shape)
    x_axes = call.types[0].axes
    i = x_axes.index(str(call.attrs["axis"]))
    shape = (*x.shape[:i], *x.shape[i + 1 :], x.shape[i])
    return np.moveaxis(unplace(total, left, call.node.type.axes, shape), -1, i), None


def _to_axis(call: Call, x: Array) -> Array:
    return place(x, (*call.types[0].axes, str(call.attrs["axis"])), call.node.type.axes)


def _to_axis_vjp(call: Call, g: Array, _: Array, x: Array) -> Gradients:
    have = (*call.types[0].axes, str(call.attrs["axis"]))
    return (unplace(g, have, call.node.type.axes, x.shape),)


def _from_axis(call: Call, x: Array) -> Array:
    return place(x, call.types[0].axes, (*call.node.type.axes, str(call.attrs["axis"])))


def _from_axis_vjp(call: Call, g: Array, _: Array, x: Array) -> Gradients:
    want = (*call.node.type.axes, str(call.attrs["axis"]))
    return (unplace(g, call.types[0].axes, want, x.shape),)


def _axis_index(call: Call) -> Array:
    return np.arange(call.env.shape(call.node.type)[0])


AXES = {
    "reduce_axis": Rule(_reduce_axis, _reduce_axis_vjp, "none", rounds=True, sums=True),
    "take_axis": Rule(_take_axis, _take_axis_vjp, "none"),
    "to_axis": Rule(_to_axis, _to_axis_vjp, "none"),
    "from_axis": Rule(_from_axis, _from_axis_vjp, "none"),
    "axis_index": Rule(_axis_index, None, "none"),
}
