"""Every mistake in data: its kind of error and the words that the user reads."""

from __future__ import annotations

import numpy as np
import pytest
from jaxtyping import Array, Float, Int

import ppc as inf
from ppc.diagnostics import CompileError, DataError, KindError, QueryError, StateError


@inf.probmodel
def model(d):
    mu = inf.Normal(np.zeros(d), 1.0, name="mu")
    rate = inf.Gamma(2.0, 1.0, name="rate")
    with inf.datamodel():
        inf.Normal(mu, 1.0, name="x")
        inf.Poisson(rate, name="count")


X = np.zeros((6, 2))
COUNT = np.arange(6)


DATA = {"x": X, "count": COUNT}


def refused(data: object, **options: object) -> str:
    svi = inf.inference.SVI(epochs=1, **{"batch_size": 3, **options})
    with pytest.raises((DataError, KindError)) as caught:
        model(d=2).fit(data, svi, seed=0)
    return str(caught.value)


@pytest.mark.parametrize(
    "data, words",
    [
        ({}, "The number of mapped variables must be at least 1"),
        ({"x": X, "cuont": COUNT}, "the model has nothing named 'cuont'"),
        ({"x": X, "cuont": COUNT}, "did you mean 'count'?"),
        ({"x": np.zeros((6, 2, 2))}, "'x' has shape (6, 2, 2), 3 dimensions"),
        ({"x": np.zeros((6, 3))}, "dimension 1 of 'x' has size 3, but d is 2"),
        ({"x": X, "count": COUNT[:5]}, "dimension 0 of 'count' has size 5, but N is 6"),
        ({"x": X, "count": COUNT[:5]}, "(the shape of 'x')"),
        ({"x": [["a", "b"]]}, "'x' holds strings, not numbers"),
        ({"x": [[1.0], [1.0, 2.0]]}, "'x' holds rows of different length, not numbers"),
        ({"x": np.where(np.arange(12).reshape(6, 2) == 5, np.nan, 0)},
         "'x' has NaN or infinity in row 2 (1 of 6)"),
        ({"x": X, "count": COUNT - 2},
         "'count' must be whole numbers from 0 upwards; it is not in rows 0, 1 (2 of 6)"),
        ({"x": X, "count": COUNT + 0.5}, "in rows 0, 1, 2, 3, 4, ... (6 of 6)"),
        ({"x": np.zeros((0, 2))}, "'x' has no rows"),
        ({"x": np.ma.masked_equal(X, 0.0)}, "'x' holds masked values, not numbers"),
        ({"x": np.where(np.arange(6)[:, None] == 4, 1e300, X)},
         "'x' has numbers that 32 bits cannot hold in row 4 (1 of 6)"),
    ],
)  # fmt: skip
def test_mistakes_in_data_are_told(data, words) -> None:
    assert words in refused(data)


@inf.probmodel
def grouped(group: Int[Array, " N"], g):  # noqa: F722
    effect = inf.Normal(np.zeros(g), 1.0, name="effect")
    with inf.datamodel():
        inf.Normal(effect[group], 1.0, name="y")


def test_positions_that_an_axis_lacks_are_told() -> None:
    told = r"'group' .* from 0 to 2; it is not in rows 1, 3 \(2 of 4\)"
    with pytest.raises(DataError, match=told):
        grouped([0, -1, 2, 3], g=3).fit({"y": np.zeros(4)}, inf.inference.VI(epochs=1))
    with pytest.raises(DataError, match=r"'group' must be whole numbers; it is not in row 1"):
        grouped(np.array([0.0, 0.5, 2.0]), g=3).fit({"y": X[:3, 0]}, inf.inference.VI(epochs=1))


def test_all_mistakes_are_told_at_once() -> None:
    told = refused({"x": np.full((6, 2), np.inf), "count": COUNT - 1, "z": 1})
    assert "nothing named 'z'" in told and "'x' has NaN" in told and "'count' must be" in told


def test_a_batch_of_more_rows_than_there_are_is_refused() -> None:
    told = refused({"x": X, "count": COUNT}, batch_size=7)
    assert "batch_size=7, but the data have 6 rows" in told
    assert "use batch_size=6 or less, or inf.inference.VI" in told


