"""Means, variances, entropies and distribution functions against SciPy and the textbook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from all_rows import ROWS
from distribution_rows import Row, single
from graph_cases import batches, data, flat, operands, stacked, statistic_graph, unflatten
from mpmath import mp, mpf
from ppc_numpy import evaluate
from pushed_rows import Pushed

from ppc.distributions import DISTRIBUTIONS
from ppc.ir.build import Builder

# A result is exact to this many roundings of its terms, none of which is larger than the result
# or the logarithm of a parameter.
ROUNDINGS = 32
UNIT = 2.0**-53


def _all_params(row: Row) -> list[tuple[None, Mapping[str, Any]]]:
    return [(None, {name: single(v) for name, v in p.items()}) for p in row.params]


def _statistic(row: Row, statistic: str, params: list[Mapping[str, Any]]) -> np.ndarray:
    graph = statistic_graph(row.name, statistic, params[0])
    return evaluate(graph, stacked(params))[statistic]


MOMENTS = [
    pytest.param(row, statistic, id=f"{row.name}-{statistic}")
    for row in ROWS
    for statistic in ("mean", "variance")
    if getattr(DISTRIBUTIONS[row.name], statistic) is not None
]


@pytest.mark.parametrize(("row", "statistic"), MOMENTS)
def test_moments(row: Row, statistic: str) -> None:
    for batch in batches(_all_params(row)):
        params = [case[1] for case in batch]
        found = _statistic(row, statistic, params)
        for given, value in zip(params, found, strict=True):
            expected = _moment(row, statistic, given)
            # SciPy's own moments lose some digits on the way, and those of 1 - p
            np.testing.assert_allclose(
                value,
                expected,
                rtol=1e-9,
                atol=2
                * UNIT
                * given.get("total_count", 1)
                * (row.name in ("Bernoulli", "ProbitBernoulli", "Binomial")),
                err_msg=str(given),
            )


def _moment(row: Row, statistic: str, params: Mapping[str, Any]) -> Any:
    frozen = row.frozen(**params)
    if isinstance(frozen, Pushed):  # shifted log-normals, by the formulas of LogNormal
        loc, scale = params["loc"], params["scale"]
        mean = np.exp(loc + scale**2 / 2)
        if statistic == "variance":
            return np.expm1(scale**2) * mean**2
        return params["low"] + mean if "low" in params else params["high"] - mean
    with np.errstate(all="ignore"):
        variance = frozen.var()
        # SciPy gives an infinite mean to a t distribution that has none
        mean = np.nan if np.isnan(variance).any() else frozen.mean()
    return mean if statistic == "mean" else variance


@pytest.mark.parametrize("row", [row for row in ROWS if row.entropy], ids=lambda row: row.name)
def test_entropy(row: Row) -> None:
    assert row.entropy is not None
    for batch in batches(_all_params(row)):
        params = [case[1] for case in batch]
        found = _statistic(row, "entropy", params)
        for given, value in zip(params, found, strict=True):
            expected = float(row.entropy(**_exact(given)))
            size = 1 + abs(expected) + sum(abs(np.log(np.abs(v))) for v in _nonzero(given))
            assert abs(value - expected) <= ROUNDINGS * UNIT * size, (given, value, expected)


def _exact(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: unflatten(map(mpf, flat([v])), v) for name, v in params.items()}


def _nonzero(params: Mapping[str, Any]) -> list[float]:
    values = np.concatenate([np.ravel(v) for v in params.values()])
    return [v for v in values if v]


def test_every_entropy_has_a_reference() -> None:
    declared = {name for name, d in DISTRIBUTIONS.items() if d.entropy}
    assert declared == {row.name for row in ROWS if row.entropy}


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if row.entropy and not DISTRIBUTIONS[row.name].discrete and row.quantiles],
    ids=lambda row: row.name,
)
def test_entropy_by_quadrature(row: Row) -> None:
    """The textbook's formula of the row is itself -E[log f], by quadrature over quantiles."""
    params = {name: single(v) for name, v in (row.draws or row.params)[-1].items()}
    nodes, weights = np.polynomial.legendre.leggauss(100)
    # u = sin^2 takes away the logarithmic ends of the quantile function
    angle = (nodes + 1) * (np.pi / 4)
    levels, weights = np.sin(angle) ** 2, weights * (np.pi / 4) * np.sin(2 * angle)
    points = row.frozen(**params).ppf(levels)
    exact = _exact(params)
    terms = [row.log_density(mpf(float(x)), **exact) for x in points]
    total = -sum(float(t) * w for t, w in zip(terms, weights, strict=True))
    assert row.entropy is not None
    np.testing.assert_allclose(total, float(row.entropy(**exact)), rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize(
    "row", [row for row in ROWS if DISTRIBUTIONS[row.name].cdf], ids=lambda row: row.name
)
def test_distribution_function(row: Row) -> None:
    distribution = DISTRIBUTIONS[row.name]
    for batch in batches(row.cases()):
        builder = Builder("cdf", "function")
        assert distribution.cdf is not None
        x = data(builder, "x", 0.0)
        builder.output("cdf", distribution.cdf(x, operands(builder, batch[0][1])))
        points = np.array([case[0] for case in batch])
        found = evaluate(builder.build(), {"x": points, **stacked([case[1] for case in batch])})
        expected = []
        for point, params in batch:
            frozen = row.frozen(**params)
            inside = mp.isfinite(row.log_density(mpf(point), **_exact(params)))
            if isinstance(frozen, Pushed) and not inside:
                low = params.get("low", 0.0 if "high" not in params else -np.inf)
                expected.append(float(point > low))
            else:
                with np.errstate(all="ignore"):
                    expected.append(frozen.cdf(point))
        np.testing.assert_allclose(found["cdf"], expected, rtol=1e-9, atol=1e-300)
