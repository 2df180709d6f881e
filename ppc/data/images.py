"""What the loaders of handwritten digits have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ppc.diagnostics import DataError
from ppc.diagnostics.files import TooFewDigits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Split = tuple[tuple[Array, Array], tuple[Array, Array]]

ALL = tuple(range(10))


def chosen(
    images: Array, labels: Array, digits: Iterable[int], count: int | None, vectorize: bool,
    argument: str,
) -> tuple[Array, Array]:  # fmt: skip
    """The first `count` images of some digits, as rows where they are vectorised.

    Raises DataError where there are fewer.
    """
    kept = np.isin(labels, np.asarray(list(digits)))
    x, y = images[kept], labels[kept].astype(np.uint8)
    if count is not None:
        if not 0 <= count <= len(x):
            raise DataError(TooFewDigits(argument=argument, asked=count, available=len(x)))
        x, y = x[:count], y[:count]
    if vectorize:
        return x.reshape(len(x), -1).astype(np.float32), y
    return x.astype(np.uint8), y


def plot_digits(data: Array, grid: Sequence[int] = (3, 3)) -> None:
    """Draw the first images of `data`, `[n, pixels]` or `[n, side, side]`, in rows and columns.

    Uses matplotlib, of the extra `plot`; the figure is the current one, `plt.show()` shows it.
    """
    import matplotlib.pyplot as plt

    rows, columns = grid
    images = np.asarray(data)
    side = int(np.sqrt(images[0].size))
    _, axes = plt.subplots(rows, columns, squeeze=False)
    for i, axis in enumerate(axes.ravel()):
        axis.set_axis_off()
        if i < len(images):
            axis.imshow(images[i].reshape(side, side), cmap="gray")
