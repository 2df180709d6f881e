"""SVI for `model` with guide `meanfield`: a standalone JAX program.

Emitted by ppc 0.1.0 from schools_noncentred.py (sha256 a800a121); needs jax and optax.
    python model_svi.py data.npz --epochs 200 --out fit.npz

Passes: plates, guards, roles, batches, guide, objective, constrain, fold, cse, dce,
stage, split, layout.

Plate  J  all at once
Site   mu   f32[]   latent    Normal      guide Normal, closed-form KL
Site   tau  f32[]   latent    HalfCauchy  guide GreaterThanNormal, drawn
Site   eta  f32[J]  latent    Normal      guide Normal, closed-form KL
Site   y    f32[J]  observed  Normal
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
import numpy as np
import optax
from jax import Array, lax
from jax.flatten_util import ravel_pytree

BLOCK_STEPS = 1024  # most steps in a block: one call of the compiled loop
BLOCK_ELEMENTS = 2**23  # most numbers of noise and data that a block reads
REPLAY_BLOCKS = 64  # blocks between copies of the state, kept to find a failing site


class Params(NamedTuple):
    mu_loc: Array  # f32[]
    log_mu_scale: Array  # f32[]  mu_scale on the reals; support positive
    tau_loc: Array  # f32[]
    log_tau_scale: Array  # f32[]  tau_scale on the reals; support positive
    eta_loc: Array  # f32[J]
    log_eta_scale: Array  # f32[J]  eta_scale on the reals; support positive


class Data(NamedTuple):
    y: Array  # f32[J]
    sigma: Array  # f32[J]
    log_sigma: Array  # f32[J]  computed once, by `prepare`


class Noise(NamedTuple):
    mu: Array  # f32[]  standard normal
    tau: Array  # f32[]  standard normal
    eta: Array  # f32[J]  standard normal


class State(NamedTuple):
    params: Params
    opt_state: optax.OptState


class Plan(NamedTuple):
    """What the compiled loop depends on, besides the shapes of the data."""

    optimizer: optax.GradientTransformation
    packed: bool = False  # whether the optimiser may see all parameters as one vector


class Fit(NamedTuple):
    params: Params
    opt_state: optax.OptState
    losses: np.ndarray  # f32[steps], each the loss whose gradient its step followed


# The model and its guide ------------------------------------------------------------


def init_params(key: Array, data: Data) -> Params:
    """The initial parameters."""
    J = data.y.shape[0]
    return Params(
        mu_loc=jnp.asarray(0.0, float),
        log_mu_scale=jnp.asarray(-2.3025850929940455, float),
        tau_loc=jnp.asarray(0.0, float),
        log_tau_scale=jnp.asarray(-2.3025850929940455, float),
        eta_loc=jnp.zeros(J),
        log_eta_scale=jnp.full((J,), -2.3025850929940455),
    )


def prepare(y: np.ndarray, sigma: np.ndarray) -> Data:
    """The data as the loop reads them.

    What depends on them alone is computed here, once, in double precision.
    """
    return Data(
        y=jnp.asarray(y, float),
        sigma=jnp.asarray(sigma, float),
        log_sigma=jnp.asarray(np.log(np.asarray(sigma, float)), float),
    )


def loss_terms(params: Params, noise: Noise, data: Data) -> dict[str, Array]:
    """The negative evidence lower bound, one draw of the guide, by site."""
    # schools_noncentred.py:10  mu = inf.Normal(0.0, 5.0, name="mu")
    mu_scale = jnp.exp(params.log_mu_scale)
    mu = params.mu_loc + mu_scale * noise.mu
    # schools_noncentred.py:11  tau = inf.HalfCauchy(0.0, 5.0, name="tau")
    tau_scale = jnp.exp(params.log_tau_scale)
    total = params.tau_loc + tau_scale * noise.tau
    tau = jnp.exp(total)
    # schools_noncentred.py:13  eta = inf.Normal(0.0, 1.0, name="eta")
    eta_scale = jnp.exp(params.log_eta_scale)
    eta = params.eta_loc + eta_scale * noise.eta
    difference = 0.5 * ((mu_scale / 5.0) ** 2 - 1.0) - (
        params.log_mu_scale - 1.6094379124341003
    )
    kl_mu = 0.5 * (params.mu_loc / 5.0) ** 2 + difference
    difference_2 = -0.5 * noise.tau**2 - params.log_tau_scale - 0.9189385332046727
    lq_tau = difference_2 - total
    abs_tau = jnp.abs(tau)
    above = abs_tau > 5.0
    ratio = jnp.where(above, 5.0, abs_tau) / jnp.where(above, abs_tau, 5.0)
    difference_3 = jnp.log(jnp.where(above, abs_tau, 1.0)) - jnp.log(
        jnp.where(above, 5.0, 1.0)
    )
    lp_tau = -(jnp.log1p(ratio**2) + 2.0 * difference_3) - 2.061020617723555
    kl_eta = 0.5 * params.eta_loc**2 + (
        0.5 * (eta_scale**2 - 1.0) - params.log_eta_scale
    )
    # schools_noncentred.py:14  inf.Normal(mu + tau * eta, sigma, name="y")
    y_loc = mu + tau * eta
    difference_4 = -0.5 * ((data.y - y_loc) / data.sigma) ** 2 - data.log_sigma
    lp_y = difference_4 - 0.9189385332046727
    return {"mu": kl_mu, "tau": lq_tau - lp_tau, "eta": kl_eta.sum(), "y": -lp_y.sum()}


def loss(params: Params, noise: Noise, data: Data) -> Array:
    """The sum of `loss_terms`."""
    return sum(loss_terms(params, noise, data).values())


def draw_noise(key: Array, block: Array, length: int, data: Data, plan: Plan) -> Noise:
    """The noise of a block of steps, one draw for each site and block."""
    J = data.y.shape[0]
    return Noise(
        mu=jr.normal(jr.fold_in(jr.fold_in(key, 0x19503EA6), block), (length,)),
        tau=jr.normal(jr.fold_in(jr.fold_in(key, 0x2BFCF64C), block), (length,)),
        eta=jr.normal(jr.fold_in(jr.fold_in(key, 0x6397A143), block), (length, J)),
    )


# Results ----------------------------------------------------------------------------


def guide(params: Params) -> dict[str, Array]:
    """The parameters of each factor of the guide, by site and name."""
    # schools_noncentred.py:10  mu = inf.Normal(0.0, 5.0, name="mu")
    mu_scale = jnp.exp(params.log_mu_scale)
    # schools_noncentred.py:11  tau = inf.HalfCauchy(0.0, 5.0, name="tau")
    tau_scale = jnp.exp(params.log_tau_scale)
    # schools_noncentred.py:13  eta = inf.Normal(0.0, 1.0, name="eta")
    eta_scale = jnp.exp(params.log_eta_scale)
    return {
        "mu.loc": params.mu_loc,
        "mu.scale": mu_scale,
        "tau.loc": params.tau_loc,
        "tau.scale": tau_scale,
        "tau.low": 0.0,
        "eta.loc": params.eta_loc,
        "eta.scale": eta_scale,
    }


def sample_prior(
    params: Params, key: Array, sigma: Array, *, draws: int
) -> dict[str, Array]:
    """Draws of every site from the model: [draws, plates..., shape...]."""
    J = sigma.shape[0]
    mu_noise = jr.normal(jr.fold_in(key, 0x19503EA6), (draws,))
    tau_noise = _uniform(jr.fold_in(key, 0x2BFCF64C), (draws,))
    eta_noise = jr.normal(jr.fold_in(key, 0x6397A143), (draws, J))
    y_noise = jr.normal(jr.fold_in(key, 0xA1FCE436), (draws, J))
    # schools_noncentred.py:10  mu = inf.Normal(0.0, 5.0, name="mu")
    mu = 5.0 * mu_noise
    # schools_noncentred.py:11  tau = inf.HalfCauchy(0.0, 5.0, name="tau")
    product = 1.5707963267948966 * jnp.minimum(tau_noise, 1.0 - tau_noise)
    tan_product = jnp.tan(product)
    chosen = jnp.where(tau_noise < 0.5, tan_product, 1.0 / tan_product)
    tau = 5.0 * chosen
    # schools_noncentred.py:14  inf.Normal(mu + tau * eta, sigma, name="y")
    y_loc = mu[:, None] + tau[:, None] * eta_noise
    y = y_loc + sigma * y_noise
    return {"mu": mu, "tau": tau, "eta": eta_noise, "y": y}


def posterior(params: Params, key: Array, *, draws: int) -> dict[str, Array]:
    """Draws of the latent sites from the guide: [draws, plates..., shape...]."""
    J = params.eta_loc.shape[0]
    mu_noise = jr.normal(jr.fold_in(key, 0x19503EA6), (draws,))
    tau_noise = jr.normal(jr.fold_in(key, 0x2BFCF64C), (draws,))
    eta_noise = jr.normal(jr.fold_in(key, 0x6397A143), (draws, J))
    # schools_noncentred.py:10  mu = inf.Normal(0.0, 5.0, name="mu")
    mu_scale = jnp.exp(params.log_mu_scale)
    mu = params.mu_loc + mu_scale * mu_noise
    # schools_noncentred.py:11  tau = inf.HalfCauchy(0.0, 5.0, name="tau")
    tau_scale = jnp.exp(params.log_tau_scale)
    tau = jnp.exp(params.tau_loc + tau_scale * tau_noise)
    # schools_noncentred.py:13  eta = inf.Normal(0.0, 1.0, name="eta")
    eta_scale = jnp.exp(params.log_eta_scale)
    eta = params.eta_loc + eta_scale * eta_noise
    return {"mu": mu, "tau": tau, "eta": eta}


def predict(
    params: Params, key: Array, sigma: Array, *, draws: int
) -> dict[str, Array]:
    """Draws of the observed sites from the posterior predictive."""
    J = sigma.shape[0]
    mu_noise = jr.normal(jr.fold_in(key, 0x19503EA6), (draws,))
    tau_noise = jr.normal(jr.fold_in(key, 0x2BFCF64C), (draws,))
    eta_noise = jr.normal(jr.fold_in(key, 0x6397A143), (draws, J))
    y_noise = jr.normal(jr.fold_in(key, 0xA1FCE436), (draws, J))
    # schools_noncentred.py:10  mu = inf.Normal(0.0, 5.0, name="mu")
    mu_scale = jnp.exp(params.log_mu_scale)
    mu = params.mu_loc + mu_scale * mu_noise
    # schools_noncentred.py:11  tau = inf.HalfCauchy(0.0, 5.0, name="tau")
    tau_scale = jnp.exp(params.log_tau_scale)
    tau = jnp.exp(params.tau_loc + tau_scale * tau_noise)
    # schools_noncentred.py:13  eta = inf.Normal(0.0, 1.0, name="eta")
    eta_scale = jnp.exp(params.log_eta_scale)
    eta = params.eta_loc + eta_scale * eta_noise
    # schools_noncentred.py:14  inf.Normal(mu + tau * eta, sigma, name="y")
    y_loc = mu[:, None] + tau[:, None] * eta
    y = y_loc + sigma * y_noise
    return {"y": y}


def predict_mean(params: Params, key: Array, *, draws: int) -> dict[str, Array]:
    """Posterior predictive means, averaged over draws; of labels, probabilities."""
    J = params.eta_loc.shape[0]
    mu_noise = jr.normal(jr.fold_in(key, 0x19503EA6), (draws,))
    tau_noise = jr.normal(jr.fold_in(key, 0x2BFCF64C), (draws,))
    eta_noise = jr.normal(jr.fold_in(key, 0x6397A143), (draws, J))
    # schools_noncentred.py:10  mu = inf.Normal(0.0, 5.0, name="mu")
    mu_scale = jnp.exp(params.log_mu_scale)
    mu = params.mu_loc + mu_scale * mu_noise
    # schools_noncentred.py:11  tau = inf.HalfCauchy(0.0, 5.0, name="tau")
    tau_scale = jnp.exp(params.log_tau_scale)
    tau = jnp.exp(params.tau_loc + tau_scale * tau_noise)
    # schools_noncentred.py:13  eta = inf.Normal(0.0, 1.0, name="eta")
    eta_scale = jnp.exp(params.log_eta_scale)
    eta = params.eta_loc + eta_scale * eta_noise
    # schools_noncentred.py:14  inf.Normal(mu + tau * eta, sigma, name="y")
    y_loc = mu[:, None] + tau[:, None] * eta
    return {"y": y_loc.sum(-2) / float(draws)}


def log_density(
    params: Params, mu: Array, tau: Array, eta: Array, y: Array, sigma: Array
) -> Array:
    """log p of all sites: values on their supports, all rows, no Jacobian."""
    # schools_noncentred.py:10  mu = inf.Normal(0.0, 5.0, name="mu")
    lp_mu = -0.5 * (mu / 5.0) ** 2 - 2.5283764456387727
    # schools_noncentred.py:11  tau = inf.HalfCauchy(0.0, 5.0, name="tau")
    above = tau >= 0.0
    abs_chosen = jnp.abs(jnp.where(above, tau, 0.0))
    above_2 = abs_chosen > 5.0
    ratio = jnp.where(above_2, 5.0, abs_chosen) / jnp.where(above_2, abs_chosen, 5.0)
    difference = jnp.log(jnp.where(above_2, abs_chosen, 1.0)) - jnp.log(
        jnp.where(above_2, 5.0, 1.0)
    )
    difference_2 = -(jnp.log1p(ratio**2) + 2.0 * difference) - 2.061020617723555
    lp_tau = jnp.where(above, difference_2, -math.inf)
    # schools_noncentred.py:13  eta = inf.Normal(0.0, 1.0, name="eta")
    lp_eta = -0.5 * eta**2 - 0.9189385332046727
    # schools_noncentred.py:14  inf.Normal(mu + tau * eta, sigma, name="y")
    y_loc = mu + tau * eta
    lp_y = -0.5 * ((y - y_loc) / sigma) ** 2 - jnp.log(sigma) - 0.9189385332046727
    return lp_mu + lp_tau + lp_eta.sum() + lp_y.sum()


def unconstrained_log_density(
    params: Params, mu: Array, tau: Array, eta: Array, y: Array, sigma: Array
) -> Array:
    """log p of all sites, latents on the reals, with the Jacobian."""
    # schools_noncentred.py:10  mu = inf.Normal(0.0, 5.0, name="mu")
    lp_mu = -0.5 * (mu / 5.0) ** 2 - 2.5283764456387727
    # schools_noncentred.py:11  tau = inf.HalfCauchy(0.0, 5.0, name="tau")
    tau_value = jnp.exp(tau)
    abs_tau_value = jnp.abs(tau_value)
    above = abs_tau_value > 5.0
    ratio = jnp.where(above, 5.0, abs_tau_value) / jnp.where(above, abs_tau_value, 5.0)
    difference = jnp.log(jnp.where(above, abs_tau_value, 1.0)) - jnp.log(
        jnp.where(above, 5.0, 1.0)
    )
    lp_tau = -(jnp.log1p(ratio**2) + 2.0 * difference) - 2.061020617723555
    # schools_noncentred.py:13  eta = inf.Normal(0.0, 1.0, name="eta")
    lp_eta = -0.5 * eta**2 - 0.9189385332046727
    # schools_noncentred.py:14  inf.Normal(mu + tau * eta, sigma, name="y")
    y_loc = mu + tau_value * eta
    lp_y = -0.5 * ((y - y_loc) / sigma) ** 2 - jnp.log(sigma) - 0.9189385332046727
    return lp_mu + tau + lp_tau + lp_eta.sum() + lp_y.sum()


def constrain(params: Params, mu: Array, tau: Array, eta: Array) -> dict[str, Array]:
    """The latents on their supports, from reals."""
    # schools_noncentred.py:11  tau = inf.HalfCauchy(0.0, 5.0, name="tau")
    tau_moved = jnp.exp(tau)
    return {"mu": mu, "tau": tau_moved, "eta": eta}


def unconstrain(params: Params, mu: Array, tau: Array, eta: Array) -> dict[str, Array]:
    """The latents on the reals, from values on their supports."""
    # schools_noncentred.py:11  tau = inf.HalfCauchy(0.0, 5.0, name="tau")
    tau_moved = jnp.log(tau)
    return {"mu": mu, "tau": tau_moved, "eta": eta}
