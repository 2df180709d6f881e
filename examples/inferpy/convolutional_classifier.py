"""A convolutional network that tells digits apart: a model without latents, and an empty Q model.

python examples/inferpy/convolutional_classifier.py
"""

import numpy as np
from jaxtyping import Array, Float

import ppc as inf
from ppc import tf
from ppc.data import digits


@inf.probmodel
def classifier(x: Float[Array, "N height width 1"], classes):
    network = inf.layers.Sequential([
        tf.keras.layers.Conv2D(8, 3, activation="relu"),
        tf.keras.layers.MaxPooling2D(2),
        tf.keras.layers.Flatten(),
        tf.keras.layers.Dense(classes),
    ])  # fmt: skip
    with inf.datamodel():
        y = inf.Categorical(logits=network(x), name="y")


@inf.probmodel
def qmodel():
    pass


def load():
    """All ten digits, f32[n, 8, 8, 1] in [0, 1], and their labels, for training and test."""
    (x_train, y_train), (x_test, y_test) = digits.load_data(vectorize=False, side=8)
    return (x_train[..., None] / 255, y_train), (x_test[..., None] / 255, y_test)


def fit(train, epochs=60, backend=None):
    """The model after inference: maximum likelihood of the network's weights."""
    x, y = train
    m = classifier(x, classes=10)
    method = inf.inference.SVI(qmodel(), epochs=epochs, batch_size=50, learning_rate=0.003)
    m.fit({"y": y}, method, seed=0, backend=backend)
    return m


def accuracy(m, test):
    """Of the most probable digit."""
    x, y = test
    return float(np.mean(m.posterior_predictive("y", data={"x": x}).mean(1).argmax(-1) == y))


def main() -> None:
    """Fit, and print the accuracy on the test set."""
    train, test = load()
    print(f"accuracy on new digits {accuracy(fit(train), test):.3f}")


if __name__ == "__main__":
    main()
