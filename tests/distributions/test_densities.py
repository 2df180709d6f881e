"""Log densities and their derivatives against the textbook formulas in 100 digits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from density_reference import Reference, reference
from distribution_rows import ROWS, Row
from graph_cases import Case, batches, density_graph, flat, stacked
from mpmath import mpf
from ppc_numpy import value_and_gradient

from ppc.distributions import DISTRIBUTIONS

# Roundings of a value: no density here has a longer chain of operations on the way to a result.
ROUNDINGS = 16


def test_every_distribution_has_a_row() -> None:
    assert [row.name for row in ROWS if row.name not in DISTRIBUTIONS] == []
    assert sorted(DISTRIBUTIONS) == sorted(row.name for row in ROWS)


@cache
def references(row: Row) -> list[tuple[list[Case], list[Reference]]]:
    return [(batch, [_reference(row, case) for case in batch]) for batch in batches(row.cases())]


def _reference(row: Row, case: Case) -> Reference:
    x, params = case
    fixed = DISTRIBUTIONS[row.name].discrete
    points = [] if fixed else flat([x])
    shapes = [None if fixed else x, *params.values()]

    def density(values: list[Any]) -> Any:
        taken = _unflatten(values, shapes)
        at = taken[0]
        if fixed:
            at = x if isinstance(x, int) else mpf(x)
        return row.log_density(at, **dict(zip(params, taken[1:], strict=True)))

    named = [(name, v) for name, value in params.items() for v in flat([value])]
    logs = [False] * len(points) + [name.startswith("log") for name, _ in named]
    return reference(density, [*points, *(v for _, v in named)], logs)


def _unflatten(values: Sequence[Any], like: Sequence[Any]) -> list[Any]:
    rest = list(values)
    taken: list[Any] = []
    for each in like:
        if each is None:
            taken.append(None)
        elif isinstance(each, tuple):
            taken.append(tuple(rest.pop(0) for _ in each))
        else:
            taken.append(rest.pop(0))
    return taken


def _evaluated(row: Row, batch: list[Case], dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Values (B,) and gradients (B, operands)."""
    distribution = DISTRIBUTIONS[row.name]
    graph = density_graph(distribution, batch[0])
    params = stacked([case[1] for case in batch])
    inputs = {"x": np.array([case[0] for case in batch]), **params}
    wrt = [*([] if distribution.discrete else ["x"]), *params]
    values, gradients = value_and_gradient(
        graph, inputs, "log_density", wrt, cotangent=np.ones(len(batch)), dtype=dtype
    )
    columns = [gradients[name].reshape(len(batch), -1) for name in wrt]
    return values, np.concatenate(columns, axis=1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_density_and_gradient(row: Row, dtype: Any) -> None:
    unit = float(np.finfo(dtype).eps) / 2
    largest = float(np.finfo(dtype).max)
    for batch, expected in references(row):
        values, gradients = _evaluated(row, batch, dtype)
        for case, value, gradient, ref in zip(batch, values, gradients, expected, strict=True):
            where = f"{row.name} at {case}: {value} for {ref.value}, {gradient} for {ref.gradient}"
            if not abs(ref.value) < largest:
                assert value == np.sign(ref.value) * np.inf, where
                assert not np.isnan(gradient).any(), where
                continue
            assert abs(value - ref.value) <= ROUNDINGS * unit * ref.value_condition, where
            assert not np.isnan(gradient).any(), where
            known = abs(ref.gradient) < largest
            allowed = ROUNDINGS * unit * ref.gradient_condition
            with np.errstate(invalid="ignore"):
                error = abs(gradient.astype(float) - ref.gradient) * ref.unit
            assert (error <= allowed)[known].all(), where
