"""The poster of InferPy, line by line: generative models, a digit classifier, its use.

    python examples/inferpy/poster.py

What differs from the poster: the imports, and the digits, which are those that scikit-learn
bundles, with pixels from 0 to 1.
"""

from collections import OrderedDict

import numpy as np

import ppc as inf
from ppc import tf
from ppc.data import digits

# --- generative models ----------------------------------------------------------------------------

a = inf.Normal(0, 100)
b = inf.Normal(a, 5)

# a continuous variable might be parent of a discrete one
x = inf.Normal(0, 1)
c = inf.Categorical(probs=tf.case({
    x > 0: lambda: [0.0, 1.0],
    x <= 0: lambda: [1.0, 0.0],
}))  # fmt: skip


# --- model definition -----------------------------------------------------------------------------


@inf.probmodel
def digit_classifier(k, d0, dx, dy):
    with inf.datamodel():
        z = inf.Normal(tf.ones(k) * 0.1, 1.0, name="z")
        nn1 = tf.keras.Sequential([
            tf.keras.layers.Dense(d0, tf.nn.relu),
            tf.keras.layers.Dense(dx),
        ])  # fmt: skip
        nn2 = tf.keras.Sequential([tf.keras.layers.Dense(dy)])
        x = inf.Normal(nn1(z), 1.0, name="x")
        y = inf.Categorical(logits=nn2(z), name="y")


@inf.probmodel
def qmodel(k, d0, dx):
    with inf.datamodel():
        x = inf.Normal(tf.ones(dx), 1, name="x")
        encoder = tf.keras.Sequential([
            tf.keras.layers.Dense(d0, activation=tf.nn.relu),
            tf.keras.layers.Dense(2 * k),
        ])  # fmt: skip
        output = encoder(x)
        qz_loc = output[:, :k]
        qz_scale = tf.nn.softplus(output[:, k:]) + 0.01
        qz = inf.Normal(qz_loc, qz_scale, name="z")


def draws(n: int) -> list[list[np.ndarray]]:
    """`n` joint draws of a and b."""
    sess = inf.get_session()
    return [sess.run([a, b]) for i in range(n)]


def example(p: inf.ProbModel) -> OrderedDict[str, np.ndarray]:
    """One draw of everything in the model."""
    return p.prior().sample()


def fitted(x_train, y_train, epochs=10000, batch_size=100, backend=None):
    """The classifier after inference, and the loss of every step."""
    p = digit_classifier(k=2, d0=100, dx=28 * 28, dy=3)
    q = qmodel(k=2, d0=100, dx=28 * 28)
    # set the inference algorithm
    svi = inf.inference.SVI(q, epochs=epochs, batch_size=batch_size)
    # fit the model to the data
    p.fit({"x": x_train, "y": y_train}, svi, seed=0, backend=backend)
    # extract the loss evolution
    return p, svi.losses


def predict(p: inf.ProbModel, x: np.ndarray) -> np.ndarray:
    """A draw of the label of each image."""
    postz = p.posterior("z", data={"x": x}).sample()
    return p.posterior_predictive("y", data={"z": postz}).sample()


def load():
    """Digits 0, 1 and 2: images f32[n, 784] in [0, 1] and labels, for training and test."""
    (x_train, y_train), (x_test, y_test) = digits.load_data(digits=[0, 1, 2])
    return (x_train / 255, y_train), (x_test / 255, y_test)


def main() -> None:
    """Draw, fit and predict; prints what the poster shows."""
    for pair in draws(5):
        print(pair)
    (x_train, y_train), (x_test, y_test) = load()
    p, losses = fitted(x_train, y_train, epochs=500)
    print({name: draw.shape for name, draw in example(p).items()})
    print(f"loss {losses[0]:.0f} at first, {np.mean(losses[-20:]):.0f} at last")
    print(f"accuracy of single draws {np.mean(predict(p, x_test) == y_test):.2f}")


if __name__ == "__main__":
    main()
