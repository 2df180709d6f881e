"""Factors and recorded quantities in fits and queries."""

from __future__ import annotations

import numpy as np
import pytest

import ppc as inf
from ppc.diagnostics import CompileError, QueryError, StateError

Y = np.array([0.3, -1.2, 2.0, 0.7, 1.1])


@inf.probmodel
def schools(J=5):  # noqa: N803  # as in books
    mu = inf.Normal(0.0, 5.0)
    with inf.plate("schools", J):
        eta = inf.Normal(0.0, 1.0)
        theta = inf.deterministic(mu + 2 * eta)
        y = inf.Normal(theta, 1.0)
        inf.deterministic(y - theta, name="residual")
    inf.deterministic(np.max(theta), name="best")


@inf.probmodel
def target():
    a = inf.Normal(0.0, 1.0)
    inf.factor(-2.0 * (a - 3.0) ** 2)  # posterior: N(12/5, 1/5)


def test_quantities_are_in_the_draws_of_the_prior() -> None:
    drawn = schools().prior(seed=1).sample(7)
    assert list(drawn) == ["mu", "eta", "theta", "y", "residual", "best"]
    theta = drawn["mu"][:, None] + 2 * drawn["eta"]
    np.testing.assert_allclose(drawn["theta"], theta, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(drawn["residual"], drawn["y"] - theta, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(drawn["best"], drawn["theta"].max(1))


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_quantities_are_in_the_draws_of_the_posterior(backend: str) -> None:
    pytest.importorskip(backend)
    model = schools()
    model.fit({"y": Y}, inf.inference.VI(epochs=20), seed=1, backend=backend)
    drawn = model.posterior(seed=1, backend=backend).sample(7)
    assert list(drawn) == ["mu", "eta", "theta", "residual", "best"]
    theta = drawn["mu"][:, None] + 2 * drawn["eta"]
    np.testing.assert_allclose(drawn["theta"], theta, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(drawn["residual"], Y - theta, rtol=1e-5, atol=1e-5)
    predicted = model.posterior_predictive(["theta", "y"], seed=1, backend=backend).sample(3)
    assert {name: x.shape for name, x in predicted.items()} == {"theta": (3, 5), "y": (3, 5)}
    assert model.posterior_predictive(seed=1, backend=backend).sample().shape == (5,)
    assert list(model.posterior(backend=backend).log_prob()) == ["mu", "eta"]


def test_a_quantity_has_no_density() -> None:
    with pytest.raises(QueryError, match="random variables, and best is none"):
        schools().prior("best").log_prob()


def test_a_factor_is_all_that_a_fit_needs() -> None:
    pytest.importorskip("jax")
    model = target()
    model.fit({}, inf.inference.VI(epochs=1500, learning_rate=0.02), seed=1)
    # Adam's steps of 0.02, and a gradient whose noise is that of one draw of the guide.
    np.testing.assert_allclose(model.params["a_loc"], 12 / 5, atol=0.1)
    np.testing.assert_allclose(model.params["a_scale"], 5**-0.5, atol=0.1)


def test_a_guide_has_no_factors() -> None:
    with pytest.raises(CompileError, match="the guide target has the factor factor"):
        target().fit({}, inf.inference.VI(target(), epochs=1))


@pytest.mark.parametrize("name", ["factor", "deterministic"])
def test_outside_a_model_they_are_refused(name: str) -> None:
    with pytest.raises(StateError, match=f"inf.{name} was called outside a model"):
        getattr(inf, name)(1.0)
