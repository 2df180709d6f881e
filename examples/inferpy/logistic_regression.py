"""Logistic regression by variational inference and by MCMC, on the same data.

python examples/inferpy/logistic_regression.py
"""

import numpy as np

import ppc as inf
from ppc import tf

WEIGHTS, OFFSET = np.array([2.0, 1.0]), 0.0  # that generate the data


@inf.probmodel
def log_reg(d):
    w0 = inf.Normal(0.0, 1.0, name="w0")
    w = inf.Normal(tf.zeros(d), 1.0, name="w")
    with inf.datamodel():
        x = inf.Normal(tf.zeros(d), 2.0, name="x")
        y = inf.Bernoulli(logits=w0 + tf.tensordot(x, w, axes=[[1], [0]]), name="y")


@inf.probmodel
def qmodel(d):
    qw0_loc = inf.Parameter(0.0, name="qw0_loc")
    qw0_scale = tf.math.softplus(inf.Parameter(0.0, name="qw0_scale"))
    qw0 = inf.Normal(qw0_loc, qw0_scale, name="w0")
    qw_loc = inf.Parameter(tf.zeros(d), name="qw_loc")
    qw_scale = tf.math.softplus(inf.Parameter(tf.zeros(d), name="qw_scale"))
    qw = inf.Normal(qw_loc, qw_scale, name="w")


def data(n=2000, seed=0):
    """x f32[n, 2] and y i32[n], drawn from the model with known weights."""
    given = {"w0": OFFSET, "w": WEIGHTS}
    return log_reg(2).prior(["x", "y"], data=given, size_datamodel=n, seed=seed).sample()


def fit(train, method, backend=None):
    """The model after inference."""
    m = log_reg(2)
    m.fit(train, method, seed=0, backend=backend)
    return m


def moments(m, draws=4000):
    """Mean and standard deviation of (w0, w) under the posterior, each f32[3]."""
    drawn = m.posterior(["w0", "w"], seed=1).sample(draws)
    both = np.column_stack([drawn["w0"], drawn["w"]])
    return both.mean(0), both.std(0)


def accuracy(m, test):
    """Of the more probable label, on new rows."""
    probability = m.posterior_predictive("y", data={"x": test["x"]}, seed=2).mean(200)
    return np.mean((probability > 0.5) == test["y"])


def main() -> None:
    """Fit by both methods; prints moments of the posterior and the accuracy on new rows."""
    np.set_printoptions(precision=3, suppress=True)
    train, test = data(), data(seed=1)
    methods = {
        "VI": inf.inference.VI(qmodel(2), epochs=2000, learning_rate=0.02),
        "MCMC": inf.inference.MCMC(kernel="nuts", num_burnin_steps=500, num_results=1000, chains=2),
    }
    for name, method in methods.items():
        m = fit(train, method)
        print(f"{name:5}", *moments(m), f"accuracy {accuracy(m, test):.3f}")


if __name__ == "__main__":
    main()
