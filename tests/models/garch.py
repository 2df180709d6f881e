"""Variances that follow from those before and the squared returns (Bollerslev, 1986)."""

import numpy as np

import ppc as inf


@inf.probmodel
def model(T):
    omega = inf.HalfNormal(0.5)
    alpha = inf.Beta(1.0, 4.0)
    beta = inf.Beta(4.0, 2.0)
    variance = 0.5
    for t in range(T):
        y[t] = inf.Normal(0.0, np.sqrt(variance))
        variance = omega + alpha * y[t] ** 2 + beta * variance


def fit(y):
    model().fit({"y": y}, inf.inference.VI())
