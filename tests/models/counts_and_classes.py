"""Observed discrete sites, with probabilities, logits and log rates, vectors of them too."""

import numpy as np
import tensorflow as tf
from jaxtyping import Array, Float

import ppc as inf


@inf.probmodel
def model(x: Float[Array, "N d"], d, k):
    w = inf.Normal(np.zeros((d, k)), 1.0, name="w")
    with inf.datamodel():
        score = x @ w
        inf.Categorical(logits=score, name="label")
        inf.Categorical(probs=tf.nn.softmax(-score), name="other")
        inf.Poisson(log_rate=score[:, 0], name="count")
        inf.Bernoulli(logits=score, name="bits")


def fit(x, label, other, count, bits):
    data = {"label": label, "other": other, "count": count, "bits": bits}
    model(x, d=2, k=3).fit(data, inf.inference.SVI())
