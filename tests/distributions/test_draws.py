"""Draws from base noise against SciPy's distribution functions, at fixed seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from all_rows import ROWS
from distribution_rows import Row, single
from ppc_numpy import evaluate_nodes, value_and_gradient
from pushed_rows import Pushed
from scipy import stats

from ppc.distributions import DISTRIBUTIONS, NoiseSource
from ppc.ir.build import Builder
from ppc.ir.nodes import Graph, Noise
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor

N = 20_000
LEVEL = 1e-5  # of each test: with fixed seeds a failure is a change of the code, or a fault


def _graph(row: Row, params: Mapping[str, Any]) -> Graph:
    """N draws, with a set of parameters for each, so that each has its derivatives."""
    distribution = DISTRIBUTIONS[row.name]
    builder = Builder("draw", "function")
    values = {}
    for name, value in params.items():
        event = map(Size.of, np.shape(value))
        values[name] = builder.data(name, Tensor("f32", (), (Size.of(N), *event)))
    shape = (Size.of(N), *distribution.event_shape(values))
    noise = NoiseSource(builder, "x", Tensor(distribution.dtype, (), shape))
    assert distribution.draw is not None
    draw = distribution.draw(noise, values)
    assert draw.type == noise.type
    builder.output("x", draw)
    return builder.build()


def _inputs(graph: Graph, params: Mapping[str, Any], seed: int) -> dict[str, np.ndarray]:
    """The parameters, and noise from NumPy's generator."""
    rng = np.random.default_rng(seed)
    inputs = {name: np.array([value] * N, float) for name, value in params.items()}
    for node in graph:
        if not isinstance(node, Noise):
            continue
        shape = tuple(size.value for size in node.type.shape)
        if node.kind == "draw":
            values = evaluate_nodes(graph, inputs, node.args)
            inputs[node.name] = _drawn(rng, node.sampler, *(values[name] for name in node.args))
        else:
            sampler = {"normal": rng.normal, "uniform": rng.uniform, "gumbel": rng.gumbel}
            inputs[node.name] = sampler[node.kind](size=shape)
    return inputs


def _drawn(rng: np.random.Generator, sampler: str, *parameters: np.ndarray) -> np.ndarray:
    if sampler == "binomial":
        count, probs = parameters
        return rng.binomial(count.astype(int), probs).astype(float)
    (parameter,) = parameters
    if sampler == "poisson":
        return rng.poisson(parameter).astype(float)
    # Gamma(a) is Gamma(a + 1) times U**(1/a) (Marsaglia and Tsang 2000, sec. 6)
    power = np.log(rng.uniform(size=parameter.shape)) / parameter
    return np.log(rng.gamma(parameter + 1)) + power


def _draw_params(row: Row) -> list[dict[str, Any]]:
    return [{name: single(v) for name, v in p.items()} for p in (row.draws or row.params)]


CASES = [pytest.param(row, p, id=f"{row.name}-{p}") for row in ROWS for p in _draw_params(row)]


@pytest.mark.parametrize(("row", "params"), CASES)
def test_draws_have_the_distribution(row: Row, params: Mapping[str, Any]) -> None:
    distribution = DISTRIBUTIONS[row.name]
    graph = _graph(row, params)
    inputs = _inputs(graph, params, seed=8)
    name = dict(graph.outputs)["x"]
    x = evaluate_nodes(graph, inputs, [name])[name]
    frozen = row.frozen(**params)
    if distribution.discrete:
        _chi_square(x, frozen)
        return
    uniforms = frozen.cdf(x)
    for column in uniforms.reshape(N, -1).T:
        assert stats.kstest(column, "uniform").pvalue > LEVEL
    if distribution.support.kind == "simplex":
        np.testing.assert_allclose(x.sum(-1), 1.0, rtol=1e-12)
    elif distribution.event_rank:
        # a correlation is off by (1 - r**2) / sqrt(N) (Fisher 1915)
        expected = row.correlation(**params) if row.correlation else np.eye(x.shape[-1])
        seen = x if row.correlation else uniforms
        assert abs(np.corrcoef(seen.T) - expected).max() < 5 / np.sqrt(N)


def _chi_square(x: np.ndarray, frozen: Any) -> None:
    values, counts = np.unique(x, return_counts=True)
    expected = N * frozen.pmf(values)
    assert (expected > 0).all()
    likely = expected >= 5
    # all rare values, drawn or not, are one cell
    observed = np.append(counts[likely], N - counts[likely].sum())
    chances = np.append(expected[likely], N - expected[likely].sum())
    cells = chances > 1e-6 * N
    assert observed[~cells].sum() <= 3
    if cells.sum() > 1:
        share = chances[cells] * (observed[cells].sum() / chances[cells].sum())
        assert stats.chisquare(observed[cells], share).pvalue > LEVEL


SMOOTH = [
    pytest.param(row, p, id=f"{row.name}-{p}")
    for row in ROWS
    if DISTRIBUTIONS[row.name].reparameterised and not DISTRIBUTIONS[row.name].event_rank
    for p in _draw_params(row)
    if not isinstance(row.frozen(**p), Pushed)  # the same code as for LogNormal
]


@pytest.mark.parametrize(("row", "params"), SMOOTH)
def test_draws_carry_derivatives(row: Row, params: Mapping[str, Any]) -> None:
    """d/dtheta E[F(x)] for the fixed distribution function F, in two ways.

    Along the draws it is E[f(x) dx/dtheta]; under the integral, -E[dF/dtheta (x)]. For a draw
    that inverts F the two agree draw by draw (Figurnov, Mohamed and Mnih 2018), else on average.
    """
    frozen = row.frozen(**params)
    graph = _graph(row, params)
    inputs = _inputs(graph, params, seed=9)
    x, gradients = value_and_gradient(graph, inputs, "x", list(params), cotangent=np.ones(N))
    width = params.get("scale", params.get("high", 0.0) - params.get("low", 0.0))
    for name, value in params.items():
        unit = width if name in ("loc", "low", "high") else abs(value)
        step = 1e-5 * unit
        upper, lower = (row.frozen(**{**params, name: value + s}) for s in (step, -step))
        under = -(upper.cdf(x) - lower.cdf(x)) / (2 * step)
        gap = (frozen.pdf(x) * gradients[name] - under) * unit
        gap = gap[np.isfinite(gap)]  # a draw that rounds to the end of its range has no density
        assert len(gap) > 0.999 * N
        assert abs(gap.mean()) < 5 * gap.std() / np.sqrt(N) + 1e-6
