"""The digit classifier's fit as a careful person writes it in plain JAX and optax.

The yardstick for the emitted program: the same model, guide, loss and batches, one
``lax.scan`` over the batches of an epoch, the order of the rows drawn on the host, the
noise of an epoch drawn at once. It has nothing else that an emitted program has.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from jax import Array, lax

LATENT, HIDDEN, CLASSES = 2, 100, 3
OPTIMIZER = optax.adam(1e-3)


class Carry(NamedTuple):
    params: dict[str, tuple[Array, Array]]
    opt_state: Any


def initial(key: Array, pixels: int) -> Carry:
    """Glorot-uniform kernels, zero biases, and Adam's state for them."""
    layers = {
        "decoder_0": (LATENT, HIDDEN),
        "decoder_1": (HIDDEN, pixels),
        "label_0": (LATENT, CLASSES),
        "encoder_0": (pixels, HIDDEN),
        "encoder_1": (HIDDEN, 2 * LATENT),
    }
    params = {}
    for (name, shape), layer_key in zip(layers.items(), jr.split(key, 5), strict=True):
        limit = math.sqrt(6 / sum(shape))
        kernel = jr.uniform(layer_key, shape, minval=-limit, maxval=limit)
        params[name] = (kernel, jnp.zeros(shape[1]))
    return Carry(params, OPTIMIZER.init(params))


def negative_elbo(
    params: dict[str, tuple[Array, Array]], noise: Array, x: Array, y: Array, weight: Array
) -> Array:
    """One draw; noise f32[M, 2], x f32[M, pixels], y i32[M], weight f32[M]."""

    def dense(name: str, value: Array) -> Array:
        kernel, bias = params[name]
        return value @ kernel + bias

    code = dense("encoder_1", jax.nn.relu(dense("encoder_0", x)))
    loc, scale = code[:, :LATENT], jax.nn.softplus(code[:, LATENT:]) + 0.01
    z = loc + scale * noise
    kl = 0.5 * (scale**2 + (loc - 0.1) ** 2 - 1) - jnp.log(scale)
    picture = dense("decoder_1", jax.nn.relu(dense("decoder_0", z)))
    log_x = -0.5 * (x - picture) ** 2 - 0.5 * math.log(2 * math.pi)
    log_label = jax.nn.log_softmax(dense("label_0", z))
    log_y = jnp.take_along_axis(log_label, y[:, None], axis=1)[:, 0]
    return jnp.dot(weight, kl.sum(1) - log_x.sum(1) - log_y)


@functools.partial(jax.jit, donate_argnums=0)
def run_epoch(
    carry: Carry, x: Array, y: Array, rows: Array, weight: Array, key: Array
) -> tuple[Carry, Array]:
    """A step for each of rows i32[S, M] with weight f32[S, M]; returns losses f32[S]."""
    noise = jr.normal(key, (*rows.shape, LATENT))

    def step(carry: Carry, inputs: tuple[Array, Array, Array]) -> tuple[Carry, Array]:
        rows, weight, noise = inputs
        value, grads = jax.value_and_grad(negative_elbo)(
            carry.params, noise, x[rows], y[rows], weight
        )
        updates, opt_state = OPTIMIZER.update(grads, carry.opt_state, carry.params)
        return Carry(optax.apply_updates(carry.params, updates), opt_state), value

    return lax.scan(step, carry, (rows, weight, noise))


def fit(
    key: Array, x: Array, y: Array, *, epochs: int, batch_size: int, carry: Carry | None = None
) -> tuple[Carry, np.ndarray]:
    """Fit x f32[N, pixels], y i32[N]; returns the carry and the loss of every step."""
    n = x.shape[0]
    batches = -(-n // batch_size)
    slots = np.arange(batches * -(-n // batches)).reshape(-1, batches).T
    weight = np.where(slots < n, np.float32(batches), np.float32(0))
    order = np.random.default_rng(0)
    carry = carry or initial(key, x.shape[1])
    losses = []
    for epoch in range(epochs):
        rows = order.permutation(n).astype(np.int32)[np.minimum(slots, n - 1)]
        carry, values = run_epoch(carry, x, y, rows, weight, jr.fold_in(key, epoch))
        losses.append(values)
    return carry, np.concatenate(losses)
