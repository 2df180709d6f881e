"""What a check is, and what it means that a backend does not have something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ppc.backend import Backend
from ppc.diagnostics import CompileError
from ppc.diagnostics.command import NotInBackend
from ppc.emit.program import Program
from ppc.ir.nodes import Graph

PASSED = ""


def widths(backend: Backend) -> tuple[type, ...]:
    """NumPy's types of the floats that a backend computes in, its default first."""
    return tuple(getattr(np, name) for name in backend.dialect().floats)


def widest(backend: Backend) -> type:
    """The widest of them."""
    return max(widths(backend), key=lambda dtype: np.dtype(dtype).itemsize)


def coarser(dtype: type) -> float:
    """How many times as large the rounding of a float is as that of float64."""
    return float(np.finfo(dtype).eps / np.finfo(np.float64).eps)


def compiles_nothing(backend: Backend) -> bool:
    """Whether functions run as they are."""
    backend.runner.start()
    return backend.runner.compiled(compiles_nothing) is compiles_nothing


def usual(backend: Backend) -> type:
    """That in which it computes unless told otherwise."""
    return widths(backend)[0]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to hold a backend to; calling it does.

    It returns "" where the backend does it right, and what the backend refuses, in its words,
    where it does so by name. Anything else is an AssertionError.
    """

    name: str  # "primitive/exp/float32"
    run: Callable[[], str]

    def __call__(self) -> str:
        """Run the check."""
        return self.run()

    def __str__(self) -> str:
        return self.name


def refusal(backend: Backend, what: Graph | Program) -> str:
    """What a backend refuses of a graph or program, by name; empty where it prints it."""
    try:
        if isinstance(what, Graph):
            backend.emit_function(what)
        else:
            backend.emit(what)
    except CompileError as error:
        refused = error
    else:
        return PASSED
    named = [m.what for m in refused.mistakes if isinstance(m, NotInBackend)]
    assert len(named) == len(refused.mistakes), f"a refusal that is not by name: {refused}"
    return "; ".join(named)
