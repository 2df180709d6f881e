"""Sizes of N things of known age, measured in d ways, with one latent for each thing.

The model that docs/architecture.md walks through the compiler, and its amortised guide.
"""

import numpy as np
from jaxtyping import Array, Float

import ppc as inf


@inf.probmodel
def growth(age: Float[Array, "N"], d):
    rate = inf.Parameter(np.ones(d))
    error = inf.Parameter(1.0, support="positive")
    with inf.datamodel():
        z = inf.Normal(0.0, 1.0)
        size = (z + np.log(age))[:, None] * rate
        y = inf.Normal(size, error)


@inf.probmodel
def encoder(age: Float[Array, "N"], d):
    slope = inf.Parameter(np.zeros(d))
    spread = inf.Parameter(1.0, support="positive")
    with inf.datamodel():
        y = inf.Normal(np.zeros(d), 1.0)
        z = inf.Normal(y @ slope - np.log(age), spread)
