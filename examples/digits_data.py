"""The data of the demonstration: handwritten digits that scikit-learn bundles, enlarged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

SIDE = 28
CLASSES = (0, 1, 2)


def digits() -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Images f32[537, 784] of the digits 0, 1, 2 with pixels in [0, 1], and labels i32[537]."""
    bunch = load_digits()
    kept = np.isin(bunch.target, CLASSES)
    nearest = np.arange(SIDE) * 8 // SIDE  # 8 x 8 pixels enlarged to 28 x 28
    images = bunch.images[kept][:, nearest][:, :, nearest] / 16
    return images.reshape(-1, SIDE * SIDE).astype(np.float32), bunch.target[kept].astype(np.int32)


if __name__ == "__main__":
    x, y = digits()
    np.savez("digits.npz", x=x, y=y)
    print(f"digits.npz: x {x.shape}, y {y.shape}")
