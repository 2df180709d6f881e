"""Models whose loops read earlier rounds: density and gradient against loops by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from model_suite import case
from ppc_numpy import evaluate, random_inputs, value_and_gradient
from scipy import stats

from ppc.compiler import conditioned
from ppc.ir.nodes import Graph
from ppc.ir.verify import check
from ppc.objective import functions

T = 6
Point = Mapping[str, np.ndarray]


def local_level(p: Point) -> float:
    total = stats.halfnorm.logpdf(p["drift"]) + stats.norm.logpdf(p["level_0"], 0, 2)
    level = np.concatenate([p["level_0"][None], p["level"]])
    for t in range(1, T):
        total += stats.norm.logpdf(level[t], level[t - 1], p["drift"])
    for t in range(T):
        s = p["season"]
        mean, scale = (0, 1) if t < 3 else (-s[t - 1] - s[t - 2] - s[t - 3], 0.2)
        total += stats.norm.logpdf(s[t], mean, scale)
        total += stats.norm.logpdf(p["y"][t], level[t] + s[t], 0.5)
    return float(total)


def ar2(p: Point) -> float:
    total = stats.norm.logpdf([p["a"], p["b"]], 0, 0.5).sum() + stats.halfnorm.logpdf(p["scale"])
    for n in range(T):
        mean = p["x"][n]
        if n >= 2:
            mean = mean + p["a"] * p["y"][n - 1] + p["b"] * p["y"][n - 2]
        total += stats.norm.logpdf(p["y"][n], mean, p["scale"])
    return float(total)


def stochastic_volatility(p: Point) -> float:
    mu, phi, sigma = p["mu"], p["phi"], p["sigma"]
    total = stats.norm.logpdf(mu, -1, 1) + stats.beta.logpdf(phi, 20, 1.5)
    total += stats.halfnorm.logpdf(sigma, scale=0.3)
    h = np.concatenate([p["h_0"][None], p["h"]])
    total += stats.norm.logpdf(h[0], mu, sigma / np.sqrt(1 - phi**2))
    for t in range(1, T):
        total += stats.norm.logpdf(h[t], mu + phi * (h[t - 1] - mu), sigma)
    for t in range(T):
        total += stats.norm.logpdf(p["y"][t], 0, np.exp(h[t] / 2))
    return float(total)


def garch(p: Point) -> float:
    total = stats.halfnorm.logpdf(p["omega"], scale=0.5)
    total += stats.beta.logpdf(p["alpha"], 1, 4) + stats.beta.logpdf(p["beta"], 4, 2)
    variance = 0.5
    for t in range(T):
        total += stats.norm.logpdf(p["y"][t], 0, np.sqrt(variance))
        variance = p["omega"] + p["alpha"] * p["y"][t] ** 2 + p["beta"] * variance
    return float(total)


BY_HAND: dict[str, Callable[[Point], float]] = {
    f.__name__: f for f in (local_level, ar2, stochastic_volatility, garch)
}


def model(name: str) -> Graph:
    return conditioned(case(name).model, case(name).options.observed)


@pytest.mark.parametrize("name", BY_HAND)
def test_the_density_is_that_of_a_loop_by_hand(name: str) -> None:
    density, by_hand = functions.log_density(model(name)), BY_HAND[name]
    check(density)
    rows = {"T": T, "N": T}
    point = random_inputs(density, np.random.default_rng(3), sizes=rows, axis_sizes=rows)
    wanted = [data.name for data in density.data if data.type.is_float]
    value, gradient = value_and_gradient(density, point, "log_density", wanted, sizes=rows)
    assert float(value) == pytest.approx(by_hand(point), rel=1e-12)
    for site in wanted:
        for at in np.ndindex(point[site].shape):
            # By central differences: an error of h^2 = 1e-8 and rounding over h = 1e-12.
            ends = []
            for sign in (1, -1):
                moved = {k: np.array(x, float) for k, x in point.items()}
                moved[site][at] += sign * 1e-4
                ends.append(by_hand(moved))
            slope = (ends[0] - ends[1]) / 2e-4
            assert gradient[site][at] == pytest.approx(slope, rel=1e-5, abs=1e-5), (site, at)


def test_draws_of_a_series_have_its_moments() -> None:
    """By the closed form: of y = f y' + e, e of variance s^2, the variance is s^2 sum f^2k."""
    graph = functions.query(
        model("stochastic_volatility"), None,
        functions.Query(("h",), given=("mu", "phi", "sigma"), wants=("sample", "mean")),
    )  # fmt: skip
    draws, sizes = 40_000, {"T": T, "draws": 40_000}
    given = {"mu": -1.0, "phi": 0.8, "sigma": 0.5}
    noise = random_inputs(graph, np.random.default_rng(5), sizes=sizes, given=given)
    h = evaluate(graph, noise, sizes=sizes)["h.sample"]
    assert h.shape == (draws, T - 1)
    sd = 0.5 / np.sqrt(1 - 0.8**2)  # it starts where it stays
    error = 5 / np.sqrt(draws)
    np.testing.assert_allclose(h.mean(0), -1.0, atol=sd * error)
    np.testing.assert_allclose(h.std(0), sd, rtol=error)
    lagged = np.corrcoef(h[:, 0], h[:, -1])[0, 1]
    assert lagged == pytest.approx(0.8 ** (T - 2), abs=error)
