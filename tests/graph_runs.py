"""Positional graphs run on each backend, for tests that hold all of them to one reference.

A backend whose library is absent is skipped, with that as the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ppc.ir.nodes import Graph

Array = np.ndarray
Sizes = Mapping[str, int]
Result = tuple[Array, dict[str, Array]]  # a value, and the derivatives in some inputs


class OnJax:
    """JAX, compiled."""

    name = "jax"

    def __init__(self) -> None:
        import jax

        self.jax = jax

    @contextmanager
    def precision(self, dtype: type) -> Iterator[None]:
        """Programs that compute at the width of `dtype`."""
        with self.jax.enable_x64(dtype is np.float64):
            yield

    def value(self, graph: Graph, inputs: Mapping[str, Array], sizes: Sizes) -> Array:
        """The output `y`."""
        from ppc_jax.functions import compile_graph

        y = compile_graph(graph)(inputs, sizes=sizes)["y"]
        return np.asarray(self.jax.numpy.asarray(y))

    def pulled(
        self,
        graph: Graph,
        inputs: Mapping[str, Array],
        wrt: Sequence[str],
        cotangent: Callable[[Array], Array] = np.ones_like,
        sizes: Sizes | None = None,
    ) -> Result:
        """The output `y`, and the derivatives of its product with a cotangent."""
        from ppc_jax.functions import compile_graph

        jax, function = self.jax, compile_graph(graph)
        rest = {key: x for key, x in inputs.items() if key not in wrt}

        def value(given: dict[str, Any]) -> Any:
            return jax.numpy.asarray(function({**rest, **given}, sizes=sizes or {})["y"])

        given = {key: inputs[key] for key in wrt}
        y = np.asarray(jax.jit(value)(given))
        if y.dtype.kind != "f":
            return y, {}
        seed = jax.numpy.asarray(cotangent(y))
        slopes = jax.jit(lambda given: jax.vjp(value, given)[1](seed)[0])(given)
        return y, {key: np.asarray(g) for key, g in slopes.items()}


class OnTensorFlow:
    """TensorFlow, compiled by XLA."""

    name = "tensorflow"

    def __init__(self) -> None:
        import tensorflow as tf

        self.tf = tf
        self.float: Any = self.tf.float32

    @contextmanager
    def precision(self, dtype: type) -> Iterator[None]:
        """Programs that compute at the width of `dtype`."""
        before, self.float = self.float, self.tf.as_dtype(dtype)
        yield
        self.float = before

    def _function(self, graph: Graph) -> Callable[..., Any]:
        from ppc_tf.functions import compile_graph

        return compile_graph(graph, FLOAT=self.float)

    def _tensors(self, inputs: Mapping[str, Array]) -> dict[str, Any]:
        kinds = {"f": self.float, "i": self.tf.int32, "b": self.tf.bool}
        return {k: self.tf.constant(x, kinds[np.asarray(x).dtype.kind]) for k, x in inputs.items()}

    def value(self, graph: Graph, inputs: Mapping[str, Array], sizes: Sizes) -> Array:
        """The output `y`."""
        return self.pulled(graph, inputs, (), sizes=sizes)[0]

    def pulled(
        self,
        graph: Graph,
        inputs: Mapping[str, Array],
        wrt: Sequence[str],
        cotangent: Callable[[Array], Array] = np.ones_like,
        sizes: Sizes | None = None,
    ) -> Result:
        """The output `y`, and the derivatives of its product with a cotangent."""
        tf, function, given = self.tf, self._function(graph), self._tensors(inputs)

        def compiled(body: Callable[..., Any]) -> Any:
            return tf.function(body, jit_compile=True, autograph=False)

        def value(given: Any) -> Any:
            return function(given, sizes=sizes or {})["y"]

        y = compiled(value)(given).numpy()
        if y.dtype.kind != "f" or not wrt:
            return y, {}

        def slopes(given: Any, seed: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(given)
                total = tf.reduce_sum(value(given) * seed)
            moving = {key: given[key] for key in wrt}
            found = tape.gradient(total, moving, unconnected_gradients="zero")
            return {key: tf.convert_to_tensor(g) for key, g in found.items()}

        found = compiled(slopes)(given, tf.constant(cotangent(y), self.float))
        return y, {key: g.numpy() for key, g in found.items()}


RUNS = {run.name: run for run in (OnJax, OnTensorFlow)}
