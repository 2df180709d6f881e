"""An autoregression of order 2 of the data itself, whose rows make batches."""

from jaxtyping import Array, Float

import ppc as inf


@inf.probmodel
def model(x: Float[Array, "N"]):
    a = inf.Normal(0.0, 0.5)
    b = inf.Normal(0.0, 0.5)
    scale = inf.HalfNormal(1.0)
    for n in range(N):
        mean = x[n]
        if n >= 2:
            mean = mean + a * y[n - 1] + b * y[n - 2]
        y[n] = inf.Normal(mean, scale)


def fit(x, y):
    model(x).fit({"y": y}, inf.inference.SVI(batch_size=3))
