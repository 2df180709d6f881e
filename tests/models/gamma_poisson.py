"""A conjugate pair with a guide of its own family: noise that is drawn."""

import ppc as inf


@inf.probmodel
def model():
    rate = inf.Gamma(2.0, 1.5, name="rate")
    with inf.datamodel():
        inf.Poisson(rate, name="y")


@inf.probmodel
def guide():
    a = inf.Parameter(2.0, name="a", support="positive")
    b = inf.Parameter(1.0, name="b", support="positive")
    inf.Gamma(a, b, name="rate")


def fit(y):
    model().fit({"y": y}, inf.inference.SVI(guide()))
