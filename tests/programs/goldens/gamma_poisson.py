"""SVI for `model` with guide `guide`: a standalone JAX program.

Emitted by ppc 0.1.0 from gamma_poisson.py (sha256 d8c6e90c); needs jax and optax.
    python model_svi.py data.npz --epochs 200 --out fit.npz

Passes: plates, guards, roles, batches, guide, objective, constrain, fold, cse, dce,
stage, split, layout.

Plate  N  in batches that differ by at most one row
Site   rate  f32[]   latent    Gamma    guide Gamma, closed-form KL
Site   y     f32[N]  observed  Poisson
"""

import argparse
import csv
import functools
import math
import os
import sys
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
import jax.scipy as jsp
import numpy as np
import optax
from jax import Array, lax
from jax.flatten_util import ravel_pytree
from scipy import special

BLOCK_STEPS = 1024  # most steps in a block: one call of the compiled loop
BLOCK_ELEMENTS = 2**23  # most numbers of noise and data that a block reads
REPLAY_BLOCKS = 64  # blocks between copies of the state, kept to find a failing site


class Params(NamedTuple):
    log_a: Array  # f32[]  a on the reals; support positive
    log_b: Array  # f32[]  b on the reals; support positive


class Data(NamedTuple):
    y: Array  # f32[N]
    where_8: Array  # f32[N]  computed once, by `prepare`


class Noise(NamedTuple):
    rate: Array | None  # f32[]  a draw of log_gamma


class State(NamedTuple):
    params: Params
    opt_state: optax.OptState


