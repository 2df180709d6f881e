"""Truncated and censored families against SciPy's distribution functions, far into both tails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf
from ppc_numpy import evaluate, evaluate_nodes, value_and_gradient
from scipy import stats

from ppc.distributions import (
    DISTRIBUTIONS,
    NoiseSource,
    can_be_bounded,
    draw_type,
    find,
    support_of,
)
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import REAL, Graph, Noise, Support
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor

mp.dps = 100  # as in distribution_rows

N = 20_000
LEVEL = 1e-5  # of each test, at a fixed seed


@dataclass(frozen=True)
class Case:
    """A family: its parameters, SciPy's, and in mpmath its distribution function and survival."""

    name: str
    params: dict[str, float]
    frozen: Any
    cdf: Callable[[Any], Any]
    survival: Callable[[Any], Any]


def _phi(z: Any) -> Any:
    return mp.erfc(-z / mp.sqrt(2)) / 2


CASES = [
    Case("Normal", {"loc": 0.5, "scale": 2.0}, stats.norm(0.5, 2.0),
         lambda x: _phi((x - 0.5) / 2), lambda x: _phi(-(x - 0.5) / 2)),
    Case("Laplace", {"loc": -1.0, "scale": 0.5}, stats.laplace(-1.0, 0.5),
         lambda x: mp.exp((x + 1) * 2) / 2 if x < -1 else 1 - mp.exp(-(x + 1) * 2) / 2,
         lambda x: 1 - mp.exp((x + 1) * 2) / 2 if x < -1 else mp.exp(-(x + 1) * 2) / 2),
    Case("Cauchy", {"loc": 0.0, "scale": 0.5}, stats.cauchy(0.0, 0.5),
         lambda x: mp.mpf(1) / 2 + mp.atan(2 * x) / mp.pi,
         lambda x: mp.mpf(1) / 2 - mp.atan(2 * x) / mp.pi),
    Case("Logistic", {"loc": 1.0, "scale": 0.5}, stats.logistic(1.0, 0.5),
         lambda x: 1 / (1 + mp.exp(-(x - 1) * 2)), lambda x: 1 / (1 + mp.exp((x - 1) * 2))),
    Case("Gumbel", {"loc": 1.0, "scale": 2.0}, stats.gumbel_r(1.0, 2.0),
         lambda x: mp.exp(-mp.exp(-(x - 1) / 2)), lambda x: -mp.expm1(-mp.exp(-(x - 1) / 2))),
    Case("Exponential", {"rate": 1.5}, stats.expon(scale=1 / 1.5),
         lambda x: -mp.expm1(-mpf(1.5) * x), lambda x: mp.exp(-mpf(1.5) * x)),
    Case("Weibull", {"concentration": 1.5, "scale": 2.0}, stats.weibull_min(1.5, scale=2.0),
         lambda x: -mp.expm1(-((x / 2) ** mpf(1.5))), lambda x: mp.exp(-((x / 2) ** mpf(1.5)))),
    Case("LogLogistic", {"loc": 0.5, "scale": 0.5}, stats.fisk(2.0, scale=np.exp(0.5)),
         lambda x: 1 / (1 + mp.exp(2 * (mpf(0.5) - mp.log(x)))),
         lambda x: 1 / (1 + mp.exp(2 * (mp.log(x) - mpf(0.5))))),
    Case("JohnsonSU", {"skewness": 0.5, "tailweight": 1.5, "loc": 0.25, "scale": 2.0},
         stats.johnsonsu(0.5, 1.5, 0.25, 2.0),
         lambda x: _phi(0.5 + 1.5 * mp.asinh((x - 0.25) / 2)),
         lambda x: _phi(-(0.5 + 1.5 * mp.asinh((x - 0.25) / 2)))),
    Case("Kumaraswamy", {"concentration1": 2.0, "concentration0": 3.0}, None,
         lambda x: 1 - (1 - x**2) ** 3, lambda x: (1 - x**2) ** 3),
    Case("HalfNormal", {"scale": 2.0}, stats.halfnorm(scale=2.0),
         lambda x: mp.erf(x / 2 / mp.sqrt(2)), lambda x: mp.erfc(x / 2 / mp.sqrt(2))),
    Case("Pareto", {"concentration": 1.5, "scale": 0.25}, stats.pareto(1.5, scale=0.25),
         lambda x: 1 - (mpf(0.25) / x) ** mpf(1.5), lambda x: (mpf(0.25) / x) ** mpf(1.5)),
    Case("LogNormal", {"loc": 0.5, "scale": 1.0}, stats.lognorm(1.0, scale=np.exp(0.5)),
         lambda x: _phi(mp.log(x) - 0.5), lambda x: _phi(0.5 - mp.log(x))),
    Case("LogitNormal", {"loc": 0.5, "scale": 1.0}, None,
         lambda x: _phi(mp.log(x / (1 - x)) - 0.5), lambda x: _phi(0.5 - mp.log(x / (1 - x)))),
]  # fmt: skip
IDS = [case.name for case in CASES]


