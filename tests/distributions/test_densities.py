"""Log densities and their derivatives against the textbook formulas in 100 digits."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from all_rows import ROWS
from density_reference import Reference, reference
from distribution_rows import Row
from evaluators import EVALUATORS, Evaluated, on_numpy
from graph_cases import Case, batches, density_graph, flat, stacked, unflatten
from mpmath import mpf

from ppc.distributions import DISTRIBUTIONS


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
        rest = iter(values)
        taken = [unflatten(rest, shape) for shape in shapes]
        at = taken[0]
        if fixed:
            at = x if isinstance(x, int) else mpf(x)
        return row.log_density(at, **dict(zip(params, taken[1:], strict=True)))

    named = [(name, v) for name, value in params.items() for v in flat([value])]
    logs = [False] * len(points) + [name.startswith("log") for name, _ in named]
    return reference(density, [*points, *(v for _, v in named)], logs)


def _evaluated(row: Row, batch: list[Case], dtype: Any, evaluator: Any) -> Evaluated:
    distribution = DISTRIBUTIONS[row.name]
    params = stacked([case[1] for case in batch])
    inputs = {"x": np.array([case[0] for case in batch]), **params}
    wrt = [*([] if distribution.discrete else ["x"]), *params]
    result: Evaluated = evaluator(density_graph(distribution, batch[0]), inputs, wrt, dtype)
    return result


@pytest.mark.parametrize(("evaluator", "dtype", "roundings"), EVALUATORS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_density_and_gradient(row: Row, evaluator: Any, dtype: Any, roundings: int) -> None:
    unit = float(np.finfo(dtype).eps) / 2
    largest = float(np.finfo(dtype).max)
    for batch, expected in references(row):
        values, gradients = _evaluated(row, batch, dtype, evaluator)
        for case, value, gradient, ref in zip(batch, values, gradients, expected, strict=True):
            where = f"{row.name} at {case}: {value} for {ref.value}, {gradient} for {ref.gradient}"
            assert not np.isnan(gradient).any(), where
            if not abs(ref.value) < largest:
                assert value == np.sign(ref.value) * np.inf, where
                continue
            assert abs(value - ref.value) <= roundings * unit * ref.value_condition, where
            # TensorFlow takes 1/x as 0 where it is below the smallest number of full precision.
            operands = [case[0], *case[1].values()]
            if max(np.max(np.abs(x)) for x in operands) * np.finfo(dtype).tiny >= 1:
                continue
            known = abs(ref.gradient) < largest
            with np.errstate(all="ignore"):
                error = abs(gradient.astype(float) - ref.gradient) * ref.unit
            allowed = roundings * unit * ref.gradient_condition
            assert (error <= allowed)[known].all(), where


def test_a_narrow_beta_in_float32() -> None:
    row = next(row for row in ROWS if row.name == "Beta")
    params = {"concentration1": 1e6, "concentration0": 1e6}
    value, _ = _evaluated(row, [(0.5, params)], np.float32, on_numpy)
    # log(Gamma(2e6) / Gamma(1e6)^2 / 2^(2e6 - 2)), to the float32 next to it
    np.testing.assert_allclose(value, [7.028537391617382], rtol=2**-23)
