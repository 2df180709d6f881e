"""Builders of triangular matrices, factors and solutions. Keywords are these builders' own."""

from __future__ import annotations

from typing import Any

from ppc.ir.build import Value
from ppc_frontend.context import Context
from ppc_frontend.tensors import integer, tensor
from ppc_frontend.vocabulary.builders import diag, matrix_transpose


def _matrix(ctx: Context, x: Any, what: str) -> Value:
    """An operand whose last two dimensions are no rows of a plate."""
    value = tensor(ctx, x)
    if ctx.lead(value) and value.type.rank < 2:
        ctx.across(value, what)
    return value


def cholesky(ctx: Context, *, x: Any, lower: Any = True, upper: Any = False) -> Value:
    """The factor of a positive definite matrix: L of L L^T, or its transpose."""
    factor = ctx.op("cholesky", _matrix(ctx, x, "a Cholesky factor"))
    return factor if lower and not upper else matrix_transpose(ctx, x=factor)


def solve_triangular(
    ctx: Context, *, x: Any, y: Any, transposed: Any = 0, lower: Any = True
) -> Value:
    """The solution for a vector, or for the columns of a matrix."""
    what = "a triangular solution"
    a, b = _matrix(ctx, x, what), _matrix(ctx, y, what)
    turned = transposed not in (0, "N", False)
    if not lower:
        a, turned = matrix_transpose(ctx, x=a), not turned
    if b.type.rank < 2:
        return ctx.op("solve_triangular", a, b, transposed=int(turned))
    if a.type.rank > 2 or ctx.lead(a):
        a = ctx.op("expand_dims", a, axis=-3)  # the same matrix for each column
    columns = matrix_transpose(ctx, x=b)
    found = ctx.op("solve_triangular", a, columns, transposed=int(turned))
    return matrix_transpose(ctx, x=found)


def lower_triangle(ctx: Context, *, x: Any) -> Value:
    """A square matrix with zeros above its diagonal."""
    return ctx.op("tril", _matrix(ctx, x, "a triangle"))


def upper_triangle(ctx: Context, *, x: Any) -> Value:
    """A square matrix with zeros below its diagonal."""
    turned = matrix_transpose(ctx, x=_matrix(ctx, x, "a triangle"))
    return matrix_transpose(ctx, x=ctx.op("tril", turned))


def diagonal(ctx: Context, *, x: Any, first: Any = -2, second: Any = -1) -> Value:
    """The diagonal of square matrices, which are the last two dimensions of what code sees."""
    value = _matrix(ctx, x, "a diagonal")
    rank = len(ctx.visible(value))
    axes = {integer(ctx, axis, "an axis") % max(rank, 1) for axis in (first, second)}
    if axes != {rank - 2, rank - 1}:
        reason = "diagonals are those of the last two dimensions: axis1=-2, axis2=-1"
        ctx.refuse(ctx.shape_mistake(reason, (value,)))
    return ctx.op("diagonal", value)


def diag_or_diagonal(ctx: Context, *, x: Any) -> Value:
    """NumPy's diag: the diagonal of a matrix, or the matrix of a diagonal."""
    value = tensor(ctx, x)
    if len(ctx.visible(value)) < 2:
        return diag(ctx, x=value)
    return diagonal(ctx, x=value, first=0, second=1)


def trace(ctx: Context, *, x: Any, first: Any = -2, second: Any = -1) -> Value:
    """The sum of the diagonal of a square matrix."""
    return ctx.op("sum", diagonal(ctx, x=x, first=first, second=second), axes=(-1,))
