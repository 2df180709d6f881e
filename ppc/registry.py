"""Backends, found by the entry point group `ppc.backends`; the default is `PPC_BACKEND` or jax."""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from ppc.backend import FitOutcome as FitOutcome
from ppc.backend import FitSettings as FitSettings
from ppc.diagnostics import KindError, UnknownBackend

if TYPE_CHECKING:
    from ppc.backend import Backend

GROUP = "ppc.backends"
DEFAULT = "jax"


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
