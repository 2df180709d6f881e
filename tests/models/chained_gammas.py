"""A hierarchical guide of Gammas: the second draw depends on the first."""

import ppc as inf


@inf.probmodel
def model():
    shape = inf.Gamma(3.0, 1.0, name="shape")
    rate = inf.Gamma(shape, 2.0, name="rate")
    with inf.datamodel():
        inf.Gamma(shape, rate, name="y")


@inf.probmodel
def guide():
    a = inf.Parameter(3.0, name="a", support="positive")
    b = inf.Parameter(1.5, name="b", support="positive")
    c = inf.Parameter(0.5, name="c", support="positive")
    shape = inf.Gamma(a, b, name="shape")
    inf.Gamma(1.0 + shape * c, 2.0, name="rate")


def fit(y):
    model().fit({"y": y}, inf.inference.SVI(guide()))