def _bounds(case: Case) -> list[tuple[float, float]]:
    """Intervals about the middle, narrow, in either tail, and open ones; no end is at a kink."""
    if case.frozen is None:
        return [(0.25, 0.75), (1e-6, 1e-5), (-np.inf, 0.5), (0.9, 2.0)]
    lower, middle, upper = (float(np.float32(case.frozen.ppf(q))) for q in (0.125, 0.5625, 0.875))
    far = float(np.float32(case.frozen.isf(1e-12)))
    deep = float(np.float32(case.frozen.ppf(1e-3 if case.name == "Pareto" else 1e-12)))
    return [
        (lower, upper), (middle, middle + 2**-6), (far, far + 1.0), (deep, lower),
        (-np.inf, middle), (middle, np.inf), (-np.inf, np.inf), (far, np.inf),
    ]  # fmt: skip


def _graph(name: str, case: Case, function: Callable[[Value, Any], Value]) -> Graph:
    builder = Builder("bounded", "function")
    type_ = Tensor("f32", (), (Size.of("B"),))
    p = {n: builder.data(n, type_) for n in (*case.params, "low", "high")}
    builder.output("out", function(builder.data("x", type_), p))
    return builder.build()


def _inputs(case: Case, points: list[tuple[float, float, float]]) -> dict[str, np.ndarray]:
    x, low, high = (np.array(column) for column in zip(*points, strict=True))
    same = {n: np.full(len(x), v) for n, v in case.params.items()}
    return {"x": x, "low": low, "high": high, **same}


def _mass(case: Case, low: float, high: float) -> tuple[Any, Any]:
    """The distribution function at `low` and the survival at `high`, in mpmath."""
    below = case.cdf(mpf(low)) if low > _start(case) else mpf(0)
    above = case.survival(mpf(high)) if high < _end(case) else mpf(0)
    return below, above


def _start(case: Case) -> float:
    if DISTRIBUTIONS[case.name].support.kind == "real":
        return -np.inf
    return case.params["scale"] if case.name == "Pareto" else 0.0


def _end(case: Case) -> float:
    return 1.0 if case.frozen is None else np.inf


def _log_density(case: Case, x: float) -> Any:
    return mp.log(abs(mp.diff(case.cdf, mpf(x))))


def _relative(case: Case, low: float, high: float, mass: Any) -> float:
    """What a rounding of the bounds does to the logarithm of the mass between them."""
    total = 0.0
    for at in (low, high):
        if np.isfinite(at) and _start(case) < at < _end(case):
            total += float(abs(mpf(at) * mp.diff(case.cdf, mpf(at)) / mass))
    return total


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_truncated_density(case: Case) -> None:
    base, made = DISTRIBUTIONS[case.name], find(f"Truncated[{case.name}]")
    assert can_be_bounded(base)
    points, expected, allowed = [], [], []
    for low, high in _bounds(case):
        below, above = _mass(case, low, high)
        mass = 1 - below - above
        top = min(high, _end(case))
        middle = (
            low + 0.625 * (top - low) if np.isfinite(low + top) else max(low, _start(case)) + 0.125
        )
        middle = middle if np.isfinite(middle) else min(top, 1.0) - 0.125
        own = float(_log_density(case, middle))
        points += [(middle, low, high)]
        expected += [own - float(mp.log(mass))]
        slope = abs(float(mpf(middle) * mp.diff(lambda v: mp.log(mp.diff(case.cdf, v)), middle)))
        allowed += [1 + abs(own) + slope + abs(float(mp.log(mass)))
                    + _relative(case, low, high, mass)]  # fmt: skip
        if np.isfinite(high):
            points += [(high + 1.0, low, high)]
            expected += [-np.inf]
            allowed += [0.0]
    graph = _graph(case.name, case, made.log_density)
    inputs = _inputs(case, points)
    found, slopes = value_and_gradient(
        graph, inputs, "out", [*case.params, "x"], cotangent=np.ones(len(points))
    )
    inside = np.isfinite(expected)
    assert (found[~inside] == -np.inf).all()
    error = abs(found[inside] - np.array(expected)[inside])
    assert (error <= 64 * 2.0**-53 * np.array(allowed)[inside]).all(), (found, expected)
    for name, given in case.params.items():
        assert np.isfinite(slopes[name]).all()
        step = 1e-5 * max(abs(given), 0.25)
        up, down = (
            evaluate(graph, {**inputs, name: inputs[name] + s})["out"][inside]
            for s in (step, -step)
        )
        change = (up - down) / (2 * step)
        # a difference errs by the rounding of values over the step, and by the square of the step
        rounding = 64 * 2.0**-53 * np.array(allowed)[inside] / step
        error = abs(slopes[name][inside] - change)
        assert (error <= rounding + 1e-8 * (1 + np.abs(change))).all(), name


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_censored_density(case: Case) -> None:
    made = find(f"Censored[{case.name}]")
    points, expected = [], []
    for low, high in _bounds(case):
        below, above = _mass(case, low, high)
        if np.isfinite(low) and low > _start(case):
            points += [(low, low, high)]
            expected += [float(mp.log(below))]
        if np.isfinite(high) and above > 0:
            points += [(high, low, high)]
            expected += [float(mp.log(above))]
        if np.isfinite(low + high) and above > 0:
            x = (low + high) / 2
            points += [(x, low, high), (high + 0.5, low, high)]
            expected += [float(_log_density(case, x)), -np.inf]
    graph = _graph(case.name, case, made.log_density)
    found, slopes = value_and_gradient(
        graph, _inputs(case, points), "out", list(case.params), cotangent=np.ones(len(points))
    )
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)
    assert all(np.isfinite(slope).all() for slope in slopes.values())


