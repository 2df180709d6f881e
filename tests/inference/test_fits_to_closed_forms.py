"""Whole fits against posteriors that are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import optax
import pytest
from scipy import stats

import ppc as inf

if TYPE_CHECKING:
    from jaxtyping import Array, Float  # read by ppc, never run


def adam(rate: float, steps: int) -> optax.GradientTransformation:
    """Adam whose steps fade, so that what is left is small noise about the optimum."""
    return optax.adam(optax.cosine_decay_schedule(rate, steps))


@inf.probmodel
def normal_mean():
    mu = inf.Normal(1.0, 2.0, name="mu")
    with inf.datamodel():
        inf.Normal(mu, 0.5, name="x")


def test_the_mean_of_normals_has_its_conjugate_posterior() -> None:
    x = np.random.default_rng(0).normal(3.0, 0.5, 40)
    model = normal_mean()
    svi = inf.inference.SVI(epochs=600, batch_size=15, optimizer=adam(0.05, 1800))
    model.fit({"x": x}, svi, seed=1)
    precision = 1 / 4 + 40 / 0.25
    mean, sd = (1.0 / 4 + x.sum() / 0.25) / precision, precision**-0.5
    assert model.params["mu_loc"] == pytest.approx(mean, abs=0.1 * sd)
    assert model.params["mu_scale"] == pytest.approx(sd, rel=0.1)
    # The mean over epochs is the bound, which is tight here: the negative log evidence.
    evidence = stats.multivariate_normal(np.ones(40), 0.25 * np.eye(40) + 4.0).logpdf(x)
    bounds = np.reshape(svi.losses[-600:], (200, 3)).mean(1, dtype=float)
    assert bounds.mean() == pytest.approx(-evidence, abs=4 * bounds.std() / 200**0.5)


@inf.probmodel
def coin():
    p = inf.Beta(2.0, 3.0, name="p")
    with inf.datamodel():
        inf.Bernoulli(probs=p, name="y")


@inf.probmodel
def coin_guide():
    a = inf.Parameter(1.0, name="a", support="positive")
    b = inf.Parameter(1.0, name="b", support="positive")
    inf.Beta(a, b, name="p")


@pytest.mark.slow
def test_a_coin_has_its_conjugate_posterior() -> None:
    y = (np.arange(30) % 3 == 0).astype(int)  # ten of thirty
    model = coin()
    vi = inf.inference.VI(coin_guide(), epochs=3000, optimizer=adam(0.05, 3000))
    model.fit({"y": y}, vi, seed=0)
    # The exact posterior is in the family; Beta(12, 23)
    assert model.params["a"] == pytest.approx(12.0, rel=0.1)
    assert model.params["b"] == pytest.approx(23.0, rel=0.1)
    draws = model.posterior("p", seed=3).sample(4000)["p"]
    assert draws.shape == (4000,)
    exact = stats.beta(12, 23)
    assert draws.mean() == pytest.approx(exact.mean(), abs=0.02)
    assert draws.std() == pytest.approx(exact.std(), rel=0.15)


@inf.probmodel
def regression(x: Float[Array, "N d"], d):  # noqa: F722
    w = inf.Normal(np.zeros(d), 1.0, name="w")
    with inf.datamodel():
        inf.Normal(x @ w, 0.3, name="y")


def test_a_regression_has_the_scales_of_the_mean_field_optimum() -> None:
    """The best factors of a Normal posterior with precision L have scales L_ii^(-1/2)."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(50, 3)) @ np.array([[1.0, 0.6, 0.0], [0.0, 0.8, 0.3], [0.0, 0.0, 1.0]])
    y = x @ [1.0, -2.0, 0.5] + 0.3 * rng.normal(size=50)
    model = regression(x, d=3)
    svi = inf.inference.SVI(epochs=500, batch_size=20, optimizer=adam(0.03, 1500))
    model.fit({"y": y}, svi, seed=0)
    precision = np.eye(3) + x.T @ x / 0.09
    mean = np.linalg.solve(precision, x.T @ y / 0.09)
    scales = np.diag(precision) ** -0.5
    np.testing.assert_allclose(model.params["w_loc"], mean, atol=0.3 * scales.max())
    np.testing.assert_allclose(model.params["w_scale"], scales, rtol=0.1)


