"""The MNIST digits from files on disk: nothing is downloaded.

Format: Y. LeCun, C. Cortes and C. Burges, the idx files of the MNIST database.
"""

from __future__ import annotations

import gzip
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ppc.data.images import ALL, chosen
from ppc.data.images import plot_digits as plot_digits
from ppc.diagnostics import DataError
from ppc.diagnostics.files import NotRead

if TYPE_CHECKING:
    from ppc.data.images import Array, Split

_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def load_data(
    vectorize: bool = True,
    num_instances: int | None = None,
    num_instances_test: int | None = None,
    digits: Iterable[int] = ALL,
    *,
    path: str | os.PathLike[str] = "mnist.npz",
) -> Split:
    """`((x_train, y_train), (x_test, y_test))` of the standard files.

    `path` is Keras's `mnist.npz`, or a folder with the four idx files, packed by gzip or not. The
    other arguments are those of `ppc.data.digits.load_data`. Raises DataError for files that are
    not there or are none of these.
    """
    where = Path(path)
    if where.is_dir():
        train, test = (_folder(where, part) for part in ("train", "test"))
    else:
        train, test = _npz(where)
    digits = tuple(digits)
    return (
        chosen(*train, digits, num_instances, vectorize, "num_instances"),
        chosen(*test, digits, num_instances_test, vectorize, "num_instances_test"),
    )


def _npz(path: Path) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return (file["x_train"], file["y_train"]), (file["x_test"], file["y_test"])
    except OSError as error:
        reason = error.strerror or str(error)
    except (ValueError, KeyError, EOFError) as error:
        reason = f"it is no mnist.npz ({error})"
    raise DataError(NotRead(path=str(path), reason=reason))


def _folder(folder: Path, part: str) -> tuple[Array, Array]:
    images, labels = (_idx(folder, name) for name in _FILES[part])
    return images, labels


def _idx(folder: Path, name: str) -> Array:
    """An array of bytes: a magic number, big-endian sizes, then the bytes."""
    path = next((p for p in (folder / name, folder / f"{name}.gz") if p.exists()), None)
    if path is None:
        raise DataError(NotRead(path=str(folder / name), reason="there is no such file"))
    try:
        packed = path.read_bytes()
        content = gzip.decompress(packed) if path.suffix == ".gz" else packed
        zero, kind, rank = struct.unpack(">HBB", content[:4])
        shape = struct.unpack(f">{rank}I", content[4 : 4 + 4 * rank])
        if zero != 0 or kind != 0x08:
            raise ValueError("its first bytes are others")
        return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)
    except (OSError, EOFError, ValueError, struct.error) as error:
        raise DataError(NotRead(path=str(path), reason=f"it is no idx file ({error})")) from None
