"""`with` plates: nested and crossed, what code in them sees, which arrays have their rows."""

from __future__ import annotations

import numpy as np
import pytest
from ppc_frontend import compile_source
from ppc_numpy import evaluate
from scipy.stats import norm

from ppc.diagnostics import CompileError
from ppc.ir.nodes import Graph
from ppc.objective.functions import log_density
from ppc.spans import Source

HEAD = """
import numpy as np
import ppc as inf
from jaxtyping import Array, Float, Int

@inf.probmodel
"""


def graph(text: str) -> Graph:
    return compile_source(Source("model.py", HEAD + text)).graph


def types(text: str) -> dict[str, str]:
    """The types of sites, parameters and arrays, by name."""
    found = graph(text)
    return {node.name: str(node.type) for node in (*found.samples, *found.params, *found.data)}


CROSSED = """
def model(x: Float[Array, "users items d"], age: Float[Array, "users"], d):
    w = inf.Normal(np.zeros(d), 1.0)
    with inf.plate("users"):
        a = inf.Normal(0.1 * age, 1.0)
        slope = inf.Parameter(np.ones(d))
    with inf.plate("items"):
        b = inf.Normal(0.0, 1.0)
    with inf.plate("users"), inf.plate("items"):
        inf.Normal(a + b + x @ w + (x * slope).sum(-1), 1.0, name="y")
"""


def test_plates_nest_and_cross() -> None:
    assert types(CROSSED) == {
        "w": "f32[d]",
        "a": "f32[users |]",
        "b": "f32[items |]",
        "y": "f32[users, items |]",
        "slope": "f32[users | d]",
        "x": "f32[users, items | d]",
        "age": "f32[users |]",
    }


def test_the_order_of_the_axes_is_that_of_the_nesting_whatever_was_opened_first() -> None:
    found = types("""
def model(x: Float[Array, "users items"]):
    with inf.plate("items"):
        b = inf.Normal(0.0, 1.0)
    with inf.plate("users"):
        with inf.plate("items"):
            inf.Normal(b, np.exp(x), name="y")
""")
    assert found == {"b": "f32[items |]", "y": "f32[users, items |]", "x": "f32[users, items |]"}


def test_an_array_with_its_plates_in_another_order_is_turned() -> None:
    found = graph("""
def model(x: Float[Array, "items users k"], k):
    with inf.plate("users"), inf.plate("items"):
        inf.Normal(x, 1.0, name="y")
""")
    nodes = found.by_name()
    assert str(nodes["x"].type) == "f32[items, users, k]"
    assert str(nodes["y"].type) == "f32[users, items | k]"


def test_a_dimension_named_like_the_size_of_one_plate_is_its_rows() -> None:
    found = types("""
def model(sigma: Float[Array, "J"], J):
    with inf.plate("schools", J):
        theta = inf.Normal(0.0, 1.0)
        with inf.datamodel():
            inf.Normal(theta, sigma, name="y")
""")
    assert found == {"theta": "f32[schools |]", "y": "f32[schools, N |]", "sigma": "f32[schools |]"}


def test_outside_its_plates_an_array_is_whole() -> None:
    found = graph("""
def model(x: Float[Array, "users items"]):
    with inf.plate("users"):
        inf.Normal(x.sum(-1), 1.0, name="row")
        with inf.plate("items"):
            inf.Normal(x, 1.0, name="cell")
    inf.Normal(x.sum(), 1.0, name="all")
""")
    nodes = found.by_name()
    assert [str(nodes[name].type) for name in ("row", "cell", "all")] == [
        "f32[users |]", "f32[users, items |]", "f32[]",
    ]  # fmt: skip


def test_each_plate_shows_one_leading_axis() -> None:
    found = types("""
def model(x: Float[Array, "users items d"], d):
    with inf.plate("users"), inf.plate("items"):
        left = np.reshape(x[:, :, 1:], (-1, -1, d - 1))
        both = np.einsum("uik,uik->ui", left, left)
        inf.Normal(both + x[..., 0], 1.0, name="y")
""")
    assert found["y"] == "f32[users, items |]"


WRONG = {
    "x[0]": "indexing goes across the rows of the plate users",
    "x[:, 0]": "indexing goes across the rows of the plate items",
    "x.sum(0)": "reducing goes across the rows of the plate users",
    "x.sum(1)": "reducing goes across the rows of the plate items",
    "x + age": "rows of the plate items would be matched with another axis",
    "x + np.ones((3, 2))": "would be matched with another axis",
    'np.einsum("uik,uik->iu", x, x)': "einsum goes across the rows of the plate users",
}


