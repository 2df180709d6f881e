"""Priors whose parameters are computed and have the names that an inferred guide gives its own."""

import numpy as np
from scipy.special import logsumexp

import ppc as inf


@inf.probmodel
def model(k):
    centre = inf.Normal(np.linspace(-3.0, 3.0, k), 2.0, name="centre")
    width = inf.LogNormal(0.1 * np.arange(k), np.ones(k) / k, name="width")
    with inf.datamodel():
        inf.Normal(logsumexp(centre), np.sum(width), name="y")


def fit(y):
    model(k=3).fit({"y": y}, inf.inference.SVI())
