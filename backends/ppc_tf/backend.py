"""The TensorFlow backend as ppc sees it: it emits text, and runs what it emitted."""

from __future__ import annotations

import functools
import linecache
import os
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ppc.diagnostics import StateError
from ppc.diagnostics.command import MissingFramework
from ppc.registry import FitOutcome, FitSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ppc.emit.program import Program
    from ppc.ir.nodes import Graph

    Array = NDArray[Any]


class TensorFlowBackend:
    """Emits TensorFlow programs and runs them in this process."""

    name = "tensorflow"
    requires = ("tensorflow",)

    def emit(self, program: Program) -> str:
        """The text of a program that stands alone on tensorflow."""
        from ppc.emit.module.program import emit
        from ppc_tf.dialect import DIALECT

        return emit(DIALECT, program)

    def emit_function(self, graph: Graph) -> str:
        """The text of a module with the function `query` of a positional graph."""
        from ppc.emit.module.scope import emit_function
        from ppc_tf.dialect import DIALECT

        return emit_function(DIALECT, graph)

    def load(self, text: str, name: str) -> ModuleType:
        """The module that an emitted text is; the same text gives the same module.

        Raises StateError where TensorFlow is not installed.
        """
        try:
            return _load(text, name)
        except ModuleNotFoundError as missing:
            if missing.name != "tensorflow":
                raise
            raise StateError(MissingFramework(backend=self.name, package=missing.name)) from None

    def fit(
        self, module: ModuleType, arrays: Mapping[str, Array], settings: FitSettings
    ) -> FitOutcome:
        """Run `module.fit` on checked data. Raises KindError for what is no optimiser."""
        import numpy as np

        from ppc.emit.module.interface import Interface
        from ppc_tf.dialect import DIALECT
        from ppc_tf.optimizers import adapted

        options: dict[str, Any] = {
            "epochs": settings.epochs,
            "learning_rate": settings.learning_rate,
            "optimizer": adapted(settings.optimizer),
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
            fit = module.fit(_key(settings.seed), data, **options)
        except FloatingPointError as error:  # the program's own finding, in its own words
            return FitOutcome({}, np.zeros(0, np.float32), failure=str(error))
        params = Interface(settings.program, DIALECT).by_name(fit.params)
        return FitOutcome({n: x.numpy() for n, x in params.items()}, np.asarray(fit.losses))

    def call(
        self,
        module: ModuleType,
        inputs: Mapping[str, Array],
        sizes: Mapping[str, int],
        seed: int,
    ) -> dict[str, Array]:
        """Run `module.query`, compiled once for each set of sizes."""
        used = {name: _tensor(inputs[name]) for name in module.INPUTS}
        static = tuple(int(sizes[name]) for name in module.SIZES)
        out = _compiled(module, static)(_key(seed), used)
        return {name: value.numpy() for name, value in out.items()}


BACKEND = TensorFlowBackend()


@functools.lru_cache(maxsize=64)
def _load(text: str, name: str) -> ModuleType:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read when TensorFlow is imported
    module = ModuleType(f"ppc_emitted_{name}")
    path = f"<emitted {name} {hash(text) & 0xFFFFFFFF:08x}>"
    # So that a traceback from inside an emitted program shows its lines.
    linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
    code = compile(text, path, "exec", dont_inherit=True)
    exec(code, module.__dict__)  # noqa: S102  # printed from a tree, where no text of a user is code
    return module


@functools.lru_cache(maxsize=256)
def _compiled(module: ModuleType, sizes: tuple[int, ...]) -> Any:
    import tensorflow as tf

    query = functools.partial(module.query, **dict(zip(module.SIZES, sizes, strict=True)))
    return tf.function(query, jit_compile=True, autograph=False)


def _key(seed: int) -> Any:
    import tensorflow as tf

    return tf.constant([0, seed], tf.int64)


def _tensor(array: Array) -> Any:
    import tensorflow as tf

    kinds = {"f": tf.float32, "i": tf.int32, "u": tf.int32, "b": tf.bool}
    return tf.constant(array, kinds[array.dtype.kind])
