"""MCMC: moments of closed forms within Monte Carlo error, queries of chains, mistakes."""

from __future__ import annotations

import importlib
import warnings
from importlib.util import find_spec

import numpy as np
import pytest
import tensorflow as tf
from jaxtyping import Array, Float
from scipy import stats

import ppc as inf
from ppc.diagnostics import CompileError, DataError, QueryError, StateError
from ppc.inference import MCMC

NUTS = {"kernel": "nuts", "num_burnin_steps": 400, "num_results": 400}


@inf.probmodel
def normal_mean():
    mu = inf.Normal(1.0, 2.0, name="mu")
    with inf.datamodel():
        inf.Normal(mu, 0.5, name="x")


@inf.probmodel
def coin():
    p = inf.Beta(2.0, 3.0, name="p")
    with inf.datamodel():
        inf.Bernoulli(probs=p, name="x")


@inf.probmodel
def precision():
    scale = inf.Gamma(3.0, 2.0, name="rate")
    with inf.datamodel():
        inf.Exponential(scale, name="x")


RNG = np.random.default_rng(0)
X = {"normal_mean": RNG.normal(3.0, 0.5, 40), "coin": np.arange(30) % 3 == 0,
     "precision": RNG.exponential(0.5, 25)}  # fmt: skip
_LAMBDA = 1 / 4 + 40 / 0.25
EXACT = {
    "normal_mean": stats.norm((1 / 4 + X["normal_mean"].sum() / 0.25) / _LAMBDA, _LAMBDA**-0.5),
    "coin": stats.beta(12, 23),
    "precision": stats.gamma(3 + 25, scale=1 / (2 + X["precision"].sum())),
}


def agree(draws: np.ndarray, ess: float, exact, moments=(1, 2)) -> None:
    """Moments within five standard errors, which are those of `ess` independent draws."""
    for k in moments:
        error = (exact.moment(2 * k) - exact.moment(k) ** 2) ** 0.5 / ess**0.5
        assert (draws.astype(float) ** k).mean() == pytest.approx(exact.moment(k), abs=5 * error)


@pytest.mark.parametrize("model, method, backend", [
    (normal_mean, MCMC(**NUTS), "jax"),
    # InferPy's arguments, and a rate: in InferPy such a chain never moves.
    (precision, MCMC(0.1, 5, 300, 2000), "jax"),
    pytest.param(precision, MCMC(0.1, 5, 400, 1000, adapt=True, chains=2), "tensorflow",
                 marks=pytest.mark.slow),
    pytest.param(coin, MCMC(**NUTS, chains=2), "tensorflow", marks=pytest.mark.slow),
])  # fmt: skip
def test_chains_have_the_moments_of_the_conjugate_posterior(model, method, backend) -> None:
    name = model.__name__
    (latent, _) = model().sites
    p = model()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of an effective size below 100 a chain
        p.fit({"x": X[name]}, method, seed=1, backend=backend)
    draws, ess = method.states[latent], float(method.ess[latent])
    assert draws.shape == (method.chains * method.num_results,)
    assert ess > 60 and method.rhat[latent] < 1.05 and method.divergences == 0
    agree(draws, ess, EXACT[name])
    assert len(np.unique(draws)) > 0.5 * len(draws)


@inf.probmodel
def shares():
    theta = inf.Dirichlet(np.array([1.0, 2.0, 0.5]), name="theta")
    with inf.datamodel():
        inf.Categorical(probs=theta, name="x")


