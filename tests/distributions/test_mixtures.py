"""Mixtures of one family: densities, gradients, statistics and draws against SciPy's components."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from ppc_numpy import evaluate, evaluate_nodes, value_and_gradient
from scipy import special, stats

from ppc.distributions import NoiseSource, draw_type, find, support_of
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Graph, Noise
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor

N = 20_000
LEVEL = 1e-5  # of each test, at a fixed seed


@dataclass(frozen=True)
class Case:
    """Parameters of a mixture, its components by SciPy, and points, one of them outside."""

    component: str
    params: dict[str, Any]
    frozen: Callable[..., Any]  # of the component's parameters, in their order
    points: Any

    def weights(self) -> Any:
        if "mixture_probs" in self.params:
            probs = np.array(self.params["mixture_probs"])
            return probs / probs.sum()
        return special.softmax(self.params["mixture_logits"])

    def components(self) -> list[Any]:
        own = [v for n, v in self.params.items() if n.startswith("components_")]
        return [self.frozen(*(v[i % len(v)] for v in own)) for i in range(len(self.weights()))]

    def log_density(self, x: Any) -> Any:
        found = []
        for one in self.components():
            density = getattr(one, "logpdf", None) or one.logpmf
            found.append(density(x))
        with np.errstate(divide="ignore"):
            logs = np.log(self.weights())
        return special.logsumexp(logs[:, None] + np.array(found), axis=0)


CASES = [
    Case(
        "Normal",
        {"mixture_logits": [0.5, -1.0, 0.0], "components_loc": [-2.0, 0.0, 3.0],
         "components_scale": [0.5, 1.0, 2.0]},
        stats.norm, [-40.0, -1.0, 0.5, 7.0],
    ),
    Case(
        "Normal",
        {"mixture_probs": [0.5, 0.0, 1.5], "components_loc": [-2.0, 0.0, 3.0],
         "components_scale": [0.7]},
        stats.norm, [-3.0, 0.0, 5.0],
    ),
    Case(
        "Beta",
        {"mixture_probs": [0.25, 0.75], "components_concentration1": [2.0, 5.0],
         "components_concentration0": [6.0, 1.5]},
        stats.beta, [-0.5, 0.1, 0.9],
    ),
    Case(
        "Uniform",
        {"mixture_probs": [0.25, 0.75], "components_low": [-1.0, 2.0],
         "components_high": [1.0, 2.5]},
        lambda low, high: stats.uniform(low, high - low), [-2.0, 0.5, 1.5, 2.25],
    ),
    Case(
        "Poisson",
        {"mixture_logits": [0.0, 1.0], "components_rate": [0.5, 9.0]},
        stats.poisson, [0.0, 3.0, 20.0, -1.0],
    ),
    Case(
        "MultivariateNormalDiag",
        {"mixture_logits": [0.0, 1.0], "components_loc": [[0.0, 1.0], [3.0, -1.0]],
         "components_scale_diag": [[1.0, 2.0], [0.5, 0.25]]},
        lambda loc, scale: stats.multivariate_normal(loc, np.square(scale)),
        [[0.0, 0.5], [3.0, -1.5], [-4.0, 9.0]],
    ),
]  # fmt: skip
IDS = [f"{case.component}-{i}" for i, case in enumerate(CASES)]


def _operands(builder: Builder, case: Case) -> dict[str, Value]:
    return {
        name: builder.data(name, Tensor("f32", (), tuple(map(Size.of, np.shape(value)))))
        for name, value in case.params.items()
    }


def _graph(case: Case, make: Callable[[Any, Builder, dict[str, Value]], Value]) -> Graph:
    builder = Builder("mixture", "function")
    mixture = find(f"MixtureSameFamily[{case.component}]")
    builder.output("out", make(mixture, builder, _operands(builder, case)))
    return builder.build()


def _inputs(case: Case) -> dict[str, Any]:
    return {name: np.array(value, float) for name, value in case.params.items()}


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_density_and_gradient(case: Case) -> None:
    points = np.array(case.points, float)

    def density(mixture: Any, builder: Builder, params: dict[str, Value]) -> Value:
        type_ = Tensor("f32", (), tuple(map(Size.of, points.shape)))
        return mixture.log_density(builder.data("x", type_), params)

    graph = _graph(case, density)
    inputs = {**_inputs(case), "x": points}
    value = evaluate(graph, inputs)["out"]
    np.testing.assert_allclose(value, case.log_density(points), rtol=1e-12)
    seen = np.isfinite(value)
    names = list(case.params)
    _, gradient = value_and_gradient(graph, inputs, "out", names, cotangent=seen * 1.0)
    step = 1e-6
    for name in names:
        slopes = np.asarray(gradient[name])
        assert np.isfinite(slopes).all()
        for at in np.ndindex(slopes.shape):
            ends = []
            for sign in (-1, 1):
                moved = np.array(case.params[name], float)
                moved[at] += sign * step
                if "probs" in name and moved[at] < step:  # a weight of 0 has no other side
                    continue
                other = Case(case.component, {**case.params, name: moved}, case.frozen, points)
                ends.append(other.log_density(points)[seen].sum())
            if len(ends) == 2:
                expected = (ends[1] - ends[0]) / (2 * step)
                assert slopes[at] == pytest.approx(expected, rel=1e-5, abs=1e-6), name


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_mean_and_variance(case: Case) -> None:
    weights, parts = case.weights(), case.components()
    means = np.array([part.mean if np.ndim(case.points) > 1 else part.mean() for part in parts])
    if np.ndim(case.points) > 1:
        variances = np.array([np.diagonal(part.cov_object.covariance) for part in parts])
    else:
        variances = np.array([part.var() for part in parts])
    mean = np.tensordot(weights, means, 1)
    variance = np.tensordot(weights, variances + (means - mean) ** 2, 1)
    for name, expected in (("mean", mean), ("variance", variance)):
        graph = _graph(case, lambda mixture, _, params, n=name: getattr(mixture, n)(params))
        np.testing.assert_allclose(evaluate(graph, _inputs(case))["out"], expected, rtol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_draws(case: Case) -> None:
    rng = np.random.default_rng(3)

    def draw(mixture: Any, builder: Builder, params: dict[str, Value]) -> Value:
        type_ = draw_type(mixture, params, sample_shape=(Size.of(N),))
        found: Value = mixture.draw(NoiseSource(builder, "x", type_), params)
        assert found.type == type_
        return found

    graph = _graph(case, draw)
    inputs = _inputs(case)
    for node in graph:
        if isinstance(node, Noise):
            shape = tuple(size.value for size in node.type.shape)
            if node.kind == "draw":
                inputs[node.name] = _drawn(graph, node, inputs, rng)
            else:
                sampler = {"normal": rng.normal, "uniform": rng.uniform, "gumbel": rng.gumbel}
                inputs[node.name] = sampler[node.kind](size=shape)
    x = evaluate(graph, inputs)["out"]
    weights, parts = case.weights(), case.components()
    if np.ndim(case.points) > 1:
        for i in range(2):

            def cdf(v: Any, i: int = i) -> Any:
                return sum(
                    w * stats.norm(m[i], s[i]).cdf(v) for w, m, s in zip(
                        weights, case.params["components_loc"],
                        case.params["components_scale_diag"], strict=True,
                    )
                )  # fmt: skip

            assert stats.kstest(x[:, i], cdf).pvalue > LEVEL
    elif case.component == "Poisson":
        counts = np.bincount(x.astype(int), minlength=30)
        probs = sum(w * p.pmf(np.arange(30)) for w, p in zip(weights, parts, strict=True))
        kept = probs * N > 5
        rest = N - counts[kept].sum(), N * (1 - probs[kept].sum())
        found = stats.chisquare([*counts[kept], rest[0]], [*(N * probs[kept]), rest[1]])
        assert found.pvalue > LEVEL
    else:
        ends = sum(w * p.cdf(x) for w, p in zip(weights, parts, strict=True))
        assert stats.kstest(ends, "uniform").pvalue > LEVEL


def _drawn(graph: Graph, node: Noise, inputs: dict[str, Any], rng: np.random.Generator) -> Any:
    values = evaluate_nodes(graph, inputs, node.args)
    (parameter,) = (values[name] for name in node.args)
    if node.sampler == "poisson":
        return rng.poisson(parameter).astype(float)
    return np.log(rng.gamma(parameter))


def test_the_support_is_that_of_all_components() -> None:
    builder = Builder("mixture", "function")
    params = {
        "mixture_logits": builder.const((0.0, 0.0)),
        "components_low": builder.const((-1.0, 2.0)),
        "components_high": builder.const((1.0, 2.5)),
    }
    support = support_of(find("MixtureSameFamily[Uniform]"), params)
    for name in support.bounds:
        builder.output(str(name), builder.value(str(name)))
    found = evaluate(builder.build(), {})
    assert [found[str(name)] for name in support.bounds] == [-1.0, 2.5]


def test_a_mixture_of_mixtures_has_a_name_that_is_found() -> None:
    assert find("MixtureSameFamily[MixtureSameFamily[Normal]]").event_rank == 0
    with pytest.raises(KeyError):
        find("MixtureSameFamily[Nothing]")
    with pytest.raises(KeyError):
        find("Nothing[Normal]")
