"""Ratings by users and items for two tasks: a step sees a batch of the users and one of the items.

The parameters of `bias` have the rows of the users as their second dimension, those of `match` one
for each pair of a user and an item.
"""

import numpy as np
from jaxtyping import Array, Float

import ppc as inf


@inf.probmodel
def model(x: Float[Array, "users items"], users, items, k=2, tasks=2):
    noise = inf.HalfNormal(1.0)
    with inf.plate("tasks", tasks), inf.plate("users", users):
        bias = inf.Normal(0.0, 1.0)
    with inf.plate("users"):
        u = inf.Normal(np.zeros(k), 1.0)
    with inf.plate("items", items):
        v = inf.Normal(np.zeros(k), 1.0)
    with inf.plate("users"), inf.plate("items"):
        match = inf.Normal((u * v).sum(-1) + np.log1p(x), 0.1)
    with inf.plate("tasks"), inf.plate("users"), inf.plate("items"):
        y = inf.Normal(bias + match, noise)


def run(x, y):
    size = {"users": 3, "items": 4}
    model(x, users=7, items=9).fit({"y": y}, inf.inference.SVI(batch_size=size))
