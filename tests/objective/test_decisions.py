"""Decisions on graph values: densities by hand, and derivatives where a side is not taken."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats as st
from model_suite import after
from ppc_frontend import compile_source
from ppc_numpy import evaluate, value_and_gradient

from ppc.compiler import Options, as_function, compile_loss
from ppc.ir.nodes import Graph
from ppc.objective import functions
from ppc.registry import backend
from ppc.spans import Source
from ppc.testing.runs import Run

RNG = np.random.default_rng(3)
N = 12
DATA = {
    "x": np.linspace(-3.0, 3.0, N),
    "kind": np.where(np.linspace(-3.0, 3.0, N) > 0, np.arange(N) % 4, 3 * (np.arange(N) % 2)),
    "y": RNG.normal(size=N),
    "w": RNG.exponential(size=N),
}
POINT = {"spread": np.array(1.3), "extra": RNG.normal(size=N)}


def density(name: str = "decided_rows") -> Graph:
    return as_function(functions.log_density(after(name, "split").graphs["model"]))


def by_hand(m: float, spread: float, extra: np.ndarray) -> float:
    """The model, row by row, as Python runs it."""
    total = st.norm.logpdf(m) + st.lognorm.logpdf(spread, 0.5)
    shift = m / spread if m > 0.2 and not m > 0.9 else -1.0
    for i in range(N):
        x, kind, y = DATA["x"][i], DATA["kind"][i], DATA["y"][i]
        bent = np.log(x) if x > 0 else np.sqrt(-x - 1) if x < -1 else 0.5 * x
        if kind == 0:
            total += st.norm.logpdf(y, m + bent, spread)
        elif 1 <= kind < 3:
            total += st.norm.logpdf(extra[i], shift, 1.0)
            total += st.norm.logpdf(y, m * extra[i], np.sqrt(x))
        else:
            total += st.norm.logpdf(y, shift, 2.0)
        if x < 0.5:
            total += st.expon.logpdf(DATA["w"][i], scale=1.0 / (spread if kind == 0 else 1.0))
    return float(total)


@pytest.mark.parametrize("m", [-0.7, 0.5, 1.4])
def test_a_model_with_decisions_is_what_python_would_run(m: float) -> None:
    inputs = {**DATA, **POINT, "m": np.array(m)}
    expected = by_hand(m, 1.3, POINT["extra"])
    found, slopes = value_and_gradient(density(), inputs, "log_density", ["m", "spread"])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    h = 1e-6  # the error of central differences is of the order h^2, that of rounding 1e-16 / h
    for name, up, down in (
        ("m", (m + h, 1.3), (m - h, 1.3)),
        ("spread", (m, 1.3 + h), (m, 1.3 - h)),
    ):
        slope = (by_hand(*up, POINT["extra"]) - by_hand(*down, POINT["extra"])) / (2 * h)
        np.testing.assert_allclose(slopes[name], slope, rtol=1e-7, atol=1e-7, err_msg=name)


FORMS = {
    "statement": """
    if x > 0:
        loc = np.log(x) * a
    else:
        loc = np.sqrt(1 - x) - a
""",
    "expression": "    loc = np.log(x) * a if x > 0 else np.sqrt(1 - x) - a\n",
    "where": "    loc = np.where(x > 0, np.log(x) * a, np.sqrt(1 - x) - a)\n",
    "negated": "    loc = np.sqrt(1 - x) - a if not x > 0 else np.log(x) * a\n",
    "select": "    loc = np.select([x > 0], [np.log(x) * a], np.sqrt(1 - x) - a)\n",
    "tf.cond": "    loc = tf.cond(x > 0, lambda: np.log(x) * a, lambda: np.sqrt(1 - x) - a)\n",
    "tf.case": "    loc = tf.case([(x > 0, lambda: np.log(x) * a)], lambda: np.sqrt(1 - x) - a)\n",
    "lax.cond": "    loc = lax.cond(x > 0, lambda v: np.log(v) * a, lambda v: np.sqrt(1 - v) - a, x)\n",  # noqa: E501  # one line of a program
    "lax.switch": """
    positive = tf.cast(x > 0, tf.int32)
    loc = lax.switch(positive, [lambda v: np.sqrt(1 - v) - a, lambda v: np.log(v) * a], x)
""",
    "lax.select": "    loc = lax.select(x > 0, np.log(x) * a, np.sqrt(1 - x) - a)\n",
    "return": "    loc = chosen(x, a)\n",
    "sites": "",
}
HEAD = """
import numpy as np
import tensorflow as tf
from jax import lax
import ppc as inf

def chosen(x, a):
    if x > 0:
        return np.log(x) * a
    return np.sqrt(1 - x) - a

@inf.probmodel
def model():
    x = inf.Normal(0.0, 1.0)
    a = inf.Normal(0.0, 1.0)
"""
SITES = """
    if x > 0:
        y = inf.Normal(np.log(x) * a, 1.0)
    else:
        y = inf.Normal(np.sqrt(1 - x) - a, 1.0)
