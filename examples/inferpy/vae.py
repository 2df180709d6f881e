"""A variational autoencoder of digits, with networks of Keras layers.

python examples/inferpy/vae.py
"""

import numpy as np

import ppc as inf
from ppc import tf
from ppc.data import digits

SIDE = 8  # pixels


@inf.probmodel
def vae(k, d0, dx, decoder):
    with inf.datamodel():
        z = inf.Normal(tf.zeros(k), 1, name="z")
        x = inf.Normal(decoder(z, d0, dx), 0.2, name="x")


def decoder(z, d0, dx):
    """k -> d0 -> dx."""
    return tf.keras.Sequential([
        tf.keras.layers.Dense(d0, activation=tf.nn.relu),
        tf.keras.layers.Dense(dx),
    ])(z)  # fmt: skip


@inf.probmodel
def qmodel(k, d0, dx, encoder):
    with inf.datamodel():
        x = inf.Normal(tf.ones(dx), 1, name="x")
        output = encoder(x, d0, k)
        qz_loc = output[:, :k]
        qz_scale = tf.nn.softplus(output[:, k:]) + 0.01
        qz = inf.Normal(qz_loc, qz_scale, name="z")


def encoder(x, d0, k):
    """dx -> d0 -> 2 k."""
    h0 = tf.keras.layers.Dense(d0, activation=tf.nn.relu)
    h1 = tf.keras.layers.Dense(2 * k)
    return h1(h0(x))


def load():
    """Digits 0, 1 and 2, f32[n, 64] in [0, 1], and their labels, for training and test."""
    (x_train, y_train), (x_test, y_test) = digits.load_data(digits=[0, 1, 2], side=SIDE)
    return (x_train / 255, y_train), (x_test / 255, y_test)


def fit(x_train, epochs=400, k=2, d0=50, backend=None):
    """The model after inference, and the loss of every step."""
    dx = x_train.shape[1]
    m = vae(k, d0, dx, decoder)
    method = inf.inference.SVI(
        qmodel(k, d0, dx, encoder), epochs=epochs, batch_size=100, learning_rate=0.005
    )
    m.fit({"x": x_train}, method, seed=0, backend=backend)
    return m, method.losses


def reconstruction_error(m, x):
    """Mean squared error of the mean of x given its z, pixel by pixel."""
    z = m.posterior("z", data={"x": x}).parameters()["loc"]
    mean = m.posterior_predictive("x", data={"z": z}).parameters()["loc"]
    return float(np.mean((mean - x) ** 2))


def nearest_neighbour_accuracy(m, train, test):
    """How often an image of the test set has the label of the training image nearest in z."""
    (x_train, y_train), (x_test, y_test) = train, test
    near, far = (m.posterior("z", data={"x": x}).parameters()["loc"] for x in (x_test, x_train))
    distance = ((near[:, None] - far[None]) ** 2).sum(-1)
    return float(np.mean(y_train[distance.argmin(1)] == y_test))


def main() -> None:
    """Fit, and print how well images are reconstructed and how well their codes tell digits."""
    train, test = load()
    m, losses = fit(train[0])
    print(f"loss {losses[0]:.0f} at first, {np.mean(losses[-20:]):.0f} at last")
    print(f"reconstruction error {reconstruction_error(m, test[0]):.4f}; variance of the pixels "
          f"{np.var(test[0], axis=0).mean():.4f}")  # fmt: skip
    print(f"accuracy of the nearest neighbour {nearest_neighbour_accuracy(m, train, test):.3f}")
    print("new digits", m.prior("x", size_datamodel=5).sample().shape)


if __name__ == "__main__":
    main()
