"""Eight schools, with no call that says what is observed."""

from jaxtyping import Array, Float

import ppc as inf


@inf.probmodel
def eight_schools(sigma: Float[Array, "J"]):  # noqa: F821  # the name of an axis
    mu = inf.Normal(0.0, 5.0, name="mu")
    tau = inf.HalfCauchy(0.0, 5.0, name="tau")
    with inf.datamodel(len(sigma)):
        theta = inf.Normal(mu, tau, name="theta")
        inf.Normal(theta, sigma, name="y")
