"""Student, Cauchy and log-normal: a regression that outliers do not move."""

from jaxtyping import Array, Float

import ppc as inf


@inf.probmodel
def model(x: Float[Array, "N"]):
    slope = inf.Cauchy(0.0, 2.5, name="slope")
    level = inf.StudentT(4.0, 0.0, 2.0, name="level")
    width = inf.LogNormal(0.0, 0.5, name="width")
    with inf.datamodel():
        inf.StudentT(3.5, level + slope * x, width, name="y")


def fit(x, y):
    model(x).fit({"y": y}, inf.inference.SVI())
