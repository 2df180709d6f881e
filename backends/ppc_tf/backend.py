"""The TensorFlow backend as ppc sees it: its dialect, and how its programs are run."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ppc.backend import Backend, Chains, ChainSettings, Runner
from ppc.diagnostics import StateError
from ppc.diagnostics.command import NoDevice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ppc.emit.module.dialect import Dialect

    Array = NDArray[Any]


class TensorFlowRunner(Runner):
    """Runs TensorFlow programs; see `ppc.backend.Runner`."""

    def __init__(self) -> None:
        self._float = "float32"  # the width in force

    def start(self) -> None:
        """Import TensorFlow, as emitted programs do: without its greetings."""
        if "tensorflow" in sys.modules:
            return
        from ppc_tf.templates import QUIET

        level = "TF_CPP_MIN_LOG_LEVEL"
        if "jax" in sys.modules and os.environ.get(level) == "1":
            del os.environ[level]  # JAX's default, and no wish of the user
        exec(QUIET, {"os": os})  # noqa: S102  # a constant of this package

    def key(self, seed: int) -> Any:
        """The two numbers that stateless operations take."""
        import tensorflow as tf

        return tf.constant([0, seed], tf.int64)

    def array(self, values: Array) -> Any:
        """A tensor."""
        import tensorflow as tf

        kinds = {"f": self._float, "i": "int32", "u": "int32", "b": "bool"}
        return tf.constant(values, tf.as_dtype(kinds[values.dtype.kind]))

    def numpy(self, array: Any) -> Array:
        """Its values."""
        values: Array = array.numpy()
        return values

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """By XLA."""
        import tensorflow as tf

        # A partial is counted for itself: TensorFlow warns of code that is traced many times.
        own = functools.partial(function)
        compiled: Callable[..., Any] = tf.function(own, jit_compile=True, autograph=False)
        return compiled

    def pulled(
        self,
        function: Callable[[dict[str, Any]], dict[str, Any]],
        at: Mapping[str, Any],
        cotangents: Mapping[str, Array],
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """By a gradient tape."""
        import tensorflow as tf

        def pull(at: dict[str, Any], seeds: dict[str, Any]) -> tuple[dict[str, Any], Any]:
            with tf.GradientTape() as tape:
                tape.watch(at)
                values = function(at)
            found = tape.gradient(values, at, output_gradients=seeds, unconnected_gradients="zero")
            return values, {name: tf.convert_to_tensor(x) for name, x in found.items()}

        seeds = {name: self.array(x) for name, x in cotangents.items()}
        gradient: tuple[dict[str, Any], dict[str, Any]] = self.compiled(pull)(dict(at), seeds)
        return gradient

    @contextmanager
    def precision(self, module: ModuleType, dtype: type) -> Iterator[None]:
        """By the constant FLOAT of the module, where it has one."""
        import numpy as np
        import tensorflow as tf

        before, own = self._float, getattr(module, "FLOAT", None)
        self._float = np.dtype(dtype).name
        if own is not None:
            vars(module).update(FLOAT=tf.as_dtype(dtype))
        try:
            yield
        finally:
            self._float = before
            if own is not None:
                vars(module).update(FLOAT=own)

    @contextmanager
    def device(self, kind: str) -> Iterator[None]:
        """By `tf.device`."""
        import tensorflow as tf

        if not tf.config.list_physical_devices(kind.upper()):
            raise StateError(NoDevice(library="TensorFlow", device=kind))
        with tf.device(f"/{kind}:0"):
            yield

    def optimizer(self, given: object) -> object:
        """A Keras optimiser as functions of its state."""
        from ppc_tf.optimizers import adapted

        return adapted(given)

    def sample_chains(
        self,
        log_density: Callable[[dict[str, Any]], Any],
        data: Mapping[str, Any],
        starts: Mapping[str, Array],
        settings: ChainSettings,
        seed: int,
    ) -> Chains:
        """By TensorFlow Probability."""
        from ppc_tf.chains import sample

        return sample(log_density, data, starts, settings, seed)


def _dialect() -> Dialect:
    from ppc_tf.dialect import DIALECT

    return DIALECT


BACKEND = Backend(
    name="tensorflow", requires=("tensorflow",), dialect=_dialect, runner=TensorFlowRunner()
)
