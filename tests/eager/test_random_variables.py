"""Random variables outside models: draws, densities, operators, plates, sessions, names of tf."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import ppc as inf
from ppc import tf
from ppc.diagnostics import KindError, QueryError, StateError
from ppc.eager import CallError, RandomVariable, Tensor, draw
from ppc.models import Kind

DRAWS = 20_000


def within(estimate: np.ndarray, truth: np.ndarray, deviation: np.ndarray) -> bool:
    """Whether a mean of DRAWS draws is within 5 standard errors: 1 in 1.7 million is not."""
    return bool(np.all(np.abs(estimate - truth) < 5 * deviation / np.sqrt(DRAWS)))


def test_a_chain_has_the_moments_of_its_closed_form() -> None:
    a = inf.Normal(1.0, 3.0)
    b = inf.Normal(a, 4.0)
    drawn = b.sample(DRAWS, seed=0)
    assert drawn.shape == (DRAWS,) and drawn.dtype == np.float32
    assert stats.kstest(drawn, stats.norm(1.0, 5.0).cdf).pvalue > 1e-4


def test_variables_that_are_drawn_together_share_their_ancestors() -> None:
    a = inf.Normal(0.0, 100.0)
    b = inf.Normal(a, 5.0)
    both = draw([a, b, b - a], DRAWS, seed=1)
    np.testing.assert_allclose(both[1] - both[0], both[2], atol=100 * np.finfo(np.float32).eps * 8)
    assert within(np.mean(both[2]), np.array(0.0), np.array(5.0))
    assert within(np.mean(both[2] ** 2), np.array(25.0), np.array(np.sqrt(2) * 25.0))


def test_a_session_draws_nested_structures_jointly() -> None:
    a = inf.Normal(0.0, 100.0)
    b = a * 1.0
    first, rest = inf.get_session().run([a, {"b": b, "twice": (2 * a, "as it is")}])
    assert rest["b"] == first and rest["twice"][0] == 2 * first
    assert rest["twice"][1] == "as it is"
    with pytest.raises(KindError, match="feed_dict"):
        inf.get_session().run(a, {"x": 1})


def test_a_random_predicate_chooses_lists() -> None:
    x = inf.Normal(0, 1)
    sure = tf.case({x > 0: lambda: [0.0, 1.0], x <= 0: lambda: [1.0, 0.0]})
    drawn, label = draw([x, inf.Categorical(probs=sure)], 50, seed=0)
    np.testing.assert_array_equal(label, drawn > 0)
    with inf.datamodel(3):
        row = inf.Normal(0.0, 1.0)
        parts = tf.cond(row > 0, lambda: (row, 1.0), lambda: (-row, -1.0))
    size, sign, row_drawn = draw([*parts, row], None, seed=0)
    np.testing.assert_array_equal(size * sign, row_drawn)


def test_what_gives_several_tensors_gives_them_outside_models() -> None:
    first, rest = tf.split(np.arange(5.0), [2, 3])
    assert isinstance(first, np.ndarray) and first.tolist() == [0, 1] and rest.tolist() == [2, 3, 4]
    x = inf.Normal(np.zeros(4), 1.0)
    *parts, whole = draw([*tf.split(x, 2), x], None, seed=0)
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_the_density_is_scipys() -> None:
    x = inf.Gamma([2.0, 3.0], 4.0)
    at = np.array([0.3, 1.7])
    expected = stats.gamma(np.array([2.0, 3.0]), scale=0.25).logpdf(at)
    # one rounding to 32 bits of numbers below 4 in size
    np.testing.assert_allclose(x.log_prob(at), expected, atol=4 * np.finfo(np.float32).eps)
    np.testing.assert_allclose(x.prob(at), np.exp(expected), rtol=1e-6)
    batch = x.log_prob(np.stack([at, 2 * at, 3 * at]))
    assert batch.shape == (3, 2)
    np.testing.assert_array_equal(batch[0], x.log_prob(at))
    assert x.log_prob(-1.0).tolist() == [-np.inf, -np.inf]


def test_moments_are_those_of_the_distribution() -> None:
    x = inf.Gamma(3.0, 2.0)
    assert x.mean() == np.float32(1.5)
    assert x.variance() == np.float32(0.75)
    np.testing.assert_allclose(x.stddev(), np.sqrt(0.75), rtol=1e-6)
    np.testing.assert_allclose(
        inf.Normal(0.0, 2.0).entropy(), stats.norm(0, 2).entropy(), rtol=1e-6
    )
    np.testing.assert_allclose(inf.Normal(0.0, 2.0).cdf(1.0), stats.norm(0, 2).cdf(1), rtol=1e-6)
    with pytest.raises(QueryError, match="Cauchy"):
        inf.Cauchy(0.0, 1.0).mean()


def test_the_divergence_is_the_closed_form() -> None:
    q, p = inf.Normal([0.0, 1.0], 2.0), inf.Normal(0.5, 1.0)
    expected = (4 + (np.array([0.0, 1.0]) - 0.5) ** 2) / 2 - 0.5 - np.log(2.0)
    np.testing.assert_allclose(q.kl_divergence(p), expected, rtol=1e-6)
    with pytest.raises(QueryError, match="divergence from Cauchy"):
        q.kl_divergence(inf.Cauchy(0.0, 1.0))
    with pytest.raises(KindError, match="other must be a random variable"):
        q.kl_divergence(1.0)


def test_a_variable_outside_a_model_is_hidden() -> None:
    with inf.datamodel(2):
        row = inf.Normal(0.0, 1.0)
    kinds = [inf.Normal(0.0, 1.0).type, row.type]
    assert kinds == [Kind.GLOBAL_HIDDEN, Kind.LOCAL_HIDDEN] and not row.is_observed


def test_parameters_and_shapes_are_attributes() -> None:
    x = inf.Normal([[0.0], [1.0]], [1.0, 2.0, 3.0], name="x")
    assert isinstance(x, RandomVariable) and x.name == "x"
    assert x.shape == x.batch_shape == (2, 3) and x.event_shape == ()
    np.testing.assert_array_equal(x.scale, [1.0, 2.0, 3.0])
    assert inf.Normal(0.0, 1.0, sample_shape=(4, 2)).sample_shape == (4, 2)
    v = inf.MultivariateNormalDiag(np.zeros((5, 3)), np.ones(3))
    assert (v.batch_shape, v.event_shape) == ((5,), (3,))
    assert v.log_prob(np.zeros(3)).shape == (5,)
    with pytest.raises(AttributeError, match="nosuch"):
        x.nosuch  # noqa: B018  # the error is what is tested


def test_rows_of_a_plate_lead_the_shape() -> None:
    loc = inf.Normal(0.0, 1.0)
    with inf.datamodel(10):
        x = inf.Normal([loc, 0.0, 1.0], 1.0)
        y = inf.Normal(x[:, 0] * 2, 0.5)
    assert x.shape == (10, 3) and y.shape == (10,) and x.is_datamodel
    assert (y + x[:, 1]).shape == (10,)
    drawn_x, drawn_y = draw([x, y], DRAWS // 10, seed=2)
    left = (drawn_y - 2 * drawn_x[..., 0]).ravel()
    assert stats.kstest(left, stats.norm(0, 0.5).cdf).pvalue > 1e-4
    shared = np.cov(drawn_x[:, :, 0].T)  # rows share `loc`: covariance 1, variance 2
    off = shared[~np.eye(10, dtype=bool)]
    # var(xy) is 2 * 2 + 1 and 2 * 2**2; the mean over rows that share `loc` varies less.
    assert abs(off.mean() - 1.0) < 5 * np.sqrt(5 / (DRAWS // 10))
    assert abs(np.diag(shared).mean() - 2.0) < 5 * np.sqrt(8 / (DRAWS // 10))
    assert x.log_prob(np.zeros((10, 3))).shape == (10, 3)
    with inf.datamodel():
        assert inf.Normal(0.0, 1.0).shape == (1,)


@pytest.mark.parametrize("size", [1.5, "3", True])
def test_a_plate_has_an_integer_size(size: object) -> None:
    with pytest.raises(TypeError, match="integer"), inf.datamodel(size):
        pass


def test_a_random_integer_picks_an_element() -> None:
    mu = inf.Normal([0.0, 100.0, 200.0], 1.0)
    i = inf.Categorical(probs=[0.2, 0.3, 0.5])
    which, picked = draw([i, mu[i]], DRAWS, seed=3)
    np.testing.assert_array_equal(np.round(picked / 100).astype(int), which)
    counts = np.bincount(which, minlength=3)
    assert stats.chisquare(counts, DRAWS * np.array([0.2, 0.3, 0.5])).pvalue > 1e-4


OPERATORS = {
    "1 - x": lambda x: 1 - x, "x - 1": lambda x: x - 1, "2 * x": lambda x: 2 * x,
    "x / 2": lambda x: x / 2, "2 / x": lambda x: 2 / x, "x // 2": lambda x: x // 2,
    "7 // x": lambda x: 7 // x, "x % 2": lambda x: x % 2, "7 % x": lambda x: 7 % x,
    "x ** 2": lambda x: x**2, "2 ** x": lambda x: 2**x, "-x": lambda x: -x,
    "abs(x)": lambda x: abs(x), "x < 1": lambda x: x < 1, "1 <= x": lambda x: x >= 1,
    "x >= 1": lambda x: x >= 1, "~(x > 1)": lambda x: ~(x > 1),
    "(x > 1) & (x < 2)": lambda x: (x > 1) & (x < 2),
    "(x > 1) | (x < 0)": lambda x: (x > 1) | (x < 0),
    "(x > 1) ^ (x < 2)": lambda x: (x > 1) ^ (x < 2),
    "x @ matrix": lambda x: x @ np.array([[1.0, 2.0], [3.0, 4.0]], np.float32),
    "matrix @ x": lambda x: np.array([[1.0, 2.0], [3.0, 4.0]], np.float32) @ x,
    "array + x": lambda x: np.array([1.0, 2.0], np.float32) + x, "x[0]": lambda x: x[0],
    "x[-1]": lambda x: x[-1], "x[::-1]": lambda x: x[::-1], "x[None]": lambda x: x[None],
}  # fmt: skip


@pytest.mark.parametrize("text", OPERATORS)
def test_operators_are_numpys(text: str) -> None:
    x = inf.Normal([1.5, -2.5], 1.0)
    result = OPERATORS[text](x)
    assert isinstance(result, Tensor)
    at, value = draw([x, result], None, seed=4)
    expected = OPERATORS[text](at)
    assert value.shape == result.shape == expected.shape
    # a few operations on numbers of 32 bits
    np.testing.assert_allclose(value, expected, rtol=8 * np.finfo(np.float32).eps, atol=1e-6)


def test_a_tensor_is_compared_by_identity_and_is_neither_true_nor_false() -> None:
    x = inf.Normal(0.0, 1.0)
    same = x
    assert same == x and x != inf.Normal(0.0, 1.0)
    with pytest.raises(KindError, match=r"tf\.where"):
        bool(x > 0)
    with pytest.raises(TypeError, match="scalar"):
        len(x)
    assert [item.shape for item in inf.Normal(np.zeros((3, 2)), 1.0)] == [(2,)] * 3


def test_names_of_tensorflow_compute_at_once_or_are_recorded() -> None:
    total = tf.reduce_sum(np.arange(6.0).reshape(2, 3), axis=1)
    assert isinstance(total, np.ndarray) and total.tolist() == [3.0, 12.0]
    assert tf.cast(3.7, tf.int32) == 3 and tf.ones((2, 2), dtype=tf.int32).dtype == np.int32
    x = inf.Normal(0.0, 1.0)
    assert isinstance(tf.nn.softplus(x), Tensor)
    at, value = draw([x, tf.nn.softplus(x)], None)
    np.testing.assert_allclose(value, np.log1p(np.exp(at)), rtol=1e-6)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(tf.stack([x, x])).shape == (2,)
    with pytest.raises(CallError, match=r"softplus"):
        tf.nn.softplux(x)


def test_a_seed_fixes_a_draw_and_the_generator_is_one() -> None:
    x = inf.Gamma(np.ones(3), 1.0)
    np.testing.assert_array_equal(x.sample(5, seed=7), x.sample(5, seed=7))
    assert (x.sample(5) != x.sample(5)).all()
    tf.set_random_seed(3)
    first = x.sample()
    tf.set_random_seed(3)
    np.testing.assert_array_equal(first, x.sample())
    assert tf.random_normal([2, 3]).shape == (2, 3)


def test_a_long_chain_costs_what_its_length_says() -> None:
    x = inf.Normal(0.0, 1.0)
    for _ in range(1500):  # deeper than Python's stack
        x = x + 1.0
    at = x.sample(1000, seed=5)
    assert within(at.mean(), np.array(1500.0), np.array(np.sqrt(DRAWS / 1000)))


def test_parameters_outside_models_are_their_values() -> None:
    p = inf.Parameter([1.0, 2.0])
    assert (p * 2).sample().tolist() == [2.0, 4.0]
    assert inf.Normal(p, 1e-6).sample().round(3).tolist() == [1.0, 2.0]


MISTAKES = {
    "inf.Normal(0, -1)": "positive",
    "inf.Normal(0)": "scale",
    "inf.Normal(0, 1, foo=3)": "foo",
    "inf.Normal(np.zeros(2), np.ones(3))": "broadcast",
    "inf.Normal('a', 1)": "number or tensor",
    "inf.Normal(0, 1) @ 3": "matrix product",
    "inf.Normal(0, 1)[0]": "indices",
    "inf.Categorical(probs=[0.2, 0.9])": "sum",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_a_python_error_at_its_line(text: str) -> None:
    with pytest.raises(CallError, match=MISTAKES[text]) as caught:
        eval(text, {"inf": inf, "np": np})
    assert isinstance(caught.value, TypeError | ValueError)
    assert caught.value.mistakes[0].span is not None


def test_the_line_of_the_call_is_shown() -> None:
    with pytest.raises(CallError) as caught:
        inf.Normal(
            0.0, -1.0
        )  # fmt: skip
    assert "test_random_variables.py" in str(caught.value)
    assert "inf.Normal(" in str(caught.value)


@pytest.mark.parametrize("size", [-1, 2.5])
def test_a_size_that_is_none_is_refused(size: float) -> None:
    with pytest.raises((QueryError, KindError)):
        inf.Normal(0.0, 1.0).sample(size)


def test_observe_belongs_into_a_model() -> None:
    with pytest.raises(StateError, match="outside a model"):
        inf.observe(inf.Normal(0.0, 1.0), 3.0)


def test_no_framework_is_needed() -> None:
    import subprocess
    import sys

    code = (
        "import sys, ppc as inf; from ppc import tf\n"
        "inf.Normal(tf.ones(3), 1.0).sample(2)\n"
        "assert not {'jax', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
