"""TensorFlow's names for use inside models, whatever is installed: `from ppc import tf`.

Models are read, never run, so all that `tf.ones` needs there is a name that resolves. Outside a
model the names do nothing, and say so.
"""

from __future__ import annotations

from typing import Any, NoReturn

from ppc.diagnostics import StateError
from ppc.diagnostics.command import NotInModel


class TensorFlowName:
    """A dotted name of TensorFlow."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __getattr__(self, name: str) -> TensorFlowName:
        if name.startswith("_"):
            raise AttributeError(name)
        return TensorFlowName(f"{self._path}.{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: there is no TensorFlow here. Raises StateError."""
        raise StateError(NotInModel(name=self._path))


def __getattr__(name: str) -> TensorFlowName:
    if name.startswith("_"):
        raise AttributeError(name)
    return TensorFlowName(f"tf.{name}")
