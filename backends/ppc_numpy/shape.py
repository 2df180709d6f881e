"""Rules of the primitives that move elements: dimensions of the shape, joins, gathers.

Positions out of range raise IndexError: a program that relies on what a library does there is
wrong. Negative positions count from the end.
"""

# Arithmetic on arrays whose dtype is not said has type Any.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from ppc.ir.nodes import Attr
from ppc.ir.rules import shape_of
from ppc.ir.sizes import Size
from ppc_numpy.rules import Array, Call, Gradients, Rule, unbroadcast


def gather(x: Array, index: Array, axis: int) -> Array:
    """Elements of `x` along `axis`; all other dimensions broadcast."""
    n = x.shape[axis]
    if index.size and (index.min() < -n or index.max() >= n):
        raise IndexError(f"positions {index.min()} to {index.max()} are out of range for {n}")
    shape = list(np.broadcast_shapes(_dropped(x, axis), _dropped(index, axis)))
    at = len(shape) + axis + 1
    shape.insert(at, index.shape[axis])
    index = np.broadcast_to(index, shape)
    shape[at] = n
    return np.take_along_axis(np.broadcast_to(x, shape), index, axis)


def scatter(g: Array, index: Array, axis: int, shape: tuple[int, ...]) -> Array:
    """The transpose of `gather`: the cotangent of an `x` of this shape."""
    full = list(g.shape)
    full[axis] = shape[axis]
    total = np.zeros(full)
    where = list(np.ogrid[tuple(slice(n) for n in g.shape)])
    where[axis] = np.broadcast_to(index, g.shape)
    np.add.at(total, tuple(where), g)
    return unbroadcast(total, shape)


def _dropped(x: Array, axis: int) -> tuple[int, ...]:
    shape = list(x.shape)
    del shape[axis]
    return tuple(shape)


def _same_batch(call: Call, args: tuple[Array, ...]) -> list[Array]:
    lead = np.broadcast_shapes(*(x.shape[: call.batch] for x in args))
    return [np.broadcast_to(x, lead + x.shape[call.batch :]) for x in args]


def _to_shape(call: Call) -> tuple[int, ...]:
    return tuple(call.env.size(s) for s in shape_of(call.attrs))


def _reshape(call: Call, x: Array) -> Array:
    return x.reshape(x.shape[: call.batch] + _to_shape(call))


def _broadcast_to(call: Call, x: Array) -> Array:
    shape = _to_shape(call)
    own = x.shape[call.batch :]
    padded = x.reshape(x.shape[: call.batch] + (1,) * (len(shape) - len(own)) + own)
    return np.broadcast_to(padded, x.shape[: call.batch] + shape)


def _broadcast_to_vjp(call: Call, g: Array, _: Array, x: Array) -> Gradients:
    lead, own = x.shape[: call.batch], x.shape[call.batch :]
    padded = lead + (1,) * (g.ndim - x.ndim) + own
    return (unbroadcast(g, padded).reshape(x.shape),)


def _permutation(call: Call) -> list[int]:
    perm = call.attrs["perm"]
    assert isinstance(perm, tuple)
    rank = call.batch + len(perm)
    return [*range(call.batch), *(rank + p for p in perm if isinstance(p, int))]


def _transpose(call: Call, x: Array) -> Array:
    return x.transpose(_permutation(call))


def _transpose_vjp(call: Call, g: Array, *_: Array) -> Gradients:
    return (g.transpose(np.argsort(_permutation(call)).tolist()),)


def _concat(call: Call, *args: Array) -> Array:
    return np.concatenate(_same_batch(call, args), axis=call.axis)


def _concat_vjp(call: Call, g: Array, _: Array, *args: Array) -> Gradients:
    ends = np.cumsum([x.shape[call.axis] for x in args])[:-1]
    return np.split(g, ends.tolist(), axis=call.axis)


def _stack(call: Call, *args: Array) -> Array:
    return np.stack(_same_batch(call, args), axis=call.axis)


def _stack_vjp(call: Call, g: Array, _: Array, *args: Array) -> Gradients:
    return [np.take(g, i, axis=call.axis) for i in range(len(args))]


def _as_int(call: Call, attr: Attr) -> int:
    assert isinstance(attr, (Size, int))
    return call.env.size(Size.of(attr))


def _place_in(call: Call, x: Array, part: slice | int) -> tuple[slice | int, ...]:
    where: list[slice | int] = [slice(None)] * x.ndim
    where[call.axis] = part
    return tuple(where)


