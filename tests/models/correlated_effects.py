"""Intercepts and slopes of groups that are correlated, and rows with errors that are too."""

import numpy as np
from jaxtyping import Array, Float, Int

import ppc as inf


@inf.probmodel
def model(t: Float[Array, "N"], group: Int[Array, "N"], groups):
    mean = inf.MultivariateNormalFullCovariance(np.zeros(2), np.array([[1.0, 0.3], [0.3, 0.5]]))
    scale = inf.HalfNormal(1.0)
    slope = inf.Normal(0.0, 0.5)
    factor = np.array([[1.0, 0.0], [0.5, 0.8]]) * scale
    with inf.plate("group", groups):
        effects = inf.MultivariateNormalTriL(mean, factor)
    with inf.datamodel():
        level = effects[group, 0] + effects[group, 1] * t
        y = inf.MultivariateNormalTriL(
            np.stack([level, slope * level], axis=1), np.array([[0.5, 0.0], [0.2, 0.4]])
        )


def fit(t, group, y):
    model(t, group, groups=3).fit({"y": y}, inf.inference.SVI())
