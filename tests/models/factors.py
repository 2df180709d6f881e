"""Terms of the log density besides the sites', and recorded quantities: global, by row, in loops.

A ridge penalty on a slope, a soft constraint on groups, a likelihood that is no distribution of
the language (asymmetric Laplace, by its density), and quantities that results report.
"""

import numpy as np
from jaxtyping import Array, Float, Int

import ppc as inf


@inf.probmodel
def model(group: Int[Array, "N"], x: Float[Array, "N"], seen: Float[Array, "N"], groups=3):
    slope = inf.Normal(0.0, 1.0, name="slope")
    spread = inf.HalfNormal(1.0, name="spread")
    effect = np.empty(groups)
    shifted = np.empty(groups)
    for j in range(groups):
        effect[j] = inf.Normal(0.0, spread)
        shifted[j] = inf.deterministic(effect[j] + slope)
    inf.factor(-100.0 * np.sum(effect) ** 2, name="centred")
    inf.factor(-np.abs(slope))
    with inf.datamodel():
        level = inf.deterministic(slope * x + effect[group])
        y = inf.Normal(level, 1.0, name="y")
        off = seen - level
        inf.factor(np.where(off > 0, -0.3 * off, 0.7 * off) + np.log(0.21), name="quantile")
        with inf.mask(x > 0.0):
            inf.factor(-0.1 * np.sqrt(x), name="price")
        inf.deterministic(y - level, name="residual")
    inf.deterministic(np.mean(level), name="average")


def fit(group, x, seen, y):
    model(group, x, seen).fit({"y": y}, inf.inference.SVI())
