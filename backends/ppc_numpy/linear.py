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


def _transposed(x: Array) -> Array:
    return np.swapaxes(x, -1, -2)


def _cholesky(_: Call, a: Array) -> Array:
    """The factor of each matrix; NaN where there is none."""
    flat = (0.5 * (a + _transposed(a))).reshape(-1, *a.shape[-2:])
    factors = np.full_like(flat, np.nan)
    for i, matrix in enumerate(flat):
        try:
            factors[i] = np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            continue
    return factors.reshape(a.shape)


def _cholesky_vjp(_: Call, g: Array, l: Array, __: Array) -> Gradients:  # noqa: E741  # the factor L
    """Murray 2016, Differentiation of the Cholesky decomposition, eqs. 9 and 10, symmetric."""
    inner = np.tril(_transposed(l) @ np.tril(g))
    inner = inner - 0.5 * np.eye(l.shape[-1]) * inner
    rows = l[..., None, :, :]
    half = substituted(rows, _transposed(inner), transposed=True)  # (L^-T inner)^T
    whole = substituted(rows, _transposed(half), transposed=True)  # L^-T inner L^-1
    return (0.5 * (whole + _transposed(whole)),)


def substituted(a: Array, b: Array, *, transposed: bool) -> Array:
    """The solution of a x = b, or of a^T x = b, for a lower triangular `a`, by substitution."""
    n = a.shape[-1]
    shape = np.broadcast_shapes(a.shape[:-1], b.shape)
    x = np.array(np.broadcast_to(b, shape), float)
    for i in reversed(range(n)) if transposed else range(n):
        known = slice(i + 1, n) if transposed else slice(0, i)
        row = a[..., known, i] if transposed else a[..., i, known]
        with np.errstate(divide="ignore", invalid="ignore"):
            x[..., i] = (x[..., i] - (row * x[..., known]).sum(-1)) / a[..., i, i]
    return x


def _solve_triangular(call: Call, a: Array, b: Array) -> Array:
    lead = call.node.type.rank - 1  # of the shape, in front of the vectors
    return substituted(*_stacked(call, lead, a, b), transposed=bool(call.attrs["transposed"]))


def _stacked(call: Call, lead: int, a: Array, b: Array) -> tuple[Array, Array]:
    """Both with the same number of dimensions of the shape in front of matrix and vector."""

    def padded(x: Array, own: int) -> Array:
        missing = lead + own - (x.ndim - call.batch)
        return x.reshape(x.shape[: call.batch] + (1,) * missing + x.shape[call.batch :])

    return padded(a, 2), padded(b, 1)


def _solve_triangular_vjp(call: Call, g: Array, x: Array, a: Array, b: Array) -> Gradients:
    transposed = bool(call.attrs["transposed"])
    left, right = _stacked(call, call.node.type.rank - 1, a, b)
    to_b = substituted(left, g, transposed=not transposed)
    first, second = (x, to_b) if transposed else (to_b, x)
    to_a = np.tril(-first[..., :, None] * second[..., None, :])
    to_a, to_b = unbroadcast(to_a, left.shape), unbroadcast(to_b, right.shape)
    return to_a.reshape(a.shape), to_b.reshape(b.shape)


def _diagonal_vjp(_: Call, g: Array, __: Array, a: Array) -> Gradients:
    return (g[..., None] * np.eye(a.shape[-1]),)


LINEAR = {
    "matmul": Rule(_matmul, _matmul_vjp, rounds=True, sums=True),
    "tril": Rule(lambda _, a: np.tril(a), lambda _, g, __, ___: (np.tril(g),)),
    "diagonal": Rule(lambda _, a: np.diagonal(a, axis1=-2, axis2=-1), _diagonal_vjp),
    "cholesky": Rule(_cholesky, _cholesky_vjp, rounds=True, sums=True),
    "solve_triangular": Rule(_solve_triangular, _solve_triangular_vjp, rounds=True, sums=True),
}
