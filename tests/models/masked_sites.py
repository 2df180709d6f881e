"""Sites that count for some rows only: a latent and likelihoods, of numbers, vectors and counts."""

import numpy as np
from jaxtyping import Array, Bool, Float

import ppc as inf


@inf.probmodel
def model(seen: Bool[Array, "N"], x: Float[Array, "N"]):
    w = inf.Normal(0.0, 2.0, name="w")
    spread = inf.HalfNormal(1.0, name="spread")
    with inf.datamodel():
        with inf.mask(seen):
            z = inf.Normal(w * x, 1.0, name="z")
            inf.Normal(np.zeros(2) + z[:, None], 0.5, name="pair")
            with inf.mask(x > 0.0):
                inf.Exponential(spread, name="wait")
        inf.Poisson(np.exp(z), name="count")


def fit(seen, x, pair, wait, count):
    data = {"pair": pair, "wait": wait, "count": count}
    model(seen, x).fit(data, inf.inference.SVI())
