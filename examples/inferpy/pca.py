"""Probabilistic PCA with a posterior over its weights, held to the principal axes of the data.

python examples/inferpy/pca.py
"""

import numpy as np

import ppc as inf
from ppc import tf


@inf.probmodel
def pca(k, d):
    w = inf.Normal(loc=tf.zeros([k, d]), scale=1, name="w")
    with inf.datamodel():
        z = inf.Normal(tf.zeros(k), 1, name="z")
        x = inf.Normal(z @ w, 1, name="x")


@inf.probmodel
def qmodel(k, d):
    # At tf.ones, as in InferPy, the components start equal and stay equal: k = 2 would be one.
    qw_loc = inf.Parameter(tf.random_normal([k, d], seed=0), name="qw_loc")
    qw_scale = tf.math.softplus(inf.Parameter(tf.zeros([k, d]), name="qw_scale"))
    qw = inf.Normal(qw_loc, qw_scale, name="w")
    with inf.datamodel():
        qz_loc = inf.Parameter(tf.zeros(k), name="qz_loc")
        qz_scale = tf.math.softplus(inf.Parameter(tf.zeros(k), name="qz_scale"))
        qz = inf.Normal(qz_loc, qz_scale, name="z")


def data(n=1000, d=5, seed=0):
    """x f64[n, d] with two strong directions, centred."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2)) * [4.0, 2.5] @ rng.normal(size=(2, d)) + rng.normal(size=(n, d))
    return x - x.mean(0)


def fit(x, epochs=2000, backend=None):
    """The weights f32[k, d] of the posterior mean, and the loss of each epoch."""
    m = pca(k=2, d=x.shape[1])
    vi = inf.inference.VI(qmodel(k=2, d=x.shape[1]), epochs=epochs, learning_rate=0.02)
    m.fit({"x": x}, vi, seed=0, backend=backend)
    return m.posterior("w").parameters()["loc"], vi.losses


def largest_angle(weights, axes):
    """The largest angle, in radians, between the spaces that two sets of rows span."""
    bases = (np.linalg.qr(np.asarray(rows, float).T)[0] for rows in (weights, axes))
    one, other = bases
    return float(np.arccos(np.clip(np.linalg.svd(one.T @ other)[1].min(), -1.0, 1.0)))


def main() -> None:
    """Fit, and print how far the space of the weights is from that of scikit-learn's PCA."""
    from sklearn.decomposition import PCA

    x = data()
    weights, losses = fit(x)
    axes = PCA(2).fit(x).components_
    print(f"loss {losses[0]:.0f} at first, {losses[-1]:.0f} at last")
    print(f"largest angle to the principal axes {largest_angle(weights, axes):.4f}")


if __name__ == "__main__":
    main()
