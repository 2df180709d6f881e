"""Chains of MCMC by BlackJAX, all at once, each with its own adaptation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ppc.backend import Chains, ChainSettings
from ppc.diagnostics import StateError
from ppc.diagnostics.chains import MissingSampler

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def sample(
    log_density: Callable[[dict[str, Any]], Any],
    data: Mapping[str, Any],
    starts: Mapping[str, Array],
    settings: ChainSettings,
    seed: int,
) -> Chains:
    """See `ppc.backend.Runner.sample_chains`.

    The adaptation is Stan's: a diagonal mass matrix in windows that double, and dual averaging of
    the step size (Carpenter et al. 2017; Hoffman and Gelman 2014).
    """
    if find_spec("blackjax") is None:
        raise StateError(MissingSampler(backend="jax", package="blackjax", extra="mcmc"))
    first = {name: jnp.asarray(x, float) for name, x in starts.items()}
    keys = jax.random.split(jax.random.key(seed), len(next(iter(first.values()))))
    draws, *statistics = _compiled(log_density, settings)(keys, first, dict(data))
    return Chains({name: np.asarray(x) for name, x in draws.items()}, *map(np.asarray, statistics))


@functools.lru_cache(maxsize=64)
def _compiled(
    log_density: Callable[[dict[str, Any]], Any], settings: ChainSettings
) -> Callable[..., Any]:
    """All chains as one compiled function of their keys, starts and the data."""
    import blackjax

    algorithm = blackjax.nuts if settings.kernel == "nuts" else blackjax.hmc
    extra = {} if settings.kernel == "nuts" else {"num_integration_steps": settings.leapfrog_steps}

    def chain(key: Any, start: Any, data: Mapping[str, Any]) -> Any:
        def density(position: Any) -> Any:
            return log_density({**data, **unravel(position)})

        position, unravel = ravel_pytree(start)
        warmup_key, key = jax.random.split(key)
        if settings.adapt:
            warmup = blackjax.window_adaptation(
                algorithm, density, initial_step_size=settings.step_size,
                target_acceptance_rate=settings.target, adaptation_info_fn=lambda *_: None, **extra,
            )  # fmt: skip
            (state, found), _ = warmup.run(warmup_key, position, num_steps=settings.burnin)
            kernel = algorithm(density, **found)
        else:
            ones = jnp.ones_like(position)
            found = {"step_size": jnp.asarray(settings.step_size), "inverse_mass_matrix": ones}
            kernel = algorithm(density, **found, **extra)
            burnin = jax.random.split(warmup_key, settings.burnin)
            state, _ = jax.lax.scan(
                lambda state, key: (kernel.step(key, state)[0], None), kernel.init(position), burnin
            )

        def step(state: Any, key: Any) -> Any:
            state, info = kernel.step(key, state)
            kept = (unravel(state.position), info.acceptance_rate, info.is_divergent)
            return state, kept

        _, kept = jax.lax.scan(step, state, jax.random.split(key, settings.results))
        return *kept, found["step_size"]

    compiled: Callable[..., Any] = jax.jit(jax.vmap(chain, in_axes=(0, 0, None)))
    return compiled
