"""Topics of documents of different length; the topic of each word is summed out."""

import numpy as np
from jaxtyping import Array, Int

import ppc as inf
from ppc import tf


@inf.probmodel
def topics(word: Int[Array, "D longest"], length: Int[Array, "D"], V, K=3):
    for k in range(K):
        eta[k] = inf.Normal(np.zeros(V), 1.0)
    topic = tf.nn.softmax(eta)
    for d in range(len(length)):
        alpha[d] = inf.Normal(np.zeros(K), 1.0)
        share = tf.nn.softmax(alpha[d])
        for n in range(length[d]):
            inf.factor(np.log((share * topic[:, word[d, n]]).sum()), name="words")
