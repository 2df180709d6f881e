"""The unconstrained form of every model: bijections, and the Jacobian by differences."""

from __future__ import annotations

import numpy as np
import pytest
from model_suite import NAMES, case
from ppc_numpy import evaluate, random_inputs

from ppc.distributions import BIJECTIONS, SUPPORTS, find
from ppc.ir.nodes import Graph
from ppc.objective import functions, unconstrained
from ppc.passes import condition, constrain

STEP = 1e-5


def conditioned(name: str) -> Graph:
    found = case(name)
    return condition.run(found.model, found.options.observed)


def with_reals(model: Graph, seed: int) -> dict[str, np.ndarray]:
    """Random inputs of the unconstrained log density: latents on the reals."""
    graph = constrain.run(unconstrained.unconstrained_log_density(model))
    rng = np.random.default_rng(seed)
    inputs = random_inputs(graph, rng)
    own = {node.name for node in model.data}
    sites = random_inputs(model, rng, given={n: x for n, x in inputs.items() if n in own})
    for site in model.samples:
        if site.name not in inputs:  # the model observes it itself
            continue
        if site.distribution.startswith(("Truncated", "Censored")) and site.role == "observed":
            found = sites[site.name]  # beyond its bounds there is no density
            inputs[site.name] = np.where(np.isfinite(found), found, 1.0)
        shape = inputs[site.name].shape
        if site.role == "latent":
            inputs[site.name] = rng.normal(size=shape)
        elif find(site.distribution).discrete:
            inputs[site.name] = rng.integers(0, 2, size=shape).astype(inputs[site.name].dtype)
    return inputs


def only(graph: Graph, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: x for name, x in inputs.items() if name in graph.by_name()}


def continuous() -> list[str]:
    return [name for name in NAMES if unconstrained.has_unconstrained_form(conditioned(name))]


@pytest.mark.parametrize("name", continuous())
def test_the_jacobian_is_that_of_constrain(name: str) -> None:
    model = conditioned(name)
    inputs = with_reals(model, seed=1)
    latents = [site.name for site in model.samples if site.role == "latent"]
    bijections = (
        BIJECTIONS[SUPPORTS[find(s.distribution).support.kind].bijection]
        for s in model.samples
        if s.role == "latent"
    )
    vectors = {latent: b.event_rank > 0 for latent, b in zip(latents, bijections, strict=True)}
    move = constrain.run(unconstrained.constrain(model))
    density = constrain.run(functions.log_density(model))
    whole = constrain.run(unconstrained.unconstrained_log_density(model))

    values = evaluate(move, only(move, inputs))
    log_det = 0.0
    for latent in latents:
        # Each bijection acts on elements or on vectors, in model order: the Jacobian is triangular
        # by blocks, and its determinant is the product of theirs.
        size = inputs[latent].shape[-1] if vectors[latent] else 1
        columns = []
        for i in range(size):
            step = STEP * (np.arange(size) == i) if vectors[latent] else STEP
            low, high = ({**inputs, latent: inputs[latent] + s * step} for s in (-1, 1))
            up, down = (evaluate(move, only(move, at))[latent] for at in (high, low))
            columns.append((up - down) / (2 * STEP))
        if vectors[latent]:  # of a simplex all elements but the last, which follows from them
            blocks = np.stack(columns, axis=-1)[..., :size, :]
            log_det += float(np.linalg.slogdet(blocks)[1].sum())
        else:
            log_det += float(np.log(np.abs(columns[0])).sum())
    expected = evaluate(density, only(density, {**inputs, **values}))["log_density"] + log_det
    found = evaluate(whole, only(whole, inputs))["unconstrained_log_density"]
    # A central difference errs by STEP^2 / 6 times a third derivative of order one, in each
    # element, and by the rounding of values over the step.
    elements = sum(np.size(inputs[latent]) for latent in latents)
    bound = elements * (10 * STEP**2 + 1e-15 / STEP) + 1e-12 * abs(float(expected))
    assert abs(float(found - expected)) < bound


@pytest.mark.parametrize("name", continuous())
def test_unconstrain_undoes_constrain(name: str) -> None:
    model = conditioned(name)
    inputs = with_reals(model, seed=2)
    move, back = (
        constrain.run(f(model)) for f in (unconstrained.constrain, unconstrained.unconstrain)
    )
    values = evaluate(move, only(move, inputs))
    found = evaluate(back, only(back, {**inputs, **values}))
    for site in model.samples:
        if site.role == "latent":
            np.testing.assert_allclose(found[site.name], inputs[site.name], atol=1e-9)
