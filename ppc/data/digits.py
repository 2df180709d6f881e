"""Handwritten digits that scikit-learn bundles: no download.

Source: the test set of the Optical Recognition of Handwritten Digits data (E. Alpaydin and
C. Kaynak, UCI Machine Learning Repository, 1998), 1797 images of 8 x 8 pixels.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from ppc.data.images import ALL, chosen
from ppc.data.images import plot_digits as plot_digits

if TYPE_CHECKING:
    from ppc.data.images import Split

TRAINING = 1400  # the images of the training set; the others are the test set
LEVELS = 16  # the largest pixel of the source


def load_data(
    vectorize: bool = True,
    num_instances: int | None = None,
    num_instances_test: int | None = None,
    digits: Iterable[int] = ALL,
    *,
    side: int = 28,
) -> Split:
    """`((x_train, y_train), (x_test, y_test))`, as InferPy's `mnist.load_data` has it.

    Args:
        vectorize: whether images are rows, float32 `[n, side * side]`, or uint8 `[n, side, side]`.
        num_instances: the first of the training images; all by default.
        num_instances_test: the same of the test images.
        digits: the classes that are kept.
        side: pixels a side, to which the 8 x 8 are enlarged by repeating them.

    Pixels are 0 to 255, labels uint8. Needs scikit-learn. Raises DataError where there are fewer
    images than asked for.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    nearest = np.arange(side) * 8 // side
    images = np.round(bunch.images[:, nearest][:, :, nearest] * (255 / LEVELS))
    digits = tuple(digits)
    train = chosen(
        images[:TRAINING], bunch.target[:TRAINING], digits, num_instances, vectorize,
        "num_instances",
    )  # fmt: skip
    test = chosen(
        images[TRAINING:], bunch.target[TRAINING:], digits, num_instances_test, vectorize,
        "num_instances_test",
    )  # fmt: skip
    return train, test
