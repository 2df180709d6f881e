"""What queries return: shapes, orders, seeds, densities; and what a fit leaves."""

from __future__ import annotations

from collections import OrderedDict

import jax
import numpy as np
import pytest
from jaxtyping import Array, Float
from scipy import stats

import ppc as inf


@inf.probmodel
def model():
    mu = inf.Normal(0.0, 2.0, name="mu")
    scale = inf.LogNormal(0.0, 0.5, name="scale")
    with inf.datamodel():
        z = inf.Normal(mu, np.ones(2), name="z")
        inf.Normal(z, scale, name="x")
        inf.Bernoulli(logits=z[:, 0], name="y")


@inf.probmodel
def amortised():
    loc = inf.Parameter(0.0, name="loc")
    inf.Normal(loc, 0.1, name="mu")
    inf.LogNormal(loc, 0.1, name="scale")
    with inf.datamodel():
        x = inf.Normal(np.zeros(2), 1.0, name="x")
        inf.Parameter(0.5 * np.ones(2), name="unused")
        inf.Normal(x, 0.01, name="z")


RNG = np.random.default_rng(0)
X = RNG.normal(size=(11, 2))
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture(scope="module")
def fitted():
    p = model()
    svi = inf.inference.SVI(amortised(), epochs=3, batch_size=4)
    p.fit({"x": X, "y": Y}, svi, seed=5)
    return p, svi


def test_a_fit_has_a_loss_for_each_step(fitted) -> None:
    _, svi = fitted
    assert len(svi.losses) == 3 * 3  # epochs times ceil(11 / 4)
    assert np.isfinite(svi.losses).all()


def test_shapes_and_order_are_those_of_the_model(fitted) -> None:
    p, _ = fitted
    one = p.posterior().sample()
    assert isinstance(one, OrderedDict) and list(one) == ["mu", "scale", "z"]
    assert [x.shape for x in one.values()] == [(), (), (11, 2)]
    many = p.posterior(["z", "mu"]).sample(4)
    assert [(n, x.shape) for n, x in many.items()] == [("mu", (4,)), ("z", (4, 11, 2))]
    assert p.posterior("mu").sample(4, simplify_result=True).shape == (4,)
    predicted = p.posterior_predictive(size_datamodel=5).sample(3)
    assert [(n, x.shape) for n, x in predicted.items()] == [("x", (3, 5, 2)), ("y", (3, 5))]
    assert predicted["x"].dtype == np.float32 and predicted["y"].dtype == np.int32
    assert p.prior("x", size_datamodel=7).sample()["x"].shape == (7, 2)
    assert p.posterior_predictive().sample()["y"].shape == (11,)


def test_a_seed_repeats_a_query_and_its_calls_differ(fitted) -> None:
    p, _ = fitted
    first, second = (p.posterior("z", seed=9) for _ in range(2))
    a, b = first.sample()["z"], second.sample()["z"]
    np.testing.assert_array_equal(a, b)
    assert (first.sample()["z"] != a).any()
    assert (p.posterior("z", seed=10).sample()["z"] != a).any()


def test_new_rows_are_inferred_from_their_own_data(fitted) -> None:
    """The guide puts z next to x, so rows that differ in x differ in z."""
    p, _ = fitted
    new = np.array([[5.0, -5.0], [-5.0, 5.0], [0.0, 0.0]])
    z = p.posterior("z", data={"x": new}, seed=0).sample()["z"]
    np.testing.assert_allclose(z, new, atol=0.06)
    y = p.posterior_predictive("y", data={"x": new}, seed=0).sample(200)["y"].mean(0)
    assert y[0] > 0.95 and y[1] < 0.05 and 0.3 < y[2] < 0.7
    given = p.posterior_predictive("y", data={"z": new}, seed=0).sample(200)["y"].mean(0)
    assert given[0] > 0.95 and given[1] < 0.05
    free = p.posterior_predictive("y", data={"x": new}, local="prior", seed=0).sample(200)["y"]
    assert 0.2 < free[:, 0].mean() < 0.8


