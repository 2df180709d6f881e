"""New rows of plates: parameters of their own (`local="refit"`), and what stays as fitted."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from jaxtyping import Array, Float, Int

import ppc as inf
from ppc.diagnostics import DataError, PpcError, QueryError

BACKENDS = ["jax", "tensorflow"]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 2)) @ RNG.normal(size=(2, 3)) + 0.5 * RNG.normal(size=(30, 3))
NEW = X[:7] + 1.0
ONES = np.ones(7)


@inf.probmodel
def factors(t: Float[Array, "N"]):  # noqa: F821, UP037  # the name of a dimension
    load = inf.Parameter(np.array([[1.0, 0.5, -1.0], [0.2, 1.0, 1.0]]), name="load")
    noise = inf.Parameter(0.5, support="positive", name="noise")
    with inf.datamodel():
        z = inf.Normal(np.zeros(2), 1.0, name="z")
        x = inf.Normal((z @ load) * t[:, None], noise, name="x")
        inf.Normal(x.sum(-1), 1.0, name="y")


@functools.cache
def fitted(backend: str = "jax") -> Any:
    p = factors(np.ones(30))
    method = inf.inference.SVI(epochs=60, batch_size=10, learning_rate=0.02)
    p.fit({"x": X, "y": X.sum(1)}, method, seed=0, backend=backend)
    return p


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_refit_finds_the_posterior_of_factors(backend: str) -> None:
    """Mean field at a Normal posterior: its mean, and one over the diagonal of its precision."""
    p = fitted(backend)
    load, noise = (np.asarray(p.params[name], float) for name in ("load", "noise"))
    precision = np.eye(2) + load @ load.T / noise**2
    mean = np.linalg.solve(precision, load @ NEW.T / noise**2).T
    scale = np.broadcast_to(1 / np.sqrt(np.diag(precision)), (7, 2))
    method = inf.inference.VI(epochs=1500, learning_rate=0.004)
    data = {"x": NEW, "t": ONES}
    query = p.posterior("z", data=data, local=method, seed=1, backend=backend)
    found = query.parameters()["z"]
    # Adam's last steps wander around the optimum: by some ten times its rate, over scales of 0.3.
    np.testing.assert_allclose(found["loc"], mean, atol=0.2 * scale.max())
    np.testing.assert_allclose(found["scale"], scale, rtol=0.1)
    draws = query.sample(4000)["z"]
    np.testing.assert_allclose(draws.mean(0), found["loc"], atol=5 * scale.max() / 4000**0.5)
    predicted = p.posterior_predictive("y", data=data, local=method, seed=1, backend=backend)
    np.testing.assert_allclose(predicted.mean()["y"], NEW.sum(1), rtol=1e-4)


def test_a_refit_is_reproducible_and_of_the_fitted_rows_it_is_the_fit() -> None:
    p, data = fitted(), {"x": NEW, "t": ONES}
    first, again = (
        p.posterior("z", data=data, local="refit", seed=3).sample(2)["z"] for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)
    same = p.posterior("z", data={"x": X, "y": X.sum(1)}, local="refit").parameters()["z"]
    np.testing.assert_array_equal(same["loc"], p.params["z_loc"])


@pytest.mark.parametrize(
    ("data", "local", "words"),
    [
        ({"x": NEW, "t": ONES}, "guide", 'local="refit"'),
        ({"x": NEW}, "refit", "no data for 't'"),
        ({"y": ONES, "t": ONES}, "refit", "no data for 'x'"),
        ({"x": NEW, "t": ONES[:4]}, "refit", "dimension 0 of 't' has size 4"),
        ({"x": NEW * np.nan, "t": ONES}, "refit", "NaN or infinity"),
        ({"x": NEW, "t": ONES}, "amortised", "'guide', 'refit', 'prior' or a method"),
        ({"x": NEW, "t": ONES}, inf.inference.VI(lambda: factors(ONES)), "without a guide"),
    ],
)
def test_what_a_refit_cannot_do_is_refused(data: Any, local: Any, words: str) -> None:
    with pytest.raises((DataError, QueryError)) as caught:
        fitted().posterior("z", data=data, local=local)
    assert words in str(caught.value)


def test_rows_without_data_come_from_the_prior() -> None:
    p, short = fitted(), inf.inference.VI(epochs=2)
    for local in ("prior", "refit", short):
        drawn = p.posterior("z", data={"t": ONES}, local=local, seed=0).sample(500)["z"]
        assert drawn.shape == (500, 7, 2) and drawn.std() == pytest.approx(1.0, abs=0.1)
    both = p.posterior("z", data={"x": NEW, "y": ONES, "t": ONES}, local=short).sample()
    assert both["z"].shape == (7, 2)
    assert p.posterior_predictive(["x", "y"], data={"x": NEW, "t": ONES}, local=short).sample()


@inf.probmodel
def parameters_of_rows():
    with inf.datamodel():
        loc = inf.Parameter(0.0, name="loc")
        inf.Normal(loc, 0.1, name="y")
    inf.Normal(0.0, 1.0, name="other")


def test_parameters_of_rows_of_the_model_are_refitted_too() -> None:
    p = parameters_of_rows()
    method = inf.inference.VI(epochs=300, learning_rate=0.05)
    p.fit({"y": np.array([1.0, -2.0])}, method, seed=0)
    assert p.posterior_predictive("y").mean()["y"] == pytest.approx([1.0, -2.0], abs=0.01)
    new = np.array([0.5, 3.0, -1.0])
    query = p.posterior_predictive("y", data={"y": new}, local="refit")
    assert query.mean()["y"] == pytest.approx(new, abs=0.01)
    for options in ({"data": {"y": new}}, {"size_datamodel": 3}):
        with pytest.raises(QueryError, match="the model has parameters for the fitted rows of 'y'"):
            p.posterior_predictive("y", **options)


# --- plates that keep their rows ----------------------------------------------------------------


@inf.probmodel
def groups(u: Float[Array, "J"], group: Int[Array, "N"]):  # noqa: F821, UP037  # names of dimensions
    with inf.plate("J"):
        level = inf.Normal(u, 10.0, name="level")
    with inf.datamodel():
        inf.Normal(level[group], 0.1, name="y")


def test_groups_that_rows_belong_to_stay_as_fitted() -> None:
    group = np.arange(40) % 4
    p = groups(np.zeros(4), group)
    p.fit({"y": 3.0 * group}, inf.inference.VI(epochs=600, learning_rate=0.05), seed=0)
    new = {"group": np.array([3, 0, 1])}
    assert p.posterior_predictive("y", data=new).mean()["y"] == pytest.approx([9, 0, 3], abs=0.2)
    for data in (None, new, {**new, "y": np.zeros(3)}):
        level = p.posterior("level", data=data).parameters()["level"]["loc"]
        np.testing.assert_array_equal(level, p.params["level_loc"])
    with pytest.raises(DataError, match=r"'group' must be whole numbers from 0 to 3"):
        p.posterior_predictive("y", data={"group": np.array([4])}).sample()
    # Other groups are given: they are new.
    others = {"u": np.full(5, 100.0), "group": np.array([4])}
    assert p.posterior_predictive("y", data=others).mean()["y"] == pytest.approx([100.0], abs=3.0)


# --- arguments of a guide -----------------------------------------------------------------------


@inf.probmodel
def mean():
    with inf.datamodel():
        z = inf.Normal(0.0, 1.0, name="z")
        inf.Normal(z, 1.0, name="y")


@inf.probmodel
def with_argument(t: Float[Array, "N"]):  # noqa: F821, UP037  # the name of a dimension
    slope = inf.Parameter(0.5, name="slope")
    with inf.datamodel():
        y = inf.Normal(0.0, 1.0, name="y")
        inf.Normal(slope * y + np.log(t), 1.0, name="z")


def test_a_guide_has_arguments_of_its_own() -> None:
    p = mean()
    rate = {"epochs": 1, "learning_rate": 1e-6}
    p.fit({"y": np.zeros(5)}, inf.inference.VI(with_argument(np.full(5, np.e)), **rate))
    loc = p.posterior("z").parameters()["z"]["loc"]
    np.testing.assert_allclose(loc, np.ones(5), rtol=1e-5)
    new = {"y": np.array([2.0, 4.0]), "t": np.ones(2)}
    loc = p.posterior("z", data=new).parameters()["z"]["loc"]
    np.testing.assert_allclose(loc, [1.0, 2.0], rtol=1e-5)
    for data, words in (
        ({"y": np.ones(2)}, "no data for 't'"),
        ({"y": np.ones(2), "t": np.ones(3)}, "dimension 0 of 't' has size 3, but N is 2"),
    ):
        with pytest.raises(PpcError, match=words):
            p.posterior("z", data=data).sample()
    with pytest.raises(DataError, match="dimension 0 of 't' has size 5, but N is 6"):
        p.fit({"y": np.zeros(6)}, inf.inference.VI(with_argument(np.ones(5)), **rate))
