"""Optimisers of Keras in the form that emitted programs take."""

from __future__ import annotations

import functools
from typing import Any

from ppc.diagnostics import KindError
from ppc.diagnostics.command import BadOptimizer

Tree = Any  # nested tuples of tensors


class KerasOptimizer:
    """A Keras optimiser as pure functions of its variables.

    The optimiser that is given stays as it is: each fit starts from a copy of its settings. What
    Keras holds per variable (moments) has the structure of the parameters' leaves, in order.
    """

    def __init__(self, optimizer: Any) -> None:
        """`optimizer`: an object of keras.optimizers, of Keras 3 on TensorFlow."""
        self._optimizer = optimizer

    def init(self, params: Tree) -> Tree:
        """The variables of a fresh optimiser for parameters of these shapes."""
        return tuple(_of_shapes(self, _shapes(params))[1])

    def update(self, grads: Tree, state: Tree, params: Tree) -> tuple[Tree, Tree]:
        """The parameters after a step, and the variables."""
        import tensorflow as tf

        optimizer, _ = _of_shapes(self, _shapes(params))
        flat = tf.nest.flatten(params)
        new, variables = optimizer.stateless_apply(list(state), tf.nest.flatten(grads), flat)
        params = tf.nest.pack_sequence_as(params, [tf.convert_to_tensor(x) for x in new])
        return params, tuple(tf.convert_to_tensor(x) for x in variables)

    def built(self, shapes: tuple[tuple[tuple[int, ...], str], ...]) -> tuple[Any, list[Any]]:
        """A copy of the optimiser that knows variables of these shapes, and its first state."""
        import tensorflow as tf

        with tf.init_scope():
            copy = type(self._optimizer).from_config(self._optimizer.get_config())
            copy.build([_keras().Variable(tf.zeros(s, dtype), dtype=dtype) for s, dtype in shapes])
            return copy, [tf.identity(v.value) for v in copy.variables]


def adapted(optimizer: object | None) -> object | None:
    """An optimiser as `fit` takes it: what Keras made, in another form.

    Raises KindError for what is neither of Keras nor has `init` and `update`.
    """
    if optimizer is None:
        return None
    if not isinstance(optimizer, type):
        if all(callable(getattr(optimizer, part, None)) for part in ("init", "update")):
            return optimizer
        if hasattr(optimizer, "stateless_apply"):
            return _adapted(optimizer)
    found = repr(optimizer) if isinstance(optimizer, str) else getattr(optimizer, "__name__", None)
    raise KindError(
        BadOptimizer(
            found=found or type(optimizer).__name__,
            backend="tensorflow",
            expected="an optimiser of Keras 3",
            example="keras.optimizers.Adam(0.01)",
        )
    )


@functools.cache
def _adapted(optimizer: object) -> KerasOptimizer:
    return KerasOptimizer(optimizer)


@functools.cache
def _of_shapes(
    optimizer: KerasOptimizer, shapes: tuple[tuple[tuple[int, ...], str], ...]
) -> tuple[Any, list[Any]]:
    return optimizer.built(shapes)


def _shapes(params: Tree) -> tuple[tuple[tuple[int, ...], str], ...]:
    import tensorflow as tf

    return tuple((tuple(leaf.shape), leaf.dtype.name) for leaf in tf.nest.flatten(params))


def _keras() -> Any:
    import tensorflow as tf

    return tf.keras
