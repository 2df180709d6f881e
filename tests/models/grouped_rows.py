"""Every row picks its group's effect by an index that is given."""

import numpy as np
from jaxtyping import Array, Float, Int

import ppc as inf


@inf.probmodel
def model(group: Int[Array, "N"], x: Float[Array, "N"], g):
    mu = inf.Normal(0.0, 1.0, name="mu")
    effect = inf.Normal(mu * np.ones(g), 0.5, name="effect")
    slope = inf.Normal(np.zeros((g, 2)), 1.0, name="slope")
    with inf.datamodel():
        line = slope[group]
        inf.Normal(effect[group] + line[:, 0] * x + line[:, 1] * x**2, 0.2, name="y")


def fit(group, x, y):
    model(group, x, g=3).fit({"y": y}, inf.inference.SVI())
