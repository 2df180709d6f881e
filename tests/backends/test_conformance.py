"""The backends of the project pass the kit that anyone's backend has to pass."""

from __future__ import annotations

import pytest

from ppc import registry
from ppc.testing.backend import Check, conformance

BACKENDS = ("jax", "tensorflow")
CHECKS = [
    pytest.param(name, check, id=f"{name}-{check}")
    for name in BACKENDS
    for check in conformance(name)
]


@pytest.mark.parametrize("name, check", CHECKS)
def test_a_backend_keeps_the_contract(name: str, check: Check) -> None:
    for package in registry.backend(name).requires:
        pytest.importorskip(package)
    assert check() == "", "these two refuse nothing"
