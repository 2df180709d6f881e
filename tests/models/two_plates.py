"""Rows of two kinds: a batch is taken of the first, the second is always whole."""

from jaxtyping import Array, Float

import ppc as inf


@inf.probmodel
def model(sigma: Float[Array, "J"]):
    mu = inf.Normal(0.0, 2.0, name="mu")
    tau = inf.HalfNormal(1.0, name="tau")
    with inf.datamodel():
        inf.Normal(mu, tau, name="x")
    with inf.datamodel(len(sigma)):
        theta = inf.Normal(mu, tau, name="theta")
        inf.Normal(theta, sigma, name="y")


def fit(sigma, x, y):
    model(sigma).fit({"x": x, "y": y}, inf.inference.SVI())
