"""A further variable does not change the draws of the others: noise has its site's own key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from emitted_programs import Emitted, emitted
from model_suite import NAMES, case, compiled

from ppc import registry
from ppc.compiler import Compilation, compile_loss
from ppc.emit.program import assemble
from ppc.ir.nodes import Const, Graph, Noise, Sample
from ppc.ir.types import Tensor, scalar

EXTRA = "unrelated"


def with_another(graph: Graph, plates: tuple[str, ...], distribution: str) -> Graph:
    """The graph with one more latent."""
    loc, scale = (Const(name=f"{EXTRA}_{i}", type=scalar(), value=float(i)) for i in (0, 1))
    args = (("loc", loc.name), ("scale", scale.name))
    site = Sample(name=EXTRA, type=Tensor("f32", plates), distribution=distribution, args=args)
    return replace(graph, nodes=(*graph.nodes, loc, scale, site))


def extended(name: str) -> Compilation:
    """The compilation of a model of the suite with one more latent."""
    it = case(name)
    graphs = [it.model] if it.guide is None else [it.model, it.guide]
    plates = [tuple(axis.name for axis in graph.axes[:1]) for graph in graphs]
    shared = min(plates, key=len)
    model = with_another(it.model, shared, "Laplace")  # a prior that takes a draw of the guide
    guide = it.guide and with_another(it.guide, shared, "Normal")
    return compile_loss(model, guide, it.options)


def noise(c: Compilation) -> dict[tuple[str, str], tuple[Any, ...]]:
    """By graph and site: all that a draw depends on, besides the key."""
    found: dict[tuple[str, str], tuple[Any, ...]] = {}
    for which in ("loss", "init"):
        for node in c.graphs[which].nodes:
            if isinstance(node, Noise):
                place = which, node.site
                assert place not in found, f"two draws of {node.site} would be one"
                found[place] = node.kind, node.type, node.sampler
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_further_variable_leaves_the_noise_of_others(name: str) -> None:
    before, after = noise(compiled(name)), noise(extended(name))
    assert ("loss", EXTRA) in after
    assert {place: after.get(place) for place in before} == before


def draws(it: Emitted, key: Any) -> dict[str, np.ndarray]:
    """The noise of a block, and draws of the model."""
    data = it.data()
    made = it.module.draw_noise(key, 2, 3, data, it.plan(data))._asdict()
    return {name: np.asarray(x) for name, x in made.items() if x is not None}


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_a_further_variable_changes_no_draw(backend: str) -> None:
    name, found = "two_plates", registry.backend(backend)
    program = assemble(extended(name))
    text = found.emit(program)
    other = Emitted(program, text, found.load(text, "fit_extended"))
    key = found.runner.key(7)
    before, after = draws(emitted(name, backend), key), draws(other, key)
    assert set(after) == {*before, EXTRA}
    for site, x in before.items():
        np.testing.assert_array_equal(after[site], x, err_msg=site)
