"""Ratings of items by users: effects that are crossed, a table of all pairs."""

import numpy as np

import ppc as inf


@inf.probmodel
def model(users, items, k=2):
    u = np.empty((users, k))
    for i in range(users):
        u[i] = inf.Normal(np.zeros(k), 1.0)
    for j in range(items):
        v[j] = inf.Normal(np.zeros(k), 1.0)
        bias[j] = inf.Normal(0.0, 1.0)
    for i in range(users):
        for j in range(items):
            y[i, j] = inf.Normal(u[i] @ v[j] + bias[j], 0.5)


def fit(y):
    model(4, 3).fit({"y": y}, inf.inference.VI())
