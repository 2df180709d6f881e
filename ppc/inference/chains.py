"""Chains: from a model, MCMC and data to draws of the posterior."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ppc import registry
from ppc.backend import Backend, ChainSettings
from ppc.compiler import as_function, conditioned
from ppc.data.loaders import as_mapping
from ppc.diagnostics import CompileError, DataError, StateError
from ppc.diagnostics.chains import (
    ChainsApart,
    Held,
    MissingSampler,
    NoStart,
    NothingLatent,
    NotOnTheReals,
)
from ppc.diagnostics.render import render_all
from ppc.distributions import SUPPORTS, find
from ppc.inference.chained import Chained
from ppc.inference.fit import checked_data, warn_of_another, without_missing
from ppc.inference.methods import next_seed
from ppc.inference.starts import start
from ppc.ir.nodes import Graph
from ppc.objective import functions, unconstrained
from ppc.objective.functions import DRAWS
from ppc.passes.constrain import unconstrained_name

if TYPE_CHECKING:
    from ppc.api import ProbModel
    from ppc.inference.mcmc import MCMC

Array = NDArray[Any]

CANDIDATES = 100  # draws of the prior for each chain, of which the first that will do is its start
LARGEST_RHAT = 1.01  # Vehtari et al. (2021)
LEAST_ESS = 100  # for each chain, ibid.


def fit(
    model: ProbModel,
    data: Any,
    method: MCMC,
    *,
    seed: int | None,
    backend: str | None,
    missing: str,
) -> Chained:
    """Draw from the posterior of a model; see `ProbModel.fit`."""
    registry.backend(backend).check_chains(method.kernel)
    _needs_arviz(backend)
    seed = next_seed(seed)
    seen = without_missing(model, None, as_mapping(data), missing)
    checked = checked_data(seen.model, seen.data, model.arrays)
    observed = tuple(s.name for s in seen.model.samples if s.name in seen.data)
    graph = conditioned(seen.model, observed)
    _refuse(graph)
    warn_of_another(model)
    inputs = {**checked.arrays, **_held(model, graph, checked.sizes, checked.arrays, seed, backend)}
    found = registry.backend(backend)
    density = _loaded(found, unconstrained.unconstrained_log_density(graph))
    settings = ChainSettings(
        kernel=method.kernel, step_size=method.step_size, adapt=method.adapt,
        leapfrog_steps=method.num_leapfrog_steps, burnin=method.num_burnin_steps,
        results=method.num_results, target=method.target_accept,
    )  # fmt: skip
    starts = _starts(found, graph, density, inputs, checked.sizes, method.chains, seed)
    run = found.chains(density, inputs, checked.sizes, starts, settings, seed)
    shape = (method.chains, method.num_results)
    flat = {name: x.reshape(-1, *x.shape[2:]) for name, x in run.draws.items()}
    moved = _moved(found, unconstrained.constrain, graph, {**inputs, **flat}, checked.sizes)
    draws = {name: x.reshape(*shape, *x.shape[1:]) for name, x in moved.items()}
    chained = Chained(
        model=graph if seen.model is model.ir else conditioned(model.ir, observed),
        raw={n: inputs[n] for n in map(unconstrained_name, graph.params) if n in inputs},
        arrays=seen.left_out(checked.arrays), sizes=checked.sizes, backend=backend, draws=draws,
        acceptance=run.acceptance, diverging=run.diverging, step_sizes=run.step_sizes,
        rhat=_diagnosed("rhat", draws), ess=_diagnosed("ess", draws), missing=missing,
    )  # fmt: skip
    _warn(chained)
    return chained


def _needs_arviz(backend: str | None) -> None:
    name = registry.backend(backend).name
    extra = "mcmc" if name == "jax" else f"mcmc-{name}"
    for package in ("arviz_base", "arviz_stats"):
        if find_spec(package) is None:
            raise StateError(MissingSampler(backend=name, package=package, extra=extra))


def _refuse(graph: Graph) -> None:
    """Refuse what chains cannot move in. Raises CompileError with every such latent."""
    latents = [site for site in graph.samples if site.role == "latent"]
    if not latents:
        raise CompileError(NothingLatent(model=graph.name))
    mistakes = [
        NotOnTheReals(
            name=s.name, distribution=s.distribution, discrete=s.type.dtype != "f32", span=s.span
        )
        for s in latents
        if not SUPPORTS[find(s.distribution).support.kind].bijection
    ]
    if mistakes:
        raise CompileError(mistakes)


def _held(
    model: ProbModel,
    graph: Graph,
    sizes: Mapping[str, int],
    arrays: Mapping[str, Array],
    seed: int,
    backend: str | None,
) -> dict[str, Array]:
    """The parameters on the reals as they are: fitted before, or as they start; with a warning."""
    if not graph.params:
        return {}
    names = [unconstrained_name(param) for param in graph.params]
    fitted = model.fitted.raw if model.fitted is not None else {}
    first = {} if fitted.keys() >= set(names) else start(model, sizes, arrays, seed, backend)
    held = Held(names=tuple(param.name for param in graph.params))
    warnings.warn(render_all([held]), UserWarning, stacklevel=4)
    return {name: {**first, **fitted}[name] for name in names}


def _loaded(found: Backend, graph: Graph) -> Any:
    return found.load(found.emit_function(as_function(graph)), graph.name)


def _starts(
    found: Backend,
    graph: Graph,
    density: Any,
    inputs: Mapping[str, Array],
    sizes: Mapping[str, int],
    chains: int,
    seed: int,
) -> dict[str, Array]:
    """Draws of the prior on the reals at which the density is finite, one for each chain."""
    latents = tuple(site.name for site in graph.samples if site.role == "latent")
    given = tuple(s.name for s in graph.samples if s.name in inputs)
    asked = functions.Query(latents, given, guided=False)
    prior = _loaded(found, functions.query(graph, None, asked))
    seeds, tried, kept = Random(seed), 0, list[dict[str, Array]]()
    while len(kept) < chains and tried < CANDIDATES * chains:
        many = {**sizes, DRAWS: chains}
        drawn = found.call(prior, inputs, many, seeds.getrandbits(31))
        values = {name: drawn[f"{name}.sample"] for name in latents}
        free = _moved(found, unconstrained.unconstrain, graph, {**inputs, **values}, sizes)
        for i in range(chains):
            point = {name: x[i] for name, x in free.items()}
            at = found.call(density, {**inputs, **point}, sizes, 0)
            if all(np.isfinite(x).all() for x in (*at.values(), *point.values())):
                kept.append(point)
        tried += chains
    if len(kept) < chains:
        raise DataError(NoStart(tried=tried))
    return {name: np.stack([point[name] for point in kept[:chains]]) for name in latents}


def _moved(
    found: Backend,
    between: Callable[..., Graph],
    graph: Graph,
    inputs: Mapping[str, Array],
    sizes: Mapping[str, int],
) -> dict[str, Array]:
    """Many draws of the latents, from or to the reals."""
    latents = [site.name for site in graph.samples if site.role == "latent"]
    many = {**sizes, DRAWS: len(inputs[latents[0]])}
    return found.call(_loaded(found, between(graph, draws=True)), inputs, many, 0)


def _diagnosed(name: str, draws: Mapping[str, Array]) -> dict[str, Array]:
    """R-hat or the effective sample size of every element, by ArviZ."""
    from arviz_stats.base import array_stats

    found = {}
    for site, x in draws.items():
        if name == "rhat" and len(x) == 1:  # of one chain its halves are compared
            half = x.shape[1] // 2
            x = x[0, : 2 * half].reshape(2, half, *x.shape[2:])
        found[site] = np.asarray(getattr(array_stats, name)(x, chain_axis=0, draw_axis=1))
    return found


def _warn(chained: Chained) -> None:
    """Warn of chains that did not meet or hardly moved."""
    worst: dict[str, tuple[float, str]] = {"rhat": (0.0, ""), "ess": (math.inf, "")}
    for site in chained.draws:
        rhat, ess = np.max(chained.rhat[site]), np.min(chained.ess[site])
        worst["rhat"] = max(worst["rhat"], (float(rhat), site))
        worst["ess"] = min(worst["ess"], (float(ess), site))
    chains = len(chained.acceptance)
    first = [x.reshape(*x.shape[:2], -1) for x in chained.draws.values()]
    still = np.all([(x == x[:, :1]).all((1, 2)) for x in first], axis=0)
    divergences = int(chained.diverging.sum())
    good = worst["rhat"][0] <= LARGEST_RHAT and worst["ess"][0] >= LEAST_ESS * chains
    if good and not divergences and not still.any():
        return
    apart = ChainsApart(
        rhat=worst["rhat"][0], rhat_of=worst["rhat"][1], ess=worst["ess"][0],
        ess_of=worst["ess"][1], divergences=divergences, stuck=int(still.sum()),
    )  # fmt: skip
    warnings.warn(render_all([apart]), UserWarning, stacklevel=4)
