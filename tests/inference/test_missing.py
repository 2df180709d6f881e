"""Missing data: what is NaN has no term, and the rest is fitted as if it were all there is."""

import numpy as np
import pytest
from jaxtyping import Array, Bool
from scipy.stats import norm

import ppc as inf
from ppc.diagnostics import DataError, KindError, QueryError


@inf.probmodel
def mean():
    m = inf.Normal(0.0, 2.0)
    s = inf.Parameter(1.0, support="positive")
    with inf.datamodel():
        y = inf.Normal(m, s)  # noqa: F841  # a site


@inf.probmodel
def pairs():
    m = inf.Normal(0.0, 2.0)
    with inf.datamodel():
        y = inf.MultivariateNormalDiag(m * np.ones(2), np.ones(2))  # noqa: F841  # a site


@inf.probmodel
def chain():
    with inf.datamodel():
        x = inf.Normal(0.0, 1.0)
        y = inf.Normal(x, 1.0)  # noqa: F841  # a site


def data() -> np.ndarray:
    y = np.random.default_rng(5).normal(1.5, 1.0, 40)
    y[::4] = np.nan
    return y


@pytest.mark.parametrize("name", ["jax", "tensorflow"])
def test_a_fit_that_drops_the_missing_is_the_fit_of_the_others(name: str) -> None:
    there = data()[~np.isnan(data())]
    fits = []
    for y in (data(), there):
        p, method = mean(), inf.inference.VI(epochs=100, learning_rate=0.02)
        p.fit({"y": y}, method, seed=0, backend=name, missing="drop")
        fits.append((p, method))
    (one, first), (two, second) = fits
    # The noise of m is the same in both: they differ by the rounding of sums in float32.
    np.testing.assert_allclose(first.losses, second.losses, rtol=1e-5)
    for parameter in ("m_loc", "m_scale"):
        np.testing.assert_allclose(one.params[parameter], two.params[parameter], rtol=1e-4)
    drawn = one.posterior_predictive("y", size_datamodel=3).sample(2)
    assert drawn["y"].shape == (2, 3)
    kept = one.fitted.arrays if one.fitted else {}
    assert set(kept) == {"y"}
    np.testing.assert_array_equal(np.isnan(kept["y"]), np.isnan(data()))


@pytest.mark.parametrize("batch_size", [None, 10])
def test_batches_of_rows_with_missing_elements_have_finite_losses(batch_size: int | None) -> None:
    method = inf.inference.SVI(epochs=20, batch_size=batch_size or 40)
    mean().fit({"y": data()}, method, seed=0, missing="drop")
    assert np.isfinite(method.losses).all()


def test_missing_data_are_a_mistake_unless_they_are_dropped() -> None:
    with pytest.raises(DataError, match="missing='drop'"):
        mean().fit({"y": data()}, inf.inference.VI(epochs=1))
    with pytest.raises(KindError, match="'error' or 'drop'"):
        mean().fit({"y": data()}, inf.inference.VI(epochs=1), missing="mean")


def test_what_is_partly_missing_or_read_is_refused() -> None:
    y = np.ones((6, 2))
    y[1] = np.nan
    pairs().fit({"y": y}, inf.inference.VI(epochs=1), missing="drop")
    y[2, 0] = np.nan
    with pytest.raises(DataError, match="some elements"):
        pairs().fit({"y": y}, inf.inference.VI(epochs=1), missing="drop")
    with pytest.raises(DataError, match="reads its values"):
        chain().fit({"x": data(), "y": np.ones(40)}, inf.inference.VI(epochs=1), missing="drop")


@inf.probmodel
def masked(seen: Bool[Array, "N"]):  # noqa: F821  # the name of a dimension
    m = inf.Normal(0.0, 2.0)
    with inf.datamodel(), inf.mask(seen):
        y = inf.Normal(m, 1.0)  # noqa: F841  # a site


def test_what_a_mask_excludes_may_be_nan() -> None:
    y = data()
    method = inf.inference.VI(epochs=3)
    masked(~np.isnan(y)).fit({"y": y}, method, seed=0)
    assert np.isfinite(method.losses).all()
    with pytest.raises(DataError, match="NaN or infinity in row 0"):
        masked(np.arange(40) != 4).fit({"y": np.where(np.arange(40) % 40, 1.0, np.nan)}, method)


@inf.probmodel
def noisy():
    m = inf.Normal(0.0, 2.0)
    with inf.datamodel():
        x = inf.Normal(m, 1.0)
        y = inf.Normal(x, 0.5)  # noqa: F841  # a site


def test_queries_after_a_fit_that_dropped_take_data_with_missing_elements() -> None:
    y = data()
    p = noisy()
    p.fit({"y": y}, inf.inference.VI(epochs=2), seed=0, missing="drop")
    assert p.posterior("x").sample(2).shape == (2, 40)
    assert p.posterior("x", data={"y": y}).sample().shape == (40,)
    x = np.linspace(-1.0, 2.0, 40)
    scored = p.posterior_predictive("y", data={"x": x, "y": y}).log_prob()
    expected = np.where(np.isnan(y), 0.0, norm(x, 0.5).logpdf(np.nan_to_num(y)))
    # A square of at most 8 deviations, of numbers rounded to float32.
    np.testing.assert_allclose(scored, expected, atol=64 * 2.0**-22)
    whole = p.log_density({"m": 0.5, "x": x, "y": y})
    rest = norm(0.0, 2.0).logpdf(0.5) + norm(0.5, 1.0).logpdf(x).sum()
    assert whole == pytest.approx(rest + expected.sum(), rel=40 * 2.0**-22)
    refit = p.posterior("x", data={"y": y[:5]}, local="refit").sample()
    assert refit.shape == (5,) and np.isfinite(refit).all()
    with pytest.raises(QueryError, match="some of the values are missing"):
        p.posterior_predictive("y", data={"y": y}).sample()
