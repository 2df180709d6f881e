"""A guide with parameters for each row, read beside the data."""

import ppc as inf


@inf.probmodel
def model():
    rate = inf.Exponential(1.0, name="rate")
    with inf.datamodel():
        size = inf.Exponential(rate, name="size")
        inf.Poisson(size, name="y")


@inf.probmodel
def guide():
    a = inf.Parameter(1.0, name="a", support="positive")
    inf.Exponential(a, name="rate")
    with inf.datamodel():
        y = inf.Poisson(1.0, name="y")
        more = inf.Parameter(0.5, name="more", support="positive")
        inf.Gamma(more + y, 2.0, name="size")


def fit(y):
    model().fit({"y": y}, inf.inference.SVI(guide()))
