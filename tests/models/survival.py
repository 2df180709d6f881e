"""Times until an event, of which some are only known to be longer, and values above a threshold."""

import numpy as np
from jaxtyping import Array, Bool, Float

import ppc as inf


@inf.probmodel
def model(x: Float[Array, "N d"], log_limit: Float[Array, "N"], limited: Bool[Array, "N"], d):
    effect = inf.Normal(np.zeros(d), 1.0, name="effect")
    shape = inf.LogNormal(0.0, 0.5, name="shape")
    level = inf.TruncatedNormal(1.0, 2.0, 0.0, np.inf, name="level")
    share = inf.Truncated(inf.Normal(0.5, 0.25), 0.0, 1.0, name="share")
    with inf.datamodel():
        scale = np.exp(x @ effect)
        end = np.where(limited, np.exp(log_limit), np.inf)
        inf.Censored(inf.Weibull(shape, scale), high=end, name="time")
        inf.Truncated(inf.Logistic(level, 0.5 + share), low=0.5, name="seen")


def fit(x, log_limit, limited, time, seen):
    model(x, log_limit, limited, d=2).fit({"time": time, "seen": seen}, inf.inference.SVI())
