"""Optimisers that ppc defines, in optax's form."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ppc.optimizers import Optimizer


class OptimizerState(NamedTuple):
    """The steps so far, and the arrays that the rule keeps for each parameter."""

    steps: jax.Array
    slots: tuple[Any, ...]  # each a tree like the parameters


@functools.cache
def adapted(optimizer: Optimizer) -> optax.GradientTransformation:
    """The optimiser as a gradient transformation; the same one for equal optimisers."""
    first = optimizer.slots()

    def init(params: Any) -> OptimizerState:
        slots = [jax.tree.map(lambda p, v=v: jnp.full_like(p, v), params) for v in first]
        return OptimizerState(jnp.zeros((), int), tuple(slots))

    def update(grads: Any, state: Any, params: Any = None) -> tuple[Any, OptimizerState]:
        steps = state.steps + 1

        def step(param: jax.Array, grad: jax.Array, *slots: jax.Array) -> tuple[jax.Array, ...]:
            new, *kept = optimizer.step(jnp, steps.astype(param.dtype), param, grad, *slots)
            return (new - param, *kept)

        leaves, tree = jax.tree.flatten(params)
        others = [jax.tree.leaves(part) for part in (grads, *state.slots)]
        moved = [step(*leaf) for leaf in zip(leaves, *others, strict=True)]
        parts = zip(*moved, strict=True) if moved else [()] * (1 + len(first))
        updates, *slots = [jax.tree.unflatten(tree, part) for part in parts]
        return updates, OptimizerState(steps, tuple(slots))

    return optax.GradientTransformation(init, update)
