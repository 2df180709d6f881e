"""Masked sites: excluded elements leave no trace, whatever their values are."""

from __future__ import annotations

import numpy as np
import pytest
from model_suite import after, loss_after
from ppc_numpy import evaluate, random_inputs, value_and_gradient

from ppc.compiler import as_function
from ppc.diagnostics import DataError
from ppc.inference.data import check
from ppc.objective import functions
from ppc.registry import backend
from ppc.testing.runs import Run

N = 9


def point() -> dict[str, np.ndarray]:
    graph = loss_after("masked_sites", "objective")
    found = random_inputs(graph, np.random.default_rng(0), axis_sizes={"N": N})
    return {**found, "seen": np.arange(N) % 3 > 0, "N_weight": np.ones(N)}


def spoilt(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inputs with values that no density takes where they do not count."""
    wrong = {"pair": np.nan, "wait": -3.0}
    changed = dict(inputs)
    for name, value in wrong.items():
        changed[name] = changed[name].copy()
        changed[name][~inputs["seen"]] = value
    return changed


@pytest.mark.parametrize("site", ["pair", "wait", "z"])
def test_excluded_data_touch_neither_value_nor_derivative(site: str) -> None:
    graph = loss_after("masked_sites", "objective")
    params = [p.name for p in graph.params]
    before = value_and_gradient(graph, point(), site, params)
    now = value_and_gradient(graph, spoilt(point()), site, params)
    assert np.isfinite(before[0])
    np.testing.assert_array_equal(now[0], before[0])
    for name in params:
        np.testing.assert_array_equal(now[1][name], before[1][name], err_msg=name)


@pytest.mark.parametrize("name", ["jax", "tensorflow"])
def test_backends_agree_where_excluded_data_are_no_numbers(name: str) -> None:
    c = after("masked_sites", "split")
    density = as_function(functions.log_density(c.graphs["model"]))
    values = spoilt(point())
    rng = np.random.default_rng(1)
    sites = {"w": np.array(0.3), "spread": np.array(1.2), "z": rng.normal(size=N)}
    names = ("seen", "x", "pair", "wait", "count")
    inputs = {**sites, **{n: values[n] for n in names}, "count": np.arange(N) % 4.0}
    expected = evaluate(density, inputs, sizes={"N": N})["log_density"]
    values, slopes = Run(backend(name)).pulled(
        density, inputs, list(sites), np.float64,
        cotangents={"log_density": np.ones(())}, sizes={"N": N},
    )  # fmt: skip
    np.testing.assert_allclose(values["log_density"], expected, rtol=1e-10)
    reference = value_and_gradient(density, inputs, "log_density", list(sites), sizes={"N": N})[1]
    for site, slope in slopes.items():
        np.testing.assert_allclose(slope, reference[site], rtol=1e-9, atol=1e-12, err_msg=site)
    assert (slopes["z"] != 0).all()  # the counts read every z


def test_excluded_data_are_not_held_to_the_support() -> None:
    model = after("masked_sites", "roles").graphs["model"]
    values = point()
    wait = np.where(values["seen"], 1.0, -1.0)
    given = {"seen": values["seen"], "x": np.ones(N), "wait": wait}
    check(model, given)
    with pytest.raises(DataError, match="wait"):
        check(model, {**given, "seen": np.ones(N, bool)})