@pytest.mark.parametrize("case", CASES, ids=IDS)
@pytest.mark.parametrize("made", ["Truncated", "Censored"])
def test_draws(made: str, case: Case) -> None:
    """Uniform levels between those of the bounds; of a censored one the share at each bound."""
    distribution = find(f"{made}[{case.name}]")
    for low, high in _bounds(case)[:5]:
        builder = Builder("draws", "function")
        shape = Tensor("f32", (), (Size.of(N),))
        p = {n: builder.data(n, shape) for n in (*case.params, "low", "high")}
        assert distribution.draw is not None
        builder.output("x", distribution.draw(NoiseSource(builder, "x", shape), p))
        graph = builder.build()
        rng = np.random.default_rng(3)
        inputs = {n: np.full(N, v) for n, v in {**case.params, "low": low, "high": high}.items()}
        for node in graph:
            if isinstance(node, Noise):
                inputs[node.name] = getattr(rng, node.kind)(size=N)
        name = dict(graph.outputs)["x"]
        x = evaluate_nodes(graph, inputs, [name])[name]
        assert (x >= low).all() and (x <= high).all()
        below, above = _mass(case, low, high)
        if made == "Truncated":
            mass = 1 - below - above
            picked = x[:400]
            levels = [float((case.cdf(mpf(v)) - below) / mass) for v in picked]
            assert stats.kstest(levels, "uniform").pvalue > LEVEL
        else:
            for bound, share in ((low, float(below)), (high, float(above))):
                count = int((x == bound).sum())
                assert stats.binomtest(count, N, share).pvalue > LEVEL


def test_supports() -> None:
    """Bounds beyond a family's own support are none; infinite ones make half lines."""
    builder = Builder("supports", "function")
    rate, at = builder.const(1.0), builder.data("at", Tensor())

    def support(made: str, low: Any, high: Any) -> Support:
        own = {"rate": rate} if "Exp" in made else {"loc": rate, "scale": rate}
        ends = {n: builder.const(v) if isinstance(v, float) else v
                for n, v in (("low", low), ("high", high))}  # fmt: skip
        return support_of(find(made), {**own, **ends})

    assert support("Truncated[Normal]", -np.inf, np.inf) == REAL
    assert support("Truncated[Normal]", 0.0, np.inf) == Support("greater_than", (0.0,))
    assert support("Censored[Normal]", -np.inf, at) == Support("less_than", ("at",))
    assert support("Censored[Exponential]", -1.0, 2.0) == Support("interval", (0.0, 2.0))
    assert support("Truncated[Exponential]", -np.inf, np.inf) == Support("greater_than", (0.0,))


def test_what_cannot_be_bounded() -> None:
    assert not any(can_be_bounded(DISTRIBUTIONS[n]) for n in ("Gamma", "Uniform", "Poisson"))
    bounded = {n for n, row in DISTRIBUTIONS.items() if can_be_bounded(row)}
    assert bounded == {case.name for case in CASES}


def test_the_type_of_a_draw() -> None:
    builder = Builder("type", "function")
    given = {n: builder.const(v) for n, v in {"loc": 0.0, "scale": 1.0, "low": 0.0}.items()}
    high = builder.data("high", Tensor("f32", (), (Size.of(3),)))
    type_ = draw_type(find("Censored[Normal]"), {**given, "high": high})
    assert type_ == Tensor("f32", (), (Size.of(3),))
