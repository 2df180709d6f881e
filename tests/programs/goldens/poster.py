"""SVI for `model` with guide `guide`: a standalone JAX program.

Emitted by ppc 0.1.0 from poster.py (sha256 c4bfc957); needs jax and optax.
    python model_svi.py data.npz --epochs 200 --out fit.npz

Passes: plates, guards, roles, batches, guide, objective, constrain, fold, cse, dce,
stage, split, layout.

Plate  N  in batches that differ by at most one row
Site   z  f32[N, k]   latent    Normal       guide Normal, closed-form KL
Site   x  f32[N, dx]  observed  Normal
Site   y  i32[N]      observed  Categorical
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

BLOCK_STEPS = 1024  # most steps in a block: one call of the compiled loop
BLOCK_ELEMENTS = 2**23  # most numbers of noise and data that a block reads
REPLAY_BLOCKS = 64  # blocks between copies of the state, kept to find a failing site


class Sizes(NamedTuple):
    k: int = 2
    d0: int = 5
    dy: int = 3


SIZES = Sizes()


class Dense(NamedTuple):
    kernel: Array  # f32[fan_in, fan_out]
    bias: Array  # f32[fan_out]


class Params(NamedTuple):
    encoder_0: Dense  # kernel f32[dx, d0], bias f32[d0]
    encoder_1: Dense  # kernel f32[d0, 2*k], bias f32[2*k]
    nn1_0: Dense  # kernel f32[k, d0], bias f32[d0]
    nn1_1: Dense  # kernel f32[d0, dx], bias f32[dx]
    nn2_0: Dense  # kernel f32[k, dy], bias f32[dy]


class Data(NamedTuple):
    x: Array  # f32[N, dx]
    y: Array  # i32[N]


class Noise(NamedTuple):
    z: Array  # f32[M, k]  standard normal


class State(NamedTuple):
    params: Params
    opt_state: optax.OptState


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
    opt_state: optax.OptState
    losses: np.ndarray  # f32[steps], each the loss whose gradient its step followed


# The model and its guide ------------------------------------------------------------


def init_params(key: Array, data: Data, sizes: Sizes = SIZES) -> Params:
    """The initial parameters."""
    dx = data.x.shape[1]
    k = sizes.k
    d0 = sizes.d0
    dy = sizes.dy
    encoder_0_kernel_noise = _uniform(jr.fold_in(key, 0xF1A3829E), (dx, d0))
    encoder_1_kernel_noise = _uniform(jr.fold_in(key, 0xBD8AEB), (d0, 2 * k))
    nn1_0_kernel_noise = _uniform(jr.fold_in(key, 0x8A8031F1), (k, d0))
    nn1_1_kernel_noise = _uniform(jr.fold_in(key, 0x908EB5EB), (d0, dx))
    nn2_0_kernel_noise = _uniform(jr.fold_in(key, 0xDABD2710), (k, dy))
    # poster.py:25  [tf.keras.layers.Dense(d0, activation=tf.nn.relu), tf.keras.layer...
    sqrt_ratio = jnp.sqrt(6.0 / float(d0 + dx))
    encoder_0_kernel = (2.0 * encoder_0_kernel_noise - 1.0) * sqrt_ratio
    encoder_1_kernel = (2.0 * encoder_1_kernel_noise - 1.0) * jnp.sqrt(
        6.0 / float(d0 + 2 * k)
    )
    # poster.py:13  [tf.keras.layers.Dense(d0, tf.nn.relu), tf.keras.layers.Dense(dx)]
    nn1_0_kernel = (2.0 * nn1_0_kernel_noise - 1.0) * jnp.sqrt(6.0 / float(d0 + k))
    nn1_1_kernel = (2.0 * nn1_1_kernel_noise - 1.0) * sqrt_ratio
    # poster.py:15  nn2 = tf.keras.Sequential([tf.keras.layers.Dense(dy)])
    nn2_0_kernel = (2.0 * nn2_0_kernel_noise - 1.0) * jnp.sqrt(6.0 / float(dy + k))
    return Params(
        encoder_0=Dense(kernel=encoder_0_kernel, bias=jnp.zeros(d0)),
        encoder_1=Dense(kernel=encoder_1_kernel, bias=jnp.zeros(2 * k)),
        nn1_0=Dense(kernel=nn1_0_kernel, bias=jnp.zeros(d0)),
        nn1_1=Dense(kernel=nn1_1_kernel, bias=jnp.zeros(dx)),
        nn2_0=Dense(kernel=nn2_0_kernel, bias=jnp.zeros(dy)),
    )


def prepare(x: np.ndarray, y: np.ndarray) -> Data:
    """The data as the loop reads them."""
    return Data(x=jnp.asarray(x, float), y=jnp.asarray(y, jnp.int32))


def loss_terms(
    params: Params, noise: Noise, batch: Data, weight: Array
) -> dict[str, Array]:
    """The negative evidence lower bound, one draw of the guide, by site.

    weight f32[M] is the number of batches for a row of the data and 0 for padding,
    so that the mean over an epoch is the full loss.
    """
    k = params.nn1_0.kernel.shape[0]
    # poster.py:27  output = encoder(x)
    total = batch.x @ params.encoder_0.kernel + params.encoder_0.bias
    output = jax.nn.relu(total) @ params.encoder_1.kernel + params.encoder_1.bias
    # poster.py:28  inf.Normal(output[:, :k], tf.nn.softplus(output[:, k:]) + 0.01, n...
    q_z_loc = output[:, :k]
    q_z_scale = jax.nn.softplus(output[:, k:]) + 0.01
    z = q_z_loc + q_z_scale * noise.z
    # poster.py:11  z = inf.Normal(tf.ones(k) * 0.1, 1.0, name="z")
    kl_z = 0.5 * (q_z_loc - 0.1) ** 2 + (
        0.5 * (q_z_scale**2 - 1.0) - jnp.log(q_z_scale)
    )
    # poster.py:16  inf.Normal(nn1(z), 1.0, name="x")
    product = (
        jax.nn.relu(z @ params.nn1_0.kernel + params.nn1_0.bias) @ params.nn1_1.kernel
    )
    x_loc = product + params.nn1_1.bias
    lp_x = -0.5 * (batch.x - x_loc) ** 2 - 0.9189385332046727
    # poster.py:17  inf.Categorical(logits=nn2(z), name="y")
    y_logits = z @ params.nn2_0.kernel + params.nn2_0.bias
    lp_y = jnp.take_along_axis(jax.nn.log_softmax(y_logits), batch.y[:, None], axis=-1)[
        :, 0
    ]
    return {
        "z": (weight * kl_z.sum(-1)).sum(),
        "x": -(weight * lp_x.sum(-1)).sum(),
        "y": -(weight * lp_y).sum(),
    }


def loss(params: Params, noise: Noise, batch: Data, weight: Array) -> Array:
    """The sum of `loss_terms`."""
    return sum(loss_terms(params, noise, batch, weight).values())


def draw_noise(key: Array, block: Array, length: int, data: Data, plan: Plan) -> Noise:
    """The noise of a block of steps, one draw for each site and block."""
    k = plan.sizes.k
    N_rows = plan.width
    return Noise(
        z=jr.normal(jr.fold_in(jr.fold_in(key, 0x594E519A), block), (length, N_rows, k))
    )


# Results ----------------------------------------------------------------------------


def guide(params: Params, x: Array) -> dict[str, Array]:
    """The parameters of each factor of the guide, by site and name."""
    k = params.nn1_0.kernel.shape[0]
    # poster.py:27  output = encoder(x)
    relu_total = jax.nn.relu(x @ params.encoder_0.kernel + params.encoder_0.bias)
    output = relu_total @ params.encoder_1.kernel + params.encoder_1.bias
    # poster.py:28  inf.Normal(output[:, :k], tf.nn.softplus(output[:, k:]) + 0.01, n...
    z_loc = output[:, :k]
    z_scale = jax.nn.softplus(output[:, k:]) + 0.01
    return {"z.loc": z_loc, "z.scale": z_scale}


def sample_prior(params: Params, key: Array, *, N: int, draws: int) -> dict[str, Array]:
    """Draws of every site from the model: [draws, plates..., shape...]."""
    dx = params.encoder_0.kernel.shape[0]
    k = params.nn1_0.kernel.shape[0]
    dy = params.nn2_0.kernel.shape[1]
    z_noise = jr.normal(jr.fold_in(key, 0x594E519A), (draws, N, k))
    x_noise = jr.normal(jr.fold_in(key, 0x2D711642), (draws, N, dx))
    y_noise = jr.gumbel(jr.fold_in(key, 0xA1FCE436), (draws, N, dy))
    # poster.py:11  z = inf.Normal(tf.ones(k) * 0.1, 1.0, name="z")
    z = 0.1 + z_noise
    # poster.py:16  inf.Normal(nn1(z), 1.0, name="x")
    product = (
        jax.nn.relu(z @ params.nn1_0.kernel + params.nn1_0.bias) @ params.nn1_1.kernel
    )
    x_loc = product + params.nn1_1.bias
    x = x_loc + x_noise
    # poster.py:17  inf.Categorical(logits=nn2(z), name="y")
    y_logits = z @ params.nn2_0.kernel + params.nn2_0.bias
    y = (y_logits + y_noise).argmax(-1)
    return {"z": z, "x": x, "y": y}


def posterior(params: Params, key: Array, x: Array, *, draws: int) -> dict[str, Array]:
    """Draws of the latent sites from the guide: [draws, plates..., shape...]."""
    N = x.shape[0]
    k = params.nn1_0.kernel.shape[0]
    z_noise = jr.normal(jr.fold_in(key, 0x594E519A), (draws, N, k))
    # poster.py:27  output = encoder(x)
    relu_total = jax.nn.relu(x @ params.encoder_0.kernel + params.encoder_0.bias)
    output = relu_total @ params.encoder_1.kernel + params.encoder_1.bias
    # poster.py:28  inf.Normal(output[:, :k], tf.nn.softplus(output[:, k:]) + 0.01, n...
    q_z_loc = output[:, :k]
    q_z_scale = jax.nn.softplus(output[:, k:]) + 0.01
    z = q_z_loc + q_z_scale * z_noise
    return {"z": z}


def predict(params: Params, key: Array, x: Array, *, draws: int) -> dict[str, Array]:
    """Draws of the observed sites from the posterior predictive."""
    N = x.shape[0]
    dx = x.shape[1]
    k = params.nn1_0.kernel.shape[0]
    dy = params.nn2_0.kernel.shape[1]
    z_noise = jr.normal(jr.fold_in(key, 0x594E519A), (draws, N, k))
    x_noise = jr.normal(jr.fold_in(key, 0x2D711642), (draws, N, dx))
    y_noise = jr.gumbel(jr.fold_in(key, 0xA1FCE436), (draws, N, dy))
    # poster.py:27  output = encoder(x)
    relu_total = jax.nn.relu(x @ params.encoder_0.kernel + params.encoder_0.bias)
    output = relu_total @ params.encoder_1.kernel + params.encoder_1.bias
    # poster.py:28  inf.Normal(output[:, :k], tf.nn.softplus(output[:, k:]) + 0.01, n...
    q_z_loc = output[:, :k]
    q_z_scale = jax.nn.softplus(output[:, k:]) + 0.01
    z = q_z_loc + q_z_scale * z_noise
    # poster.py:16  inf.Normal(nn1(z), 1.0, name="x")
    product = (
        jax.nn.relu(z @ params.nn1_0.kernel + params.nn1_0.bias) @ params.nn1_1.kernel
    )
    x_loc = product + params.nn1_1.bias
    x_new = x_loc + x_noise
    # poster.py:17  inf.Categorical(logits=nn2(z), name="y")
    y_logits = z @ params.nn2_0.kernel + params.nn2_0.bias
    y = (y_logits + y_noise).argmax(-1)
    return {"x": x_new, "y": y}


def predict_mean(
    params: Params, key: Array, x: Array, *, draws: int
) -> dict[str, Array]:
    """Posterior predictive means, averaged over draws; of labels, probabilities."""
    N = x.shape[0]
    k = params.nn1_0.kernel.shape[0]
    z_noise = jr.normal(jr.fold_in(key, 0x594E519A), (draws, N, k))
    # poster.py:27  output = encoder(x)
    relu_total = jax.nn.relu(x @ params.encoder_0.kernel + params.encoder_0.bias)
    output = relu_total @ params.encoder_1.kernel + params.encoder_1.bias
    # poster.py:28  inf.Normal(output[:, :k], tf.nn.softplus(output[:, k:]) + 0.01, n...
    q_z_loc = output[:, :k]
    q_z_scale = jax.nn.softplus(output[:, k:]) + 0.01
    z = q_z_loc + q_z_scale * z_noise
    # poster.py:16  inf.Normal(nn1(z), 1.0, name="x")
    product = (
        jax.nn.relu(z @ params.nn1_0.kernel + params.nn1_0.bias) @ params.nn1_1.kernel
    )
    x_loc = product + params.nn1_1.bias
    # poster.py:17  inf.Categorical(logits=nn2(z), name="y")
    y_logits = z @ params.nn2_0.kernel + params.nn2_0.bias
    return {
        "x": x_loc.sum(-3) / float(draws),
        "y": jax.nn.softmax(y_logits).sum(-3) / float(draws),
    }


def log_density(params: Params, z: Array, x: Array, y: Array) -> Array:
    """log p of all sites: values on their supports, all rows, no Jacobian."""
    dy = params.nn2_0.kernel.shape[1]
    # poster.py:11  z = inf.Normal(tf.ones(k) * 0.1, 1.0, name="z")
    lp_z = -0.5 * (z - 0.1) ** 2 - 0.9189385332046727
    # poster.py:16  inf.Normal(nn1(z), 1.0, name="x")
    product = (
        jax.nn.relu(z @ params.nn1_0.kernel + params.nn1_0.bias) @ params.nn1_1.kernel
    )
    x_loc = product + params.nn1_1.bias
    lp_x = -0.5 * (x - x_loc) ** 2 - 0.9189385332046727
    # poster.py:17  inf.Categorical(logits=nn2(z), name="y")
    y_logits = z @ params.nn2_0.kernel + params.nn2_0.bias
    logical_and_above = (y >= 0) & (y <= dy - 1)
    picked = jnp.take_along_axis(
        jax.nn.log_softmax(y_logits),
        jnp.where(logical_and_above, y, 0)[:, None],
        axis=-1,
    )[:, 0]
    lp_y = jnp.where(logical_and_above, picked, -math.inf)
    return lp_z.sum(-1).sum() + lp_x.sum(-1).sum() + lp_y.sum()


def unconstrained_log_density(params: Params, z: Array, x: Array, y: Array) -> Array:
    """log p of all sites, latents on the reals, with the Jacobian."""
    dy = params.nn2_0.kernel.shape[1]
    # poster.py:11  z = inf.Normal(tf.ones(k) * 0.1, 1.0, name="z")
    lp_z = -0.5 * (z - 0.1) ** 2 - 0.9189385332046727
    # poster.py:16  inf.Normal(nn1(z), 1.0, name="x")
    product = (
        jax.nn.relu(z @ params.nn1_0.kernel + params.nn1_0.bias) @ params.nn1_1.kernel
    )
    x_loc = product + params.nn1_1.bias
    lp_x = -0.5 * (x - x_loc) ** 2 - 0.9189385332046727
    # poster.py:17  inf.Categorical(logits=nn2(z), name="y")
    y_logits = z @ params.nn2_0.kernel + params.nn2_0.bias
    logical_and_above = (y >= 0) & (y <= dy - 1)
    picked = jnp.take_along_axis(
        jax.nn.log_softmax(y_logits),
        jnp.where(logical_and_above, y, 0)[:, None],
        axis=-1,
    )[:, 0]
    lp_y = jnp.where(logical_and_above, picked, -math.inf)
    return lp_z.sum(-1).sum() + lp_x.sum(-1).sum() + lp_y.sum()


def constrain(params: Params, z: Array) -> dict[str, Array]:
    """The latents on their supports, from reals."""
    return {"z": z}


def unconstrain(params: Params, z: Array) -> dict[str, Array]:
    """The latents on the reals, from values on their supports."""
    return {"z": z}


# The fit ----------------------------------------------------------------------------


def fit(
    key: Array,
    data: Data,
    *,
    epochs: int,
    batch_size: int = 100,
    learning_rate: float = 0.001,
    optimizer: optax.GradientTransformation | None = None,
    sizes: Sizes = SIZES,
    resume: Fit | None = None,
    callback: Callable[[Fit, int], bool | None] | None = None,
) -> Fit:
    """Minimise `loss` for this many epochs in all, by Adam unless told otherwise.

    resume continues a fit with the same key, data and options, exactly as if it had not
    stopped. callback sees the fit after each block of steps, on arrays that the next
    block reuses, and the number of steps in all; it stops the fit by returning True.
    Raises FloatingPointError with the step and the site that is not finite.
    """
    n = data.x.shape[0]
    plan = Plan(optimizer or _adam(learning_rate), n, -(-n // batch_size), sizes)
    total = epochs * plan.batches
    if resume is None:
        resume = start_fit(key, data, plan)
    block = block_steps(data, plan)
    step = len(resume.losses)
    losses = np.resize(resume.losses, max(step, total))
    state = _copy(State(resume.params, resume.opt_state))
    replay = (state, step)
    while step < total:
        if step // block % REPLAY_BLOCKS == 0:
            replay = (_copy(state), step)
        stop = min(total, (step // block + 1) * block)
        state, values = run_block(state, data, key, step, stop, plan=plan)
        losses[step:stop] = np.asarray(values)[step % block :][: stop - step]
        last = stop == total and not _finite(state.params)
        if last or not np.isfinite(losses[step:stop]).all():
            bad = np.append(np.isfinite(losses[step:stop]), False).argmin()
            raise FloatingPointError(explain(*replay, step + int(bad), data, key, plan))
        step = stop
        if callback is not None and callback(Fit(*state, losses[:step]), total):
            break
    return Fit(*state, losses[:step])


def start_fit(key: Array, data: Data, plan: Plan) -> Fit:
    """A fit that has made no step."""
    params = init_params(key, data, plan.sizes)
    opt_state = plan.optimizer.init(params)
    return Fit(params, opt_state, np.zeros(0, jnp.result_type(float)))


def block_steps(data: Data, plan: Plan) -> int:
    """The steps of a block, which share one draw of noise."""
    row = sum(math.prod(column.shape[1:]) for column in data)
    elements = plan.width * row
    shapes = jax.eval_shape(lambda: draw_noise(jr.key(0), 0, 1, data, plan))
    elements += sum(leaf.size for leaf in jax.tree.leaves(shapes))
    return max(1, min(BLOCK_STEPS, BLOCK_ELEMENTS // elements))


@functools.partial(jax.jit, static_argnames="plan", donate_argnames="state")
def run_block(
    state: State, data: Data, key: Array, start: Array, stop: Array, *, plan: Plan
) -> tuple[State, Array]:
    """Make the steps from start to stop, all of one block.

    Returns the state and the losses f32[steps of a block], at their places in it.
    """
    length = block_steps(data, plan)
    block = start // length
    first = block * length
    rows = batch_rows(key, first + jnp.arange(length), plan)
    noise = draw_noise(key, block, length, data, plan)

    def step(i: Array, carry: tuple) -> tuple:
        params, opt_state, losses = carry
        step_noise = _at(noise, i)
        batch, weight = take(data, rows[i], plan)
        value, grads = jax.value_and_grad(loss)(params, step_noise, batch, weight)
        updates, opt_state = plan.optimizer.update(grads, opt_state, params)
        params = optax.apply_updates(params, updates)
        return params, opt_state, losses.at[i].set(value)

    losses = jnp.zeros(length)
    bounds = (start - first, stop - first)
    carry = (*state, losses)
    params, opt_state, losses = lax.fori_loop(*bounds, step, carry)
    return State(params, opt_state), losses


def take(data: Data, rows: Array, plan: Plan) -> tuple[Data, Array]:
    """The batch of these rows and its weights: 0 for row N, which is padding."""
    batch = Data(
        x=jnp.take(data.x, rows, axis=0, mode="clip"),
        y=jnp.take(data.y, rows, axis=0, mode="clip"),
    )
    return batch, jnp.where(rows < plan.n, float(plan.batches), 0.0)


def batch_rows(key: Array, steps: Array, plan: Plan) -> Array:
    """The rows i32[steps, M] of the data that each step visits, N for padding.

    An epoch visits each row once, in an order of its own: its step s takes positions s,
    s + batches, ... of a keyed bijection of [0, N), the swap-or-not shuffle of Hoang,
    Morris and Rogaway (CRYPTO 2012). It needs no table, so a step costs the same for
    any N. Each of its 24 rounds pairs x with k - x mod N, and a hash of the pair
    decides whether the two change places.
    """
    n, batches = plan.n, plan.batches
    epoch = (steps // batches).astype(jnp.uint32)[:, None]
    position = steps[:, None] % batches + batches * jnp.arange(plan.width)
    seed = jr.bits(jr.fold_in(key, 0x7247CE41), (2,), jnp.uint32)
    epoch_seed = _mix(seed[0] + _mix(seed[1] ^ epoch))

    def swap_or_not(i: Array, x: Array) -> Array:
        word = _mix(epoch_seed + i * np.uint32(0x9E3779B9))
        pair = _mix(word ^ np.uint32(0x7F4A7C15)) % np.uint32(n) + (np.uint32(n) - x)
        pair = jnp.where(pair < n, pair, pair - np.uint32(n))
        swap = _mix(jnp.maximum(x, pair) ^ word) >> 31
        return jnp.where(swap == 1, pair, x)

    x = jnp.minimum(position, n - 1).astype(jnp.uint32)
    x = lax.fori_loop(np.uint32(0), np.uint32(24), swap_or_not, x)
    return jnp.where(position < n, x.astype(jnp.int32), n)


def _mix(x: Array) -> Array:
    """The finaliser of MurmurHash3: each bit of x, u32, reaches every other."""
    x = (x ^ x >> 16) * np.uint32(0x85EBCA6B)
    x = (x ^ x >> 13) * np.uint32(0xC2B2AE35)
    return x ^ x >> 16


def explain(
    state: State, step: int, bad: int, data: Data, key: Array, plan: Plan
) -> str:
    """Why the loss of step `bad` is not finite: replay the fit from `step` to there.

    At fault is a term of that loss, or the gradient of the step before.
    """
    length = block_steps(data, plan)
    for stop in range(max(step, bad - 1), bad + 1):
        while step < stop:
            end = min(stop, (step // length + 1) * length)
            state, _ = run_block(state, data, key, step, end, plan=plan)
            step = end
        block, i = divmod(step, length)
        rows = batch_rows(key, block * length + jnp.arange(length), plan)
        noise = draw_noise(key, block, length, data, plan)
        params = state.params
        step_noise = _at(noise, i)
        batch, weight = take(data, rows[i], plan)
        for what, function in (("loss", loss_terms), ("gradient", _site_grads)):
            for site, value in jax.jit(function)(
                params, step_noise, batch, weight
            ).items():
                if not _finite(value):
                    return f"step {step}: the {what} of site {site} is not finite"
    return f"step {bad}: the loss is not finite"


# At module level: a second fit finds the same objects, and so the compiled loop.
_adam = functools.cache(optax.adam)
_site_grads = jax.jacrev(loss_terms)


def _at(noise: Noise, i: Array | int) -> Noise:
    """The noise of one step of a block."""
    return jax.tree.map(lambda array: array[i], noise)


def _finite(tree: object) -> bool:
    return all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(tree))


def _copy(state: State) -> State:
    """A copy; its types are not weak, as `run_block` returns none: it compiles once."""
    return jax.tree.map(lambda x: jnp.array(x, x.dtype), state)


def _uniform(key: Array, shape: tuple[int, ...]) -> Array:
    """Uniform on the open interval (0, 1), so that its logarithm is finite."""
    smallest = jnp.finfo(jnp.result_type(float)).tiny
    return jr.uniform(key, shape, minval=smallest)


# Files and the command --------------------------------------------------------------


def load_data(path: str, sizes: Sizes = SIZES) -> Data:
    """Read the data from a file, or raise ValueError with what is wrong with them."""
    arrays = read_data(path, {"x": 2, "y": 1})
    x = _column(arrays, "x", 2, float)
    y = _column(arrays, "y", 1, int)
    N = x.shape[0]
    dx = x.shape[1]
    dy = sizes.dy
    _check_shape("x", x, (N, dx))
    _check_shape("y", y, (N,))
    _check_rows("y", (y >= 0) & (y <= dy - 1), "whole numbers from 0 to dy - 1")
    return prepare(x, y)


def read_data(path: str, ndims: dict[str, int]) -> dict[str, np.ndarray]:
    """The arrays of a csv or npz file, or ValueError where it cannot be read."""
    return read_csv(path, ndims) if path.lower().endswith(".csv") else read_npz(path)


def read_csv(path: str, ndims: dict[str, int]) -> dict[str, np.ndarray]:
    """The arrays of a csv whose first line names its columns; others are not looked at.

    An array y of one dimension is the column y. One of two, x, is the columns x_0, x_1,
    ..., numbered from 0 or 1 and in any order; x.0 and x[0] will do as well.
    """
    rows = []
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, skipinitialspace=True)
            titles = [title.strip() for title in next(lines, [])]
            found = {n: _places(path, titles, n, ndim) for n, ndim in ndims.items()}
            used = sum(found.values(), [])
            for line in lines:
                if line:
                    where = f"{path}, line {lines.line_num}"
                    rows.append(_cells(where, titles, line, used))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"cannot read {path} as csv: {error}") from None
    table = np.array(rows, float).reshape(len(rows), len(used))
    arrays = {}
    for name, own in found.items():
        array, table = table[:, : len(own)], table[:, len(own) :]
        arrays[name] = array if ndims[name] == 2 else array[:, 0]
    return arrays


def _places(path: str, titles: list[str], name: str, ndim: int) -> list[int]:
    """The columns that make up an array."""
    if titles.count(name) == 1:
        return [titles.index(name)]
    wanted = f"one column {name}"
    if ndim == 2:
        wanted = f"the columns {name}_0, {name}_1, ..., each once"
        own = []
        for at, title in enumerate(titles):
            rest = title.removeprefix(name)
            number = rest[1:].removesuffix("]" if rest[:1] == "[" else "")
            if rest != title and rest[:1] in ("_", ".", "[") and number.isdecimal():
                own.append((int(number), at))
        own.sort()
        numbers = [number for number, _ in own]
        if numbers in (list(range(len(own))), list(range(1, len(own) + 1))) and own:
            return [at for _, at in own]
    raise ValueError(f"{path} needs {wanted}")


def _cells(where: str, titles: list[str], line: list[str], used: list[int]) -> list:
    if len(line) != len(titles):
        raise ValueError(f"{where}: {len(line)} values, but {len(titles)} columns")
    numbers = []
    for at in used:
        try:
            numbers.append(float(line[at]))
        except ValueError:
            text = f"{where}: {titles[at]} is {repr(line[at])}, no number"
            raise ValueError(text) from None
    return numbers


def _column(
    arrays: dict[str, np.ndarray], name: str, ndim: int, kind: type | None
) -> np.ndarray:
    """The array of that name, with its rank and the kind of its numbers checked.

    None is any kind. A last axis of size 1 is dropped where the model has none.
    """
    if name not in arrays:
        found = ", ".join(arrays) or "nothing"
        raise ValueError(f"the data have no array {name}; they have {found}")
    array = arrays[name]
    if array.ndim == ndim + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != ndim:
        raise ValueError(f"{name} has shape {array.shape}, not {ndim} dimensions")
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} has dtype {array.dtype}, not numbers")
    if not array.size:
        raise ValueError(f"{name} is empty: its shape is {array.shape}")
    return array if kind is None else _numbers(name, array, kind)


def _numbers(
    name: str, array: np.ndarray, kind: type, counts: np.ndarray | bool = True
) -> np.ndarray:
    """The array as finite numbers, as whole ones, or as booleans.

    Elements that do not count may be NaN.
    """
    counted = np.where(counts, array, 0)
    _check_rows(name, np.isfinite(counted), "finite numbers")
    if kind is float:
        return array
    if kind is bool:
        _check_rows(name, (counted == 0) | (counted == 1), "0 or 1")
    else:
        _check_rows(name, counted == np.rint(counted), "whole numbers")
    return counted.astype(kind)


def _check_shape(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, but must have {shape}")


def _check_rows(name: str, good: np.ndarray, what: str) -> None:
    bad = np.flatnonzero(~good.reshape(len(good) if good.ndim else 1, -1).all(1))
    if len(bad):
        shown = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
        rows = f"row {shown}" if len(bad) == 1 else f"{len(bad)} rows: {shown}"
        raise ValueError(f"{name} must be {what}; it is not in {rows}")


def read_npz(path: str) -> dict[str, np.ndarray]:
    """The arrays of an npz by name, or ValueError where it cannot be read."""
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            return dict(file)
    except Exception as error:
        raise ValueError(f"cannot read {path} as npz: {error}") from None


def check_out(path: str, data: str) -> None:
    """Raise ValueError or OSError where a fit must not or cannot be written to path."""
    if os.path.isdir(path):
        raise ValueError(f"--out {path} is a folder")
    if os.path.exists(path) and os.path.samefile(path, data):
        raise ValueError(f"--out {path} is the file of the data")
    open(path + ".part", "ab").close()
    os.remove(path + ".part")


def save_fit(path: str, fit: Fit, options: dict[str, int | float]) -> None:
    """Write parameters, optimiser state, losses and options as named arrays."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(State(*fit[:2]))
    arrays = {_name(where): np.asarray(leaf) for where, leaf in leaves}
    with open(path + ".part", "wb") as file:
        np.savez(file, losses=fit.losses, **arrays, **options)
    os.replace(path + ".part", path)


