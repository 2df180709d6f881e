"""Eight schools as in BUGS: one loop, nothing declared."""

from jaxtyping import Array, Float

import ppc as inf


@inf.probmodel
def model(sigma: Float[Array, "J"]):
    mu = inf.Normal(0.0, 5.0)
    tau = inf.HalfCauchy(0.0, 5.0)
    for j in range(J):
        theta[j] = inf.Normal(mu, tau)
        y[j] = inf.Normal(theta[j], sigma[j])


def fit(sigma, y):
    model(sigma).fit({"y": y}, inf.inference.VI())
