"""A classifier with a latent space: the model of InferPy's poster, and its guide.

    ppc emit examples/digit_classifier.py --backend jax -o digits_svi.py
    python digits_svi.py digits.npz --epochs 50

`import tensorflow as tf` does as well where TensorFlow is installed: ppc reads these functions and
never runs them.
"""

import ppc as inf
from ppc import tf


@inf.probmodel
def digit_classifier(k, d0, dx, dy):
    with inf.datamodel():
        z = inf.Normal(tf.ones(k) * 0.1, 1.0, name="z")
        nn1 = tf.keras.Sequential(
            [
                tf.keras.layers.Dense(d0, tf.nn.relu),
                tf.keras.layers.Dense(dx),
            ]
        )
        nn2 = tf.keras.Sequential([tf.keras.layers.Dense(dy)])
        x = inf.Normal(nn1(z), 1.0, name="x")
        y = inf.Categorical(logits=nn2(z), name="y")


@inf.probmodel
def qmodel(k, d0, dx):
    with inf.datamodel():
        x = inf.Normal(tf.ones(dx), 1, name="x")
        encoder = tf.keras.Sequential(
            [
                tf.keras.layers.Dense(d0, activation=tf.nn.relu),
                tf.keras.layers.Dense(2 * k),
            ]
        )
        output = encoder(x)
        qz_loc = output[:, :k]
        qz_scale = tf.nn.softplus(output[:, k:]) + 0.01
        qz = inf.Normal(qz_loc, qz_scale, name="z")


p = digit_classifier(k=2, d0=100, dx=28 * 28, dy=3)
q = qmodel(k=2, d0=100, dx=28 * 28)


def fit(x_train, y_train):
    """Fit to images f32[N, 784] and labels i32[N]; the loss of every step."""
    svi = inf.inference.SVI(q, epochs=1000, batch_size=100)
    p.fit({"x": x_train, "y": y_train}, svi)
    return svi.losses