SCHOOLS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
SIGMA = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


@inf.probmodel
def schools(sigma: Float[Array, " J"]):  # noqa: F722
    mu = inf.Normal(0.0, 5.0, name="mu")
    tau = inf.HalfCauchy(0.0, 5.0, name="tau")
    with inf.datamodel(len(sigma)):
        eta = inf.Normal(0.0, 1.0, name="eta")
        inf.Normal(mu + tau * eta, sigma, name="y")


def exact_schools() -> tuple[float, float]:
    """Posterior mean and sd of mu by quadrature: given tau, everything is Normal.

    Integrates over a fine grid of log tau; p(y | tau) and p(mu | y, tau) are in closed form
    (Gelman et al. 2013, section 5.4, with mu ~ N(0, 25)).
    """
    log_tau = np.linspace(-6, 6, 4001)
    tau = np.exp(log_tau)
    v = SIGMA**2 + tau[:, None] ** 2
    precision = 1 / 25 + (1 / v).sum(1)
    mean = (SCHOOLS / v).sum(1) / precision
    log_y = -0.5 * (np.log(v) + SCHOOLS**2 / v).sum(1) - 0.5 * np.log(precision)
    log_y += 0.5 * precision * mean**2
    weight = np.exp(log_y - log_y.max()) * stats.halfcauchy(0, 5).pdf(tau) * tau
    weight /= weight.sum()
    centre = (weight * mean).sum()
    return centre, np.sqrt((weight * (1 / precision + mean**2)).sum() - centre**2)


@pytest.mark.slow
def test_eight_schools_has_the_mean_of_the_exact_posterior() -> None:
    mean, sd = exact_schools()
    assert mean == pytest.approx(4.4, abs=0.1)  # the published 4.4 +- 3.3
    assert sd == pytest.approx(3.3, abs=0.1)
    model = schools(SIGMA)
    model.fit({"y": SCHOOLS}, inf.inference.VI(epochs=4000, optimizer=adam(0.05, 4000)), seed=0)
    draws = model.posterior(seed=1).sample(2000)
    assert {name: x.shape for name, x in draws.items()} == {
        "mu": (2000,), "tau": (2000,), "eta": (2000, 8)
    }  # fmt: skip
    assert draws["mu"].mean() == pytest.approx(mean, abs=0.6)
    assert draws["mu"].std() == pytest.approx(sd, rel=0.2)  # a mean field's are too small
    assert (draws["tau"] > 0).all()


@inf.probmodel
def linear_gaussian(k, d):
    w = inf.Parameter(np.reshape(np.sin(np.arange(k * d) * 1.0), (k, d)), name="w")
    with inf.datamodel():
        z = inf.Normal(np.zeros(k), 1.0, name="z")
        inf.Normal(z @ w, 0.5, name="x")


@inf.probmodel
def linear_encoder(k, d):
    m = inf.Parameter(np.zeros((d, k)), name="m")
    s = inf.Parameter(np.ones(k), name="s", support="positive")
    with inf.datamodel():
        x = inf.Normal(np.zeros(d), 1.0, name="x")
        inf.Normal(x @ m, s, name="z")


@pytest.mark.slow
def test_a_linear_autoencoder_reaches_the_marginal_likelihood_from_above() -> None:
    """x is marginally N(0, w'w + s^2 I): its likelihood at the fitted w bounds the loss."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(200, 1)) @ [[1.0, -1.0, 0.5]] + 0.5 * rng.normal(size=(200, 3))
    model = linear_gaussian(k=1, d=3)
    svi = inf.inference.SVI(
        linear_encoder(k=1, d=3), epochs=400, batch_size=64, optimizer=adam(0.02, 1600)
    )
    model.fit({"x": x}, svi, seed=0)
    w = model.params["w"].astype(float)
    exact = -stats.multivariate_normal(np.zeros(3), w.T @ w + 0.25 * np.eye(3)).logpdf(x).sum()
    last = np.mean(svi.losses[-200:])
    noise = np.std(svi.losses[-200:]) / np.sqrt(200)
    assert exact - 4 * noise <= last <= exact + 0.01 * abs(exact)
