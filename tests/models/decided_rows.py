"""Decisions on data and variables: helpers that return early, one name in both branches, masks."""

import numpy as np
from jaxtyping import Array, Float, Int

import ppc as inf


def bend(v):
    if v > 0:
        return np.log(v)
    elif v < -1:
        depth = np.sqrt(-v - 1)
        return depth
    return 0.5 * v


@inf.probmodel
def model(x: Float[Array, "N"], kind: Int[Array, "N"]):
    m = inf.Normal(0.0, 1.0)
    spread = inf.LogNormal(0.0, 0.5)
    shift = m / spread if m > 0.2 and not m > 0.9 else -1.0
    for i in range(len(x)):
        if kind[i] == 0:
            y[i] = inf.Normal(m + bend(x[i]), spread)
        elif 1 <= kind[i] < 3:
            extra[i] = inf.Normal(shift, 1.0)
            y[i] = inf.Normal(m * extra[i], np.sqrt(x[i]))
        else:
            y[i] = inf.Normal(shift, 2.0)
        if x[i] < 0.5:
            w[i] = inf.Exponential(spread if kind[i] == 0 else 1.0)


def fit(x, kind, y, w):
    model(x, kind).fit({"y": y, "w": w}, inf.inference.SVI())
