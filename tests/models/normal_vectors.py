"""Vectors as events: their density is one number a row."""

import numpy as np

import ppc as inf


@inf.probmodel
def model(k):
    mu = inf.MultivariateNormalDiag(np.zeros(k), 2.0 * np.ones(k), name="mu")
    with inf.datamodel():
        z = inf.MultivariateNormalDiag(mu, np.ones(k), name="z")
        inf.MultivariateNormalDiag(z, 0.5 * np.ones(k), name="x")


@inf.probmodel
def guide(k):
    loc = inf.Parameter(np.zeros(k), name="loc")
    scale = inf.Parameter(np.ones(k), name="scale", support="positive")
    inf.MultivariateNormalDiag(loc, scale, name="mu")
    with inf.datamodel():
        x = inf.MultivariateNormalDiag(np.zeros(k), np.ones(k), name="x")
        inf.MultivariateNormalDiag(0.5 * (x + loc), scale, name="z")


def fit(x):
    model(k=3).fit({"x": x}, inf.inference.SVI(guide(k=3)))