def _part(call: Call, x: Array) -> tuple[slice | int, ...]:
    if "at" in call.attrs:
        return _place_in(call, x, _as_int(call, call.attrs["at"]))
    start, stop = (_as_int(call, call.attrs[end]) for end in ("start", "stop"))
    n = x.shape[call.axis]
    if not (0 <= start <= n and stop <= n):
        raise IndexError(f"the slice {start}:{stop} is out of range for {n} elements")
    return _place_in(call, x, slice(start, max(start, stop), _as_int(call, call.attrs["step"])))


def _part_vjp(call: Call, g: Array, _: Array, x: Array) -> Gradients:
    total = np.zeros(x.shape)
    total[_part(call, x)] = g
    return (total,)


def _take_operands(call: Call, x: Array, index: Array) -> tuple[Array, Array]:
    """(batch, before, n, after) and (batch, 1.., m, 1..): both with `axis` counted from the end."""
    before = x.ndim - call.batch + call.axis
    after = -call.axis - 1
    flat = index.reshape(*index.shape[: call.batch], *[1] * before, -1, *[1] * after)
    return x, flat


def _take(call: Call, x: Array, index: Array) -> Array:
    picked = gather(*_take_operands(call, x, index), call.axis)
    at = picked.ndim + call.axis
    own = index.shape[call.batch :]
    return picked.reshape(picked.shape[:at] + own + picked.shape[at + 1 :])


def _take_vjp(call: Call, g: Array, _: Array, x: Array, index: Array) -> Gradients:
    _, flat = _take_operands(call, x, index)
    at = x.ndim + call.axis
    after = x.ndim - at - 1
    rows = g.reshape(*g.shape[:at], flat.shape[call.axis], *g.shape[g.ndim - after :])
    return scatter(rows, flat, call.axis, x.shape), None


def _along_operands(call: Call, x: Array, index: Array) -> Array:
    own = index.ndim - call.batch
    lacking = x.ndim - call.batch - 1 - own
    index = index.reshape(index.shape[: call.batch] + (1,) * lacking + index.shape[call.batch :])
    return np.expand_dims(index, call.axis)


def _take_along(call: Call, x: Array, index: Array) -> Array:
    return gather(x, _along_operands(call, x, index), call.axis).squeeze(call.axis)


def _take_along_vjp(call: Call, g: Array, _: Array, x: Array, index: Array) -> Gradients:
    where = _along_operands(call, x, index)
    return scatter(np.expand_dims(g, call.axis), where, call.axis, x.shape), None


def _segment_sum(call: Call, x: Array, index: Array) -> Array:
    x, index = _same_batch(call, (x, index))
    size = _as_int(call, call.attrs["size"])
    if index.size and (index.min() < 0 or index.max() >= size):
        raise IndexError(f"positions {index.min()} to {index.max()} are out of range for {size}")
    lead = x.shape[: call.batch]
    total = np.zeros((*lead, size, *x.shape[call.batch + 1 :]), x.dtype)
    for at in np.ndindex(lead):
        np.add.at(total[at], index[at], x[at])
    return total


def _segment_sum_vjp(call: Call, g: Array, _: Array, x: Array, index: Array) -> Gradients:
    lead = g.shape[: call.batch]
    rows = np.broadcast_to(index, (*lead, index.shape[-1]))
    after = g.ndim - call.batch - 1
    return gather(g, rows.reshape(*rows.shape, *[1] * after), -1 - after), None


def _one_hot(call: Call, x: Array) -> Array:
    return (x[..., None] == np.arange(_as_int(call, call.attrs["depth"]))) * 1.0


def _reshaped_back(_: Call, g: Array, __: Array, x: Array) -> Gradients:
    return (g.reshape(x.shape),)


SHAPE = {
    "reshape": Rule(_reshape, _reshaped_back),
    "broadcast_to": Rule(_broadcast_to, _broadcast_to_vjp),
    "expand_dims": Rule(lambda call, x: np.expand_dims(x, call.axis), _reshaped_back),
    "squeeze": Rule(lambda call, x: np.squeeze(x, call.axis), _reshaped_back),
    "transpose": Rule(_transpose, _transpose_vjp),
    "concat": Rule(_concat, _concat_vjp),
    "stack": Rule(_stack, _stack_vjp),
    "slice": Rule(lambda call, x: x[_part(call, x)], _part_vjp),
    "index": Rule(lambda call, x: x[_part(call, x)], _part_vjp),
    "take": Rule(_take, _take_vjp),
    "take_along": Rule(_take_along, _take_along_vjp),
    "segment_sum": Rule(_segment_sum, _segment_sum_vjp, rounds=True, sums=True),
    "one_hot": Rule(_one_hot),
    "arange": Rule(lambda call: np.arange(_as_int(call, call.attrs["size"]))),
    "eye": Rule(lambda call: np.eye(_as_int(call, call.attrs["size"]))),
    "dim": Rule(lambda call: np.asarray(_as_int(call, call.attrs["size"]))),
}
