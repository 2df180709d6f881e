"""Annotators who are right at rates of their own: the true classes of the items are summed out."""

import jax
import numpy as np
from jaxtyping import Array, Int

import ppc as inf


@inf.probmodel
def model(
    item: Int[Array, "N"], annotator: Int[Array, "N"], label: Int[Array, "N"], items, annotators
):
    prevalence = inf.Normal(np.zeros(3), 1.0, name="prevalence")
    for a in range(annotators):
        for k in range(3):
            confusion[a, k] = inf.MultivariateNormalDiag(2.0 * np.eye(3)[k], np.ones(3))
    logs = jax.nn.log_softmax(confusion, axis=-1)
    given = np.zeros((items, 3)) + jax.nn.log_softmax(prevalence)
    for n in range(N):
        given[item[n]] += logs[annotator[n], :, label[n]]
    for i in range(items):
        inf.factor(jax.nn.logsumexp(given[i]), name="labels")


def fit(item, annotator, label):
    model(item, annotator, label, items=4, annotators=2).fit({}, inf.inference.VI())
