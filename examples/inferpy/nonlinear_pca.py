"""Non-linear PCA: points on a curve, each the image of one latent number under a network.

    python examples/inferpy/nonlinear_pca.py

Linear PCA with one component explains a parabola badly; the network, with a latent for each point
and nothing amortised, explains it up to its noise.
"""

import numpy as np

import ppc as inf
from ppc import tf

NOISE = 0.1


def decoder(z, d0, dx):
    """k -> d0 -> dx."""
    h0 = tf.layers.dense(z, d0, tf.nn.tanh)
    return tf.layers.dense(h0, dx)


@inf.probmodel
def nlpca(k, d0, dx, decoder):
    with inf.datamodel():
        z = inf.Normal(tf.zeros([k]), 1.0, name="z")
        x = inf.Normal(decoder(z, d0, dx), NOISE, name="x")


@inf.probmodel
def qmodel(k):
    with inf.datamodel():
        qz_loc = inf.Parameter(tf.zeros([k]), name="qz_loc")
        qz_scale = tf.math.softplus(inf.Parameter(-2 * tf.ones([k]), name="qz_scale"))
        qz = inf.Normal(qz_loc, qz_scale, name="z")


def data(n=200, seed=0):
    """Points f64[n, 2] about the parabola x2 = x1^2 - 1."""
    rng = np.random.default_rng(seed)
    x1 = rng.normal(size=n)
    return np.column_stack([x1, x1**2 - 1]) + NOISE * rng.normal(size=(n, 2))


def fit(x, epochs=3000, backend=None):
    """The model after inference, and the loss of each epoch."""
    m = nlpca(k=1, d0=20, dx=2, decoder=decoder)
    method = inf.inference.VI(qmodel(k=1), epochs=epochs, learning_rate=0.02)
    m.fit({"x": x}, method, seed=0, backend=backend)
    return m, method.losses


def unexplained(m, x):
    """The mean square of what the image of each latent leaves of its point."""
    z = m.posterior("z").parameters()["loc"]
    image = m.posterior_predictive("x", data={"z": z}).parameters()["loc"]
    return float(np.mean((image - x) ** 2))


def unexplained_by_a_line(x):
    """The same of linear PCA with one component."""
    from sklearn.decomposition import PCA

    line = PCA(1).fit(x)
    return float(np.mean((line.inverse_transform(line.transform(x)) - x) ** 2))


def main() -> None:
    """Fit, and print what is left unexplained, beside what linear PCA leaves."""
    x = data()
    m, losses = fit(x)
    print(f"loss {losses[0]:.0f} at first, {losses[-1]:.0f} at last")
    print(f"unexplained {unexplained(m, x):.4f}; by a line {unexplained_by_a_line(x):.4f}; "
          f"noise {NOISE**2:.4f}")  # fmt: skip


if __name__ == "__main__":
    main()
