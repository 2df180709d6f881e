"""Where the factors of an inferred guide start: at the prior, as a Normal on the reals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ppc_numpy import evaluate
from scipy import stats
from scipy.special import expit, logit

import ppc as inf
from ppc.ir.nodes import Graph
from ppc.objective import functions
from ppc.passes import condition, meanfield


@inf.probmodel
def priors(d):
    wide = inf.Normal(np.full(d, 3.0), 100.0)
    narrow = inf.Normal(np.zeros(d), 0.01)
    sized = inf.Normal(np.zeros(d), 1 / np.sqrt(d))
    peaked = inf.Laplace(2, 0.05)
    tailed = inf.StudentT(3, 1.0, 0.02)
    cauchy = inf.Cauchy(2.0, 0.01)
    lost = inf.StudentT(1.0, 2.0, 0.01)
    vector = inf.MultivariateNormalDiag(np.ones(2), np.array([0.01, 5.0]))
    log = inf.LogNormal(4.0, 0.1)
    gamma = inf.Gamma(400, 2)
    vague = inf.Gamma(0.001, 0.001)
    inverse = inf.InverseGamma(5.0, 2.0)
    heavy = inf.InverseGamma(1.0, 1.0)
    half = inf.HalfNormal(3.0)
    ray = inf.HalfCauchy(0.0, 5.0)
    share = inf.Beta(20.0, 60.0)
    flat = inf.Uniform(-2.0, 6.0)
    tail = inf.Pareto(9.0, 2.0)
    parts = inf.Dirichlet(np.array([4.0, 1.0, 2.0]))
    above = inf.Normal(tail, 0.01)
    within = inf.Normal(1.0, half)
    inf.Normal(wide.sum() + narrow.sum() + sized.sum() + peaked + tailed + cauchy + lost, 1.0)
    inf.Normal(vector.sum() + log + gamma + vague + inverse + heavy + half + ray + share, 1.0)
    inf.Normal(flat + tail + parts[0] + above + within, 1.0, name="y")


def moments(x: stats.rv_continuous, inverse, derivative) -> tuple[float, float]:
    """Location and scale on the reals of a SciPy distribution: `derivative` of x by the real."""
    return inverse(x.mean()), 0.1 * min(1.0, x.std() / derivative(x.mean()))


def on_log(x) -> tuple[float, float]:
    return moments(x, math.log, lambda m: m)


def on_interval(x, low: float, high: float) -> tuple[float, float]:
    width = high - low
    return moments(
        x,
        lambda m: logit((m - low) / width),
        lambda m: width * (p := expit(logit((m - low) / width))) * (1 - p),
    )


STARTS = {
    "wide": (3.0, 0.1),
    "narrow": (0.0, 0.001),
    "sized": (0.0, 0.1 / math.sqrt(3)),
    "peaked": (2.0, 0.1 * stats.laplace(scale=0.05).std()),
    "tailed": (1.0, 0.1 * stats.t(3, scale=0.02).std()),
    "cauchy": (2.0, 0.1),
    "lost": (2.0, 0.1),
    "vector": (1.0, [0.001, 0.1]),
    "log": (4.0, 0.01),
    "gamma": on_log(stats.gamma(400, scale=0.5)),
    "vague": (0.0, 0.1),
    "inverse": on_log(stats.invgamma(5, scale=2)),
    "heavy": (0.0, 0.1),
    "half": on_log(stats.halfnorm(scale=3)),
    "ray": (0.0, 0.1),
    "share": on_interval(stats.beta(20, 60), 0, 1),
    "flat": on_interval(stats.uniform(-2, 8), -2, 6),
    "tail": moments(stats.pareto(9, scale=2), lambda m: math.log(m - 2), lambda m: m - 2),
    "parts": ([math.log(2.0), math.log(0.5)], 0.1),
    "above": (0.0, 0.001),  # of a latent location
    "within": (1.0, 0.1),  # of a latent scale
}


@pytest.fixture(scope="module")
def guide() -> Graph:
    return meanfield.run(condition.run(priors(d=3).ir, ("y",)))


@pytest.mark.parametrize("site", STARTS)
def test_a_factor_starts_where_its_prior_is(guide: Graph, site: str) -> None:
    graph = functions.parameters(guide, None, [f"{site}_loc", f"{site}_scale"])
    found = evaluate(graph, {}, sizes={"d": 3})
    location, scale = STARTS[site]
    np.testing.assert_allclose(
        found[f"{site}_loc"],
        np.broadcast_to(location, found[f"{site}_loc"].shape),
        rtol=1e-12,
        atol=1e-12,
    )
    np.testing.assert_allclose(
        found[f"{site}_scale"], np.broadcast_to(scale, found[f"{site}_scale"].shape), rtol=1e-12
    )
