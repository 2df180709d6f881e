"""SVI for `eight_schools` with a mean-field guide: a standalone JAX program.

Emitted by ppc 0.1.0 from eight_schools.py (sha256 5d1c07be); needs jax and optax.
    python eight_schools.py schools.npz --epochs 10000 --out fit.npz
    python eight_schools.py schools.npz --epochs 20000 --resume fit.npz --out fit.npz

Plate  J      rows of the data, all of them in each step
Site   mu     f32[]   latent    Normal      reparameterised, KL(q|p) in closed form
Site   tau    f32[]   latent    HalfCauchy  guide LogNormal: its entropy, one draw
Site   theta  f32[J]  latent    Normal      non-centred; KL(q|p) in closed form
Site   y      f32[J]  observed  Normal
"""

import argparse
import functools
import math
import os
import sys
import zipfile
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
BLOCK_ELEMENTS = 2**23  # most data and noise that a block reads
REPLAY_BLOCKS = 64  # blocks between copies of the state, kept to find a failing site


class Params(NamedTuple):
    """The guide: Normal for mu and theta_base, Normal in the logarithm for tau."""

    mu_loc: Array  # f32[]
    mu_log_scale: Array  # f32[]
    tau_loc: Array  # f32[]
    tau_log_scale: Array  # f32[]
    theta_base_loc: Array  # f32[J]
    theta_base_log_scale: Array  # f32[J]


class Data(NamedTuple):
    sigma: Array  # f32[J]
    y: Array  # f32[J]


class Noise(NamedTuple):
    mu: Array  # f32[]  standard normal
    tau: Array  # f32[]  standard normal
    theta_base: Array  # f32[J]  standard normal


class State(NamedTuple):
    params: Params
    opt_state: optax.OptState  # of the parameters in one vector