"""


@pytest.mark.parametrize("x", [-0.8, 2.5])  # 1 - x and x are outside of a domain in turn
@pytest.mark.parametrize("form", FORMS)
def test_all_forms_of_a_decision_are_one(form: str, x: float) -> None:
    body = FORMS[form] + "    y = inf.Normal(loc, 1.0)\n" if FORMS[form] else SITES
    graph = compile_source(Source("m.py", HEAD + body)).graph
    model = compile_loss(graph, None, Options(("y",))).graphs["model"]
    inputs = {"x": np.array(x), "a": np.array(0.4), "y": np.array(0.3)}
    function = as_function(functions.log_density(model))
    found, slopes = value_and_gradient(function, inputs, "log_density", ["x", "a"])
    loc = 0.4 * np.log(x) if x > 0 else np.sqrt(1 - x) - 0.4
    slope = 0.4 / x if x > 0 else -0.5 / np.sqrt(1 - x)
    expected = st.norm.logpdf(x) + st.norm.logpdf(0.4) + st.norm.logpdf(0.3, loc)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(slopes["x"], -x + (0.3 - loc) * slope, rtol=1e-12)
    da = np.log(x) if x > 0 else -1.0
    np.testing.assert_allclose(slopes["a"], -0.4 + (0.3 - loc) * da, rtol=1e-12)


@pytest.mark.parametrize("name", ["jax", "tensorflow"])
def test_backends_leave_no_nan_in_derivatives(name: str) -> None:
    inputs = {**DATA, **POINT, "m": np.array(0.5)}
    sites = ["m", "spread", "extra"]
    function = density()
    expected = evaluate(function, inputs)["log_density"]
    values, slopes = Run(backend(name)).pulled(
        function, inputs, sites, np.float64, cotangents={"log_density": np.ones(())}, sizes={"N": N}
    )
    reference = value_and_gradient(function, inputs, "log_density", sites)[1]
    np.testing.assert_allclose(values["log_density"], expected, rtol=1e-10)
    for site in sites:
        np.testing.assert_allclose(slopes[site], reference[site], rtol=1e-9, atol=1e-12)
    assert np.isfinite(slopes["extra"]).all()


OBSERVED = """
import numpy as np
import ppc as inf
from jaxtyping import Array, Float, Int

@inf.probmodel
def model(x: Float[Array, "N"], k: Int[Array, "N"]):
    m = inf.Normal(np.mean(x), 1.0)
    for i in range(len(x)):
        if k[i] > 0:
            inf.observe(inf.Normal(m, 1.0, name="y"), x[i])
        else:
            inf.observe(inf.Normal(-m, 2.0, name="y"), x[i])
        if x[i] > 1:
            inf.observe(inf.Laplace(m, 1.0, name="z"), x[i])
"""


def test_observations_in_branches_of_a_loop_count_where_they_are_made() -> None:
    graph = compile_source(Source("m.py", OBSERVED)).graph
    model = compile_loss(graph, None, Options()).graphs["model"]
    x, k, m = np.array([0.5, -1.0, 2.0, 3.0]), np.array([1, 0, 1, 0]), 0.3
    function = as_function(functions.log_density(model))
    found = evaluate(function, {"x": x, "k": k, "m": np.array(m)}, sizes={"N": 4})
    expected = st.norm.logpdf(m, x.mean())
    expected += st.norm.logpdf(x, np.where(k > 0, m, -m), np.where(k > 0, 1.0, 2.0)).sum()
    expected += st.laplace.logpdf(x[x > 1], m).sum()
    np.testing.assert_allclose(found["log_density"], expected, rtol=1e-12)


SUMMED = """
import numpy as np
import ppc as inf
from jaxtyping import Array, Float

@inf.probmodel
def model(x: Float[Array, "N"]):
    total = 0.0
    for i in range(len(x)):
        if x[i] > 0:
            total += np.log(x[i])
        else:
            total += 1.0
    m = inf.Normal(total, 1.0)
    w = np.zeros(4)
    for j in range(4):
        if m > 0:
            w[j] = m * j
    y = inf.Normal(np.sum(w), 1.0)
"""


@pytest.mark.parametrize("m", [0.3, -0.3])
def test_sums_and_elements_in_branches_of_a_loop(m: float) -> None:
    graph = compile_source(Source("m.py", SUMMED)).graph
    model = compile_loss(graph, None, Options(("y",))).graphs["model"]
    x = np.array([0.5, -1.0, 2.0, 3.0])
    inputs = {"x": x, "m": np.array(m), "y": np.array(0.1)}
    found = evaluate(as_function(functions.log_density(model)), inputs, sizes={"N": 4})
    expected = st.norm.logpdf(m, np.log(x[x > 0]).sum() + 1) + st.norm.logpdf(0.1, 6 * max(m, 0))
    np.testing.assert_allclose(found["log_density"], expected, rtol=1e-12)
