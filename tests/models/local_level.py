"""A level that wanders and a season that returns: states that read their own past."""

import ppc as inf


@inf.probmodel
def model(T):
    drift = inf.HalfNormal(1.0)
    level[0] = inf.Normal(0.0, 2.0)
    for t in range(1, T):
        level[t] = inf.Normal(level[t - 1], drift)
    for t in range(T):
        if t < 3:
            season[t] = inf.Normal(0.0, 1.0)
        else:
            season[t] = inf.Normal(-season[t - 1] - season[t - 2] - season[t - 3], 0.2)
        y[t] = inf.Normal(level[t] + season[t], 0.5)


def fit(y):
    model().fit({"y": y}, inf.inference.VI())
