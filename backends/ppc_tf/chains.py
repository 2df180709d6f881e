"""Chains of MCMC by TensorFlow Probability, one after the other, compiled once."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

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

    Adapted are a diagonal mass matrix, from the first half of the burn-in, and the step size, by
    dual averaging over all of it (Hoffman and Gelman 2014).
    """
    tfp = _probability()
    shapes = {name: x.shape[1:] for name, x in starts.items()}
    run = _compiled(tfp, log_density, settings, tuple(shapes.items()))
    chains = len(next(iter(starts.values())))
    flat = np.concatenate([np.reshape(x, (chains, -1)) for x in starts.values()], axis=1)
    found = []
    for number, start in enumerate(flat):
        key = tf.constant([seed % 2**31, number], tf.int32)
        drawn, trace = run(tf.constant(start, tf.float32), key, dict(data))
        found.append((drawn, *trace))
    draws, acceptance, diverging, step_sizes = (
        np.stack([x.numpy() for x in part]) for part in zip(*found, strict=True)
    )
    moved = {name: x.numpy() for name, x in _parts(tf.constant(draws), shapes).items()}
    return Chains(moved, acceptance, diverging, step_sizes[:, -1])


@functools.lru_cache(maxsize=64)
def _compiled(
    tfp: Any,
    log_density: Callable[[dict[str, Any]], Any],
    settings: ChainSettings,
    shapes: tuple[tuple[str, tuple[int, ...]], ...],
) -> Callable[..., Any]:
    """A chain as a compiled function of its start, its seed and the data."""

    def run(start: Any, seed: Any, data: Mapping[str, Any]) -> Any:
        def density(position: Any) -> Any:
            return log_density({**data, **_parts(position, dict(shapes))})

        return tfp.mcmc.sample_chain(
            settings.results, start, kernel=_kernel(tfp, density, start, settings), seed=seed,
            num_burnin_steps=settings.burnin, trace_fn=lambda _, last: _traced(last, settings),
        )  # fmt: skip

    compiled: Callable[..., Any] = tf.function(run, jit_compile=True, autograph=False)
    return compiled


def _parts(position: Any, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """The latents that a vector holds one after the other; leading dimensions stay."""
    parts = tf.split(position, [math.prod(shape) for shape in shapes.values()], axis=-1)
    named = zip(shapes.items(), parts, strict=True)
    return {name: tf.reshape(x, (*x.shape[:-1], *shape)) for (name, shape), x in named}


def _probability() -> Any:
    """TensorFlow Probability. Raises StateError where it, or what it imports, is not installed."""
    for package in ("tensorflow_probability", "tf_keras"):
        if find_spec(package) is None:
            lacking = MissingSampler(backend="tensorflow", package=package, extra="mcmc-tensorflow")
            raise StateError(lacking)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks distutils for a version
        import tensorflow_probability as tfp

        tfp.mcmc, tfp.experimental.mcmc  # noqa: B018  # loaded at the first look
    return tfp


def _kernel(tfp: Any, density: Callable[[Any], Any], start: Any, settings: ChainSettings) -> Any:
    kind, extra = tfp.experimental.mcmc.PreconditionedNoUTurnSampler, {}
    if settings.kernel == "hmc":
        kind = tfp.experimental.mcmc.PreconditionedHamiltonianMonteCarlo
        extra = {"num_leapfrog_steps": settings.leapfrog_steps}
    kernel = kind(density, step_size=tf.constant(settings.step_size, tf.float32), **extra)
    if not settings.adapt:
        return kernel
    kernel = tfp.experimental.mcmc.DiagonalMassMatrixAdaptation(
        kernel,
        tfp.experimental.stats.RunningVariance.from_stats(
            num_samples=1.0, mean=start, variance=tf.ones_like(start)
        ),
        num_estimation_steps=settings.burnin // 2,
    )
    return tfp.mcmc.DualAveragingStepSizeAdaptation(
        kernel, settings.burnin, target_accept_prob=settings.target
    )


def _traced(results: Any, settings: ChainSettings) -> tuple[Any, Any, Any]:
    """The acceptance probability of a transition, whether it diverged, and its step size."""
    if settings.adapt:
        step_size, results = results.new_step_size, results.inner_results.inner_results
    else:
        step_size = tf.constant(settings.step_size, tf.float32)
    accepted = tf.exp(tf.minimum(results.log_accept_ratio, 0.0))
    if settings.kernel == "nuts":
        return accepted, results.has_divergence, step_size
    return accepted, -results.log_accept_ratio > 1000.0, step_size
