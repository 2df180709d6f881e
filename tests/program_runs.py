"""The loss of an emitted program and its gradient on each backend, from arrays by name.

A backend whose library is absent is skipped, with that as the reason.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from ppc.emit.program import Program

Arrays = Mapping[str, np.ndarray]


class OnJax:
    """JAX, compiled."""

    name = "jax"

    def loss(self, text: str, program: Program, inputs: Arrays, dtype: type) -> dict[str, Any]:
        """The terms of the loss, and the gradient of their sum in every parameter."""
        import jax
        import jax.numpy as jnp
        from ppc_jax import BACKEND

        def array(name: str) -> Any:
            x = inputs[name]
            return jnp.asarray(x, float) if x.dtype.kind == "f" else jnp.asarray(x, jnp.int32)

        module = BACKEND.load(text, program.name)
        with jax.enable_x64(dtype is np.float64):
            given = arguments(module, program, inputs, array)
            params = given.pop("params")

            def total(params: Any, given: Any) -> Any:
                terms = module.loss_terms(params, **given)
                return sum(terms.values()), terms

            # Optimisation is left out because compiling is most of this test's time.
            quick = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
            both = jax.jit(jax.grad(total, has_aux=True), compiler_options=quick)
            gradients, terms = both(params, given)
        return labelled(module, terms, gradients)


class OnTensorFlow:
    """TensorFlow, compiled by XLA."""

    name = "tensorflow"

    def loss(self, text: str, program: Program, inputs: Arrays, dtype: type) -> dict[str, Any]:
        """The terms of the loss, and the gradient of their sum in every parameter."""
        import tensorflow as tf
        from ppc_tf import BACKEND

        # A module of its own: its constant is set.
        module = BACKEND.load(text, f"{program.name}_{dtype.__name__}")
        module.FLOAT = tf.as_dtype(dtype)

        def array(name: str) -> Any:
            x = inputs[name]
            return tf.constant(x, module.FLOAT if x.dtype.kind == "f" else tf.int32)

        given = arguments(module, program, inputs, array)
        params = given.pop("params")

        @tf.function(jit_compile=True, autograph=False)
        def both(params: Any, given: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(params)
                terms = module.loss_terms(params, **given)
                total = sum(terms.values())
            gradients = tape.gradient(total, params, unconnected_gradients="zero")
            return terms, tf.nest.map_structure(tf.convert_to_tensor, gradients)

        return labelled(module, *both(params, given))


RUNS = {run.name: run for run in (OnJax, OnTensorFlow)}


def arguments(
    module: ModuleType, program: Program, inputs: Arrays, array: Callable[[str], Any]
) -> dict[str, Any]:
    """The arguments of `loss_terms` of a module; `array` makes an input the backend's own."""
    given: dict[str, Any] = {"params": filled(module.Params, array)}
    taken = inspect.signature(module.loss_terms).parameters
    if "noise" in taken:
        given["noise"] = module.Noise(*(array(n.name) for n in program.noise))
    for whole in {"batch", "data"} & set(taken):
        columns = (c.name for c in program.columns if c.given)
        given[whole] = module.prepare(*(inputs[c] for c in columns))
    if "weight" in taken:
        assert program.weight
        given["weight"] = array(program.weight)
    assert set(given) == set(taken)
    return given


def filled(cls: Any, leaf: Callable[[str], Any], group: str = "") -> Any:
    """A `Params` of an emitted module with `leaf(name)` for each parameter."""
    fields = []
    for name, kind in cls.__annotations__.items():
        if not hasattr(kind, "_fields"):
            fields.append(leaf(group + name))
        else:  # a layer's fields are named after it; `shared` and `rows` only sort parameters
            inner = group if name in ("shared", "rows") else f"{name}."
            fields.append(filled(kind, leaf, inner))
    return cls(*fields)


def labelled(module: ModuleType, terms: Any, gradients: Any) -> dict[str, np.ndarray]:
    """What a run found, as float64 arrays: `term x`, `gradient in w`."""
    found = {f"term {site}": np.asarray(x, np.float64) for site, x in terms.items()}
    for parameter, x in zip(leaves(filled(module.Params, str)), leaves(gradients), strict=True):
        found[f"gradient in {parameter}"] = np.asarray(x, np.float64)
    return found


def leaves(tree: Any) -> list[Any]:
    """What stands in nested tuples."""
    return [x for part in tree for x in leaves(part)] if isinstance(tree, tuple) else [tree]
