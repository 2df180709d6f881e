"""Log volatilities that revert to their mean, each known by one return (Kim et al., 1998)."""

import numpy as np

import ppc as inf


@inf.probmodel
def model(T):
    mu = inf.Normal(-1.0, 1.0)
    phi = inf.Beta(20.0, 1.5)
    sigma = inf.HalfNormal(0.3)
    h = np.empty(T)
    h[0] = inf.Normal(mu, sigma / np.sqrt(1 - phi**2))
    for t in range(1, T):
        h[t] = inf.Normal(mu + phi * (h[t - 1] - mu), sigma)
    for t in range(T):
        y[t] = inf.Normal(0.0, np.exp(h[t] / 2))


def fit(y):
    model().fit({"y": y}, inf.inference.VI())