def test_log_prob_and_parameters_are_those_of_one_joint_draw(fitted) -> None:
    p, _ = fitted
    z = np.array([[1.0, -1.0], [0.5, 2.0]])
    query = p.posterior_predictive("y", data={"z": z}, seed=0)
    parameters = query.parameters()["y"]
    np.testing.assert_allclose(parameters["logits"], z[:, 0], rtol=1e-6)
    x = np.zeros((2, 2))
    scored = p.posterior_predictive("x", data={"z": z, "x": x, "scale": 2.0}, seed=0).log_prob()
    np.testing.assert_allclose(scored["x"], stats.norm(z, 2.0).logpdf(x), rtol=1e-5)


def test_the_log_density_is_that_of_all_sites() -> None:
    z = RNG.normal(size=(4, 2))
    values = {"mu": 0.3, "scale": 1.7, "z": z, "x": z + 0.5, "y": [0, 1, 1, 0]}
    exact = stats.norm(0, 2).logpdf(0.3) + stats.lognorm(0.5).logpdf(1.7)
    exact += stats.norm(0.3, 1).logpdf(z).sum() + stats.norm(z, 1.7).logpdf(z + 0.5).sum()
    exact += stats.bernoulli(1 / (1 + np.exp(-z[:, 0]))).logpmf([0, 1, 1, 0]).sum()
    assert model().log_density(values) == pytest.approx(exact, rel=1e-5)


def test_parameters_are_those_that_a_density_reads(fitted) -> None:
    assert set(fitted[0].params) == {"loc"}


def test_a_parameter_called_like_one_of_the_mean_field_stays_apart() -> None:
    @inf.probmodel
    def crossed():
        w = inf.Normal(0.0, 1.0, name="w")
        w_loc = inf.Parameter(5.0, name="w_loc")
        with inf.datamodel():
            inf.Normal(w + w_loc, 1.0, name="x")

    p = crossed()
    p.fit({"x": np.full(4, 5.0)}, inf.inference.VI(epochs=1), seed=0)
    assert set(p.params) == {"w_loc", "w_loc_meanfield", "w_scale"}
    assert p.params["w_loc"] == pytest.approx(5.0, abs=0.01)
    assert p.params["w_loc_meanfield"] == pytest.approx(0.0, abs=0.01)


def test_fits_repeat_by_seed_and_models_do_not_touch_one_another(fitted) -> None:
    p, svi = fitted
    before = {name: x.copy() for name, x in p.params.items()}
    other, again = model(), inf.inference.SVI(amortised(), epochs=3, batch_size=4)
    other.fit({"x": X, "y": Y}, again, seed=5)
    assert [float(x) for x in again.losses] == [float(x) for x in svi.losses]
    different = inf.inference.SVI(amortised(), epochs=3, batch_size=4)
    with pytest.warns(UserWarning, match="restarts the inference"):
        other.fit({"x": X, "y": Y}, different, seed=6)
    assert [float(x) for x in different.losses] != [float(x) for x in svi.losses]
    for name, x in p.params.items():
        np.testing.assert_array_equal(x, before[name])


