"""The guide to inference: a Q model, its parameters, a loss of one's own, MCMC.

python examples/inferpy/inference_guide.py
"""

import numpy as np

import ppc as inf
from ppc import tf


@inf.probmodel
def pca(k, d):
    w = inf.Normal(loc=tf.zeros([k, d]), scale=1, name="w")
    with inf.datamodel():
        z = inf.Normal(tf.ones([k]), 1, name="z")
        x = inf.Normal(z @ w, 1, name="x")


@inf.probmodel
def qmodel(k, d):
    qw_loc = inf.Parameter(tf.ones([k, d]), name="qw_loc")
    qw_scale = tf.math.softplus(inf.Parameter(tf.ones([k, d]), name="qw_scale"))
    qw = inf.Normal(qw_loc, qw_scale, name="w")

    with inf.datamodel():
        qz_loc = inf.Parameter(tf.ones([k]), name="qz_loc")
        qz_scale = tf.math.softplus(inf.Parameter(tf.ones([k]), name="qz_scale"))
        qz = inf.Normal(qz_loc, qz_scale, name="z")


def custom_elbo(pvars, qvars, **kwargs):
    """InferPy's bound, written out."""
    # compute energy
    energy = tf.reduce_sum([tf.reduce_sum(p.log_prob(p.value)) for p in pvars.values()])
    # compute entropy
    entropy = -tf.reduce_sum([tf.reduce_sum(q.log_prob(q.value)) for q in qvars.values()])
    # This function will be minimized. Return minus the bound
    return -(energy + entropy)


def data(n=200):
    """Two clouds of points f32[n, 2], about (0, 0) and (10, 10)."""
    near, far = inf.Normal([0.0, 0.0], scale=1.0), inf.Normal([10.0, 10.0], scale=1.0)
    return np.concatenate([near.sample(n // 2, seed=0), far.sample(n // 2, seed=1)])


def fit(x, method, backend=None):
    """The model after inference."""
    m = pca(k=1, d=2)
    m.fit({"x": x}, method, seed=0, backend=backend)
    return m


def methods(epochs=3000, results=500):
    """The three ways of the guide, by name, with settings that converge."""
    settings = {"epochs": epochs, "learning_rate": 0.02}
    return {
        "ELBO": inf.inference.VI(qmodel(k=1, d=2), **settings),
        "custom ELBO": inf.inference.VI(qmodel(k=1, d=2), loss=custom_elbo, **settings),
        "MCMC": inf.inference.MCMC(kernel="nuts", num_burnin_steps=results, num_results=results,
                                   chains=2),
    }  # fmt: skip


def main() -> None:
    """Fit by each method; prints what is known of w."""
    x = data()
    for name, method in methods().items():
        m = fit(x, method)
        w = m.posterior("w", seed=1).sample(500)
        print(f"{name:12} E[w] {w.mean(0)[0]}, sd {w.std(0)[0]}")
    print("MCMC's draws of z", m.posterior("z").parameters()["samples"].shape)


if __name__ == "__main__":
    main()
