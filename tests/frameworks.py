"""The frameworks that backends run on: a test that needs an absent one is skipped, never in CI.

Tests import what they need and say nothing of it: conftest.py catches what an absent framework
makes fail, at import as in a test.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import NoReturn

import pytest

from ppc.diagnostics import StateError
from ppc.diagnostics.chains import MissingSampler
from ppc.diagnostics.command import MissingFramework
from ppc.registry import backend, names

MCMC = ("arviz_base", "arviz_stats", "blackjax", "tensorflow_probability", "tf_keras")


def frameworks() -> frozenset[str]:
    """The packages that the programs of installed backends import, and what tests use with them."""
    required = {package for name in names() for package in backend(name).requires}
    return frozenset(required | {"jax", "keras", "jaxtyping", *MCMC})


def lacking(error: BaseException | None) -> str | None:
    """The absent framework that is why something failed; None where it failed otherwise."""
    package = None
    if isinstance(error, StateError):
        absent = [
            m.package for m in error.mistakes if isinstance(m, MissingFramework | MissingSampler)
        ]
        package = absent[0] if absent else None
    elif isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
    return package if package in frameworks() and find_spec(package) is None else None


def without(package: str) -> NoReturn:
    """End what needs an absent framework: skipped, but failed where all of them must be there."""
    reason = f"{package} is not installed"
    if in_ci():
        pytest.fail(f"{reason}, and CI skips no backend", pytrace=False)
    pytest.skip(reason)


def in_ci() -> bool:
    """Whether this is the run that every change has to pass."""
    return os.environ.get("CI") == "true"
