"""Radon as it is written down, in loops: intercepts and slopes that vary by county."""

from jaxtyping import Array, Float, Int

import ppc as inf


@inf.probmodel
def model(floor: Float[Array, "N"], county: Int[Array, "N"], counties):
    mu = inf.Normal(0.0, 2.0)
    tau = inf.HalfNormal(1.0)
    sigma = inf.HalfNormal(1.0)
    for j in range(counties):
        a[j] = inf.Normal(mu, tau)
        b[j] = inf.Normal(0.0, 1.0)
    for i in range(N):
        y[i] = inf.Normal(a[county[i]] + b[county[i]] * floor[i], sigma)


def fit(floor, county, y):
    model(floor, county, counties=3).fit({"y": y}, inf.inference.SVI())