def test_data_that_are_no_dictionary_are_of_the_wrong_kind() -> None:
    with pytest.raises(KindError, match=r"data must be a dict of arrays, not ndarray"):
        model(d=2).fit(X, inf.inference.VI(epochs=1))


def test_a_unit_axis_at_the_end_is_added_or_dropped() -> None:
    p = model(d=2)
    p.fit({"x": X, "count": COUNT[:, None]}, inf.inference.VI(epochs=1), seed=0)
    assert p.posterior_predictive("count", seed=0).sample()["count"].shape == (6,)
    p = model(d=1)
    p.fit({"x": X[:, 0], "count": COUNT}, inf.inference.VI(epochs=1), seed=0)
    assert p.posterior_predictive("x", seed=0).sample()["x"].shape == (6, 1)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda p: p.posterior("mux"), QueryError, "there is no 'mux'"),
        (lambda p: p.posterior("x"), QueryError, "must correspond to not observed variables"),
        (lambda p: p.posterior_predictive("mu"), QueryError, "correspond to observed variables"),
        (lambda p: p.prior(size_datamodel=0), QueryError, "must be greater than 0, but it is 0"),
        (lambda p: p.prior(size_datamodel=2.0), KindError, "must be an integer, not float"),
        (lambda p: p.prior("x").sample(-1), QueryError, "size must be at least 0"),
        (lambda p: p.prior("x").sample(1.5), KindError, "size must be an integer, not float"),
        (lambda p: p.prior("x").parameters("loc"), KindError, "must be None, a list or a dict"),
        (lambda p: p.prior(seed=-1), DataError, "seed must be between 0"),
        (lambda p: p.posterior_predictive("x", local="x"), QueryError, "'refit', 'prior' or a"),
    ],
)
def test_questions_that_make_no_sense_are_refused(call, error, words) -> None:
    p = fitted()
    with pytest.raises(error) as caught:
        call(p)
    assert words in str(caught.value)


_FITTED: list = []


def fitted():
    """One fit for all who only ask."""
    if not _FITTED:
        p = model(d=2)
        p.fit({"x": X, "count": COUNT}, inf.inference.SVI(epochs=2, batch_size=4), seed=0)
        _FITTED.append(p)
    return _FITTED[0]


def test_results_before_a_fit_are_refused() -> None:
    p = model(d=2)
    for call in (p.posterior, p.posterior_predictive):
        with pytest.raises(StateError, match="cannot be used before using the fit function"):
            call()


def test_a_failed_fit_leaves_earlier_results_alone() -> None:
    p = model(d=2)
    p.fit({"x": X, "count": COUNT}, inf.inference.SVI(epochs=2, batch_size=4), seed=0)
    before = {name: x.copy() for name, x in p.params.items()}
    again = inf.inference.SVI(epochs=2, batch_size=4)
    with pytest.raises(DataError):
        p.fit({"x": X, "count": -COUNT}, again, seed=0)
    assert again.losses == []
    assert {n: x.tolist() for n, x in p.params.items()} == {
        n: x.tolist() for n, x in before.items()
    }
    assert p.posterior("mu", seed=1).sample()["mu"].shape == (2,)


@inf.probmodel
def named_like_operations():
    """Sites with the names that operations and constants of the graph would take."""
    add = inf.Gamma(2.0, 1.0, name="add")
    with inf.datamodel():
        inf.Categorical(probs=[0.2, 0.3, 0.5], name="c")
        inf.Normal(add * 2.0 + 1.0, 1.0, name="mul")


