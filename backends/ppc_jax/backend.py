"""The JAX backend as ppc sees it: its dialect, and how its programs are run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ppc.backend import Backend, Chains, ChainSettings, Runner
from ppc.diagnostics import StateError
from ppc.diagnostics.command import NoDevice
from ppc.optimizers import known, no_optimizer, of_keras

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ppc.emit.module.dialect import Dialect

    Array = NDArray[Any]


class JaxRunner(Runner):
    """Runs JAX programs; see `ppc.backend.Runner`."""

    def start(self) -> None:
        """Import JAX."""
        import jax  # noqa: F401  # so that it is there

    def key(self, seed: int) -> Any:
        """A typed key."""
        import jax

        return jax.random.key(seed)

    def array(self, values: Array) -> Any:
        """A JAX array."""
        import jax.numpy as jnp

        return jnp.asarray(values, float if values.dtype.kind == "f" else None)

    def numpy(self, array: Any) -> Array:
        """Its values."""
        import numpy as np

        return np.asarray(array)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """By `jax.jit`."""
        import jax

        compiled: Callable[..., Any] = jax.jit(function)
        return compiled

    def pulled(
        self,
        function: Callable[[dict[str, Any]], dict[str, Any]],
        at: Mapping[str, Any],
        cotangents: Mapping[str, Array],
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """By `jax.vjp`."""
        import jax

        def pull(at: dict[str, Any], seeds: dict[str, Any]) -> tuple[dict[str, Any], Any]:
            values, back = jax.vjp(function, at)
            return values, back(seeds)[0]

        seeds = {name: self.array(x) for name, x in cotangents.items()}
        found: tuple[dict[str, Any], dict[str, Any]] = jax.jit(pull)(dict(at), seeds)
        return found

    @contextmanager
    def precision(self, module: ModuleType, dtype: type) -> Iterator[None]:
        """By `jax_enable_x64`, which decides for all modules."""
        import jax
        import numpy as np

        with jax.enable_x64(dtype is np.float64):
            yield

    @contextmanager
    def device(self, kind: str) -> Iterator[None]:
        """By `jax_default_device`."""
        import jax

        try:
            first = jax.devices(kind)[0]
        except RuntimeError:
            raise StateError(NoDevice(library="JAX", device=kind)) from None
        with jax.default_device(first):
            yield

    def optimizer(self, given: object) -> object:
        """A `GradientTransformation` of optax, as it is; others in its form."""
        from ppc_jax.optimizers import adapted

        own = known(given) or of_keras(given)
        if own is not None:
            return adapted(own)
        parts = (getattr(given, "init", None), getattr(given, "update", None))
        if not isinstance(given, type) and all(map(callable, parts)):
            return given
        expected = (
            "an optax optimiser (an optax.GradientTransformation), or one of tf.train, or of Keras "
            "without a schedule, clipping or weight decay (backend 'tensorflow' takes all of Keras)"
        )
        raise no_optimizer(given, "jax", expected, "optax.adam(0.01)")

    def sample_chains(
        self,
        log_density: Callable[[dict[str, Any]], Any],
        data: Mapping[str, Any],
        starts: Mapping[str, Array],
        settings: ChainSettings,
        seed: int,
    ) -> Chains:
        """By BlackJAX."""
        from ppc_jax.chains import sample

        return sample(log_density, data, starts, settings, seed)


def _dialect() -> Dialect:
    from ppc_jax.dialect import DIALECT

    return DIALECT


BACKEND = Backend(name="jax", requires=("jax", "optax"), dialect=_dialect, runner=JaxRunner())
