"""Means computed as whole arrays outside of the plate of their rows, from rows of closed plates."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

import ppc as inf


@inf.probmodel
def model(x: Float[Array, "N d"], group: Int[Array, "N"], g, d):
    beta = inf.Normal(np.zeros(d), 1.0)
    spread = inf.HalfNormal(1.0)
    with inf.plate("groups", g):
        effect = inf.Normal(0.0, spread)
        bend = inf.LogNormal(effect, 0.5)
    centre = jnp.mean(effect)
    slopes = jnp.stack([bend, jnp.sqrt(bend)], axis=-1)
    line = effect[group] + (x - x.mean(axis=0)) @ beta
    rate = jnp.exp(0.1 * line) * jnp.sum(slopes[group], axis=1)
    with inf.datamodel():
        inf.Normal(line - centre, 0.5, name="y")
        inf.Poisson(rate, name="n")


def fit(x, group, y, n):
    model(x, group, g=3, d=2).fit({"y": y, "n": n}, inf.inference.SVI())
