"""A conjugate pair on the unit interval."""

import ppc as inf


@inf.probmodel
def model(a=2.0):
    p = inf.Beta(a, 3.0, name="p")
    with inf.datamodel():
        inf.Bernoulli(probs=p, name="y")


@inf.probmodel
def guide():
    a = inf.Parameter(2.0, name="a", support="positive")
    b = inf.Parameter(2.0, name="b", support="positive")
    inf.Beta(a, b, name="p")


def fit(y):
    model().fit({"y": y}, inf.inference.SVI(guide()))
