"""Names that ppc gives to inputs of its own never stand in the way of a user's."""

from __future__ import annotations

import numpy as np
import pytest

import ppc as inf


@inf.probmodel
def sites_like_inputs():
    first = inf.Normal(0.0, 1.0, name="N_weight")
    data = inf.Normal(first, 1.0, name="data")
    with inf.datamodel():
        weight = inf.Normal(data, 1.0, name="weight")
        draws = inf.Normal(weight, 1.0, name="draws")
        rows = inf.Normal(draws, 1.0, name="N")
        inf.Normal(rows, 1.0, name="x_noise")
        inf.Normal(rows, 1.0, name="x")
        inf.Normal(rows, 1.0, name="params")


@inf.probmodel
def parameters_like_unconstrained_ones():
    c = inf.Parameter(2.0, name="c", support="positive")
    log_c = inf.Parameter(-3.0, name="log_c")
    raw = inf.Parameter(0.5, name="log_log_c", support="positive")
    with inf.datamodel():
        inf.Normal(log_c * raw, c, name="x")


@inf.probmodel
def sites_like_unconstrained_parameters():
    c = inf.Parameter(2.0, name="c", support="positive")
    log_c = inf.Normal(0.0, c, name="log_c")
    with inf.datamodel():
        inf.Normal(log_c, 1.0, name="x")


@inf.probmodel
def observed_like_unconstrained_parameters():
    c = inf.Parameter(2.0, name="c", support="positive")
    z = inf.Normal(0.0, c, name="z")
    with inf.datamodel():
        inf.Normal(z, 1.0, name="log_c")


@inf.probmodel
def underscores():
    c = inf.Parameter(2.0, name="_c", support="positive")
    d = inf.Parameter(3.0, name="d")
    e = inf.Parameter(4.0, name="_d")
    with inf.datamodel():
        z = inf.Normal(d + e, 1.0, name="_z")
        inf.Normal(z, c, name="_at")
        inf.Normal(z, c, name="at")


@inf.probmodel
def crossed():
    c = inf.Parameter(2.0, name="c", support="positive")
    z = inf.Normal(0.0, c, name="z")
    with inf.datamodel():
        inf.Normal(z, 1.0, name="x")


@inf.probmodel
def guide_of_crossed():
    log_c = inf.Parameter(5.0, name="log_c")
    inf.Normal(log_c, 0.001, name="z")


@inf.probmodel
def observed_weight():
    rows = inf.Parameter(0.5, name="rows")
    shared = inf.Parameter(0.25, name="shared")
    with inf.datamodel():
        inf.Normal(rows + shared, 1.0, name="N_weight")


def fitted(p, *observed: str):
    rows = np.random.default_rng(0).normal(size=(7, len(observed)))
    data = dict(zip(observed, rows.T, strict=True))
    svi = inf.inference.SVI(epochs=2, batch_size=3)
    p.fit(data, svi, seed=0)
    assert np.isfinite(svi.losses).all()
    for query in (p.prior(), p.posterior_predictive(), p.posterior()):
        for name, value in query.sample(simplify_result=False).items():
            assert np.isfinite(value).all(), name
    assert set(p.prior().sample()) == set(p.sites)
    return p


def test_sites_may_be_called_like_inputs_of_the_program() -> None:
    p = fitted(sites_like_inputs(), "x", "x_noise", "params")
    values = {name: np.zeros(4) for name in p.sites} | {"N_weight": 0.0, "data": 0.0}
    assert p.log_density(values) == pytest.approx(-0.5 * np.log(2 * np.pi) * (2 + 6 * 4), rel=1e-5)


def test_a_parameter_may_be_called_like_an_unconstrained_one() -> None:
    p = parameters_like_unconstrained_ones()
    exact = -0.5 * np.log(2 * np.pi) - np.log(2.0) - 0.5 * (1.0 + 1.5) ** 2 / 4.0
    assert p.log_density({"x": [1.0]}) == pytest.approx(exact, rel=1e-5)
    p.fit({"x": np.ones(7)}, inf.inference.SVI(epochs=1, batch_size=7, learning_rate=1e-6), seed=0)
    assert set(p.params) == {"c", "log_c", "log_log_c"}
    start = {"c": 2.0, "log_c": -3.0, "log_log_c": 0.5}
    for name, value in start.items():
        assert p.params[name] == pytest.approx(value, abs=1e-4)
    assert p.log_density({"x": [1.0]}) == pytest.approx(exact, rel=1e-4)
    # A guide takes its parameters' names around those of the model.
    assert np.isfinite(p.posterior_predictive("x").sample()["x"]).all()


