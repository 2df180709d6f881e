"""Inverse gamma and exponential priors under a log-normal mean field: closed forms of their own."""

import numpy as np

import ppc as inf


@inf.probmodel
def model(d):
    mu = inf.Normal(np.zeros(d), 10.0, name="mu")
    variance = inf.InverseGamma(3.0, 2.0, name="variance")
    spread = inf.Exponential(0.7, name="spread")
    with inf.datamodel():
        z = inf.Normal(mu, np.sqrt(variance), name="z")
        inf.Normal(z, spread, name="y")


def fit(y):
    model(d=3).fit({"y": y}, inf.inference.SVI())
