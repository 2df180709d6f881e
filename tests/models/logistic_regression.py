"""Laplace on Laplace is a row of the KL table; the offset of each row is an argument."""

import jax.nn
import jax.numpy as jnp
from jaxtyping import Array, Float

import ppc as inf


@inf.probmodel
def model(x: Float[Array, "N d"], offset: Float[Array, "N"], d):
    w = inf.Laplace(jnp.zeros(d), jnp.ones(d), name="w")
    with inf.datamodel():
        inf.Bernoulli(logits=x @ w + offset, name="y")


@inf.probmodel
def guide(d):
    loc = inf.Parameter(jnp.zeros(d), name="loc")
    raw = inf.Parameter(jnp.full(d, -1.0), name="raw")
    inf.Laplace(loc, jax.nn.softplus(raw) + 1e-3, name="w")


def fit(x, offset, y):
    model(x, offset).fit({"y": y}, inf.inference.SVI(guide()))
