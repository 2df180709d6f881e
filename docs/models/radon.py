"""Radon in the houses of counties, written with loops."""

from jaxtyping import Array, Float, Int

import ppc as inf


@inf.probmodel
def radon(county: Int[Array, "N"], floor: Float[Array, "N"], J):
    mu = inf.Normal(0.0, 10.0)
    tau = inf.HalfNormal(1.0)
    slope = inf.Normal(0.0, 1.0)
    for j in range(J):
        alpha[j] = inf.Normal(mu, tau)
    for i in range(len(county)):
        y[i] = inf.Normal(alpha[county[i]] + slope * floor[i], 1.0)