def test_chains_move_on_a_simplex() -> None:
    """The posterior is Dirichlet, whose elements are Beta."""
    p, method, counts = shares(), MCMC(**NUTS), np.array([7, 2, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        p.fit({"x": np.repeat([0, 1, 2], counts)}, method, seed=2, backend="jax")
    draws, a = method.states["theta"], counts + (1.0, 2.0, 0.5)
    assert draws.shape == (1600, 3)
    np.testing.assert_allclose(draws.sum(-1), 1.0, atol=1e-6)
    for i in range(3):
        agree(draws[:, i], float(method.ess["theta"][i]), stats.beta(a[i], a.sum() - a[i]))
    assert p.posterior("theta").sample(5).shape == (5, 3)


SCHOOLS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
SIGMA = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


@inf.probmodel
def schools(sigma: Float[Array, " J"]):  # noqa: F722
    mu = inf.Normal(0.0, 5.0, name="mu")
    tau = inf.HalfCauchy(0.0, 5.0, name="tau")
    with inf.datamodel(len(sigma)):
        eta = inf.Normal(0.0, 1.0, name="eta")
        inf.Normal(mu + tau * eta, sigma, name="y")


def exact_schools() -> dict[str, tuple[float, float]]:
    """Means and standard deviations of mu and log tau: given tau, everything is Normal.

    p(y | tau) and p(mu | y, tau) are in closed form (Gelman et al. 2013, section 5.4, with
    mu ~ N(0, 25)), and the grid of log tau is fine.
    """
    log_tau = np.linspace(-8, 8, 8001)
    tau = np.exp(log_tau)
    v = SIGMA**2 + tau[:, None] ** 2
    inverse = 1 / 25 + (1 / v).sum(1)
    mean = (SCHOOLS / v).sum(1) / inverse
    log_y = -0.5 * (np.log(v) + SCHOOLS**2 / v).sum(1) - 0.5 * np.log(inverse)
    log_y += 0.5 * inverse * mean**2
    weight = np.exp(log_y - log_y.max()) * stats.halfcauchy(0, 5).pdf(tau) * tau
    weight /= weight.sum()
    centre, log_centre = (weight * mean).sum(), (weight * log_tau).sum()
    spread = (weight * (1 / inverse + mean**2)).sum() - centre**2
    log_spread = (weight * log_tau**2).sum() - log_centre**2
    return {"mu": (centre, spread**0.5), "log_tau": (log_centre, log_spread**0.5)}


def test_eight_schools_has_the_moments_of_quadrature() -> None:
    p, method = schools(SIGMA), MCMC(kernel="nuts", target_accept=0.9, chains=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        p.fit({"y": SCHOOLS}, method, seed=0)
    draws = method.states
    assert {name: x.shape for name, x in draws.items()} == {
        "mu": (1000,), "tau": (1000,), "eta": (1000, 8)
    }  # fmt: skip
    for name, (mean, sd) in exact_schools().items():
        x = draws["mu"] if name == "mu" else np.log(draws["tau"])
        ess = float(method.ess[name.removeprefix("log_")])
        assert x.mean() == pytest.approx(mean, abs=5 * sd / ess**0.5)
        assert x.std() == pytest.approx(sd, rel=5 / ess**0.5)
    assert method.rhat["eta"].shape == (8,) and method.rhat["mu"] < 1.05


# --- queries -------------------------------------------------------------------------------------


@inf.probmodel
def grouped():
    mu = inf.Normal(0.0, 1.0, name="mu")
    with inf.datamodel():
        z = inf.Normal(mu * np.ones(2), 1.0, name="z")
        inf.Normal(z, 0.1, name="x")


@pytest.fixture(scope="module")
def chained():
    x = np.arange(10.0).reshape(5, 2)
    p, method = grouped(), MCMC(**NUTS, chains=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        p.fit({"x": x}, method, seed=0)
    return p, method, x


def test_queries_take_the_draws_of_the_chains(chained) -> None:
    p, method, _ = chained
    one, many = p.posterior().sample(), p.posterior(["mu", "z"]).sample(7)
    assert {name: v.shape for name, v in one.items()} == {"mu": (), "z": (5, 2)}
    assert {name: v.shape for name, v in many.items()} == {"mu": (7,), "z": (7, 5, 2)}
    # Joint: each is a draw of one chain, whole.
    at = [int(np.flatnonzero(method.states["mu"] == mu)[0]) for mu in many["mu"]]
    assert (method.states["z"][at] == many["z"]).all() and len(set(at)) == 7
    assert p.posterior("z").parameters()["z"]["samples"].shape == (800, 5, 2)
    mean = p.posterior("mu").mean(800, simplify_result=True)
    assert mean == pytest.approx(method.states["mu"].mean(dtype=float), abs=1e-5)


def test_predictions_are_of_the_rows_that_are_given(chained) -> None:
    p, method, x = chained
    fitted = p.posterior_predictive("x", data={"x": x}).sample(400)["x"]
    assert fitted.std(0) == pytest.approx(0.1 * 2**0.5, rel=0.3)  # of z given x, and of x given z
    assert fitted.mean(0) == pytest.approx(x, abs=0.1)
    new = p.posterior_predictive("x", size_datamodel=3).sample(800)["x"]
    assert new.shape == (800, 3, 2)
    variance = method.states["mu"].var() + 1.0 + 0.01
    assert new[:, 0, 0].std() == pytest.approx(variance**0.5, rel=5 / 800**0.5)
    assert p.posterior_predictive("x", data={"x": x[:2]}, local="prior").sample()["x"].shape == (
        2,
        2,
    )
    with pytest.raises(QueryError, match="draws of z given the data of the fit only"):
        p.posterior_predictive("x", data={"x": x[:2]})
    with pytest.raises(QueryError, match="given the data of the fit only"):
        p.posterior("z", data={"x": x + 1.0})
    with pytest.raises(QueryError, match="density is not known"):
        p.posterior("z").log_prob()


def test_arviz_reads_them(chained) -> None:
    _, method, x = chained
    tree = method.to_arviz()
    assert tree["posterior"]["z"].shape == (2, 400, 5, 2)
    assert tree["sample_stats"]["diverging"].shape == (2, 400)
    assert (tree["observed_data"]["x"].to_numpy() == x).all()


def test_a_seed_fixes_the_draws() -> None:
    def draws(seed: int) -> np.ndarray:
        method = MCMC(0.1, num_burnin_steps=0, num_results=30)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            normal_mean().fit({"x": X["normal_mean"]}, method, seed=seed)
        return method.states["mu"]

    assert (draws(3) == draws(3)).all() and (draws(3) != draws(4)).any()


# --- weights, missing data, mistakes -------------------------------------------------------------


@inf.probmodel
def layered():
    offset = inf.Normal(0.0, 1.0, name="offset")
    net = tf.keras.Sequential([tf.keras.layers.Dense(1, name="out")])
    with inf.datamodel():
        x = inf.Normal(np.zeros(2), 1.0, name="x")
        inf.Normal(net(x)[:, 0] + offset, 0.5, name="y")


def test_weights_are_held_where_they_are_and_named() -> None:
    x = RNG.normal(size=(30, 2))
    y = x @ [1.0, -1.0] + 0.5 * RNG.normal(size=30)
    p, method = layered(), MCMC(0.03, num_burnin_steps=300, num_results=1500)
    p.fit({"x": x, "y": y}, inf.inference.VI(epochs=50, learning_rate=0.05), seed=0)
    kernel, bias = (np.array(p.params[f"out.{part}"]) for part in ("kernel", "bias"))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        p.fit({"x": x, "y": y}, method, seed=0)
    held = "holds what has no prior at its current values: out.kernel, out.bias"
    assert any(held in str(each.message) for each in told)
    assert (p.params["out.kernel"] == kernel).all()
    rest = y - x @ kernel[:, 0] - bias[0]
    exact = stats.norm(rest.sum() / 0.25 / (1 + 30 / 0.25), (1 + 30 / 0.25) ** -0.5)
    agree(method.states["offset"], float(method.ess["offset"]), exact)


def test_missing_elements_have_no_term() -> None:
    holes = np.r_[X["normal_mean"], np.nan, np.nan]
    method = MCMC(0.03, num_burnin_steps=200, num_results=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        normal_mean().fit({"x": holes}, method, seed=0, missing="drop")
    agree(method.states["mu"], float(method.ess["mu"]), EXACT["normal_mean"])


@inf.probmodel
def mixture():
    mu = inf.Normal(np.zeros(2), 5.0, name="mu")
    with inf.datamodel():
        k = inf.Categorical(probs=[0.5, 0.5], name="k")
        inf.Normal(mu[k], 1.0, name="x")


def test_a_discrete_latent_is_refused_by_name() -> None:
    with pytest.raises(CompileError, match="the latent 'k' of Categorical is discrete"):
        mixture().fit({"x": np.zeros(3)}, MCMC(), seed=0)


def test_chains_that_did_not_meet_are_told() -> None:
    method = MCMC(1e-6, 1, 0, 20, chains=2)
    with pytest.warns(UserWarning, match=r"R-hat of mu is"):
        normal_mean().fit({"x": X["normal_mean"]}, method, seed=0)


@pytest.mark.parametrize("settings, found", [
    ({"kernel": "gibbs"}, "kernel must be 'hmc' or 'nuts'"),
    ({"step_size": 0}, "a positive number"), ({"num_results": 0}, "num_results must be at least 4"),
    ({"chains": 0}, "chains must be at least"), ({"target_accept": 1.0}, "must be below 1"),
    ({"kernel": "nuts", "num_burnin_steps": 3}, "num_burnin_steps must be at least 20"),
])  # fmt: skip
def test_settings_that_make_no_sense_are_refused(settings, found: str) -> None:
    with pytest.raises(DataError, match=found):
        MCMC(**settings)


@pytest.mark.parametrize("backend, absent, extra", [
    ("jax", "blackjax", "mcmc"), ("jax", "arviz_stats", "mcmc"),
    ("tensorflow", "tensorflow_probability", "mcmc-tensorflow"),
    ("tensorflow", "tf_keras", "mcmc-tensorflow"),
])  # fmt: skip
def test_an_absent_library_is_named_with_its_extra(monkeypatch, backend, absent, extra) -> None:
    package = {"jax": "ppc_jax", "tensorflow": "ppc_tf"}[backend]
    package = "ppc.inference" if absent == "arviz_stats" else package
    module = importlib.import_module(f"{package}.chains")
    monkeypatch.setattr(
        module, "find_spec", lambda name: None if name == absent else find_spec(name)
    )
    monkeypatch.setattr("ppc.diagnostics.chains.installing", lambda extra, package: f"[{extra}]")
    with pytest.raises(StateError, match=f"needs {absent}, which is not installed") as error:
        normal_mean().fit({"x": X["normal_mean"]}, MCMC(), seed=0, backend=backend)
    assert f"[{extra}]" in str(error.value)


def test_results_are_asked_of_a_method_that_ran() -> None:
    with pytest.raises(StateError, match="cannot be used before"):
        MCMC().states  # noqa: B018