def test_a_site_may_be_called_like_an_unconstrained_parameter() -> None:
    p = fitted(sites_like_unconstrained_parameters(), "x")
    assert {"c", "log_c_loc", "log_c_scale"} == set(p.params)
    q = observed_like_unconstrained_parameters()
    q.fit({"log_c": np.ones(7)}, inf.inference.SVI(epochs=2, batch_size=3), seed=0)
    assert {"c", "z_loc", "z_scale"} == set(q.params)
    assert q.log_density({"z": 0.0, "log_c": [1.0]}) == pytest.approx(
        -np.log(2 * np.pi) - np.log(q.params["c"]) - 0.5, rel=1e-4
    )


@inf.probmodel
def sites_like_nodes_of_an_inferred_guide():
    c = inf.Normal(0.0, 1.0, name="c")
    scale = inf.Gamma(9.0, 3.0, name="c_scale")
    own = inf.Normal(c, scale, name="broadcast_to")
    with inf.datamodel():
        inf.Normal(own, 1.0, name="x")


def test_sites_may_be_called_like_nodes_and_parameters_of_an_inferred_guide() -> None:
    p = fitted(sites_like_nodes_of_an_inferred_guide(), "x")
    assert set(p.params) == {
        "c_loc", "c_scale_meanfield", "c_scale_loc", "c_scale_scale", "broadcast_to_loc",
        "broadcast_to_scale",
    }  # fmt: skip


@inf.probmodel
def guide_like_the_model():
    c = inf.Parameter(1.0, name="c", support="positive")
    inf.Normal(inf.Parameter(0.25, name="log_c_2"), c, name="log_c")


def test_a_guide_may_have_parameters_like_unconstrained_ones_of_the_model() -> None:
    p = sites_like_unconstrained_parameters()
    svi = inf.inference.SVI(guide_like_the_model(), epochs=1, batch_size=7, learning_rate=1e-6)
    p.fit({"x": np.ones(7)}, svi, seed=0)
    assert {name: pytest.approx(float(x), abs=1e-4) for name, x in p.params.items()} == {
        "c": 2.0, "c_guide_like_the_model": 1.0, "log_c_2_guide_like_the_model": 0.25,
    }  # fmt: skip
    assert np.isfinite(p.posterior().sample()["log_c"])


def test_a_guide_and_its_model_do_not_share_arrays() -> None:
    p = crossed()
    svi = inf.inference.SVI(guide_of_crossed(), epochs=1, batch_size=7, learning_rate=1e-6)
    p.fit({"x": np.ones(7)}, svi, seed=0)
    assert sorted(map(float, p.params.values())) == pytest.approx([2.0, 5.0], abs=1e-4)
    assert p.params["c"] == pytest.approx(2.0, abs=1e-4)
    assert p.prior("z", seed=0).sample(4000)["z"].std() == pytest.approx(2.0, rel=0.1)
    assert p.posterior("z").sample()["z"] == pytest.approx(5.0, abs=0.01)


def test_data_may_be_called_like_the_weights_of_their_rows() -> None:
    p, svi = observed_weight(), inf.inference.SVI(epochs=1, batch_size=3)
    p.fit({"N_weight": [1.0, 2.0, 3.0]}, svi, seed=0)
    assert set(p.params) == {"shared", "rows"}
    exact = 1.5 * np.log(2 * np.pi) + 0.5 * (0.25**2 + 1.25**2 + 2.25**2)
    assert svi.losses == pytest.approx([exact], rel=1e-5)


def test_names_with_leading_underscores_are_told_apart() -> None:
    p = fitted(underscores(), "_at", "at")
    assert {"_c", "d", "_d"} <= set(p.params)
