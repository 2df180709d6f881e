"""Emitted JAX losses against the reference, for every model of the suite.

Both get the same parameters, noise, batch and weights; the reference evaluates the loss graph as
it is before any simplification, so that passes, layout, emission and JAX are all under test.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from model_suite import NAMES, compiled, loss_after
from ppc_jax import BACKEND
from ppc_numpy import random_inputs
from ppc_numpy.machine import Machine

from ppc.emit.program import Program, assemble
from ppc.ir.nodes import Graph

H = 2.0**-20  # of the perturbed runs that show how rounding grows
EPS32 = 2.0**-24
MARGIN = 64.0  # special functions err by several roundings; three runs may miss the largest


@dataclass(frozen=True, slots=True)
class Emitted:
    module: ModuleType
    program: Program
    graph: Graph  # the loss before any simplification, with parameters on the reals


@functools.cache
def emitted(name: str) -> Emitted:
    program = assemble(compiled(name))
    module = BACKEND.load(BACKEND.emit(program), name)
    return Emitted(module, program, loss_after(name, "constrain"))


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


def jax_result(it: Emitted, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the emitted module makes of the same inputs, in JAX's current float."""
    import jax
    import jax.numpy as jnp

    def array(name: str) -> Any:
        x = inputs[name]
        return jnp.asarray(x, float) if x.dtype.kind == "f" else jnp.asarray(x, jnp.int32)

    module, program = it.module, it.program
    given: dict[str, Any] = {"params": filled(module.Params, array)}
    taken = inspect.signature(module.loss_terms).parameters
    if "noise" in taken:
        given["noise"] = module.Noise(*(array(n.name) for n in program.noise))
    for whole in {"batch", "data"} & set(taken):
        columns = (c.name for c in program.columns if c.given)
        given[whole] = module.prepare(*(inputs[c] for c in columns))
    if "weight" in taken:
        assert program.weight
        given["weight"] = array(program.weight)
    assert set(given) == set(taken)
    params = given.pop("params")

    def total(params: Any, given: Any) -> Any:
        terms = module.loss_terms(params, **given)
        return sum(terms.values()), terms

    # Optimisation is left out because compiling is most of this test's time.
    quick = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    both = jax.jit(jax.grad(total, has_aux=True), compiler_options=quick)
    gradients, terms = both(params, given)
    found = {f"term {site}": np.asarray(x, np.float64) for site, x in terms.items()}
    names = jax.tree.leaves(filled(module.Params, str))
    for parameter, x in zip(names, jax.tree.leaves(gradients), strict=True):
        found[f"gradient in {parameter}"] = np.asarray(x, np.float64)
    return found


def filled(cls: Any, leaf: Callable[[str], Any], group: str = "") -> Any:
    """A `Params` of an emitted module with `leaf(name)` for each parameter."""
    import jax

    fields = []
    for name, kind in cls.__annotations__.items():
        if kind is jax.Array:
            fields.append(leaf(group + name))
        else:  # a layer's fields are named after it; `shared` and `rows` only sort parameters
            inner = group if name in ("shared", "rows") else f"{name}."
            fields.append(filled(kind, leaf, inner))
    return cls(*fields)


@pytest.mark.parametrize("name", NAMES)
def test_in_double_precision_it_is_the_reference(name: str) -> None:
    import jax

    it = emitted(name)
    inputs = point(it.graph, seed=0)
    exact = reference(it.graph, inputs)
    with jax.enable_x64(True):
        found = jax_result(it, inputs)
    assert set(found) == set(exact)
    scale = max(1.0, *(float(np.abs(x).max()) for x in exact.values() if x.size))
    for label, x in exact.items():
        assert np.isfinite(x).all(), label
        np.testing.assert_allclose(found[label], x, rtol=0, atol=1e-10 * scale, err_msg=label)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_in_single_precision_it_is_off_by_rounding(name: str) -> None:
    import jax

    it = emitted(name)
    inputs = point(it.graph, seed=1)
    exact = reference(it.graph, inputs)
    bound = rounding(it.graph, inputs, exact)
    with jax.enable_x64(False):
        found = jax_result(it, inputs)
    for label, x in exact.items():
        excess = np.abs(found[label] - x) - MARGIN * EPS32 * bound[label]
        assert (excess <= 0).all(), (label, found[label], x, MARGIN * EPS32 * bound[label])
