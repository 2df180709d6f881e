"""Modules import downward only, and importing ppc loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest
from packages import Module, modules

# From the bottom up; a module may import its own layer and those below it. The longest prefix
# that fits a module is its layer.
LAYERS = (
    ("ppc.records",),
    ("ppc.spans",),
    ("ppc.diagnostics",),
    ("ppc.data",),
    ("ppc.ir",),
    ("ppc.distributions",),
    ("ppc.objective", "ppc.passes"),
    ("ppc.emit",),
    ("ppc.compiler", "ppc.emit.program", "ppc.emit.module"),
    ("ppc.optimizers",),
    ("ppc.backend", "ppc.registry", "ppc.inference"),
    ("ppc.eager", "ppc.variables"),
    ("ppc.sessions",),
    (
        "ppc.api",
        "ppc.compiled",
        "ppc.layers",
        "ppc.roles",
        "ppc.explain",
        "ppc.pedantic",
        "ppc.tf",
    ),
    ("ppc.tfp",),
    ("ppc.models",),
    ("ppc.testing",),
    ("ppc.commands", "ppc.cli"),
)
RANK = {prefix: rank for rank, row in enumerate(LAYERS) for prefix in row}

# What the packages beside ppc may import of it, and of each other.
BESIDE = {
    "ppc_frontend": ("ppc.records", "ppc.spans", "ppc.diagnostics", "ppc.ir", "ppc.distributions"),
    "ppc_jax": (
        "ppc.records",
        "ppc.diagnostics",
        "ppc.ir",
        "ppc.emit",
        "ppc.backend",
        "ppc.optimizers",
    ),
    "ppc_tf": (
        "ppc.records",
        "ppc.diagnostics",
        "ppc.ir",
        "ppc.emit",
        "ppc.backend",
        "ppc.optimizers",
    ),
    "ppc_numpy": ("ppc.records", "ppc.diagnostics", "ppc.ir", "ppc.distributions"),
}

HEAVY = ("libcst", "jax", "optax", "tensorflow", "scipy", "matplotlib", "networkx", "rich", "click")


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def layer(name: str) -> int | None:
    fitting = [prefix for prefix in RANK if within(name, prefix)]
    return RANK[max(fitting, key=len)] if fitting else None


CORE = [m for m in modules() if within(m.name, "ppc")]


@pytest.mark.parametrize("module", CORE, ids=str)
def test_the_core_imports_downward(module: Module) -> None:
    own = layer(module.name)
    for imported in module.imports:
        # The kit holds backends to the reference.
        beside = set(BESIDE) - ({"ppc_numpy"} if within(module.name, "ppc.testing") else set())
        assert not any(within(imported, package) for package in beside), imported
        below = layer(imported)
        if below is not None and own is not None:
            assert below <= own, f"{module} imports {imported}"


def test_every_module_of_the_core_has_a_layer() -> None:
    assert [m.name for m in CORE if layer(m.name) is None and m.name != "ppc"] == []


@pytest.mark.parametrize("module", [m for m in modules() if m not in CORE], ids=str)
def test_what_stands_beside_the_core_imports_what_it_may(module: Module) -> None:
    package = module.name.partition(".")[0]
    allowed = (package, *BESIDE[package])
    for imported in module.imports:
        if imported.startswith("ppc"):
            assert any(within(imported, a) for a in allowed), f"{module} imports {imported}"


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after `code`."""
    probe = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.split())


def test_importing_ppc_loads_nothing_heavy() -> None:
    assert loaded_by("import ppc").isdisjoint(HEAVY)


@pytest.mark.parametrize("module", [m for m in CORE if m.name != "ppc.cli"], ids=str)
def test_no_module_of_the_core_loads_a_framework(module: Module) -> None:
    for imported in module.imports:
        assert imported.partition(".")[0] not in HEAVY, f"{module} imports {imported}"