@pytest.mark.parametrize(
    "labels, words",
    [
        ([0, 1, 3], "'c' must be whole numbers from 0 to 2; it is not in row 2 (1 of 3)"),
        ([0, -1, 2], "'c' must be whole numbers from 0 to 2; it is not in row 1 (1 of 3)"),
        ([0, 2**32 + 1, 2], "'c' has numbers that 32 bits cannot hold in row 1 (1 of 3)"),
        ([0, 1.5, 2], "'c' must be whole numbers; it is not in row 1 (1 of 3)"),
        ([0.0, 1.0, 2.0], ""),
        ([True, False, True], ""),
    ],
)
def test_labels_are_whole_numbers_of_a_class(labels, words) -> None:
    data = {"c": labels, "mul": np.zeros(3)}
    fitted = named_like_operations()
    if words:
        with pytest.raises(DataError) as caught:
            fitted.fit(data, inf.inference.VI(epochs=1), seed=0)
        assert words in str(caught.value)
    else:
        fitted.fit(data, inf.inference.VI(epochs=1), seed=0)
        assert set(fitted.posterior_predictive(seed=0).sample()) == {"c", "mul"}


def test_a_fit_that_diverges_leaves_the_earlier_one() -> None:
    fitted = model(d=2)
    fitted.fit(DATA, inf.inference.VI(epochs=1), seed=0)
    before = fitted.fitted
    with pytest.warns(UserWarning, match="Fit was called before"), pytest.raises(DataError) as e:
        fitted.fit(DATA, inf.inference.VI(epochs=50, learning_rate=1e30), seed=0)
    assert "step 1: the" in str(e.value) and "try a smaller learning rate" in str(e.value)
    assert fitted.fitted is before


@pytest.mark.parametrize("method", [None, "svi", inf.inference.SVI])
def test_what_is_no_method_is_refused(method) -> None:
    with pytest.raises(KindError, match="inference_method must be an inference method"):
        model(d=2).fit({"x": X}, method)


@pytest.mark.parametrize("rate", [None, "0.1", True])
def test_what_is_no_learning_rate_is_refused(rate) -> None:
    with pytest.raises(KindError, match="learning_rate must be a positive number"):
        inf.inference.VI(learning_rate=rate)


def test_arguments_of_the_wrong_kind_are_refused() -> None:
    fitted = model(d=2)
    fitted.fit(DATA, inf.inference.VI(epochs=1), seed=0)
    with pytest.raises(KindError, match="target_names must be a name or a list of names, not int"):
        fitted.posterior(3)
    with pytest.raises(KindError, match="data must be a dict of arrays, not list"):
        fitted.posterior_predictive("x", data=[1])
    with pytest.raises(KindError, match="values must be a dict of arrays, not NoneType"):
        fitted.log_density(None)
    with pytest.raises(QueryError, match="size must be at most"):
        fitted.posterior("mu").sample(10**12)


@inf.probmodel
def three_rows(d):
    inf.Normal(inf.Parameter(np.zeros(d)), 1.0, name="mu")
    with inf.datamodel(3):
        inf.Normal(0.0, 1.0, name="z")


@inf.probmodel
def with_latent_rows(d):
    mu = inf.Normal(np.zeros(d), 1.0, name="mu")
    with inf.datamodel():
        z = inf.Normal(0.0, 1.0, name="z")
        inf.Normal(z + mu[0], 1.0, name="x")


def test_a_guide_of_so_many_rows_is_refused_for_a_model_of_any() -> None:
    method = inf.inference.VI(three_rows(2), epochs=1)
    with pytest.raises(CompileError, match="in plate N of size 3, the model in plate N of size N"):
        with_latent_rows(2).fit({"x": np.zeros(6)}, method, seed=0)


@inf.probmodel
def limited(limit: Float[Array, " N"]):  # noqa: F722
    rate = inf.Gamma(1.0, 1.0, name="rate")
    with inf.datamodel():
        inf.Censored(inf.Exponential(rate), high=limit, name="time")


def test_a_bound_that_is_wrong_itself() -> None:
    """What it bounds cannot be checked, and the bound alone is the mistake."""
    p = limited(np.array([1.0, np.nan]))
    with pytest.raises(DataError, match="'limit' has NaN or infinity") as caught:
        p.fit({"time": np.array([0.5, 3.0])}, inf.inference.VI(epochs=1))
    assert "time" not in str(caught.value)
    with pytest.raises(DataError, match="'time' must be numbers from 0 to limit"):
        limited(np.array([1.0, 2.0])).fit(
            {"time": np.array([0.5, 3.0])}, inf.inference.VI(epochs=1)
        )
