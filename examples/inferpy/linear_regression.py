"""Linear regression by variational inference, at InferPy's settings and at settings that converge.

    python examples/inferpy/linear_regression.py

The posterior is known in closed form, and so is the best mean field: the same means, and scales
that are one over the root of the precision's diagonal (Bishop 2006, section 10.1.2).
"""

import numpy as np

import ppc as inf
from ppc import tf

WEIGHTS = np.array([[2.0], [1.0]])  # that generate the data, with intercept 0


@inf.probmodel
def linear_reg(d):
    w0 = inf.Normal(0, 1, name="w0")
    w = inf.Normal(np.zeros([d, 1]), 1, name="w")
    with inf.datamodel():
        x = inf.Normal(tf.ones(d), 2, name="x")
        y = inf.Normal(w0 + x @ w, 1.0, name="y")


@inf.probmodel
def qmodel(d):
    qw0_loc = inf.Parameter(0.0, name="qw0_loc")
    qw0_scale = tf.math.softplus(inf.Parameter(1.0, name="qw0_scale"))
    qw0 = inf.Normal(qw0_loc, qw0_scale, name="w0")
    qw_loc = inf.Parameter(np.zeros([d, 1]), name="qw_loc")
    qw_scale = tf.math.softplus(inf.Parameter(tf.ones([d, 1]), name="qw_scale"))
    qw = inf.Normal(qw_loc, qw_scale, name="w")


def data(n=1000, seed=0):
    """x f32[n, 2] and y f32[n, 1], drawn from the model with known weights."""
    query = linear_reg(2).prior(
        ["x", "y"], data={"w0": 0, "w": WEIGHTS}, size_datamodel=n, seed=seed
    )
    return query.sample()


def exact(x, y):
    """Means and mean-field scales of (w0, w), each f64[3]."""
    design = np.hstack([np.ones((len(x), 1)), np.asarray(x, float)])
    precision = np.eye(3) + design.T @ design
    mean = np.linalg.solve(precision, design.T @ np.asarray(y, float))[:, 0]
    return mean, 1 / np.sqrt(np.diag(precision))


def fit(train, method, backend=None):
    """Means and scales of (w0, w) that a method finds, each f32[3]."""
    m = linear_reg(2)
    m.fit(train, method, seed=0, backend=backend)
    found = m.posterior(["w0", "w"]).parameters()
    both = ([np.ravel(found[site][part]) for site in ("w0", "w")] for part in ("loc", "scale"))
    loc, scale = map(np.concatenate, both)
    return loc, scale


def main() -> None:
    """Fit at both settings; prints means and scales beside the exact ones."""
    train = data()
    np.set_printoptions(precision=4, suppress=True)
    print("exact            ", *exact(train["x"], train["y"]))
    print("InferPy's        ", *fit(train, inf.inference.VI(qmodel(2), epochs=10000)))
    print("learning rate .01", *fit(train, converging()))


def converging(epochs=10000):
    """InferPy's epochs with ten times its learning rate."""
    return inf.inference.VI(qmodel(2), epochs=epochs, learning_rate=0.01)


if __name__ == "__main__":
    main()
