"""The models of the kit: one for each way in which programs differ.

counts       noise whose distribution depends on parameters; parameters on a support
line         no latent at all, so that a loss is a number without noise
mean         small parameters, of which the loop makes one vector; a posterior in closed form
classes      layers, a guide that reads the data, labels; sizes that the data do not fix
factors      parameters with a row for each datum
regression   no batches, an array as argument, columns that are prepared from the data
series       a loop whose rounds read what earlier ones have computed
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

import ppc as inf
from ppc.api import ProbModel
from ppc.backend import Backend
from ppc.emit.program import Program, assemble
from ppc.inference.fit import compiled
from ppc.inference.methods import SVI, VI

if TYPE_CHECKING:
    from jaxtyping import Array, Float  # read by ppc, never run

tf = inf.tf


@inf.probmodel
def counts() -> None:
    """A rate with its conjugate prior."""
    rate = inf.Gamma(2.0, 1.0, name="rate")
    with inf.datamodel():
        inf.Poisson(rate, name="y")


@inf.probmodel
def counts_guide() -> None:
    """The family of the exact posterior."""
    a = inf.Parameter(2.0, name="a", support="positive")
    b = inf.Parameter(1.5, name="b", support="positive")
    inf.Gamma(a, b, name="rate")


@inf.probmodel
def line(d: int) -> None:
    """Maximum likelihood of a location and a scale."""
    w = inf.Parameter(np.ones(d), name="w")
    s = inf.Parameter(0.7, name="s", support="positive")
    with inf.datamodel():
        inf.Normal(w, s, name="x")


@inf.probmodel
def mean() -> None:
    """The mean of Normals, with its conjugate prior."""
    mu = inf.Normal(1.0, 2.0, name="mu")
    with inf.datamodel():
        inf.Normal(mu, 0.5, name="x")


@inf.probmodel
def classes(k: int, h: int, d: int, c: int) -> None:
    """Points and labels, from a latent by layers."""
    with inf.datamodel():
        z = inf.Normal(np.zeros(k), 1.0, name="z")
        decoder = tf.keras.Sequential([tf.keras.layers.Dense(h, "tanh"), tf.keras.layers.Dense(d)])
        label = tf.keras.Sequential([tf.keras.layers.Dense(c)])
        inf.Normal(decoder(z), 0.5, name="x")
        inf.Categorical(logits=label(z), name="y")


@inf.probmodel
def encoder(k: int, d: int) -> None:
    """The latents of rows from their points."""
    with inf.datamodel():
        x = inf.Normal(np.zeros(d), 1.0, name="x")
        layers = tf.keras.Sequential([tf.keras.layers.Dense(2 * k)])
        out = layers(x)
        inf.Normal(out[:, :k], tf.nn.softplus(out[:, k:]) + 0.1, name="z")


@inf.probmodel
def factors(k: int, d: int) -> None:
    """Factor analysis with a gain for each row."""
    w = inf.Normal(np.zeros((k, d)), 1.0, name="w")
    with inf.datamodel():
        z = inf.Normal(np.zeros(k), 1.0, name="z")
        gain = inf.LogNormal(0.0, 0.5, name="gain")
        inf.Normal((z @ w) * gain[:, None], 0.5, name="x")


@inf.probmodel
def regression(x: Float[Array, "N d"], noise: Float[Array, " N"], d: int) -> None:  # noqa: F722
    """A regression with known noise."""
    w = inf.Normal(np.zeros(d), 1.0, name="w")
    tau = inf.HalfNormal(2.0, name="tau")
    with inf.datamodel():
        inf.Normal((x @ w) * tau, noise, name="y")


@inf.probmodel
def series(T: int) -> None:  # noqa: N803
    """Variances that follow from those before (Bollerslev, 1986)."""
    omega = inf.HalfNormal(0.5, name="omega")
    variance = 0.5
    for t in range(T):
        y[t] = inf.Normal(0.0, np.sqrt(variance))  # type: ignore[name-defined]  # noqa: F821
        variance = omega + 0.3 * y[t] ** 2 + 0.2 * variance  # type: ignore[name-defined]  # noqa: F821


_X = np.zeros((2, 3))
ASKED: Mapping[str, tuple[ProbModel, VI, tuple[str, ...]]] = {
    "counts": (counts(), SVI(counts_guide()), ("y",)),
    "line": (line(d=2), SVI(), ("x",)),
    "mean": (mean(), SVI(), ("x",)),
    "classes": (classes(k=2, h=4, d=3, c=3), SVI(encoder(k=2, d=3)), ("x", "y")),
    "factors": (factors(k=2, d=3), SVI(), ("x",)),
    "regression": (regression(_X, np.ones(2), d=3), VI(), ("y",)),
    "series": (series(T=4), VI(), ("y",)),
}


@functools.cache
def program(name: str, *, whole: bool = False) -> Program:
    """A model of the kit as a backend receives it; `whole`: each step sees all rows."""
    model, method, observed = ASKED[name]
    return assemble(compiled(model, observed, VI(method.qmodel) if whole else method))


def program_for(backend: Backend, name: str) -> Program:
    """A model of the kit as this backend can fit it: whole where it has no batches."""
    loop = backend.dialect().loop
    return program(name, whole=loop is not None and loop.batches is None)


# Compiling is what takes time: each function is tried where it has something of its own.
TRIED: Mapping[str, Sequence[str]] = {
    "counts": ("guide", "posterior"),
    "line": ("log_density",),
    "mean": (
        "guide sample_prior posterior predict predict_mean log_density "
        "unconstrained_log_density constrain unconstrain"
    ).split(),
    "classes": ("guide", "sample_prior", "predict", "predict_mean", "log_density"),
    "factors": ("posterior", "log_density", "constrain", "unconstrain"),
    "regression": ("unconstrained_log_density", "predict"),
    "series": ("sample_prior",),
}
