"""Sites between bounds: numbers, and bounds that depend on a latent."""

import numpy as np

import ppc as inf


@inf.probmodel
def model():
    theta = inf.Uniform(-1.0, 2.0, name="theta")
    p = inf.Beta(1.5, 2.5, name="p")
    excess = inf.HalfNormal(2.0, name="excess")
    with inf.datamodel():
        inf.Uniform(-1.0 - excess, 1.0 + excess, name="u")
        inf.Beta(1.0 + p, 1.0 + np.exp(theta), name="v")


def fit(u, v):
    model().fit({"u": u, "v": v}, inf.inference.SVI())
