"""Slices, joins, selections, reductions and helper functions; constants that fold."""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import ppc as inf

HALF = 0.5


def standardised(v, scale=2.0):
    return (v - np.mean(v, axis=-1, keepdims=True)) / scale


def squash(v, function=np.tanh):
    return function(v) * math.sqrt(4.0) * HALF


@inf.probmodel
def model(x: Float[Array, "N 6"], limit=0.5):
    w = inf.Normal(np.zeros(6), 1.0 * HALF + 0.5, name="w")
    first, second = w[:2], w[2:6:2]
    joined = np.concatenate([first, second, w[-2:]])
    table = np.stack([joined, squash(joined, np.sin)], axis=0)
    total = np.sum(table, axis=0) + np.max(table) - np.mean(table, axis=1)[0]
    with inf.datamodel():
        z = inf.Normal(standardised(x)[:, 1:4], np.ones(3), name="z")
        parts = jnp.concatenate([z, squash(z), x[:, :1]], axis=1)
        picked = np.where(x > limit, x * total, -total)
        level = np.sum(picked, axis=1) + np.prod(parts[:, ::3], axis=-1) + np.log1p(z[:, 0] ** 2)
        inf.Normal(level, 1.0 + np.abs(np.min(z, axis=1)), name="y")
        inf.Normal(jnp.reshape(x * w, (-1, 2, 3)), 1.0, name="grid")


def fit(x, y, grid):
    model(x).fit({"y": y, "grid": grid}, inf.inference.SVI())
