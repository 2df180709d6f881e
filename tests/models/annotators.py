"""Dawid and Skene's annotators: items with few labels or many, their true class is summed out."""

import numpy as np
from jaxtyping import Array, Int
from scipy.special import log_softmax, logsumexp

import ppc as inf


@inf.probmodel
def model(
    label: Int[Array, "items most"],
    annotator: Int[Array, "items most"],
    count: Int[Array, "items"],
    A,
    K=2,
):
    share = inf.Normal(np.zeros(K), 1.0)
    for a in range(A):
        error[a] = inf.Normal(np.zeros((K, K)), 1.0)
    said = log_softmax(error, axis=-1)
    for i in range(len(count)):
        score = log_softmax(share)
        for j in range(count[i]):
            score = score + said[annotator[i, j], :, label[i, j]]
        inf.factor(logsumexp(score), name="labels")


def fit(label, annotator, count):
    model(label, annotator, count, A=4).fit({}, inf.inference.SVI(batch_size=3))
