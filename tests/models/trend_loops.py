"""A trend in the number of the row, which a batch has to know."""

from jaxtyping import Array, Float

import ppc as inf


@inf.probmodel
def model(x: Float[Array, "N"]):
    a = inf.Normal(0.0, 1.0)
    b = inf.Normal(0.0, 0.1)
    for t in range(N):
        y[t] = inf.Normal(a + b * t + x[t], 1.0)


def fit(x, y):
    model(x).fit({"y": y}, inf.inference.SVI())
