"""InferPy's interface call by call: names, containers, shapes, dtypes, kinds of error."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
from scipy import stats

import ppc as inf
from ppc.models import Kind

ROWS = 6
X = np.random.default_rng(0).normal(3.0, 2.0, ROWS)


@inf.probmodel
def simple():
    theta = inf.Normal(loc=0.0, scale=1.0, name="theta")
    with inf.datamodel():
        x = inf.Normal(loc=theta, scale=2.0, name="x")


@inf.probmodel
def qmodel():
    loc = inf.Parameter(0.5, name="loc")
    theta = inf.Normal(loc, 0.25, name="theta")


@inf.probmodel
def unnamed():
    inf.Normal(0.0, 1.0)
    inf.Parameter(1.0)
    with inf.datamodel():
        z = inf.Normal(0.0, 1.0)
        inf.Normal(inf.Normal(z, 1.0), 1.0)


@inf.probmodel
def rates(k):
    rate = inf.Parameter(np.full(k, 2.0), name="rate", support="positive")
    with inf.datamodel():
        row = inf.Parameter(0.5, name="row")
        y = inf.Gamma(rate, np.exp(row)[:, None], name="y")


@pytest.fixture(scope="module")
def fitted():
    model, method = simple(), inf.inference.VI(qmodel(), epochs=2)
    model.fit({"x": X}, method, seed=0)
    return model


# --- a model --------------------------------------------------------------------------------------


def test_the_variables_of_a_model_are_in_its_order_and_can_be_drawn() -> None:
    found = simple().vars
    assert isinstance(found, OrderedDict) and list(found) == ["theta", "x"]
    assert found["theta"].shape == () and found["x"].shape == (1,)
    assert found["x"].sample().shape == (1,) and found["x"].sample(5).shape == (5, 1)
    assert found["x"].dtype == np.float32 and found["x"].scale == 2.0
    assert [v.type for v in found.values()] == [Kind.GLOBAL_HIDDEN, Kind.LOCAL_HIDDEN]
    assert repr(found["x"]).startswith("<inf.RandomVariable (Normal distribution) named x, shape")
    with pytest.raises(AttributeError, match='"nosuch" not implemented'):
        found["x"].nosuch  # noqa: B018  # the look-up is what is tested


def test_the_density_of_a_models_variable_is_scipys() -> None:
    found = simple().vars["theta"].log_prob(1.5)
    assert found == pytest.approx(stats.norm(0.0, 1.0).logpdf(1.5), rel=1e-6)


def test_a_session_draws_the_variables_of_a_model_jointly() -> None:
    @inf.probmodel
    def chain():
        a = inf.Normal(0.0, 100.0)
        b = inf.Normal(a, 0.001)

    found = chain().vars
    drawn = inf.get_session().run({"b": found["b"], "a": [found["a"]]})
    assert abs(drawn["b"] - drawn["a"][0]) < 0.1  # apart by 100 if they were not


def test_a_fit_leaves_its_method_and_what_it_observed(fitted) -> None:
    fresh = simple()
    assert fresh.observed_vars == [] and fresh.inference_method is None
    assert fitted.observed_vars == ["x"] and fitted.inference_method.batches == 1
    found = fitted.vars["x"]
    assert found.is_observed and found.type is Kind.LOCAL_OBSERVED
    np.testing.assert_array_equal(found.observed_value, X)
    assert fitted.vars["theta"].observed_value is None


def test_an_expanded_model_has_rows() -> None:
    found, params = rates(3).expand_model(4)
    assert found["y"].shape == (4, 3) and found["y"].sample().shape == (4, 3)
    assert params["row"].shape == (4,)
    np.testing.assert_allclose(params["rate"], [2.0, 2.0, 2.0])
    assert rates(3).params["row"].shape == (1,)
    with pytest.raises(ValueError, match="must be greater than 0"):
        simple().expand_model(0)


def test_what_has_no_name_is_called_as_in_inferpy() -> None:
    found = unnamed()
    assert list(found.vars) == ["randvar_0", "z", "randvar_1", "randvar_2"]
    assert list(found.params) == ["parameter_0"]
    assert found.prior().sample()["randvar_2"].shape == (1,)


def test_names_of_inferpy_lead_to_the_same_things() -> None:
    assert inf.models.Normal(0.0, 1.0).sample().shape == ()
    assert {"Normal", "Gamma"} <= set(inf.models.random_variable.distributions_all)
    assert inf.data.loaders.SampleDictLoader({"x": X}).size == ROWS
    assert isinstance(inf.Normal(0.0, 1.0), inf.models.RandomVariable)


# --- a fit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data, error, words",
    [
        ({}, ValueError, "The number of mapped variables must be at least 1"),
        ([1, 2], TypeError, "must be a dict of arrays"),
        ({"foo": X}, ValueError, "nothing named 'foo'"),
        ({"x": X.reshape(2, 3)}, ValueError, "'x'"),
    ],
)
def test_data_that_are_none_are_told(data, error, words: str) -> None:
    with pytest.raises(error, match=words):
        simple().fit(data, inf.inference.VI(qmodel()))


def test_a_batch_larger_than_the_data_is_told() -> None:
    with pytest.raises(ValueError, match="must be equal or greater than the batch size"):
        simple().fit({"x": X}, inf.inference.SVI(qmodel(), batch_size=ROWS + 1))


def test_draws_of_a_single_row_are_rows_of_data() -> None:
    drawn = rates(3).prior("y").sample(4)
    assert drawn.shape == (4, 1, 3)
    model = rates(3)
    model.fit({"y": drawn}, inf.inference.VI(epochs=1))
    assert model.posterior_predictive("y").sample().shape == (4, 3)
    with pytest.raises(ValueError, match="3 dimensions"):
        rates(3).fit({"y": np.moveaxis(drawn, 1, 0)}, inf.inference.VI(epochs=1))


def test_a_number_is_all_elements_of_a_global_variable() -> None:
    @inf.probmodel
    def plane():
        w = inf.Normal(np.zeros((2, 1)), 1.0, name="w")
        with inf.datamodel():
            y = inf.Normal(np.ones(2) @ w, 1e-6, name="y")

    np.testing.assert_allclose(plane().prior("y", data={"w": 3}).sample(), [[6.0]], atol=1e-4)
    with pytest.raises(ValueError, match="dimension 0 of 'w' has size 3"):
        plane().prior("y", data={"w": [3.0, 3.0, 3.0]}).sample()


@pytest.mark.parametrize("data", [list(X), X.astype(np.float64), X[:, None], X.astype(np.int64)])
def test_lists_columns_and_any_dtype_are_data(data) -> None:
    model = simple()
    model.fit({"x": data}, inf.inference.VI(qmodel(), epochs=2), seed=0)
    assert len(model.inference_method.losses) == 2
    assert model.posterior_predictive("x").sample()["x"].shape == (ROWS,)


# --- queries --------------------------------------------------------------------------------------


def test_before_a_fit_there_is_no_posterior() -> None:
    with pytest.raises(RuntimeError, match="cannot be used before using the fit function"):
        simple().posterior()
    with pytest.raises(RuntimeError, match="cannot be used before using the fit function"):
        simple().posterior_predictive()


@pytest.mark.parametrize("call, name", [("posterior", "x"), ("posterior_predictive", "theta")])
def test_targets_have_the_role_that_is_asked_for(fitted, call: str, name: str) -> None:
    with pytest.raises(ValueError, match="target_names must correspond to"):
        getattr(fitted, call)(name)
    with pytest.raises(ValueError, match="Target names must correspond to variable names"):
        getattr(fitted, call)("nosuch")


def test_draws_have_inferpys_containers_and_shapes(fitted) -> None:
    prior = simple().prior()
    assert type(prior.sample()) is OrderedDict and list(prior.sample()) == ["theta", "x"]
    assert list(simple().prior(["x", "theta"]).sample()) == ["theta", "x"]  # the model's order
    assert type(simple().prior(["x"]).sample(simplify_result=False)) is dict
    assert simple().prior("x", size_datamodel=4).sample(3)["x"].shape == (3, 4)
    assert fitted.posterior("theta").sample(0).shape == (0,)
    assert list(fitted.posterior().sample(simplify_result=False)) == ["theta"]
    assert list(fitted.posterior_predictive([]).sample(simplify_result=False)) == ["x"]


def test_one_target_is_answered_by_the_bare_array_which_has_its_name_too(fitted) -> None:
    drawn = fitted.posterior_predictive("x", seed=0).sample()
    assert drawn.shape == (ROWS,) and fitted.posterior().sample(3).shape == (3,)
    whole = fitted.posterior_predictive("x", seed=0).sample(simplify_result=False)
    np.testing.assert_array_equal(whole["x"], drawn)
    np.testing.assert_array_equal(drawn["x"], drawn)
    assert [type(drawn[k]) for k in ("x", 0, slice(2), drawn > 0)] == [
        np.ndarray, np.float32, np.ndarray, np.ndarray,
    ]  # fmt: skip
    assert [type(a) for a in (drawn + 1, drawn.sum(), np.exp(drawn))] == [
        np.ndarray, np.float32, np.ndarray,
    ]  # fmt: skip
    assert type(np.concatenate([drawn, drawn])) is np.ndarray
    assert repr(drawn) == repr(np.asarray(drawn)) and repr(drawn).startswith("array([")
    with pytest.raises(IndexError):
        drawn["theta"]
    parameters = fitted.posterior("theta").parameters()
    assert parameters["scale"] == parameters["theta"]["scale"] == np.float32(0.25)
    with pytest.raises(KeyError):
        parameters["rate"]


def test_draws_of_a_query_are_data_of_the_next(fitted) -> None:
    theta = fitted.posterior("theta").sample()
    scored = fitted.posterior_predictive("x", data={"theta": theta, "x": X}).log_prob()
    np.testing.assert_allclose(scored, stats.norm(theta, 2.0).logpdf(X), rtol=1e-5)


def test_densities_are_elementwise_and_their_sum_is_of_means(fitted) -> None:
    at = {"theta": 0.5, "x": X}
    expected = stats.norm(0.5, 2.0).logpdf(X)
    query = simple().prior(["theta", "x"], data=at)
    np.testing.assert_allclose(query.log_prob()["x"], expected, rtol=1e-5)
    total = stats.norm(0.0, 1.0).logpdf(0.5) + expected.mean()
    assert query.sum_log_prob() == pytest.approx(total, rel=1e-6)
    assert isinstance(query.sum_log_prob(), np.float32)


def test_parameters_are_chosen_by_a_list_or_by_variable(fitted) -> None:
    query = fitted.posterior("theta")
    assert query.parameters(["scale"]) == {"scale": np.float32(0.25)}
    assert query.parameters({"theta": ["scale"]}) == query.parameters(["scale"])
    assert set(query.parameters()) == {"loc", "scale"}
    whole = query.parameters(["scale"], simplify_result=False)
    assert whole == {"theta": {"scale": np.float32(0.25)}}
    with pytest.raises(TypeError, match="The argument 'names' must be None, a list or a dict"):
        query.parameters("loc")


@pytest.mark.parametrize(
    "size, error, words",
    [(0, ValueError, "must be greater than 0"), (-1, ValueError, "must be greater than 0"),
     (2.5, TypeError, "size_datamodel must be an integer")],
)  # fmt: skip
def test_sizes_of_the_datamodel_are_positive_integers(size, error, words: str) -> None:
    with pytest.raises(error, match=words):
        simple().prior(size_datamodel=size)


# --- mixtures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [{"probs": [0.3, 0.7]}, {"logits": np.log([0.3, 0.7])}])
def test_a_mixture_of_gaussians_is_scipys(weights) -> None:
    x = inf.MixtureGaussian([[0.0, 3.0], [1.0, -1.0]], [1.0, 0.5], **weights, name="x")
    assert x.shape == (2,) and x.name == "x"
    one, other = (stats.norm(loc, [1.0, 0.5]).pdf(1.2) @ [0.3, 0.7]
                  for loc in ([0.0, 3.0], [1.0, -1.0]))  # fmt: skip
    np.testing.assert_allclose(x.log_prob(1.2), np.log([one, other]), rtol=1e-6)
    drawn = x.sample(20_000, seed=0).mean(0)  # of deviation 1.6 and 1.2
    np.testing.assert_allclose(drawn, [2.1, -0.4], atol=5 * 1.6 / np.sqrt(20_000))


def test_a_mixture_has_the_arguments_of_inferpy() -> None:
    mu = inf.Normal([0.0, 5.0], 0.01)
    assert inf.MixtureGaussian(mu, 0.01, [50.0, 0.0]).sample(seed=0) == pytest.approx(0, abs=0.1)
    with pytest.raises(TypeError, match="logits"):
        inf.MixtureGaussian([0.0, 1.0], 1.0)
    with pytest.raises(TypeError, match="scales"):
        inf.MixtureGaussian([0.0, 1.0])


# --- dtypes and plates ----------------------------------------------------------------------------


@inf.probmodel
def kinds():
    with inf.datamodel(5):
        a = inf.Bernoulli(0.3)
        b = inf.Categorical(logits=[1.0, 2.0])
        c = inf.Poisson(3.0)
        d = inf.Bernoulli(probs=0.5, dtype=float)
        e = inf.Dirichlet([1.0, 1.0, 1.0])
        f = inf.Normal(np.zeros(3), 1)
        g = inf.Normal(f, 1)


@pytest.mark.parametrize(
    "name, dtype, shape",
    [("a", "int32", (5,)), ("b", "int32", (5,)), ("c", "float32", (5,)), ("d", "float32", (5,)),
     ("e", "float32", (5, 3)), ("f", "float32", (5, 3)), ("g", "float32", (5, 3))],
)  # fmt: skip
def test_draws_have_inferpys_dtypes_and_a_row_each(name: str, dtype: str, shape) -> None:
    drawn = kinds().prior(name).sample()[name]
    assert (drawn.dtype, drawn.shape) == (dtype, shape)
