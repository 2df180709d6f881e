"""Topics of documents of different length: the topic of each word is summed out.

What is behind the end of a document is not read.
"""

import numpy as np
from jaxtyping import Array, Int

import ppc as inf
from ppc import tf


@inf.probmodel
def model(word: Int[Array, "D longest"], length: Int[Array, "D"], V, K=2):
    for k in range(K):
        eta[k] = inf.Normal(np.zeros(V), 1.0)
    topics = tf.nn.softmax(eta)
    for d in range(len(length)):
        alpha[d] = inf.Normal(np.zeros(K), 1.0)
        share = tf.nn.softmax(alpha[d])
        for n in range(length[d]):
            inf.factor(np.log((share * topics[:, word[d, n]]).sum()), name="words")


def fit(word, length):
    model(word, length, V=5).fit({}, inf.inference.SVI(batch_size=3))