def load_fit(path: str, data: Data, plan: Plan) -> Fit:
    """Read what `save_fit` wrote, or raise ValueError where it does not fit."""
    arrays = read_npz(path)
    shapes = jax.eval_shape(lambda: start_fit(jr.key(0), data, plan)[:2])
    leaves, tree = jax.tree_util.tree_flatten_with_path(State(*shapes))
    found = []
    for where, leaf in leaves:
        array = arrays.get(_name(where))
        if array is None:
            raise ValueError(f"{path} has no array {_name(where)}")
        if (array.shape, array.dtype) != (leaf.shape, leaf.dtype):
            wanted = f"{leaf.dtype}{list(leaf.shape)}"
            raise ValueError(f"{_name(where)} in {path} is not {wanted}")
        found.append(jnp.asarray(array))
    if "losses" not in arrays or arrays["losses"].ndim != 1:
        raise ValueError(f"{path} has no losses f32[steps]")
    return Fit(*jax.tree.unflatten(tree, found), arrays["losses"])


def _name(path: tuple) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")


def main() -> None:
    """Fit model by SVI.

    The data are an npz with x f32[N, dx], y i32[N]; or a csv with the columns x_0, x_1,
    ..., y.
    """
    parser = argparse.ArgumentParser(description=main.__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("data", help="file with the data")
    add("--epochs", type=_positive, default=100, help="in all (default: 100)")
    add("--batch-size", type=_positive, help="rows of a batch (default: 100)")
    add("--learning-rate", type=_rate, help="of Adam (default: 0.001)")
    add("--seed", type=_seed, help="of all that is random (default: 0)")
    add("--out", default="fit.npz", help="where to write the fit (default: fit.npz)")
    add("--resume", metavar="FIT", help="continue a fit that was written by --out")
    add("--checkpoint-every", type=_positive, metavar="EPOCHS", help="write --out")
    add("--patience", type=_positive, metavar="EPOCHS", help="stop when so many gain 0")
    add("--k", type=_positive, default=2, help="size k (default: 2)")
    add("--d0", type=_positive, default=5, help="size d0 (default: 5)")
    add("--dy", type=_positive, default=3, help="size dy (default: 3)")
    add("--device", choices=("cpu", "gpu", "tpu"), help="(default: the best there is)")
    add("--float64", action="store_true", help="compute in double precision")
    args = parser.parse_args()
    jax.config.update("jax_enable_x64", args.float64)
    try:
        if args.device:
            jax.config.update("jax_default_device", jax.devices(args.device)[0])
        print(run_command(args))
    except (ValueError, FloatingPointError, RuntimeError, OSError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, f"{parser.prog}: interrupted\n")


def run_command(args: argparse.Namespace) -> str:
    """Do what the options say; returns the last line to print."""
    sizes = Sizes(k=args.k, d0=args.d0, dy=args.dy)
    data = load_data(args.data, sizes)
    check_out(args.out, args.data)
    saved = read_npz(args.resume) if args.resume else {}
    options = {
        "learning_rate": _option(args, saved, "learning_rate", 0.001),
        "seed": _option(args, saved, "seed", 0),
    }
    n = data.x.shape[0]
    size = _option(args, saved, "batch_size", min(100, n))
    options |= {"batch_size": size, "rows": n}
    if size > n:
        raise ValueError(f"a batch of {size} rows, but the data have {n}")
    if int(saved.get("rows", n)) != n:
        found = saved["rows"]
        raise ValueError(f"{args.resume} was fitted to {found} rows, not to {n}")
    batches = -(-n // size)
    plan = Plan(_adam(options["learning_rate"]), n, batches, sizes)
    written = [0]  # steps of the checkpoints

    def callback(fit: Fit, total: int) -> bool:
        step = len(fit.losses)
        if sys.stderr and sys.stderr.isatty():
            end = "\n" if step == total else ""
            line = f"\rstep {step} of {total}  loss {fit.losses[-1]:.4g} "
            print(line, end=end, file=sys.stderr, flush=True)
        if (
            args.checkpoint_every
            and step - written[-1] >= args.checkpoint_every * batches
        ):
            save_fit(args.out, fit, options)
            written.append(step)
        return bool(args.patience) and stalled(fit.losses, args.patience * batches)

    result = fit(
        jr.key(options["seed"]),
        data,
        epochs=args.epochs,
        batch_size=options["batch_size"],
        sizes=sizes,
        learning_rate=options["learning_rate"],
        resume=load_fit(args.resume, data, plan) if args.resume else None,
        callback=callback,
    )
    save_fit(args.out, result, options)
    first, last = result.losses[:batches].mean(), result.losses[-batches:].mean()
    return f"loss {first:.4g} -> {last:.4g}, the means of the first and last epoch"


def stalled(losses: np.ndarray, steps: int) -> bool:
    """Whether the last `steps` losses are on average no lower than those before."""
    recent, before = losses[-steps:], losses[-2 * steps : -steps]
    return len(before) == steps and bool(recent.mean() >= before.mean())


def _option(args: argparse.Namespace, saved: dict, name: str, default: float) -> float:
    """The option as given, else as in the resumed fit, else the default."""
    given = getattr(args, name)
    if name not in saved:
        return default if given is None else given
    value = type(default)(saved[name])
    if given not in (None, value) and name != "learning_rate":
        flag = "--" + name.replace("_", "-")
        raise ValueError(f"{flag} {given}, but {args.resume} was fitted with {value}")
    return value if given is None else given


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"{text} is no whole number below 2**63")
    return int(text)


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


if __name__ == "__main__":
    main()
