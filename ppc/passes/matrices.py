"""Small matrices of numbers of Python, as tuples of rows, for constant folding."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

Row = tuple[float, ...]
Matrix = tuple[Row, ...]


def _tril(a: Matrix) -> Matrix:
    return tuple(tuple(x if j <= i else 0.0 for j, x in enumerate(row)) for i, row in enumerate(a))


def _cholesky(a: Matrix) -> Matrix:
    """The factor of the symmetric part (Golub and Van Loan 2013, sec. 4.2)."""
    rows: list[Row] = []
    for i in range(len(a)):
        row: list[float] = []
        for j in range(i + 1):
            known = rows[j] if j < i else row
            products = math.fsum(x * y for x, y in zip(row, known, strict=False))
            rest = 0.5 * (a[i][j] + a[j][i]) - products
            if i == j and rest <= 0:
                raise ValueError
            row.append(math.sqrt(rest) if i == j else rest / known[j])
        rows.append((*row, *[0.0] * (len(a) - i - 1)))
    return tuple(rows)


# Each raises ValueError where there is no result.
MATRICES: Mapping[str, Callable[[Matrix], Matrix | Row]] = {
    "tril": _tril,
    "cholesky": _cholesky,
    "diagonal": lambda a: tuple(row[i] for i, row in enumerate(a)),
    "transpose": lambda a: tuple(zip(*a, strict=True)),
}
