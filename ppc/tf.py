"""TensorFlow's names, whatever is installed: `from ppc import tf`.

Inside models, which are read and never run, all that `tf.ones` needs is a name that resolves.
Outside, a call means the same: of arrays it is computed at once, in NumPy, and of random variables
it gives a tensor that can be drawn. What such programs call besides (`tf.Session`,
`tf.set_random_seed`) is here too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ppc import optimizers as _known

_LIBRARIES = {"tf": "tensorflow", "tfp": "tensorflow_probability"}


class TensorFlowName:
    """A dotted name of TensorFlow, or of TensorFlow Probability."""

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def __ppc_name__(self) -> str:
        """The full name, by which the vocabulary knows it."""
        library, _, rest = self._path.partition(".")
        return f"{_LIBRARIES[library]}.{rest}"

    def __getattr__(self, name: str) -> TensorFlowName:
        if name.startswith("_"):
            raise AttributeError(name)
        return TensorFlowName(f"{self._path}.{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function outside a model. Raises CallError for one that is not known."""
        own = _OWN.get(self._path)
        if own is not None:
            return own(*args, **kwargs)
        from ppc.eager import record

        return record(self.__ppc_name__, args, kwargs)

    def __repr__(self) -> str:
        return f"<{self._path} of ppc>"


def _session(target: str = "", graph: Any = None, config: Any = None) -> Any:
    from ppc.sessions import get_session

    return get_session()


def _seed(seed: int) -> None:
    from ppc.inference import seed as restart

    restart(seed)


def _nothing(*args: Any, **kwargs: Any) -> None:
    """What has no state to act on."""


def _made_optimizers() -> dict[str, Callable[..., Any]]:
    heads = ("tf.train", "tf.compat.v1.train")
    own: dict[str, Callable[..., Any]] = {}
    for name in _known.TRAIN:
        own |= {f"{head}.{name}": partial(_known.train, name) for head in heads}
    return own | {
        f"tf.keras.optimizers.{name}": partial(_known.keras, name) for name in _known.KERAS
    }


_OWN: Mapping[str, Callable[..., Any]] = {
    **_made_optimizers(),
    "tf.Session": _session,
    "tf.InteractiveSession": _session,
    "tf.set_random_seed": _seed,
    "tf.random.set_seed": _seed,
    "tf.reset_default_graph": _nothing,
    "tf.global_variables_initializer": _nothing,
    "tf.initialize_all_variables": _nothing,
}


def __getattr__(name: str) -> TensorFlowName:
    if name.startswith("_"):
        raise AttributeError(name)
    return TensorFlowName(f"tf.{name}")
