"""SVI for `model` with guide `meanfield`: a standalone JAX program.

Emitted by ppc 0.1.0 from factor_analysis.py (sha256 79c91954); needs jax and optax.
    python model_svi.py data.npz --epochs 200 --out fit.npz

Passes: plates, guards, roles, batches, guide, objective, constrain, fold, cse, dce,
stage, split, layout.

Plate  N  in batches that differ by at most one row
Site   w      f32[k, d]  latent    Normal      guide Normal, closed-form KL
Site   noise  f32[]      latent    Gamma       guide LogNormal, closed-form KL
Site   z      f32[N, k]  latent    Normal      guide Normal, closed-form KL
Site   gain   f32[N]     latent    HalfNormal  guide LogNormal, closed-form KL
Site   x      f32[N, d]  observed  Normal
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

BLOCK_STEPS = 1024  # most steps in a block: one call of the compiled loop
BLOCK_ELEMENTS = 2**23  # most numbers of noise and data that a block reads
REPLAY_BLOCKS = 64  # blocks between copies of the state, kept to find a failing site


class Sizes(NamedTuple):
    k: int = 2


SIZES = Sizes()


class Shared(NamedTuple):
    w_loc: Array  # f32[k, d]
    log_w_scale: Array  # f32[k, d]  w_scale on the reals; support positive
    noise_loc: Array  # f32[]
    log_noise_scale: Array  # f32[]  noise_scale on the reals; support positive


class Rows(NamedTuple):
    z_loc: Array  # f32[N, k]
    log_z_scale: Array  # f32[N, k]  z_scale on the reals; support positive
    gain_loc: Array  # f32[N]
    log_gain_scale: Array  # f32[N]  gain_scale on the reals; support positive


class Params(NamedTuple):
    shared: Shared
    rows: Rows


class Data(NamedTuple):
    x: Array  # f32[N, d]


class Noise(NamedTuple):
    w: Array  # f32[k, d]  standard normal
    noise: Array  # f32[]  standard normal
    z: Array  # f32[M, k]  standard normal
    gain: Array  # f32[M]  standard normal


class OptState(NamedTuple):
    shared: optax.OptState
    rows: optax.OptState


class State(NamedTuple):
    params: Params
    opt_state: OptState


class Plan(NamedTuple):
    """What the compiled loop depends on, besides the shapes of the data."""

    optimizer: optax.GradientTransformation
    n: int  # rows of the data
    batches: int  # in an epoch
    sizes: Sizes

    @property
    def width(self) -> int:
        """The rows of a batch, padding included."""
        return -(-self.n // self.batches)


class Fit(NamedTuple):
    params: Params
    opt_state: OptState
    losses: np.ndarray  # f32[steps], each the loss whose gradient its step followed


# The model and its guide ------------------------------------------------------------


def init_params(key: Array, data: Data, sizes: Sizes = SIZES) -> Params:
    """The initial parameters."""
    N = data.x.shape[0]
    d = data.x.shape[1]
    k = sizes.k
    # factor_analysis.py:13  z = inf.Normal(np.zeros(k), 1.0, name="z")
    broadcast_to = jnp.broadcast_to(jnp.full((k,), -2.3025850929940455), (N, k))
    return Params(
        Shared(
            w_loc=jnp.zeros((k, d)),
            log_w_scale=jnp.full((k, d), -2.3025850929940455),
            noise_loc=jnp.asarray(0.0, float),
            log_noise_scale=jnp.asarray(-2.649158683274018, float),
        ),
        Rows(
            z_loc=jnp.broadcast_to(jnp.zeros(k), (N, k)),
            log_z_scale=broadcast_to,
            gain_loc=jnp.full((N,), -0.22579135264472738),
            log_gain_scale=jnp.full((N,), -2.582946507287945),
        ),
    )


def prepare(x: np.ndarray) -> Data:
    """The data as the loop reads them."""
    return Data(x=jnp.asarray(x, float))


def loss_terms(
    params: Params, noise: Noise, batch: Data, weight: Array
) -> dict[str, Array]:
    """The negative evidence lower bound, one draw of the guide, by site.

    weight f32[M] is the number of batches for a row of the data and 0 for padding,
    so that the mean over an epoch is the full loss.
    """
    # factor_analysis.py:10  w = inf.Normal(np.zeros((k, d)), 1.0, name="w")
    w_scale = jnp.exp(params.shared.log_w_scale)
    w = params.shared.w_loc + w_scale * noise.w
    # factor_analysis.py:11  noise = inf.Gamma(2.0, 2.0, name="noise")
    noise_scale = jnp.exp(params.shared.log_noise_scale)
    total = params.shared.noise_loc + noise_scale * noise.noise
    noise_2 = jnp.exp(total)
    # factor_analysis.py:13  z = inf.Normal(np.zeros(k), 1.0, name="z")
    z_scale = jnp.exp(params.rows.log_z_scale)
    z = params.rows.z_loc + z_scale * noise.z
    # factor_analysis.py:14  gain = inf.HalfNormal(1.0, name="gain")
    gain_scale = jnp.exp(params.rows.log_gain_scale)
    gain = jnp.exp(params.rows.gain_loc + gain_scale * noise.gain)
    kl_w = 0.5 * params.shared.w_loc**2 + (
        0.5 * (w_scale**2 - 1.0) - params.shared.log_w_scale
    )
    total_2 = params.shared.noise_loc + 0.6931471805599453
    exp_total_2 = jnp.exp(total_2)
    poisson_deviance = _poisson_deviance(jnp.asarray(2.0, float), exp_total_2, total_2)
    difference = exp_total_2 * jnp.expm1(0.5 * noise_scale**2) - (
        -0.6137056388801092 - poisson_deviance
    )
    kl_noise = difference - (params.shared.log_noise_scale + 1.4189385332046727)
    kl_z = 0.5 * params.rows.z_loc**2 + (
        0.5 * (z_scale**2 - 1.0) - params.rows.log_z_scale
    )
    product = 0.5 * jnp.exp(2.0 * (params.rows.gain_loc + gain_scale**2))
    difference_2 = product - params.rows.gain_loc - params.rows.log_gain_scale
    kl_gain = difference_2 - 1.1931471805599454
    # factor_analysis.py:15  inf.Normal((z @ w) * gain[:, None], noise, name="x")
    x_loc = z @ w * gain[:, None]
    lp_x = -0.5 * ((batch.x - x_loc) / noise_2) ** 2 - total - 0.9189385332046727
    return {
        "w": kl_w.sum(),
        "noise": kl_noise,
        "z": (weight * kl_z.sum(-1)).sum(),
        "gain": (weight * kl_gain).sum(),
        "x": -(weight * lp_x.sum(-1)).sum(),
    }


def loss(params: Params, noise: Noise, batch: Data, weight: Array) -> Array:
    """The sum of `loss_terms`."""
    return sum(loss_terms(params, noise, batch, weight).values())


def draw_noise(key: Array, block: Array, length: int, data: Data, plan: Plan) -> Noise:
    """The noise of a block of steps, one draw for each site and block."""
    d = data.x.shape[1]
    k = plan.sizes.k
    N_rows = plan.width
    return Noise(
        w=jr.normal(jr.fold_in(jr.fold_in(key, 0x50E721E4), block), (length, k, d)),
        noise=jr.normal(jr.fold_in(jr.fold_in(key, 0xEFE2A5C0), block), (length,)),
        z=jr.normal(
            jr.fold_in(jr.fold_in(key, 0x594E519A), block), (length, N_rows, k)
        ),
        gain=jr.normal(
            jr.fold_in(jr.fold_in(key, 0x66DD231B), block), (length, N_rows)
        ),
    )


# Results ----------------------------------------------------------------------------


def guide(params: Params) -> dict[str, Array]:
    """The parameters of each factor of the guide, by site and name."""
    # factor_analysis.py:10  w = inf.Normal(np.zeros((k, d)), 1.0, name="w")
    w_scale = jnp.exp(params.shared.log_w_scale)
    # factor_analysis.py:11  noise = inf.Gamma(2.0, 2.0, name="noise")
    noise_scale = jnp.exp(params.shared.log_noise_scale)
    # factor_analysis.py:13  z = inf.Normal(np.zeros(k), 1.0, name="z")
    z_scale = jnp.exp(params.rows.log_z_scale)
    # factor_analysis.py:14  gain = inf.HalfNormal(1.0, name="gain")
    gain_scale = jnp.exp(params.rows.log_gain_scale)
    return {
        "w.loc": params.shared.w_loc,
        "w.scale": w_scale,
        "noise.loc": params.shared.noise_loc,
        "noise.scale": noise_scale,
        "z.loc": params.rows.z_loc,
        "z.scale": z_scale,
        "gain.loc": params.rows.gain_loc,
        "gain.scale": gain_scale,
    }


def sample_prior(params: Params, key: Array, *, draws: int) -> dict[str, Array]:
    """Draws of every site from the model: [draws, plates..., shape...]."""
    k = params.shared.w_loc.shape[0]
    d = params.shared.w_loc.shape[1]
    N = params.rows.z_loc.shape[0]
    w_noise = jr.normal(jr.fold_in(key, 0x50E721E4), (draws, k, d))
    noise_noise = jr.loggamma(jr.fold_in(key, 0xEFE2A5C0), jnp.full((draws,), 2.0))
    z_noise = jr.normal(jr.fold_in(key, 0x594E519A), (draws, N, k))
    gain_noise = jr.normal(jr.fold_in(key, 0x66DD231B), (draws, N))
    x_noise = jr.normal(jr.fold_in(key, 0x2D711642), (draws, N, d))
    # factor_analysis.py:11  noise = inf.Gamma(2.0, 2.0, name="noise")
    difference = (
        _log_gamma_draw(noise_noise, jnp.asarray(2.0, float)) - 0.6931471805599453
    )
    noise_2 = jnp.exp(difference)
    # factor_analysis.py:14  gain = inf.HalfNormal(1.0, name="gain")
    gain = jnp.abs(gain_noise)
    # factor_analysis.py:15  inf.Normal((z @ w) * gain[:, None], noise, name="x")
    x_loc = (z_noise[:, :, None] @ w_noise[:, None]).squeeze(-2) * gain[..., None]
    x = x_loc + noise_2[:, None][..., None] * x_noise
    return {"w": w_noise, "noise": noise_2, "z": z_noise, "gain": gain, "x": x}


def posterior(params: Params, key: Array, *, draws: int) -> dict[str, Array]:
    """Draws of the latent sites from the guide: [draws, plates..., shape...]."""
    k = params.shared.w_loc.shape[0]
    d = params.shared.w_loc.shape[1]
    N = params.rows.z_loc.shape[0]
    w_noise = jr.normal(jr.fold_in(key, 0x50E721E4), (draws, k, d))
    noise_noise = jr.normal(jr.fold_in(key, 0xEFE2A5C0), (draws,))
    z_noise = jr.normal(jr.fold_in(key, 0x594E519A), (draws, N, k))
    gain_noise = jr.normal(jr.fold_in(key, 0x66DD231B), (draws, N))
    # factor_analysis.py:10  w = inf.Normal(np.zeros((k, d)), 1.0, name="w")
    w_scale = jnp.exp(params.shared.log_w_scale)
    w = params.shared.w_loc + w_scale * w_noise
    # factor_analysis.py:11  noise = inf.Gamma(2.0, 2.0, name="noise")
    noise_scale = jnp.exp(params.shared.log_noise_scale)
    noise_2 = jnp.exp(params.shared.noise_loc + noise_scale * noise_noise)
    # factor_analysis.py:13  z = inf.Normal(np.zeros(k), 1.0, name="z")
    z_scale = jnp.exp(params.rows.log_z_scale)
    z = params.rows.z_loc + z_scale * z_noise
    # factor_analysis.py:14  gain = inf.HalfNormal(1.0, name="gain")
    gain_scale = jnp.exp(params.rows.log_gain_scale)
    gain = jnp.exp(params.rows.gain_loc + gain_scale * gain_noise)
    return {"w": w, "noise": noise_2, "z": z, "gain": gain}


def predict(params: Params, key: Array, *, draws: int) -> dict[str, Array]:
    """Draws of the observed sites from the posterior predictive."""
    k = params.shared.w_loc.shape[0]
    d = params.shared.w_loc.shape[1]
    N = params.rows.z_loc.shape[0]
    w_noise = jr.normal(jr.fold_in(key, 0x50E721E4), (draws, k, d))
    noise_noise = jr.normal(jr.fold_in(key, 0xEFE2A5C0), (draws,))
    z_noise = jr.normal(jr.fold_in(key, 0x594E519A), (draws, N, k))
    gain_noise = jr.normal(jr.fold_in(key, 0x66DD231B), (draws, N))
    x_noise = jr.normal(jr.fold_in(key, 0x2D711642), (draws, N, d))
    # factor_analysis.py:10  w = inf.Normal(np.zeros((k, d)), 1.0, name="w")
    w_scale = jnp.exp(params.shared.log_w_scale)
    w = params.shared.w_loc + w_scale * w_noise
    # factor_analysis.py:11  noise = inf.Gamma(2.0, 2.0, name="noise")
    noise_scale = jnp.exp(params.shared.log_noise_scale)
    noise_2 = jnp.exp(params.shared.noise_loc + noise_scale * noise_noise)
    # factor_analysis.py:13  z = inf.Normal(np.zeros(k), 1.0, name="z")
    z_scale = jnp.exp(params.rows.log_z_scale)
    z = params.rows.z_loc + z_scale * z_noise
    # factor_analysis.py:14  gain = inf.HalfNormal(1.0, name="gain")
    gain_scale = jnp.exp(params.rows.log_gain_scale)
    gain = jnp.exp(params.rows.gain_loc + gain_scale * gain_noise)
    # factor_analysis.py:15  inf.Normal((z @ w) * gain[:, None], noise, name="x")
    x_loc = (z[:, :, None] @ w[:, None]).squeeze(-2) * gain[..., None]
    x = x_loc + noise_2[:, None][..., None] * x_noise
    return {"x": x}


def predict_mean(params: Params, key: Array, *, draws: int) -> dict[str, Array]:
    """Posterior predictive means, averaged over draws; of labels, probabilities."""
    k = params.shared.w_loc.shape[0]
    d = params.shared.w_loc.shape[1]
    N = params.rows.z_loc.shape[0]
    w_noise = jr.normal(jr.fold_in(key, 0x50E721E4), (draws, k, d))
    z_noise = jr.normal(jr.fold_in(key, 0x594E519A), (draws, N, k))
    gain_noise = jr.normal(jr.fold_in(key, 0x66DD231B), (draws, N))
    # factor_analysis.py:10  w = inf.Normal(np.zeros((k, d)), 1.0, name="w")
    w_scale = jnp.exp(params.shared.log_w_scale)
    w = params.shared.w_loc + w_scale * w_noise
    # factor_analysis.py:13  z = inf.Normal(np.zeros(k), 1.0, name="z")
    z_scale = jnp.exp(params.rows.log_z_scale)
    z = params.rows.z_loc + z_scale * z_noise
    # factor_analysis.py:14  gain = inf.HalfNormal(1.0, name="gain")
    gain_scale = jnp.exp(params.rows.log_gain_scale)
    gain = jnp.exp(params.rows.gain_loc + gain_scale * gain_noise)
    # factor_analysis.py:15  inf.Normal((z @ w) * gain[:, None], noise, name="x")
    x_loc = (z[:, :, None] @ w[:, None]).squeeze(-2) * gain[..., None]
    return {"x": x_loc.sum(-3) / float(draws)}


def log_density(
    params: Params, w: Array, noise_2: Array, z: Array, gain: Array, x: Array
) -> Array:
    """log p of all sites: values on their supports, all rows, no Jacobian."""
    # factor_analysis.py:10  w = inf.Normal(np.zeros((k, d)), 1.0, name="w")
    lp_w = -0.5 * w**2 - 0.9189385332046727
    # factor_analysis.py:11  noise = inf.Gamma(2.0, 2.0, name="noise")
    above = noise_2 >= 0.0
    chosen = jnp.where(above, noise_2, 1.0)
    above_2 = chosen > 0.0
    log_chosen = jnp.log(jnp.where(above_2, chosen, 1.0))
    poisson_deviance = _poisson_deviance(
        jnp.asarray(2.0, float), 2.0 * chosen, 0.6931471805599453 + log_chosen
    )
    chosen_2 = jnp.where(
        above_2,
        -0.6137056388801092 - poisson_deviance - log_chosen,
        -math.inf + 0.6931471805599453,
    )
    lp_noise = jnp.where(above, chosen_2, -math.inf)
    # factor_analysis.py:13  z = inf.Normal(np.zeros(k), 1.0, name="z")
    lp_z = -0.5 * z**2 - 0.9189385332046727
    # factor_analysis.py:14  gain = inf.HalfNormal(1.0, name="gain")
    above_3 = gain >= 0.0
    difference = -0.2257913526447274 - 0.5 * jnp.where(above_3, gain, 0.0) ** 2
    lp_gain = jnp.where(above_3, difference, -math.inf)
    # factor_analysis.py:15  inf.Normal((z @ w) * gain[:, None], noise, name="x")
    x_loc = z @ w * gain[:, None]
    lp_x = -0.5 * ((x - x_loc) / noise_2) ** 2 - jnp.log(noise_2) - 0.9189385332046727
    total = lp_w.sum() + lp_noise + lp_z.sum(-1).sum() + lp_gain.sum()
    return total + lp_x.sum(-1).sum()


def unconstrained_log_density(
    params: Params, w: Array, noise_2: Array, z: Array, gain: Array, x: Array
) -> Array:
    """log p of all sites, latents on the reals, with the Jacobian."""
    # factor_analysis.py:10  w = inf.Normal(np.zeros((k, d)), 1.0, name="w")
    lp_w = -0.5 * w**2 - 0.9189385332046727
    # factor_analysis.py:11  noise = inf.Gamma(2.0, 2.0, name="noise")
    noise_value = jnp.exp(noise_2)
    above = noise_value > 0.0
    log_chosen = jnp.log(jnp.where(above, noise_value, 1.0))
    poisson_deviance = _poisson_deviance(
        jnp.asarray(2.0, float), 2.0 * noise_value, 0.6931471805599453 + log_chosen
    )
    lp_noise = jnp.where(
        above,
        -0.6137056388801092 - poisson_deviance - log_chosen,
        -math.inf + 0.6931471805599453,
    )
    # factor_analysis.py:13  z = inf.Normal(np.zeros(k), 1.0, name="z")
    lp_z = -0.5 * z**2 - 0.9189385332046727
    # factor_analysis.py:14  gain = inf.HalfNormal(1.0, name="gain")
    gain_value = jnp.exp(gain)
    lp_gain = -0.2257913526447274 - 0.5 * gain_value**2
    # factor_analysis.py:15  inf.Normal((z @ w) * gain[:, None], noise, name="x")
    x_loc = z @ w * gain_value[:, None]
    lp_x = -0.5 * ((x - x_loc) / noise_value) ** 2 - noise_2 - 0.9189385332046727
    total = lp_w.sum() + noise_2 + lp_noise + lp_z.sum(-1).sum() + gain.sum()
    return total + lp_gain.sum() + lp_x.sum(-1).sum()


def constrain(
    params: Params, w: Array, noise_2: Array, z: Array, gain: Array
) -> dict[str, Array]:
    """The latents on their supports, from reals."""
    # factor_analysis.py:11  noise = inf.Gamma(2.0, 2.0, name="noise")
    noise_moved = jnp.exp(noise_2)
    # factor_analysis.py:14  gain = inf.HalfNormal(1.0, name="gain")
    gain_moved = jnp.exp(gain)
    return {"w": w, "noise": noise_moved, "z": z, "gain": gain_moved}


def unconstrain(
    params: Params, w: Array, noise_2: Array, z: Array, gain: Array
) -> dict[str, Array]:
    """The latents on the reals, from values on their supports."""
    # factor_analysis.py:11  noise = inf.Gamma(2.0, 2.0, name="noise")
    noise_moved = jnp.log(noise_2)
    # factor_analysis.py:14  gain = inf.HalfNormal(1.0, name="gain")
    gain_moved = jnp.log(gain)
    return {"w": w, "noise": noise_moved, "z": z, "gain": gain_moved}
