"""A table whose columns are known before its rows: its data have rows first, as it is indexed."""

from jaxtyping import Array, Float

import ppc as inf


@inf.probmodel
def model(x: Float[Array, "N"], columns=3):
    b = [inf.Normal(0.0, 1.0) for _ in range(columns)]
    for n in range(N):
        for j in range(columns):
            y[n, j] = inf.Normal(b[j] * x[n], 1.0)


def fit(x, y):
    model(x).fit({"y": y}, inf.inference.SVI())
