"""Optimisers of Keras in the form that emitted programs take."""

from __future__ import annotations

import functools
from typing import Any

from ppc.optimizers import Optimizer, known, no_optimizer
from ppc.records import dataclass

Tree = Any  # nested tuples of tensors
Shapes = tuple[tuple[tuple[int, ...], str], ...]  # of variables, with their dtypes


class KerasOptimizer:
    """A Keras optimiser as functions of its state.

    Keras keeps that in variables, and offers no other way on TensorFlow. So a step writes state and
    parameters into variables, lets Keras update them, and reads them; in a compiled loop nothing
    of that remains but the arithmetic. The optimiser that is given stays as it is: what counts is
    its settings.
    """

    def __init__(self, optimizer: Any) -> None:
        """`optimizer`: an object of keras.optimizers, of Keras 3 on TensorFlow."""
        self._optimizer = optimizer

    def init(self, params: Tree) -> Tree:
        """The variables of a fresh optimiser for parameters of these shapes."""
        return _built(self, _shapes(params)).first

    def update(self, grads: Tree, state: Tree, params: Tree) -> tuple[Tree, Tree]:
        """The parameters after a step, and the variables."""
        import tensorflow as tf

        built = _built(self, _shapes(params))
        own = [v.value for v in built.optimizer.variables]
        variables = [*own, *built.params]
        for variable, value in zip(variables, (*state, *tf.nest.flatten(params)), strict=True):
            variable.assign(value)
        built.optimizer.apply(tf.nest.flatten(grads), built.params)
        new = [tf.identity(v) for v in variables]
        return tf.nest.pack_sequence_as(params, new[len(own) :]), tuple(new[: len(own)])

    def build(self, shapes: Shapes) -> Built:
        """A copy of the optimiser for variables of these shapes."""
        import tensorflow as tf

        with tf.init_scope(), tf.name_scope(""):  # Keras refuses the names of variables of a loop
            optimizer = type(self._optimizer).from_config(self._optimizer.get_config())
            params = [tf.Variable(tf.zeros(shape, dtype)) for shape, dtype in shapes]
            optimizer.build(params)
            return Built(
                optimizer, params, tuple(tf.identity(v.value) for v in optimizer.variables)
            )


@dataclass(frozen=True, slots=True)
class Built:
    """A Keras optimiser that knows its variables."""

    optimizer: Any
    params: list[Any]  # variables that stand for the parameters
    first: tuple[Any, ...]  # its own variables before the first step


def adapted(optimizer: object) -> object:
    """An optimiser as `fit` takes it: what Keras made, in another form.

    Raises KindError for what is neither of Keras nor has `init` and `update`.
    """
    own = known(optimizer)
    if own is not None:
        return _ruled(own)
    if not isinstance(optimizer, type):
        # As methods: the functions of optax, which are fields, take other arguments.
        if all(callable(getattr(type(optimizer), part, None)) for part in ("init", "update")):
            return optimizer
        if hasattr(optimizer, "stateless_apply"):
            return _adapted(optimizer)
    expected = "an optimiser of Keras 3 or tf.train"
    raise no_optimizer(optimizer, "tensorflow", expected, "keras.optimizers.Adam(0.01)")


class RuledOptimizer:
    """An optimiser that ppc defines, as functions of its state: the count of steps, then slots."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer

    def init(self, params: Tree) -> Tree:
        """The state before the first step."""
        import tensorflow as tf

        def first(value: float) -> Tree:
            return tf.nest.map_structure(lambda p: tf.fill(tf.shape(p), tf.cast(value, p.dtype)),
                                         params)  # fmt: skip

        return (tf.zeros((), tf.int32), *map(first, self._optimizer.slots()))

    def update(self, grads: Tree, state: Tree, params: Tree) -> tuple[Tree, Tree]:
        """The parameters after a step, and the state."""
        import tensorflow as tf

        count, *slots = state
        count = count + 1
        leaves = [tf.nest.flatten(tree) for tree in (params, grads, *slots)]
        moved = [
            self._optimizer.step(tf, tf.cast(count, leaf[0].dtype), *leaf)
            for leaf in zip(*leaves, strict=True)
        ]
        parts = zip(*moved, strict=True) if moved else [()] * (1 + len(slots))
        trees = [tf.nest.pack_sequence_as(params, list(part)) for part in parts]
        return trees[0], (count, *trees[1:])


@functools.cache
def _ruled(optimizer: Optimizer) -> RuledOptimizer:
    return RuledOptimizer(optimizer)


@functools.cache
def _adapted(optimizer: object) -> KerasOptimizer:
    return KerasOptimizer(optimizer)


@functools.cache
def _built(optimizer: KerasOptimizer, shapes: Shapes) -> Built:
    return optimizer.build(shapes)


def _shapes(params: Tree) -> Shapes:
    import tensorflow as tf

    return tuple((tuple(leaf.shape), leaf.dtype.name) for leaf in tf.nest.flatten(params))
