"""A mixture density network: where one x has several y, a network gives a mixture for each x.

    python examples/inferpy/mixture_density_network.py

InferPy's model has `inf.MixtureGaussian`; here the density of the mixture is a factor, summed over
components by `reduce_logsumexp`. There is no latent: the network is fitted by maximum likelihood.
"""

import numpy as np
from jaxtyping import Array, Float

import ppc as inf
from ppc import tf


def network(x, d0, k):
    """locs, scales and log weights of k components, each f32[n, k], of x f32[n, 1]."""
    h0 = tf.keras.layers.Dense(d0, activation=tf.nn.tanh)(x)
    h1 = tf.keras.layers.Dense(d0, activation=tf.nn.tanh)(h0)
    locs = tf.keras.layers.Dense(k)(h1)
    scales = tf.nn.softplus(tf.keras.layers.Dense(k)(h1)) + 0.01
    logits = tf.keras.layers.Dense(k)(h1)
    return locs, scales, tf.nn.log_softmax(logits)


@inf.probmodel
def mdn(x: Float[Array, "N 1"], y: Float[Array, "N"], d0, k):
    with inf.datamodel():
        locs, scales, weights = network(x, d0, k)
        z = (y[:, None] - locs) / scales
        log_densities = weights - 0.5 * z**2 - tf.math.log(scales) - 0.5 * np.log(2 * np.pi)
        inf.factor(tf.reduce_logsumexp(log_densities, axis=-1), name="y_given_x")


def data(n=2000, seed=0):
    """x f64[n, 1] as a function of y f64[n], with noise: its inverse has up to five branches."""
    rng = np.random.default_rng(seed)
    y = rng.uniform(-10.5, 10.5, n)
    x = 7 * np.sin(0.75 * y) + 0.5 * y + rng.normal(size=n)
    return x[:, None], y


@inf.probmodel
def qmodel():
    pass


def fit(x, y, epochs=300, backend=None):
    """The model after inference, and the loss of every step."""
    m = mdn(x, y, d0=20, k=8)
    method = inf.inference.SVI(qmodel(), epochs=epochs, batch_size=200, learning_rate=0.01)
    m.fit({}, method, seed=0, backend=backend)
    return m, method.losses


def log_density_per_point(m, x, y):
    """The mean log density of y given x."""
    return m.log_density({"x": x, "y": y}) / len(y)


def main() -> None:
    """Fit, and print the log density of new points, beside that of a straight line with noise."""
    m, losses = fit(*data())
    x, y = data(seed=1)
    line = np.polynomial.Polynomial.fit(x[:, 0], y, 1)
    variance = np.mean((y - line(x[:, 0])) ** 2)
    print(f"loss {losses[0]:.0f} at first, {np.mean(losses[-10:]):.0f} at last")
    print(f"log density of a new point {log_density_per_point(m, x, y):.2f}; "
          f"by a line {-0.5 * np.log(2 * np.pi * np.e * variance):.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
