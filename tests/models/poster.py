"""The classifier of InferPy's poster with its Q model, small."""

import tensorflow as tf

import ppc as inf


@inf.probmodel
def model(k, d0, dx, dy):
    with inf.datamodel():
        z = inf.Normal(tf.ones(k) * 0.1, 1.0, name="z")
        nn1 = tf.keras.Sequential(
            [tf.keras.layers.Dense(d0, tf.nn.relu), tf.keras.layers.Dense(dx)]
        )
        nn2 = tf.keras.Sequential([tf.keras.layers.Dense(dy)])
        inf.Normal(nn1(z), 1.0, name="x")
        inf.Categorical(logits=nn2(z), name="y")


@inf.probmodel
def guide(k, d0, dx):
    with inf.datamodel():
        x = inf.Normal(tf.ones(dx), 1, name="x")
        encoder = tf.keras.Sequential(
            [tf.keras.layers.Dense(d0, activation=tf.nn.relu), tf.keras.layers.Dense(2 * k)]
        )
        output = encoder(x)
        inf.Normal(output[:, :k], tf.nn.softplus(output[:, k:]) + 0.01, name="z")


def fit(x, y):
    svi = inf.inference.SVI(guide(k=2, d0=5, dx=4))
    model(k=2, d0=5, dx=4, dy=3).fit({"x": x, "y": y}, svi)