class Plan(NamedTuple):
    """What the compiled loop depends on, besides the shapes of the data."""

    optimizer: optax.GradientTransformation
    n: int  # rows J of the data
    batches: int = 1  # in an epoch

    @property
    def block(self) -> int:
        """The steps of a block, which share one draw of noise."""
        elements = 3 * self.n + 2
        return max(1, min(BLOCK_STEPS, BLOCK_ELEMENTS // elements))


class Fit(NamedTuple):
    params: Params
    opt_state: optax.OptState  # of the parameters in one vector
    losses: np.ndarray  # f32[steps], each the loss whose gradient its step followed


class Latents(NamedTuple):
    mu: Array  # f32[draws]
    tau: Array  # f32[draws]
    theta: Array  # f32[draws, J]


# The model and its guide ------------------------------------------------------------


def init_params(n: int) -> Params:
    """The initial guide: location 0 and scale 0.1, on the real line."""
    log_scale = math.log(0.1)
    return Params(
        mu_loc=jnp.zeros(()),
        mu_log_scale=jnp.full((), log_scale),
        tau_loc=jnp.zeros(()),
        tau_log_scale=jnp.full((), log_scale),
        theta_base_loc=jnp.zeros(n),
        theta_base_log_scale=jnp.full(n, log_scale),
    )


def loss_terms(params: Params, noise: Noise, data: Data) -> dict[str, Array]:
    """The negative evidence lower bound, one draw, by site."""
    # eight_schools.py:6  mu = inf.Normal(0.0, 5.0)
    mu_scale = jnp.exp(params.mu_log_scale)
    mu = params.mu_loc + mu_scale * noise.mu
    kl_mu = (
        0.5 * ((mu_scale / 5.0) ** 2 + (params.mu_loc / 5.0) ** 2 - 1.0)
        - params.mu_log_scale
        + math.log(5.0)
    )
    # eight_schools.py:7  tau = inf.HalfCauchy(0.0, 5.0)
    log_tau = params.tau_loc + jnp.exp(params.tau_log_scale) * noise.tau
    tau = jnp.exp(log_tau)
    lp_tau = math.log(2.0 / (5.0 * math.pi)) - jnp.log1p((tau / 5.0) ** 2)
    entropy_tau = (
        params.tau_loc + params.tau_log_scale + 0.5 * math.log(2 * math.pi * math.e)
    )
    # eight_schools.py:9  theta = inf.Normal(mu, tau)
    theta_base_scale = jnp.exp(params.theta_base_log_scale)
    theta_base = params.theta_base_loc + theta_base_scale * noise.theta_base
    theta = mu + tau * theta_base
    kl_theta = (
        0.5 * (theta_base_scale**2 + params.theta_base_loc**2 - 1.0)
        - params.theta_base_log_scale
    )
    # eight_schools.py:10  y = inf.Normal(theta, sigma)
    lp_y = (
        -0.5 * ((data.y - theta) / data.sigma) ** 2
        - jnp.log(data.sigma)
        - 0.5 * math.log(2 * math.pi)
    )
    return {
        "mu": kl_mu,
        "tau": -lp_tau - entropy_tau,
        "theta": kl_theta.sum(),
        "y": -lp_y.sum(),
    }


def loss(params: Params, noise: Noise, data: Data) -> Array:
    """The negative evidence lower bound: the sum of `loss_terms`."""
    terms = loss_terms(params, noise, data)
    return terms["mu"] + terms["tau"] + terms["theta"] + terms["y"]


def draw_noise(key: Array, block: Array, shape: tuple[int, ...], n: int) -> Noise:
    """The noise of a block, its leading axes `shape`; one draw for each site."""

    def site(name: int) -> Array:
        return jr.fold_in(jr.fold_in(key, name), block)

    return Noise(
        mu=jr.normal(site(0x88BD44E9), shape),
        tau=jr.normal(site(0x166AC20C), shape),
        theta_base=jr.normal(site(0xF038BBCA), (*shape, n)),
    )


# Predictions ------------------------------------------------------------------------


def sample_prior(key: Array, draws: int, n: int) -> Latents:
    """Draw mu, tau and n new rows of theta from the model."""
    mu = 5.0 * jr.normal(jr.fold_in(key, 0x8F5B8F5B), (draws,))
    tau = 5.0 * jnp.abs(jr.cauchy(jr.fold_in(key, 0x3302F667), (draws,)))
    theta_base = jr.normal(jr.fold_in(key, 0x2F738A72), (draws, n))
    return Latents(mu, tau, mu[:, None] + tau[:, None] * theta_base)


def posterior(params: Params, key: Array, draws: int) -> Latents:
    """Draw mu, tau and the rows of theta from the guide."""
    n = params.theta_base_loc.shape[0]
    noise = draw_noise(key, 0, (draws,), n)
    mu = params.mu_loc + jnp.exp(params.mu_log_scale) * noise.mu
    tau = jnp.exp(params.tau_loc + jnp.exp(params.tau_log_scale) * noise.tau)
    scale = jnp.exp(params.theta_base_log_scale)
    theta_base = params.theta_base_loc + scale * noise.theta_base
    return Latents(mu, tau, mu[:, None] + tau[:, None] * theta_base)


def predict(params: Params, key: Array, sigma: Array, draws: int) -> Array:
    """Draw replicates of y f32[draws, J] from the posterior predictive."""
    theta = posterior(params, key, draws).theta
    return theta + sigma * jr.normal(jr.fold_in(key, 0x2BA100F2), theta.shape)


# The fit ----------------------------------------------------------------------------


def fit(
    key: Array,
    data: Data,
    *,
    epochs: int,
    learning_rate: float = 1e-2,
    optimizer: optax.GradientTransformation | None = None,
    resume: Fit | None = None,
    callback: Callable[[Fit], bool | None] | None = None,
) -> Fit:
    """Minimise `loss` for this many epochs in all, by Adam unless told otherwise.

    resume continues a fit with the same key and data, exactly as if it had not stopped.
    callback sees the fit after each block of steps, on arrays that the
    next block reuses; it stops the fit by returning True. Raises FloatingPointError
    with the step and the site that is not finite.
    """
    plan = Plan(optimizer or _adam(learning_rate), data.y.shape[0])
    if resume is None:
        resume = start_fit(plan)
    step, total = len(resume.losses), epochs * plan.batches
    losses = np.pad(resume.losses, (0, max(0, total - step)))
    replay = State(resume.params, resume.opt_state), step
    state = _copy(replay[0])
    while step < total:
        block, offset = divmod(step, plan.block)
        stop = min(total, (block + 1) * plan.block)
        state, values = run_block(state, data, key, step, stop, plan=plan)
        losses[step:stop] = np.asarray(values)[offset : offset + stop - step]
        last = stop == total and not _finite(state.params)
        if last or not np.isfinite(losses[step:stop]).all():
            bad = np.append(np.isfinite(losses[step:stop]), False).argmin()
            raise FloatingPointError(explain(*replay, step + int(bad), data, key, plan))
        step = stop
        if block % REPLAY_BLOCKS == REPLAY_BLOCKS - 1:
            replay = _copy(state), step
        if callback is not None and callback(Fit(*state, losses[:step])):
            break
    return Fit(*state, losses[:step])


def start_fit(plan: Plan) -> Fit:
    """A fit that has made no step."""
    params = init_params(plan.n)
    losses = np.zeros(0, jnp.result_type(float))
    return Fit(params, plan.optimizer.init(ravel_pytree(params)[0]), losses)


@functools.partial(jax.jit, static_argnames="plan", donate_argnames="state")
def run_block(
    state: State, data: Data, key: Array, start: Array, stop: Array, *, plan: Plan
) -> tuple[State, Array]:
    """Make the steps from start to stop, all of one block.

    Returns the state and the losses f32[steps of a block], at their places in it. The
    parameters are few and small, so inside the loop they are one vector.
    """
    block = start // plan.block
    noise = draw_noise(key, block, (plan.block,), plan.n)
    vector, unpack = ravel_pytree(state.params)

    def step(i: Array, carry: tuple) -> tuple:
        vector, opt_state, losses = carry
        value, grads = jax.value_and_grad(loss)(
            unpack(vector),
            Noise(noise.mu[i], noise.tau[i], noise.theta_base[i]),
            data,
        )
        grads, _ = ravel_pytree(grads)
        updates, opt_state = plan.optimizer.update(grads, opt_state, vector)
        vector = optax.apply_updates(vector, updates)
        return vector, opt_state, losses.at[i].set(value)

    first = block * plan.block
    carry = vector, state.opt_state, jnp.zeros(plan.block)
    carry = lax.fori_loop(start - first, stop - first, step, carry)
    vector, opt_state, losses = carry
    return State(unpack(vector), opt_state), losses


def explain(
    state: State, step: int, bad: int, data: Data, key: Array, plan: Plan
) -> str:
    """Why the loss of step `bad` is not finite: replay the fit from `step` to there.

    At fault is a term of that loss, or the gradient of the step before.
    """
    for stop in range(max(step, bad - 1), bad + 1):
        while step < stop:
            end = min(stop, (step // plan.block + 1) * plan.block)
            state, _ = run_block(state, data, key, step, end, plan=plan)
            step = end
        block, i = divmod(step, plan.block)
        noise = draw_noise(key, block, (plan.block,), plan.n)
        args = state.params, Noise(*(draws[i] for draws in noise)), data
        for what, function in (("loss", loss_terms), ("gradient", _site_grads)):
            for site, value in jax.jit(function)(*args).items():
                if not _finite(value):
                    return f"step {step}: the {what} of site {site} is not finite"
    return f"step {bad}: the loss is not finite"


# At module level: a second fit finds the same objects, and so the compiled loop.
_adam = functools.cache(optax.adam)
_site_grads = jax.jacrev(loss_terms)


@jax.jit
def _finite(tree: object) -> Array:
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)]).all()


@jax.jit
def _copy(state: State) -> State:
    return jax.tree.map(jnp.copy, state)


# Files ------------------------------------------------------------------------------


def load_data(path: str) -> Data:
    """Read sigma and y from an npz, or raise ValueError with what is wrong."""
    arrays = read_npz(path)
    for name in Data._fields:
        if name not in arrays:
            found = ", ".join(arrays) or "nothing"
            raise ValueError(f"{path} has no array {name}; it has {found}")
        if arrays[name].ndim != 1:
            raise ValueError(f"{name} has shape {arrays[name].shape}, but must be (J,)")
        if arrays[name].dtype.kind not in "fiub":
            raise ValueError(f"{name} has dtype {arrays[name].dtype}, not numbers")
    sigma, y = arrays["sigma"], arrays["y"]
    if len(sigma) != len(y):
        raise ValueError(f"sigma has {len(sigma)} rows, but y has {len(y)}")
    if len(y) == 0:
        raise ValueError("sigma and y have no rows")
    _check_rows("sigma", np.isfinite(sigma) & (sigma > 0), "finite and positive")
    _check_rows("y", np.isfinite(y), "finite")
    return Data(jnp.asarray(sigma, float), jnp.asarray(y, float))


def _check_rows(name: str, good: np.ndarray, what: str) -> None:
    bad = np.flatnonzero(~good)
    if len(bad):
        shown = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
        raise ValueError(f"{name} is not {what} in {len(bad)} rows: {shown}")


def read_npz(path: str) -> dict[str, np.ndarray]:
    """The arrays of an npz by name, or ValueError where it cannot be read."""
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"{path} is {'no npz' if os.path.exists(path) else 'not there'}"
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"cannot read {path}: {error}") from None


