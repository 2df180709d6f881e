"""Loops: as read and as plates they have one density, that of the plates written by hand."""

from __future__ import annotations

import numpy as np
import pytest
from ppc_numpy import random_inputs, value_and_gradient
from programs import body, compiled, mistakes, types

from ppc.diagnostics.notes import LoopUnrolled, LoopVectorised
from ppc.ir.nodes import Graph
from ppc.ir.verify import check
from ppc.objective.functions import log_density
from ppc.passes import plates

FORMS = {  # parameters, loop form, plate form
    "local": (
        'x: Float[Array, "N"], w: Float[Array, "N"]',
        """
        def line(a, b):
            t = a * b
            return t + 1.
        for a, b in zip(x, w):
            y = inf.Normal(line(a, b), 1.)
        """,
        """
        with inf.datamodel():
            y = inf.Normal(x * w + 1., 1.)
        """,
    ),
}


def value(graph: Graph, inputs: dict[str, object]) -> tuple[object, dict[str, object]]:
    """The log density of a model and its gradient in everything that is given."""
    density = log_density(graph)
    wanted = [n.name for n in density.data if n.type.is_float]
    found, gradient = value_and_gradient(density, inputs, "log_density", wanted)  # type: ignore[arg-type]
    return found, dict(gradient)


@pytest.mark.parametrize("form", FORMS)
def test_the_loop_form_is_the_plate_form(form: str) -> None:
    parameters, loop, plate = FORMS[form]
    as_loop, as_plate = body(loop, parameters), body(plate, parameters)
    inputs = dict(random_inputs(log_density(as_plate), np.random.default_rng(1)))
    for graph in (as_loop, plates.run(as_loop)):
        check(graph)
        found, gradient = value(graph, inputs)
        expected, its_gradient = value(as_plate, inputs)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        for name, one in its_gradient.items():
            np.testing.assert_allclose(gradient[name], one, rtol=1e-10, atol=1e-12)


def test_data_have_the_dimensions_of_the_target_in_its_order() -> None:
    lines = """
    for j in range(J):
        b[j] = inf.Normal(0., 1.)
    for n in range(N):
        for j in range(J):
            y[n, j] = inf.Normal(b[j] + x[n], 1.)
    """
    assert types(body(lines, 'J, x: Float[Array, "N"]'))["y"] == "f32[N, J |]"


def test_opposite_orders_are_refused() -> None:
    lines = """
    for n in range(N):
        for j in range(J):
            y[n, j] = inf.Normal(0., 1.)
            z[j, n] = inf.Normal(0., 1.)
    """
    assert [m.code for m in mistakes(lines, "N, J").mistakes] == ["axis-order"]


def test_a_sum_over_rounds_is_a_reduction() -> None:
    lines = """
    total = 1.0
    for i in range(N):
        total += x[i]
        total = total - 2.0 * x[i] ** 2
    y = inf.Normal(total, 1.)
    """
    graph = plates.run(body(lines, 'x: Float[Array, "N"]'))
    x = np.array([0.5, -1.0, 2.0])
    found, _ = value(graph, {"x": x, "y": np.array(0.0)})
    mean = 1 + x.sum() - 2 * (x**2).sum()
    np.testing.assert_allclose(found, -(mean**2) / 2 - np.log(2 * np.pi) / 2, rtol=1e-12)


def test_what_became_of_each_loop_is_noted() -> None:
    text = """
    @inf.probmodel
    def m(J):
        for j in range(J):
            a[j] = inf.Normal(0., 1.)
        for k in range(2):
            inf.Normal(0., 1., name=f"b_{k}")
    """
    found = compiled(text)
    assert [type(note) for note in found.notes] == [LoopVectorised, LoopUnrolled]
    assert [site.name for site in found.graph.samples] == ["a", "b_0", "b_1"]


@pytest.mark.parametrize(
    ("lines", "code"),
    [("for i in range(N):\n    z[g[i]] = inf.Normal(0., 1.)", "scattered"),
     ("for i in range(N):\n    for j in range(J):\n        z[j] = inf.Normal(0., 1)", "each-round"),
     ("for i in range(N):\n    z[i] = inf.Normal(w[i] + g[i], 1.)", "loop-range"),
     ("for a, b in zip(w, g):\n    z = inf.Normal(a + b, 1.)", "loop-lengths"),
     ("for i in range(N):\n    z[i] = inf.Normal(z[i - 1], 1.)", "loop-carried"),
     ("for i in range(N):\n    inf.Normal(0., 1., name=f'z_{i}')", "loop-number")],
)  # fmt: skip
def test_refusals(lines: str, code: str) -> None:
    found = mistakes(lines, 'J, g: Int[Array, "N"], w: Float[Array, "M"]')
    assert found.mistakes[0].code == code