@pytest.mark.parametrize("expression", WRONG)
def test_rows_of_one_plate_never_meet_those_of_another(expression: str) -> None:
    with pytest.raises(CompileError) as caught:
        graph(f"""
def model(x: Float[Array, "users items 2"], age: Float[Array, "users"]):
    with inf.plate("users"), inf.plate("items"):
        inf.Normal({expression}, 1.0, name="y")
""")
    assert WRONG[expression] in str(caught.value)


def test_plates_nested_both_ways_are_refused_with_both_places() -> None:
    with pytest.raises(CompileError) as caught:
        graph("""
def model():
    with inf.plate("a"), inf.plate("b"):
        inf.Normal(0.0, 1.0, name="x")
    with inf.plate("b"), inf.plate("a"):
        inf.Normal(0.0, 1.0, name="y")
""")
    told = str(caught.value)
    assert "the plate a is opened inside b here, and b inside a elsewhere" in told
    assert "model.py:11:26" in told and "model.py:9:26" in told


ROWS = "with inf.datamodel(J):\n        theta = inf.Normal(0.0, 1.0)\n    "
FIRST = {
    "with": ROWS,
    "for": "for j in range(J):\n        theta[j] = inf.Normal(0.0, 1.0)\n    ",
}
LOOP = "for j in range(J):\n        y[j] = inf.Normal({}, 2.0)\n"
READINGS = {
    **{f"after {name}": f"{first}{LOOP}" for name, first in FIRST.items()},
    "in a helper": ROWS + "def whole():\n        return np.sum(theta)\n    " + LOOP,
    "in a list": ROWS + "both = [theta, 1.0]\n    " + LOOP,
}
SUMS = {"in a helper": "whole() + theta[j]", "in a list": "np.sum(both[0]) + theta[j]"}


@pytest.mark.parametrize("case", READINGS)
def test_rows_of_a_closed_plate_are_an_array_in_a_loop_over_it(case: str) -> None:
    loc = SUMS.get(case, "np.sum(theta) + theta[j]")
    model = graph(f"def model(J):\n    {READINGS[case].format(loc)}")
    theta, y = np.random.default_rng(0).normal(size=(2, 5))
    found = evaluate(log_density(model), {"theta": theta, "y": y})["log_density"]
    expected = norm(0, 1).logpdf(theta).sum() + norm(theta.sum() + theta, 2).logpdf(y).sum()
    np.testing.assert_allclose(found, expected, rtol=1e-13)


NOISE = "[15.0, 10.0, 16.0]"


def test_as_many_numbers_as_rows_meet_the_rows_beside_something_of_each() -> None:
    found = types(f"""
def model():
    mu = inf.Normal(0.0, 5.0)
    with inf.plate("schools", 3):
        theta = inf.Normal(mu, 1.0)
        inf.Normal(theta, np.array({NOISE}), name="y")
""")
    assert found["y"] == "f32[schools |]"


def test_as_many_numbers_as_rows_are_of_each_row_with_a_warning_where_nothing_else_is() -> None:
    text = f"""
def model():
    mu = inf.Normal(0.0, 5.0)
    with inf.plate("schools", 3):
        inf.Normal(mu, np.array({NOISE}), name="y")
"""
    compiled = compile_source(Source("model.py", HEAD + text))
    assert [str(site.type) for site in compiled.graph.samples] == ["f32[]", "f32[schools | 3]"]
    (warning,) = compiled.warnings
    assert "each row of the plate schools is an array of shape (3,)" in warning.message()


def test_a_site_of_a_closed_plate_is_observed_outside_of_it() -> None:
    found = graph("""
def model(x: Float[Array, "N"]):
    with inf.datamodel():
        y = inf.Normal(0.0, 1.0)
    inf.observe(y, x)
""")
    (site,) = found.samples
    assert site.role == "observed" and str(site.type) == "f32[N |]"


def test_a_helper_gives_its_rows_as_an_array() -> None:
    found = types("""
def model(g: Int[Array, "N"], J):
    def effects():
        with inf.plate("groups", J):
            e = inf.Normal(0.0, 1.0)
            return e
    with inf.datamodel():
        inf.Normal(effects()[g] if False else 0.0, 1.0, name="y")
    inf.Normal(np.sum(effects()), 1.0, name="total")
""")
    assert found["total"] == "f32[]"
