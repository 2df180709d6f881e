"""An observed site of each family; some parameters in their other form."""

import numpy as np

import ppc as inf


@inf.probmodel
def model():
    m = inf.Normal(0.0, 1.0, name="m")
    s = inf.Gamma(2.0, log_rate=0.3, name="s")
    with inf.datamodel():
        inf.Normal(m, s, name="y_normal")
        inf.Laplace(m, s, name="y_laplace")
        inf.Cauchy(m, s, name="y_cauchy")
        inf.StudentT(2.0 + s, m, s, name="y_student")
        inf.Exponential(s, name="y_exponential")
        inf.HalfNormal(s, name="y_half_normal")
        inf.HalfCauchy(0.01, s, name="y_half_cauchy")
        inf.LogNormal(m, s, name="y_log_normal")
        inf.Gamma(s, np.exp(m), name="y_gamma")
        inf.InverseGamma(s, 1.0 + s, name="y_inverse_gamma")
        inf.Beta(s, 2.0, name="y_beta")
        inf.Uniform(0.0, 1.0, name="y_uniform")
        inf.LogitNormal(m, s, name="y_logit_normal")


def fit(y):
    data = {
        "y_normal": y, "y_laplace": y, "y_cauchy": y, "y_student": y, "y_exponential": y,
        "y_half_normal": y, "y_half_cauchy": y, "y_log_normal": y, "y_gamma": y,
        "y_inverse_gamma": y, "y_beta": y, "y_uniform": y, "y_logit_normal": y,
    }  # fmt: skip
    model().fit(data, inf.inference.SVI())