class Plan(NamedTuple):
    """What the compiled loop depends on, besides the shapes of the data."""

    optimizer: optax.GradientTransformation
    n: int  # rows of the data
    batches: int  # in an epoch
    packed: bool = False  # whether the optimiser may see all parameters as one vector

    @property
    def width(self) -> int:
        """The rows of a batch, padding included."""
        return -(-self.n // self.batches)


class Fit(NamedTuple):
    params: Params
    opt_state: optax.OptState
    losses: np.ndarray  # f32[steps], each the loss whose gradient its step followed


# The model and its guide ------------------------------------------------------------


def init_params(key: Array) -> Params:
    """The initial parameters."""
    return Params(
        log_a=jnp.asarray(0.6931471805599453, float), log_b=jnp.asarray(0.0, float)
    )


def prepare(y: np.ndarray) -> Data:
    """The data as the loop reads them.

    What depends on them alone is computed here, once, in double precision.
    """
    # gamma_poisson.py:10  inf.Poisson(rate, name="y")
    above = np.asarray(y, float) > 0.0
    chosen = np.where(above, np.asarray(y, float), 1.0)
    log_chosen = np.log(chosen)
    difference = 0.5 * log_chosen - 0.9189385332046727 - _stirling_rest(chosen)
    return Data(
        y=jnp.asarray(y, float),
        where_8=jnp.asarray(np.where(above, difference - log_chosen, 0.0), float),
    )


def loss_terms(
    params: Params, noise: Noise, batch: Data, weight: Array
) -> dict[str, Array]:
    """The negative evidence lower bound, one draw of the guide, by site.

    weight f32[M] is the number of batches for a row of the data and 0 for padding,
    so that the mean over an epoch is the full loss.
    """
    # gamma_poisson.py:15  a = inf.Parameter(2.0, name="a", support="positive")
    a = jnp.exp(params.log_a)
    # gamma_poisson.py:16  b = inf.Parameter(1.0, name="b", support="positive")
    b = jnp.exp(params.log_b)
    # gamma_poisson.py:17  inf.Gamma(a, b, name="rate")
    difference = _log_gamma_draw(noise.rate, a) - params.log_b
    rate = jnp.exp(difference)
    # gamma_poisson.py:8  rate = inf.Gamma(2.0, 1.5, name="rate")
    exp = jnp.exp(jnp.minimum(0.4054651081081644 - params.log_b, 80.0))
    difference_2 = exp - lax.stop_gradient(exp)
    total = lax.stop_gradient((1.5 - b) / b) + difference_2
    product = a * (lax.stop_gradient(1.5 / b) + difference_2)
    chosen = jnp.where(jnp.abs(total) < 0.5, a - 2.0 + a * total, product - 2.0)
    below = jnp.abs(chosen) < 1.0
    chosen_2 = jnp.where(below, 2.0, product)
    difference_3 = 0.6931471805599453 - jnp.log(chosen_2)
    total_2 = lax.stop_gradient(jnp.log(2.0 / chosen_2)) + (
        difference_3 - lax.stop_gradient(difference_3)
    )
    chosen_3 = jnp.where(
        below,
        -2.0 * _log1pmx(0.5 * jnp.where(below, chosen, 0.0)),
        2.0 * total_2 + chosen,
    )
    above = a >= 16.0
    chosen_4 = jnp.where(above, 1.0, a)
    square_ratio = (1.0 / jnp.where(above, a, 16.0)) ** 2
    difference_4 = 0.007575757575757576 - 0.021092796092796094 * square_ratio
    product_2 = square_ratio * (0.004166666666666667 - square_ratio * difference_4)
    difference_5 = 0.008333333333333333 - square_ratio * (
        0.003968253968253968 - product_2
    )
    product_3 = -square_ratio * (0.08333333333333333 - square_ratio * difference_5)
    total_3 = jsp.special.digamma(chosen_4) - jnp.log(chosen_4) + 0.5 / chosen_4
    difference_6 = 2.0 - a
    total_4 = (
        _lgamma_correction(a) + jnp.where(above, product_3, total_3) * difference_6
    )
    product_4 = 0.5 * (params.log_a - 0.6931471805599453 + difference_6 / a)
    kl_rate = chosen_3 + (product_4 + 0.04134069595540929 - total_4)
    # gamma_poisson.py:10  inf.Poisson(rate, name="y")
    lp_y = batch.where_8 - _poisson_deviance(batch.y, rate, difference)
    return {"rate": kl_rate, "y": -(weight * lp_y).sum()}


def loss(params: Params, noise: Noise, batch: Data, weight: Array) -> Array:
    """The sum of `loss_terms`."""
    return sum(loss_terms(params, noise, batch, weight).values())


def draw_rest(
    params: Params, noise: Noise, batch: Data, weight: Array, key: Array
) -> Noise:
    """The noise completed by draws whose distribution depends on the parameters."""
    # gamma_poisson.py:15  a = inf.Parameter(2.0, name="a", support="positive")
    a = jnp.exp(params.log_a)
    rate_noise = jr.loggamma(jr.fold_in(key, 0xC549779D), lax.stop_gradient(a))
    return noise._replace(rate=rate_noise)


def draw_noise(key: Array, block: Array, length: int, data: Data, plan: Plan) -> Noise:
    """The noise of a block of steps, one draw for each site and block."""
    return Noise(rate=None)


# Results ----------------------------------------------------------------------------


def guide(params: Params) -> dict[str, Array]:
    """The parameters of each factor of the guide, by site and name."""
    # gamma_poisson.py:15  a = inf.Parameter(2.0, name="a", support="positive")
    a = jnp.exp(params.log_a)
    # gamma_poisson.py:16  b = inf.Parameter(1.0, name="b", support="positive")
    b = jnp.exp(params.log_b)
    return {"rate.concentration": a, "rate.rate": b}


def sample_prior(params: Params, key: Array, *, N: int, draws: int) -> dict[str, Array]:
    """Draws of every site from the model: [draws, plates..., shape...]."""
    rate_noise = jr.loggamma(jr.fold_in(key, 0xC549779D), jnp.full((draws,), 2.0))
    # gamma_poisson.py:8  rate = inf.Gamma(2.0, 1.5, name="rate")
    difference = (
        _log_gamma_draw(rate_noise, jnp.asarray(2.0, float)) - 0.4054651081081644
    )
    rate = jnp.exp(difference)
    # gamma_poisson.py:10  inf.Poisson(rate, name="y")
    rate_2 = jnp.broadcast_to(lax.stop_gradient(rate)[:, None], (draws, N))
    y = jr.poisson(jr.fold_in(key, 0xA1FCE436), rate_2).astype(float)
    # gamma_poisson.py:8  rate = inf.Gamma(2.0, 1.5, name="rate")
    difference_2 = (
        _log_gamma_draw(rate_noise, jnp.asarray(2.0, float)) - 0.4054651081081644
    )
    rate_3 = jnp.exp(difference_2)
    return {"rate": rate_3, "y": y}


def posterior(params: Params, key: Array, *, draws: int) -> dict[str, Array]:
    """Draws of the latent sites from the guide: [draws, plates..., shape...]."""
    # gamma_poisson.py:15  a = inf.Parameter(2.0, name="a", support="positive")
    a = jnp.exp(params.log_a)
    rate_noise = jr.loggamma(
        jr.fold_in(key, 0xC549779D), jnp.broadcast_to(lax.stop_gradient(a), (draws,))
    )
    # gamma_poisson.py:15  a = inf.Parameter(2.0, name="a", support="positive")
    a_2 = jnp.exp(params.log_a)
    # gamma_poisson.py:17  inf.Gamma(a, b, name="rate")
    rate = jnp.exp(_log_gamma_draw(rate_noise, a_2) - params.log_b)
    return {"rate": rate}


def predict(params: Params, key: Array, *, N: int, draws: int) -> dict[str, Array]:
    """Draws of the observed sites from the posterior predictive."""
    # gamma_poisson.py:15  a = inf.Parameter(2.0, name="a", support="positive")
    a = jnp.exp(params.log_a)
    rate_noise = jr.loggamma(
        jr.fold_in(key, 0xC549779D), jnp.broadcast_to(lax.stop_gradient(a), (draws,))
    )
    # gamma_poisson.py:15  a = inf.Parameter(2.0, name="a", support="positive")
    a_2 = jnp.exp(params.log_a)
    # gamma_poisson.py:17  inf.Gamma(a, b, name="rate")
    rate = jnp.exp(_log_gamma_draw(rate_noise, a_2) - params.log_b)
    # gamma_poisson.py:10  inf.Poisson(rate, name="y")
    rate_2 = jnp.broadcast_to(lax.stop_gradient(rate)[:, None], (draws, N))
    y = jr.poisson(jr.fold_in(key, 0xA1FCE436), rate_2).astype(float)
    return {"y": y}


def predict_mean(params: Params, key: Array, *, N: int, draws: int) -> dict[str, Array]:
    """Posterior predictive means, averaged over draws; of labels, probabilities."""
    # gamma_poisson.py:15  a = inf.Parameter(2.0, name="a", support="positive")
    a = jnp.exp(params.log_a)
    rate_noise = jr.loggamma(
        jr.fold_in(key, 0xC549779D), jnp.broadcast_to(lax.stop_gradient(a), (draws,))
    )
    # gamma_poisson.py:15  a = inf.Parameter(2.0, name="a", support="positive")
    a_2 = jnp.exp(params.log_a)
    # gamma_poisson.py:17  inf.Gamma(a, b, name="rate")
    rate = jnp.exp(_log_gamma_draw(rate_noise, a_2) - params.log_b)
    # gamma_poisson.py:10  inf.Poisson(rate, name="y")
    ratio = jnp.broadcast_to(rate[:, None], (draws, N)).sum(-2) / float(draws)
    return {"y": ratio}


def log_density(params: Params, rate: Array, y: Array) -> Array:
    """log p of all sites: values on their supports, all rows, no Jacobian."""
    # gamma_poisson.py:8  rate = inf.Gamma(2.0, 1.5, name="rate")
    above = rate >= 0.0
    chosen = jnp.where(above, rate, 1.0)
    above_2 = chosen > 0.0
    log_chosen = jnp.log(jnp.where(above_2, chosen, 1.0))
    poisson_deviance = _poisson_deviance(
        jnp.asarray(2.0, float), 1.5 * chosen, 0.4054651081081644 + log_chosen
    )
    chosen_2 = jnp.where(
        above_2,
        -0.6137056388801092 - poisson_deviance - log_chosen,
        -math.inf + 0.4054651081081644,
    )
    lp_rate = jnp.where(above, chosen_2, -math.inf)
    # gamma_poisson.py:10  inf.Poisson(rate, name="y")
    logical_and_above = (y >= 0.0) & (jnp.floor(y) == y)
    chosen_3 = jnp.where(logical_and_above, y, 0.0)
    above_3 = chosen_3 > 0.0
    chosen_4 = jnp.where(above_3, chosen_3, 1.0)
    log_chosen_4 = jnp.log(chosen_4)
    difference = 0.5 * log_chosen_4 - 0.9189385332046727 - _lgamma_correction(chosen_4)
    difference_2 = jnp.where(
        above_3, difference - log_chosen_4, 0.0
    ) - _poisson_deviance(chosen_3, rate, jnp.log(rate))
    lp_y = jnp.where(logical_and_above, difference_2, -math.inf)
    return lp_rate + lp_y.sum()


def unconstrained_log_density(params: Params, rate: Array, y: Array) -> Array:
    """log p of all sites, latents on the reals, with the Jacobian."""
    # gamma_poisson.py:8  rate = inf.Gamma(2.0, 1.5, name="rate")
    rate_value = jnp.exp(rate)
    above = rate_value > 0.0
    log_chosen = jnp.log(jnp.where(above, rate_value, 1.0))
    poisson_deviance = _poisson_deviance(
        jnp.asarray(2.0, float), 1.5 * rate_value, 0.4054651081081644 + log_chosen
    )
    lp_rate = jnp.where(
        above,
        -0.6137056388801092 - poisson_deviance - log_chosen,
        -math.inf + 0.4054651081081644,
    )
    # gamma_poisson.py:10  inf.Poisson(rate, name="y")
    logical_and_above = (y >= 0.0) & (jnp.floor(y) == y)
    chosen = jnp.where(logical_and_above, y, 0.0)
    above_2 = chosen > 0.0
    chosen_2 = jnp.where(above_2, chosen, 1.0)
    log_chosen_2 = jnp.log(chosen_2)
    difference = 0.5 * log_chosen_2 - 0.9189385332046727 - _lgamma_correction(chosen_2)
    difference_2 = jnp.where(
        above_2, difference - log_chosen_2, 0.0
    ) - _poisson_deviance(chosen, rate_value, rate)
    lp_y = jnp.where(logical_and_above, difference_2, -math.inf)
    return rate + lp_rate + lp_y.sum()


def constrain(params: Params, rate: Array) -> dict[str, Array]:
    """The latents on their supports, from reals."""
    # gamma_poisson.py:8  rate = inf.Gamma(2.0, 1.5, name="rate")
    rate_moved = jnp.exp(rate)
    return {"rate": rate_moved}


def unconstrain(params: Params, rate: Array) -> dict[str, Array]:
    """The latents on the reals, from values on their supports."""
    # gamma_poisson.py:8  rate = inf.Gamma(2.0, 1.5, name="rate")
    rate_moved = jnp.log(rate)
    return {"rate": rate_moved}
