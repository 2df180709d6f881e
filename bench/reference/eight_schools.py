"""Eight schools in NumPyro: the usual mean-field fit, one compiled scan of updates."""

from __future__ import annotations

from typing import Any

import jax
import numpyro.distributions as dist
from jax import Array, lax
from numpyro import optim, plate, sample
from numpyro.infer import SVI, Trace_ELBO
from numpyro.infer.autoguide import AutoNormal


def model(sigma: Array, y: Array) -> None:
    """The model of `examples/eight_schools.py`; sigma f32[J], y f32[J]."""
    mu = sample("mu", dist.Normal(0.0, 5.0))
    tau = sample("tau", dist.HalfCauchy(5.0))
    with plate("J", y.shape[0]):
        theta = sample("theta", dist.Normal(mu, tau))
        sample("y", dist.Normal(theta, sigma), obs=y)


class Fit:
    """An SVI state that :meth:`run` moves on by so many steps at a time."""

    def __init__(self, key: Array, sigma: Array, y: Array, steps: int) -> None:
        svi = SVI(model, AutoNormal(model), optim.Adam(1e-2), Trace_ELBO())
        self._state = svi.init(key, sigma, y)
        self._args = sigma, y

        def run(state: Any, sigma: Array, y: Array) -> tuple[Any, Array]:
            return lax.scan(lambda s, _: svi.update(s, sigma, y), state, length=steps)

        self._run = jax.jit(run)

    def run(self) -> Array:
        """Make the steps; returns their losses."""
        self._state, losses = self._run(self._state, *self._args)
        return jax.block_until_ready(losses)
