"""A Gaussian process seen with noise, whose length scale and amplitude are unknown."""

import jax.numpy as jnp
from jaxtyping import Array, Float

import ppc as inf


def kernel(x, length, amplitude):
    distance = x[:, None] - x[None, :]
    return amplitude**2 * jnp.exp(-0.5 * (distance / length) ** 2)


@inf.probmodel
def model(x: Float[Array, "n"]):
    length = inf.LogNormal(0.0, 0.5)
    amplitude = inf.HalfNormal(1.0)
    noise = inf.HalfNormal(0.5)
    covariance = kernel(x, length, amplitude) + (noise**2 + 1e-4) * jnp.eye(x.shape[0])
    y = inf.MultivariateNormalTriL(jnp.zeros(x.shape[0]), jnp.linalg.cholesky(covariance))


def fit(x, y):
    model(x).fit({"y": y}, inf.inference.VI())
