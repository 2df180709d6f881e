"""A mixture density network: where one x has several y, a network gives a mixture for each x.

    python examples/inferpy/mixture_density_network.py

The model has no latent: the network is fitted by maximum likelihood.
"""

import numpy as np

import ppc as inf
from ppc import tf


def network(x, d0, k):
    """locs, scales and logits of k components, each f32[n, k], of x f32[n, 1]."""
    h0 = tf.keras.layers.Dense(d0, activation=tf.nn.tanh)(x)
    h1 = tf.keras.layers.Dense(d0, activation=tf.nn.tanh)(h0)
    locs = tf.keras.layers.Dense(k)(h1)
    scales = tf.nn.softplus(tf.keras.layers.Dense(k)(h1)) + 0.01
    logits = tf.keras.layers.Dense(k)(h1)
    return locs, scales, logits


@inf.probmodel
def mdn(d0, k):
    with inf.datamodel():
        x = inf.Normal(loc=tf.ones([1]), scale=1.0, name="x")
        locs, scales, logits = network(x, d0, k)
        y = inf.MixtureGaussian(locs, scales, logits=logits, name="y")


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
    m = mdn(d0=20, k=8)
    method = inf.inference.SVI(qmodel(), epochs=epochs, batch_size=200, learning_rate=0.01)
    m.fit({"x": x, "y": y}, method, seed=0, backend=backend)
    return m, method.losses


def log_density_per_point(m, x, y):
    """The mean log density of y given x."""
    return float(m.posterior_predictive("y", data={"x": x, "y": y}).log_prob().mean())


def residuals(m, x):
    """What x is besides 7 sin(0.75 y) + 0.5 y at a draw of y given x: the noise, f64[n]."""
    y = m.posterior_predictive("y", data={"x": x}, seed=1).sample()
    return x[:, 0] - 7 * np.sin(0.75 * y) - 0.5 * y


def main() -> None:
    """Fit, and print the log density of new points, beside that of a straight line with noise."""
    m, losses = fit(*data())
    x, y = data(seed=1)
    line = np.polynomial.Polynomial.fit(x[:, 0], y, 1)
    variance = np.mean((y - line(x[:, 0])) ** 2)
    print(f"loss {losses[0]:.0f} at first, {np.mean(losses[-10:]):.0f} at last")
    print(f"log density of a new point {log_density_per_point(m, x, y):.2f}; "
          f"by a line {-0.5 * np.log(2 * np.pi * np.e * variance):.2f}")  # fmt: skip
    print(f"median of |noise| at draws of y {np.median(np.abs(residuals(m, x))):.2f}; it was 0.67")


if __name__ == "__main__":
    main()
