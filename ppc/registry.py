"""Backends, found by the entry point group `ppc.backends`; the default is `PPC_BACKEND` or jax."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from ppc.diagnostics import KindError, UnknownBackend
from ppc.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ppc.emit.program import Program
    from ppc.ir.nodes import Graph

    Array = NDArray[Any]

GROUP = "ppc.backends"
DEFAULT = "jax"


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How a fit runs."""

    program: Program  # of which the module is the text
    seed: int
    epochs: int
    batch_size: int | None  # None: every step sees all rows
    learning_rate: float
    optimizer: object | None  # of the backend's own kind; None: Adam
    sizes: Mapping[str, int]
    progress: Callable[[int, Array], bool | None] | None  # steps done, losses so far; True stops


@dataclass(frozen=True, slots=True)
class FitOutcome:
    """What a fit leaves: parameters on the reals by name, and the loss of each step."""

    parameters: Mapping[str, Array]
    losses: Array
    failure: str = ""  # where the loss was first not finite


class Backend(Protocol):
    """What a backend provides."""

    name: str
    requires: tuple[str, ...]  # the packages that its programs import; emitting needs none

    def emit(self, program: Program) -> str:
        """The text of a program that stands alone."""

    def emit_function(self, graph: Graph) -> str:
        """The text of a module with the function `query` for a positional graph."""

    def load(self, text: str, name: str) -> ModuleType:
        """The module that an emitted text is."""

    def fit(
        self, module: ModuleType, arrays: Mapping[str, Array], settings: FitSettings
    ) -> FitOutcome:
        """Run the fit of an emitted program on checked data."""

    def call(
        self,
        module: ModuleType,
        inputs: Mapping[str, Array],
        sizes: Mapping[str, int],
        seed: int,
    ) -> dict[str, Array]:
        """Run the function of `emit_function`; parameters and data are inputs by name."""


def names() -> tuple[str, ...]:
    """The names of the installed backends."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))


def backend(name: str | None = None) -> Backend:
    """The backend of that name, or the default. Raises KindError for one that is not there."""
    wanted = name or os.environ.get("PPC_BACKEND") or DEFAULT
    for entry in entry_points(group=GROUP):
        if entry.name == wanted:
            loaded: Backend = entry.load()
            return loaded
    raise KindError(UnknownBackend(name=wanted, known=names()))
