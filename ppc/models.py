"""`ppc.models`: every random variable, `Parameter`, `probmodel` and `datamodel`, as in InferPy."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ppc.api import Parameter as Parameter
from ppc.api import datamodel as datamodel
from ppc.api import distribution
from ppc.api import probmodel as probmodel
from ppc.distributions import DISTRIBUTIONS
from ppc.eager import RandomVariable as RandomVariable
from ppc.variables import Kind

random_variable = SimpleNamespace(
    RandomVariable=RandomVariable, Kind=Kind, distributions_all=sorted(DISTRIBUTIONS)
)


def __getattr__(name: str) -> Any:
    found = None if name.startswith("_") else distribution(name)
    if found is None:
        raise AttributeError(f"module 'ppc.models' has no attribute {name!r}")
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *DISTRIBUTIONS})
