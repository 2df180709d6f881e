"""Shares of groups and of a mixture, which are probabilities that sum to 1."""

import numpy as np
from jaxtyping import Array, Float, Int
from scipy.special import logsumexp

import ppc as inf


@inf.probmodel
def model(x: Float[Array, "N"], group: Int[Array, "N"], groups, k):
    prior = inf.Parameter(np.array([0.5, 0.25, 0.25]), name="prior", support="simplex")
    centre = inf.Parameter(np.array([-1.0, 0.0, 2.0]), name="centre", support="ordered")
    width = inf.Parameter(np.array([0.5, 1.0, 2.0]), name="width", support="positive_ordered")
    weight = inf.Dirichlet(2.0 * np.ones(3), name="weight")
    with inf.plate("group", groups):
        share = inf.Dirichlet(1.0 + k * prior, name="share")
    with inf.datamodel():
        inf.Categorical(probs=share[group], name="label")
        score = -0.5 * ((x[:, None] - centre) / width) ** 2 - np.log(width)
        inf.factor(logsumexp(np.log(weight) + score, axis=-1), name="mixed")


def fit(x, group, label):
    model(x, group, groups=2, k=4.0).fit({"label": label}, inf.inference.SVI())
