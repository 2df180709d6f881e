"""Every derivative rule against directional differences, with and without named axes."""

from __future__ import annotations

import numpy as np
import pytest
from ppc_numpy import PRIMITIVES, evaluate, points, value_and_gradient
from reference_graphs import CASES, Case

from ppc.ir import primitives
from ppc.ir.nodes import Op

STEP = 2.0**-17
EPS = 2.0**-52

# Integers, booleans, steps, and what is declared to have none.
FLAT = frozenset(
    "floor ceil round sign isfinite isnan eq ne lt le gt ge logical_and logical_or logical_xor "
    "logical_not floordiv any all argmax argmin one_hot arange eye dim axis_index "
    "stop_gradient".split()
)


# Their derivatives pass by some operands for all: see test_deviances.
BY_LOGARITHMS = {"poisson_deviance", "binomial_deviance"}


def test_every_primitive_has_a_rule_and_a_case() -> None:
    assert set(PRIMITIVES) == set(primitives.PRIMITIVES)
    cases = {case.primitive for case in CASES}
    assert cases | BY_LOGARITHMS == set(primitives.PRIMITIVES)
    assert set(points.SAMPLERS) == set(primitives.SAMPLERS)


def test_exactly_these_primitives_have_no_derivative() -> None:
    assert {name for name, rule in PRIMITIVES.items() if rule.vjp is None} == FLAT


def test_alignment_follows_the_table_of_primitives() -> None:
    for name, rule in PRIMITIVES.items():
        assert (rule.align == "elementwise") == primitives.PRIMITIVES[name].elementwise
        assert (rule.align == "none") == (name in primitives.NAMED_AXIS_PRIMITIVES)


def _differentiable() -> list[Case]:
    # the value of `implicit` is the draw; its derivative is tested with the sampler
    return [c for c in CASES if c.primitive not in FLAT and c.primitive != "implicit"]


@pytest.mark.parametrize("case", _differentiable(), ids=str)
def test_gradient_is_the_directional_difference(case: Case) -> None:
    rng = np.random.default_rng(1)
    graph, inputs = case.graph(), case.inputs(rng)
    floats = [f"x{i}" for i, type_ in enumerate(case.types) if type_.is_float]
    shape = evaluate(graph, inputs)["out"].shape
    weights = rng.standard_normal(shape)
    _, gradient = value_and_gradient(graph, inputs, "out", floats, cotangent=weights)
    for name in floats:
        assert gradient[name].shape == inputs[name].shape
        direction = rng.uniform(-1, 1, inputs[name].shape)

        def slope(step: float, name: str = name, direction=direction) -> tuple[float, float]:
            ends = [
                weights * evaluate(graph, {**inputs, name: inputs[name] + s * direction})["out"]
                for s in (step, -step)
            ]
            difference = (ends[0] - ends[1]) / (2 * step)
            return float(difference.sum()), float(np.abs(ends).sum())

        near, size = slope(STEP)
        far, _ = slope(2 * STEP)
        # The error of the near difference is a third of |far - near|, to higher order in the
        # step, and the rounding of values (special functions to some 16 roundings) over it.
        bound = abs(far - near) + 16 * EPS * size / STEP
        assert (gradient[name] * direction).sum() == pytest.approx(near, abs=bound, rel=0)


@pytest.mark.parametrize("case", [c for c in CASES if c.primitive in FLAT and c.types], ids=str)
def test_primitives_without_derivative_pass_zero(case: Case) -> None:
    inputs = case.inputs(np.random.default_rng(2))
    floats = [f"x{i}" for i, type_ in enumerate(case.types) if type_.is_float]
    _, gradient = value_and_gradient(case.graph(), inputs, "out", floats, cotangent=1.0)
    for name in floats:
        np.testing.assert_array_equal(gradient[name], np.zeros_like(inputs[name]))


def test_cases_build_the_primitive_they_name() -> None:
    for case in CASES:
        node = case.graph().by_name()["result"]
        assert isinstance(node, Op) and node.primitive == case.primitive
