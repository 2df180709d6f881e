"""The same rows seen whole in every step."""

import ppc as inf


@inf.probmodel
def model():
    theta = inf.Normal(0.0, 1.0, name="theta")
    with inf.datamodel():
        z = inf.Normal(theta, 1.0, name="z")
        inf.Normal(z, 1.0, name="x")


def fit(x):
    model().fit({"x": x}, inf.inference.VI())
