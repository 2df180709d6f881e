"""The guide draws the latents in the other order, so that no term has a closed form."""

import jax.nn
import numpy as np

import ppc as inf


@inf.probmodel
def model(k):
    with inf.datamodel():
        z = inf.Normal(np.zeros(k), 1.0, name="z")
        u = inf.Normal(np.tanh(z), jax.nn.softplus(z) + 0.1, name="u")
        inf.Normal(u[:, 0] * z[:, -1], 0.3, name="x")


@inf.probmodel
def guide(k):
    with inf.datamodel():
        x = inf.Normal(0.0, 1.0, name="x")
        slope = inf.Parameter(np.ones(k), name="slope", support="positive")
        u = inf.Normal(x[:, None] * np.ones(k), 0.5, name="u")
        inf.Normal(u * 0.5, slope, name="z")


def fit(x):
    model(k=2).fit({"x": x}, inf.inference.SVI(guide(k=2)))