@pytest.mark.parametrize("n, size", [(11, 4), (12, 4), (5, 5), (7, 1), (1, 1), (100, 33)])
def test_every_row_is_visited_once_in_each_epoch(n: int, size: int) -> None:
    from ppc_jax import BACKEND

    svi = inf.inference.SVI(amortised(), epochs=1, batch_size=size)
    module = BACKEND.load(BACKEND.emit(inf_program(svi)), "rows")
    plan = module.Plan(None, n, -(-n // size))
    rows = np.asarray(module.batch_rows(jax.random.key(3), np.arange(3 * plan.batches), plan))
    orders = rows.reshape(3, -1)
    for epoch in orders:
        real = epoch[epoch < n]
        assert sorted(real) == list(range(n))
        assert (epoch[epoch >= n] == n).all()
    counts = (rows < n).sum(1)
    assert counts.max() - counts.min() <= 1
    if n > 10:
        assert (orders[0] != orders[1]).any()


def inf_program(svi):
    from ppc.compiler import Options, compile_loss
    from ppc.emit.program import assemble

    options = Options(("x", "y"), ("N",))
    return assemble(compile_loss(model().ir, svi.qmodel.ir, options))


def test_a_guide_with_parameters_of_the_rows_says_nothing_of_new_ones() -> None:
    from ppc.diagnostics import QueryError

    p = model()
    p.fit({"x": X, "y": Y}, inf.inference.SVI(epochs=2, batch_size=4), seed=0)
    assert p.params["z_loc"].shape == (11, 2)
    assert p.posterior("z").sample()["z"].shape == (11, 2)
    with pytest.raises(QueryError, match="says nothing about new rows"):
        p.posterior("z", data={"x": X[:3]})
    y = p.posterior_predictive("y", data={"x": X[:3]}, local="prior", seed=0).sample()["y"]
    assert y.shape == (3,)


def test_the_rows_of_the_fit_are_known_by_their_data() -> None:
    p = model()
    p.fit({"x": X, "y": Y}, inf.inference.SVI(epochs=2, batch_size=4), seed=0)
    own = p.posterior("z", data={"x": X}, seed=1).sample(3)["z"]
    np.testing.assert_array_equal(own, p.posterior("z", seed=1).sample(3)["z"])
    again = p.posterior_predictive("x", data={"x": X.tolist(), "y": Y}).sample(2)["x"]
    assert again.shape == (2, 11, 2)
    with pytest.raises(ValueError, match="says nothing about new rows"):
        p.posterior_predictive("x", data={"x": X + 1})


@inf.probmodel
def weighed(t: Float[Array, " N"], size: Float[Array, " N"], y: Float[Array, " N"]):  # noqa: F722
    slope = inf.Normal(0.0, 1.0, name="slope")
    with inf.datamodel():
        inf.observe(inf.Normal(slope * t, 1.0, name="rate"), y)
        inf.Normal(size * slope, 1.0, name="total")


def test_arguments_of_the_fitted_rows_are_not_used_for_others() -> None:
    t = X[:, 0]
    p = weighed(t, t + 1, t - 1)
    p.fit({"total": t}, inf.inference.VI(epochs=2), seed=0)
    assert p.posterior_predictive("rate", data={"t": t[:4]}).sample(3)["rate"].shape == (3, 4)
    assert p.posterior_predictive("total", data={"t": t}).sample()["total"].shape == (11,)
    with pytest.raises(ValueError, match="no data for 'size'"):
        p.posterior_predictive("total", data={"t": t[:4]}).sample()
    with pytest.raises(ValueError, match="no data for 'size'"):
        p.posterior_predictive("total", data={"t": t + 1}).sample()
    with pytest.raises(ValueError, match="size_datamodel must be 4, as many rows as the data have"):
        p.posterior_predictive("rate", data={"t": t[:4]}, size_datamodel=3)


def test_means_are_those_of_the_distributions(fitted) -> None:
    p, _ = fitted
    loc = float(p.params["loc"])
    found = p.posterior(seed=1).mean(50)
    # The guide's own means do not vary from draw to draw, so no draw enters them.
    np.testing.assert_allclose(found["mu"], loc, rtol=1e-6)
    np.testing.assert_allclose(found["scale"], np.exp(loc + 0.1**2 / 2), rtol=1e-6)
    np.testing.assert_allclose(found["z"], X, rtol=1e-6)
    # E sigmoid(z) over z ~ Normal(x, 0.01) is sigmoid(x) to second order in 0.01.
    y = p.posterior_predictive("y", data={"x": X}, seed=1).mean(200)["y"]
    np.testing.assert_allclose(y, 1 / (1 + np.exp(-X[:, 0])), atol=4 * 0.01 / 4)
