"""Latents of the rows and of the whole under an inferred guide: parameters with a row each."""

import numpy as np

import ppc as inf


@inf.probmodel
def model(k, d):
    w = inf.Normal(np.zeros((k, d)), 1.0, name="w")
    noise = inf.Gamma(2.0, 2.0, name="noise")
    with inf.datamodel():
        z = inf.Normal(np.zeros(k), 1.0, name="z")
        gain = inf.HalfNormal(1.0, name="gain")
        inf.Normal((z @ w) * gain[:, None], noise, name="x")


def fit(x):
    model(k=2, d=3).fit({"x": x}, inf.inference.SVI())