def save_fit(path: str, fit: Fit, options: dict[str, int | float]) -> None:
    """Write parameters, optimiser state, losses and options as named arrays."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(State(*fit[:2]))
    arrays = {_name(where): np.asarray(leaf) for where, leaf in leaves}
    with open(path + ".part", "wb") as file:
        np.savez(file, losses=fit.losses, **arrays, **options)
    os.replace(path + ".part", path)


def load_fit(path: str, plan: Plan) -> Fit:
    """Read what `save_fit` wrote, or raise ValueError where it does not fit."""
    arrays = read_npz(path)
    shapes = jax.eval_shape(lambda: start_fit(plan)[:2])
    leaves, tree = jax.tree_util.tree_flatten_with_path(State(*shapes))
    found = []
    for where, leaf in leaves:
        array = arrays.get(_name(where))
        if array is None:
            raise ValueError(f"{path} has no array {_name(where)}")
        if (array.shape, array.dtype) != (leaf.shape, leaf.dtype):
            raise ValueError(
                f"{_name(where)} is {array.dtype}{list(array.shape)} in {path}, "
                f"but must be {leaf.dtype}{list(leaf.shape)}"
            )
        found.append(jnp.asarray(array))
    return Fit(*jax.tree.unflatten(tree, found), arrays["losses"])


def _name(path: tuple) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")


# The command ------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit eight_schools by SVI.")
    add = parser.add_argument
    add("data", help="npz with sigma f32[J] and y f32[J]")
    add("--epochs", type=_positive, default=10000, help="in all (default: 100)")
    add("--learning-rate", type=float, help="of Adam (default: 0.01)")
    add("--seed", type=int, help="of all that is random (default: 0)")
    add("--out", default="fit.npz", help="where to write the fit (default: fit.npz)")
    add("--resume", metavar="FIT", help="continue a fit that was written by --out")
    add("--checkpoint-every", type=_positive, metavar="EPOCHS", help="write --out")
    add("--patience", type=_positive, metavar="EPOCHS", help="stop when so many gain 0")
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


def run_command(args: argparse.Namespace) -> str:
    """Do what the options say; returns the last line to print."""
    if not os.path.isdir(os.path.dirname(args.out) or "."):
        raise ValueError(f"{args.out} is in a folder that is not there")
    data = load_data(args.data)
    saved = read_npz(args.resume) if args.resume else {}
    n = len(data.y)
    options = {
        "learning_rate": _option(args, saved, "learning_rate", 1e-2),
        "seed": _option(args, saved, "seed", 0),
        "rows": n,
    }
    if int(saved.get("rows", n)) != n:
        raise ValueError(
            f"{args.resume} was fitted to {saved['rows']} rows, not to {n}"
        )
    plan = Plan(_adam(options["learning_rate"]), n)
    written = 0

    def callback(fit: Fit) -> bool:
        nonlocal written
        step = len(fit.losses)
        if sys.stderr.isatty():
            end = "\n" if step == args.epochs else ""
            line = f"\rstep {step} of {args.epochs}  loss {fit.losses[-1]:.1f} "
            print(line, end=end, file=sys.stderr, flush=True)
        if args.checkpoint_every and step - written >= args.checkpoint_every:
            save_fit(args.out, fit, options)
            written = step
        return bool(args.patience) and stalled(fit.losses, args.patience)

    result = fit(
        jr.key(options["seed"]),
        data,
        epochs=args.epochs,
        optimizer=plan.optimizer,
        resume=load_fit(args.resume, plan) if args.resume else None,
        callback=callback,
    )
    save_fit(args.out, result, options)
    first, last = result.losses[:100].mean(), result.losses[-100:].mean()
    return f"loss {first:.3f} -> {last:.3f}, the means of the first and last 100 steps"


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
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
    return value


if __name__ == "__main__":
    main()
