"""Rows of covariates as an argument; globals of several ranks; an inferred guide."""

import numpy as np
from jaxtyping import Array, Float

import ppc as inf


@inf.probmodel
def model(x: Float[Array, "N d"], d):
    w = inf.Normal(np.zeros(d), 2.0, name="w")
    b = inf.Normal(0.5, 3.0, name="b")
    s = inf.HalfNormal(1.5, name="s")
    with inf.datamodel():
        inf.Normal(x @ w + b, s, name="y")


def fit(x, y):
    model(x).fit({"y": y}, inf.inference.SVI())
