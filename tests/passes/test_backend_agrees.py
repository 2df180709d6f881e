"""Emitted losses on every backend against the reference, for every model of the suite.

Both get the same parameters, noise, batch and weights; the reference evaluates the loss graph as
it is before any simplification, so that passes, layout, emission and backend are all under test.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from model_suite import NAMES, compiled, loss_after
from ppc_numpy import random_inputs
from ppc_numpy.machine import Machine
from program_runs import RUNS

from ppc.emit.program import Program, assemble
from ppc.ir.nodes import Graph
from ppc.registry import backend

H = 2.0**-20  # of the perturbed runs that show how rounding grows
EPS32 = 2.0**-24
MARGIN = 64.0  # special functions err by several roundings; three runs may miss the largest


@dataclass(frozen=True, slots=True)
class Emitted:
    program: Program
    graph: Graph  # the loss before any simplification, with parameters on the reals


@functools.cache
def emitted(name: str) -> Emitted:
    program = assemble(compiled(name))
    return Emitted(program, loss_after(name, "constrain"))


def point(graph: Graph, seed: int) -> dict[str, np.ndarray]:
    """Random inputs that float32 holds exactly."""
    found = random_inputs(graph, np.random.default_rng(seed))
    return {n: x.astype(np.float32) if x.dtype.kind == "f" else x for n, x in found.items()}


def reference(
    graph: Graph, inputs: Mapping[str, np.ndarray], rng: np.random.Generator | None = None
) -> dict[str, np.ndarray]:
    """The terms, and the gradient of their sum in every parameter; perturbed where asked."""

    def perturb(x: np.ndarray) -> np.ndarray:
        assert rng is not None
        return np.asarray(x * (1 + H * rng.uniform(-1, 1, x.shape)))

    machine = Machine(graph, inputs, perturb=None if rng is None else perturb)
    nodes = [node for _, node in graph.outputs]
    wrt = [param.name for param in graph.params]
    machine.run([*nodes, *wrt])
    seeds: dict[str, np.ndarray] = {}
    for node in nodes:
        seeds[node] = seeds.get(node, np.zeros(())) + 1.0
    found = {f"term {site}": machine.values[node] for site, node in graph.outputs}
    gradients = machine.pull(seeds, wrt)
    return found | {f"gradient in {name}": g for name, g in gradients.items()}


def rounding(graph: Graph, inputs: Mapping[str, np.ndarray], exact: Mapping[str, Any]) -> Any:
    """How far each result moves for relative errors of 1 in every operation, to first order."""
    rng = np.random.default_rng(1)
    spread = {label: np.zeros(np.shape(x)) for label, x in exact.items()}
    for _ in range(3):
        for label, x in reference(graph, inputs, rng).items():
            spread[label] = np.maximum(spread[label], np.abs(x - exact[label]) / H)
    return {k: np.maximum(x, np.sqrt(np.mean(x**2)) if x.size else 0) for k, x in spread.items()}


@functools.cache
def exactly(name: str, seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Inputs of a loss, and what the reference makes of them."""
    graph = emitted(name).graph
    inputs = point(graph, seed)
    return inputs, reference(graph, inputs)


@functools.cache
def bounds(name: str, seed: int) -> Any:
    """How far each result may be off, for one rounding of one unit in every operation."""
    inputs, exact = exactly(name, seed)
    return rounding(emitted(name).graph, inputs, exact)


@pytest.fixture(params=list(RUNS))
def on(request: pytest.FixtureRequest) -> Any:
    """A backend that is installed."""
    return RUNS[request.param]()


def found(on: Any, name: str, seed: int, dtype: type) -> dict[str, np.ndarray]:
    """What the emitted program makes of the inputs."""
    program = emitted(name).program
    text = backend(on.name).emit(program)
    return dict(on.loss(text, program, exactly(name, seed)[0], dtype))


@pytest.mark.parametrize("name", NAMES)
def test_in_double_precision_it_is_the_reference(on: Any, name: str) -> None:
    _, exact = exactly(name, 0)
    got = found(on, name, 0, np.float64)
    assert set(got) == set(exact)
    scale = max(1.0, *(float(np.abs(x).max()) for x in exact.values() if x.size))
    for label, x in exact.items():
        assert np.isfinite(x).all(), label
        np.testing.assert_allclose(got[label], x, rtol=0, atol=1e-10 * scale, err_msg=label)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_in_single_precision_it_is_off_by_rounding(on: Any, name: str) -> None:
    _, exact = exactly(name, 1)
    bound = bounds(name, 1)
    got = found(on, name, 1, np.float32)
    for label, x in exact.items():
        excess = np.abs(got[label] - x) - MARGIN * EPS32 * bound[label]
        assert (excess <= 0).all(), (label, got[label], x, MARGIN * EPS32 * bound[label])
