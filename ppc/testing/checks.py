"""What a check is, and what it means that a backend does not have something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ppc.backend import Backend
from ppc.diagnostics import CompileError
from ppc.diagnostics.command import NotInBackend
from ppc.emit.program import Program
from ppc.ir.nodes import Graph

PASSED = ""


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
