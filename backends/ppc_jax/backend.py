"""The JAX backend as ppc sees it: it emits text, and runs what it emitted."""

from __future__ import annotations

import functools
import linecache
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ppc.diagnostics import KindError, StateError
from ppc.diagnostics.command import BadOptimizer, MissingFramework
from ppc.registry import FitOutcome, FitSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ppc.emit.program import Program
    from ppc.ir.nodes import Graph

    Array = NDArray[Any]


class JaxBackend:
    """Emits JAX programs and runs them in this process."""

    name = "jax"
    requires = ("jax", "optax")

    def emit(self, program: Program) -> str:
        """The text of a program that stands alone on jax and optax."""
        from ppc.emit.module.program import emit
        from ppc_jax.dialect import DIALECT

        return emit(DIALECT, program)

    def emit_function(self, graph: Graph) -> str:
        """The text of a module with the function `query` of a positional graph."""
        from ppc.emit.module.scope import emit_function
        from ppc_jax.dialect import DIALECT

        return emit_function(DIALECT, graph)

    def load(self, text: str, name: str) -> ModuleType:
        """The module that an emitted text is; the same text gives the same module.

        Raises StateError where JAX is not installed.
        """
        try:
            return _load(text, name)
        except ModuleNotFoundError as missing:
            if missing.name not in ("jax", "jaxlib", "optax"):
                raise
            raise StateError(MissingFramework(backend=self.name, package=missing.name)) from None

    def fit(
        self, module: ModuleType, arrays: Mapping[str, Array], settings: FitSettings
    ) -> FitOutcome:
        """Run `module.fit` on checked data. Raises KindError for what is no optimiser of optax."""
        import jax
        import numpy as np

        from ppc.emit.module.interface import Interface
        from ppc_jax.dialect import DIALECT

        _check_optimizer(settings.optimizer)
        options: dict[str, Any] = {
            "epochs": settings.epochs,
            "learning_rate": settings.learning_rate,
            "optimizer": settings.optimizer,
        }
        if settings.batch_size is not None:
            options["batch_size"] = settings.batch_size
        if settings.sizes:
            options["sizes"] = module.Sizes(**settings.sizes)
        if settings.progress is not None:
            progress = settings.progress
            options["callback"] = lambda fit, total: progress(total, fit.losses)
        data = module.prepare(*arrays.values())
        try:
            fit = module.fit(jax.random.key(settings.seed), data, **options)
        except FloatingPointError as error:  # the program's own finding, in its own words
            return FitOutcome({}, np.zeros(0, np.float32), failure=str(error))
        params = Interface(settings.program, DIALECT).by_name(fit.params)
        return FitOutcome({n: np.asarray(x) for n, x in params.items()}, np.asarray(fit.losses))

    def call(
        self,
        module: ModuleType,
        inputs: Mapping[str, Array],
        sizes: Mapping[str, int],
        seed: int,
    ) -> dict[str, Array]:
        """Run `module.query`, compiled once for each set of sizes."""
        import jax
        import numpy as np

        compiled = _compiled(module)
        used = {name: _device(inputs[name]) for name in module.INPUTS}
        static = {name: int(sizes[name]) for name in module.SIZES}
        out = compiled(jax.random.key(seed), used, **static)
        return {name: np.asarray(value) for name, value in out.items()}


BACKEND = JaxBackend()


def _check_optimizer(given: object) -> None:
    parts = (getattr(given, "init", None), getattr(given, "update", None))
    if given is not None and (isinstance(given, type) or not all(map(callable, parts))):
        found = repr(given) if isinstance(given, str) else getattr(given, "__name__", None)
        raise KindError(
            BadOptimizer(
                found=found or type(given).__name__,
                backend="jax",
                expected="an optax optimiser (an optax.GradientTransformation)",
                example="optax.adam(0.01)",
            )
        )


@functools.lru_cache(maxsize=64)
def _load(text: str, name: str) -> ModuleType:
    module = ModuleType(f"ppc_emitted_{name}")
    path = f"<emitted {name} {hash(text) & 0xFFFFFFFF:08x}>"
    # So that a traceback from inside an emitted program shows its lines.
    linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
    code = compile(text, path, "exec", dont_inherit=True)
    exec(code, module.__dict__)  # noqa: S102  # printed from a tree, where no text of a user is code
    return module


@functools.lru_cache(maxsize=64)
def _compiled(module: ModuleType) -> Any:
    import jax

    return jax.jit(module.query, static_argnames=module.SIZES)


def _device(array: Array) -> Any:
    import jax.numpy as jnp

    return jnp.asarray(array, float) if array.dtype.kind == "f" else jnp.asarray(array)
