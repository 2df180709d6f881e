"""`inf.layers` of InferPy: its `Sequential` is `tf.keras.Sequential`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ppc.diagnostics import StateError
from ppc.diagnostics.command import NotInModel


def Sequential(layers: Sequence[Any] | None = None, name: str | None = None) -> Any:  # noqa: N802  # InferPy's name
    """Layers one after the other; inside a model function only."""
    raise StateError(NotInModel(name="inf.layers.Sequential"))


Sequential.__qualname__ = "layers.Sequential"  # by which models that import it know it
