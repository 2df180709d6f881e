"""The vocabulary: what functions of known libraries mean, as data, one table a library.

A table is built when the first name of its library is looked up.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from functools import cache
from typing import Any

from ppc_frontend.values import DTypeValue
from ppc_frontend.vocabulary.base import Row
from ppc_frontend.vocabulary.elementwise import DTYPE_NAMES

LIBRARIES: Mapping[str, str] = {  # library to the module with its table
    "numpy": "ppc_frontend.vocabulary.numpy",
    "tensorflow": "ppc_frontend.vocabulary.tensorflow",
    "jax": "ppc_frontend.vocabulary.jax",
    "scipy": "ppc_frontend.vocabulary.scipy",
    "math": "ppc_frontend.vocabulary.math",
}

_NUMBERS: Mapping[str, Any] = {
    "pi": math.pi, "e": math.e, "tau": math.tau, "inf": math.inf, "nan": math.nan, "newaxis": None,
}  # fmt: skip
_NUMBERED = {"numpy.", "jax.numpy.", "math.", "tensorflow."}


@cache
def table(library: str) -> Mapping[str, Row]:
    """The functions of a library by full name."""
    module = importlib.import_module(LIBRARIES[library])
    return {f"{library}.{name}": row for name, row in module.rows().items()}


def function(path: str) -> Row | None:
    """The row of a function by its full dotted name."""
    library = path.split(".", 1)[0]
    return table(library).get(path) if library in LIBRARIES else None


def constant(path: str) -> tuple[Any] | None:
    """A constant of a library, in a tuple, or None where the name is none."""
    owner, _, name = path.rpartition(".")
    if name in DTYPE_NAMES and owner in {"numpy", "jax.numpy", "tensorflow"}:
        return (DTypeValue(DTYPE_NAMES[name]),)
    if name in _NUMBERS and owner + "." in _NUMBERED:
        return (_NUMBERS[name],)
    return None


def is_module(path: str) -> bool:
    """Whether a dotted name is a library or a module of one that holds a known function."""
    library = path.split(".", 1)[0]
    if library not in LIBRARIES:
        return False
    return path == library or any(name.startswith(path + ".") for name in table(library))


def names(library: str) -> list[str]:
    """Every known full name of a library."""
    return list(table(library)) if library in LIBRARIES else []
