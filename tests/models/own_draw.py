"""Closed forms that would be wrong: a prior and a guide whose parameters know the site's noise."""

import ppc as inf


@inf.probmodel
def model():
    a = inf.Normal(0.0, 1.0, name="a")
    b = inf.Normal(a**2, 1.0, name="b")
    c = inf.Gamma(1.0 + b**2, 1.0, name="c")
    with inf.datamodel():
        inf.Normal(a + b, c, name="y")


@inf.probmodel
def guide():
    loc = inf.Parameter(0.3, name="loc")
    scale = inf.Parameter(0.6, name="scale", support="positive")
    b = inf.Normal(loc, scale, name="b")
    a = inf.Normal(b * 0.5, scale, name="a")
    inf.LogNormal(0.1 * a, 0.4 + scale, name="c")


def fit(y):
    model().fit({"y": y}, inf.inference.SVI(guide()))
