"""No latent at all: maximum likelihood of parameters on their supports."""

import numpy as np
from jaxtyping import Array, Float

import ppc as inf


@inf.probmodel
def model(x: Float[Array, "N d"], d):
    w = inf.Parameter(np.zeros(d), name="w")
    s = inf.Parameter(0.7, name="s", support="positive")
    p = inf.Parameter(0.25, name="p", support="unit_interval")
    with inf.datamodel():
        inf.Normal(x @ w, s, name="y")
        inf.Bernoulli(probs=p, name="seen")


def fit(x, y, seen):
    model(x, d=2).fit({"y": y, "seen": seen}, inf.inference.SVI())
