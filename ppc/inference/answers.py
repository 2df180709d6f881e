"""What a query of one target answers: the bare array, as in InferPy, that still has its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class NamedArray(np.ndarray[Any, np.dtype[Any]]):
    """The array of one target: `answer["y"]` is it too, as where several were asked for.

    What is computed from it is a plain array.
    """

    target: str = ""

    def __getitem__(self, key: Any) -> Any:
        plain = self.view(np.ndarray)
        return plain if isinstance(key, str) and key == self.target else plain[key]

    def __repr__(self) -> str:
        return repr(self.view(np.ndarray))

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        plain = np.asarray(array)
        return plain[()] if return_scalar else plain


class NamedParameters(dict[str, Array]):
    """The parameters of one target by name: `answer["y"]` is this too."""

    def __init__(self, values: Mapping[str, Array], target: str) -> None:
        super().__init__(values)
        self.target = target

    def __missing__(self, key: str) -> NamedParameters:
        if key == self.target:
            return self
        raise KeyError(key)


def of_one(values: Mapping[str, Any]) -> Any:
    """The answer for the only target: an array, or parameters by name."""
    ((target, value),) = values.items()
    if isinstance(value, dict):
        return NamedParameters(value, target)
    named = np.asarray(value).view(NamedArray)
    named.target = target
    return named
