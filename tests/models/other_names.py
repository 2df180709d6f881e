"""Q names its sizes as it likes; one of P's names means another number in it."""

import numpy as np
import tensorflow as tf

import ppc as inf


@inf.probmodel
def model(k, d):
    with inf.datamodel():
        z = inf.Normal(np.zeros(k), 1.0, name="z")
        scale = inf.Parameter(np.ones(d), name="scale", support="positive")
        inf.Normal(tf.keras.layers.Dense(d, activation="sigmoid")(z), scale, name="x")


@inf.probmodel
def guide(latent, width, k):
    with inf.datamodel():
        x = inf.Normal(np.zeros(width), 1.0, name="x")
        scale = inf.Parameter(np.ones(latent), name="scale", support="softplus")
        hidden = tf.keras.layers.Dense(k, activation=tf.nn.tanh)(x)
        inf.Normal(tf.keras.layers.Dense(latent)(hidden), scale, name="z")


def fit(x):
    model(k=2, d=3).fit({"x": x}, inf.inference.SVI(guide(latent=2, width=3, k=5)))
