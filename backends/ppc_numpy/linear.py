"""Rules of linear algebra."""

# Arithmetic on arrays whose dtype is not said has type Any.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from ppc_numpy.rules import Array, Call, Gradients, Rule, unbroadcast


def _matrices(call: Call, a: Array, b: Array) -> tuple[Array, Array]:
    """Both as stacks of matrices with equally many dimensions, vectors as a row and a column.

    Stacked dimensions of the shape are padded between the named axes and the shape.
    """
    if call.types[0].rank == 1:
        a = a[..., None, :]
    if call.types[1].rank == 1:
        b = b[..., :, None]
    rank = max(a.ndim, b.ndim)

    def padded(x: Array) -> Array:
        lead, own = x.shape[: call.batch], x.shape[call.batch :]
        return x.reshape(lead + (1,) * (rank - x.ndim) + own)

    return padded(a), padded(b)


def _matmul(call: Call, a: Array, b: Array) -> Array:
    left, right = _matrices(call, a, b)
    product = np.matmul(left, right)
    if call.types[1].rank == 1:
        product = product[..., 0]
    if call.types[0].rank == 1:
        product = np.squeeze(product, -1 if call.types[1].rank == 1 else -2)
    return product


def _matmul_vjp(call: Call, g: Array, _: Array, a: Array, b: Array) -> Gradients:
    left, right = _matrices(call, a, b)
    if call.types[0].rank == 1:
        g = np.expand_dims(g, -1 if call.types[1].rank == 1 else -2)
    if call.types[1].rank == 1:
        g = g[..., None]
    to_left = unbroadcast(np.matmul(g, np.swapaxes(right, -1, -2)), left.shape)
    to_right = unbroadcast(np.matmul(np.swapaxes(left, -1, -2), g), right.shape)
    return to_left.reshape(a.shape), to_right.reshape(b.shape)


LINEAR = {"matmul": Rule(_matmul, _matmul_vjp, rounds=True, sums=True)}
