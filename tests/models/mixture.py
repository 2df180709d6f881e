"""A mixture of Normals and one of counts, whose labels are summed out."""

import numpy as np

import ppc as inf


@inf.probmodel
def model(k):
    weights = inf.Parameter(np.zeros(k), name="weights")
    means = inf.Normal(np.arange(k) - 1.0, 2.0, name="means", sample_shape=())
    scale = inf.HalfNormal(1.0)
    shared = inf.Normal(0.0, 1.0)
    with inf.datamodel():
        y = inf.MixtureSameFamily(inf.Categorical(logits=weights), inf.Normal(means, scale))
        n = inf.MixtureSameFamily(
            inf.Categorical(probs=[0.3, 0.7]), inf.Poisson(log_rate=np.array([-3.0, 1.0]) + shared)
        )


def fit(y, n):
    model(k=3).fit({"y": y, "n": n}, inf.inference.SVI())
