"""A network whose weights are random variables: it is less certain beyond the data.

    python examples/inferpy/bayesian_network.py

In InferPy 1.3.1 the divergence of such layers from their prior never reaches the loss, and the
predictions are as certain far from the data as among them. (Between clusters a mean field is
more certain than it should be, here too.)
"""

import numpy as np
from jaxtyping import Array, Float

import ppc as inf
from ppc import tf, tfp

NOISE = 0.1


@inf.probmodel
def network(x: Float[Array, "N 1"], units):
    nn = inf.layers.Sequential([
        tfp.layers.DenseFlipout(units, activation=tf.nn.tanh),
        tfp.layers.DenseFlipout(1),
    ])  # fmt: skip
    with inf.datamodel():
        y = inf.Normal(nn(x), NOISE, name="y")


@inf.probmodel
def qmodel():
    pass


def data(n=100, seed=0):
    """x f64[n, 1] in two clusters about -1 and 1, and y = sin(3 x) f64[n, 1] with noise."""
    rng = np.random.default_rng(seed)
    x = np.concatenate([rng.uniform(-1.2, -0.8, n // 2), rng.uniform(0.8, 1.2, n // 2)])[:, None]
    return x, np.sin(3 * x) + NOISE * rng.normal(size=(n, 1))


def fit(x, y, epochs=3000, backend=None):
    """The model after inference."""
    m = network(x, units=20)
    m.fit({"y": y}, inf.inference.VI(qmodel(), epochs=epochs, learning_rate=0.01), seed=0,
          backend=backend)  # fmt: skip
    return m


def predicted(m, x):
    """Mean of y at x f64[n, 1], and its standard deviation without the noise, each f32[n]."""
    drawn = m.posterior_predictive("y", data={"x": x}, seed=1).sample(500)[..., 0]
    return drawn.mean(0), np.sqrt(np.maximum(drawn.var(0) - NOISE**2, 0.0))


def main() -> None:
    """Fit, and print predictions among the data, between them and beyond."""
    m = fit(*data())
    places = np.array([[-1.0], [0.0], [1.0], [4.0]])
    for x, mean, sd in zip(places[:, 0], *predicted(m, places), strict=True):
        print(f"x {x:4.1f}: y {mean:5.2f} +- {sd:.2f}")


if __name__ == "__main__":
    main()
