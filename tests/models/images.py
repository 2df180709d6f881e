"""Images through layers of windows, normalisation, an embedding of a class, and back to images."""

from jaxtyping import Array, Int

import ppc as inf
from ppc import tf


@inf.probmodel
def model(label: Int[Array, "N"], k):
    with inf.datamodel():
        z = inf.Normal(tf.zeros(k), 1.0, name="z")
        style = tf.keras.layers.Embedding(3, 2)(label)
        code = tf.keras.layers.Concatenate()([z, style])
        small = tf.keras.layers.Reshape((2, 2, 2))(tf.keras.layers.Dense(8)(code))
        up = tf.keras.layers.Conv2DTranspose(2, 3, strides=2, padding="same", activation="tanh")
        inf.Normal(tf.keras.layers.Conv2D(1, 2, padding="same")(up(small)), 0.5, name="x")


@inf.probmodel
def guide(k):
    with inf.datamodel():
        x = inf.Normal(tf.zeros((4, 4, 1)), 1.0, name="x")
        found = tf.keras.layers.Conv2D(3, 3, padding="same", dilation_rate=2)(x)
        found = tf.keras.layers.LayerNormalization()(found)
        pooled = tf.keras.layers.MaxPooling2D(3, strides=2, padding="same")(found)
        mean = tf.keras.layers.AveragePooling2D(2, padding="same")(found)
        both = tf.keras.layers.add([pooled, mean])
        output = tf.keras.layers.Dense(2 * k)(tf.keras.layers.Flatten()(both))
        inf.Normal(output[:, :k], tf.nn.softplus(output[:, k:]) + 0.1, name="z")


def fit(label, x):
    model(label, k=2).fit({"x": x}, inf.inference.SVI(guide(k=2)))
