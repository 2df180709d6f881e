"""Eight schools with standardised effects."""

from jaxtyping import Array, Float

import ppc as inf


@inf.probmodel
def model(sigma: Float[Array, "J"]):
    mu = inf.Normal(0.0, 5.0, name="mu")
    tau = inf.HalfCauchy(0.0, 5.0, name="tau")
    with inf.datamodel(len(sigma)):
        eta = inf.Normal(0.0, 1.0, name="eta")
        inf.Normal(mu + tau * eta, sigma, name="y")


def fit(sigma, y):
    model(sigma).fit({"y": y}, inf.inference.VI())
