"""No rows at all: one observation of a vector, and one that the model makes itself."""

import numpy as np

import ppc as inf


@inf.probmodel
def model(k):
    a = inf.Normal(0.0, 1.0, name="a")
    b = inf.LogNormal(a, 0.5, name="b")
    inf.Normal(a * np.ones(k), b, name="y")
    inf.observe(inf.Normal(a + b, 0.1, name="total"), 1.25)


def fit(y):
    model(k=3).fit({"y": y}, inf.inference.VI())
