"""SVI for `factors` with a mean-field guide: a standalone JAX program.

Emitted by ppc 0.1.0 from factors.py (sha256 a80b26c5); needs jax and optax.
    python factors.py train.npz --epochs 200 --batch-size 100 --out fit.npz
    python factors.py train.npz --epochs 400 --resume fit.npz --out fit.npz

Plate  N  rows of the data, in batches that differ by at most one row
Site   z  f32[N, k]   latent    Normal  a location and scale for each row; KL(q|p) exact
Site   x  f32[N, dx]  observed  Normal
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

BLOCK_STEPS = 1024  # most steps in a block: one call of the compiled loop
BLOCK_ELEMENTS = 2**23  # most data and noise that a block reads
REPLAY_BLOCKS = 64  # blocks between copies of the state, kept to find a failing site


class Sizes(NamedTuple):
    k: int = 2
    dx: int = 20


SIZES = Sizes()


class Shared(NamedTuple):
    w: Array  # f32[k, dx]
    bias: Array  # f32[dx]
    log_sigma: Array  # f32[]


class Rows(NamedTuple):
    """Parameters with a row for each datum."""

    z_loc: Array  # f32[N, k]
    z_log_scale: Array  # f32[N, k]


class Params(NamedTuple):
    shared: Shared
    rows: Rows


class Data(NamedTuple):
    x: Array  # f32[N, dx]


class Noise(NamedTuple):
    z: Array  # f32[M, k]  standard normal


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
        """The rows M of a batch, padding included."""
        return -(-self.n // self.batches)

    @property
    def block(self) -> int:
        """The steps of a block, which share one draw of noise."""
        elements = self.width * (self.sizes.dx + 6 * self.sizes.k)
        return max(1, min(BLOCK_STEPS, BLOCK_ELEMENTS // elements))


class Fit(NamedTuple):
    params: Params
    opt_state: OptState
    losses: np.ndarray  # f32[steps], each the loss whose gradient its step followed


class Sample(NamedTuple):
    z: Array  # f32[n, k]
    x: Array  # f32[n, dx]


# The model and its guide ------------------------------------------------------------


def init_params(key: Array, n: int, sizes: Sizes = SIZES) -> Params:
    """Draw the initial parameters for n rows."""
    k, dx = sizes
    w = 0.1 * jr.normal(jr.fold_in(key, 0xF6088E25), (k, dx))
    return Params(
        Shared(w=w, bias=jnp.zeros(dx), log_sigma=jnp.zeros(())),
        Rows(z_loc=jnp.zeros((n, k)), z_log_scale=jnp.full((n, k), math.log(0.1))),
    )


def loss_terms(
    params: Params, noise: Noise, batch: Data, weight: Array
) -> dict[str, Array]:
    """The negative evidence lower bound of a batch, one draw, by site.

    params.rows are the rows of the batch. weight f32[M] is the number of batches for a
    row of the data and 0 for padding, so that the mean over an epoch is the full loss.
    """
    shared, rows = params
    # factors.py:8  z = inf.Normal(tf.zeros(k), 1., name="z")
    z_scale = jnp.exp(rows.z_log_scale)
    z = rows.z_loc + z_scale * noise.z
    kl_z = 0.5 * (z_scale**2 + rows.z_loc**2 - 1.0) - rows.z_log_scale
    # factors.py:9  x = inf.Normal(z @ w + bias, sigma, name="x")
    x_loc = z @ shared.w + shared.bias
    lp_x = (
        -0.5 * ((batch.x - x_loc) * jnp.exp(-shared.log_sigma)) ** 2
        - shared.log_sigma
        - 0.5 * math.log(2 * math.pi)
    )
    return {
        "z": jnp.sum(weight * kl_z.sum(1)),
        "x": -jnp.sum(weight * lp_x.sum(1)),
    }


def loss(params: Params, noise: Noise, batch: Data, weight: Array) -> Array:
    """The negative evidence lower bound of a batch: the sum of `loss_terms`."""
    terms = loss_terms(params, noise, batch, weight)
    return terms["z"] + terms["x"]


def draw_noise(key: Array, block: Array, shape: tuple[int, ...], sizes: Sizes) -> Noise:
    """The noise of a block, its leading axes `shape`; one draw for each site."""
    site = jr.fold_in(jr.fold_in(key, 0x39A7FA4C), block)
    return Noise(z=jr.normal(site, (*shape, sizes.k)))


# Predictions ------------------------------------------------------------------------


def sample_prior(params: Params, key: Array, n: int) -> Sample:
    """Draw n new rows from the model."""
    shared = params.shared
    z = jr.normal(jr.fold_in(key, 0xB2A85148), (n, shared.w.shape[0]))
    loc = z @ shared.w + shared.bias
    noise = jr.normal(jr.fold_in(key, 0x5CA63064), loc.shape)
    return Sample(z, loc + jnp.exp(shared.log_sigma) * noise)


def posterior(params: Params, key: Array, draws: int) -> Array:
    """Draw z f32[draws, N, k] of the fitted rows from the guide."""
    loc, log_scale = params.rows
    noise = jr.normal(jr.fold_in(key, 0x39A7FA4C), (draws, *loc.shape))
    return loc + jnp.exp(log_scale) * noise


def predict(params: Params, key: Array, draws: int) -> Array:
    """Draw replicates of x f32[draws, N, dx] from the posterior predictive."""
    shared = params.shared
    loc = posterior(params, key, draws) @ shared.w + shared.bias
    noise = jr.normal(jr.fold_in(key, 0x5CA63064), loc.shape)
    return loc + jnp.exp(shared.log_sigma) * noise


# The fit ----------------------------------------------------------------------------


def fit(
    key: Array,
    data: Data,
    *,
    epochs: int,
    batch_size: int = 100,
    learning_rate: float = 1e-3,
    optimizer: optax.GradientTransformation | None = None,
    sizes: Sizes = SIZES,
    resume: Fit | None = None,
    callback: Callable[[Fit], bool | None] | None = None,
) -> Fit:
    """Minimise `loss` for this many epochs in all, by Adam unless told otherwise.

    resume continues a fit with the same key, data and batch size, exactly as if it had
    not stopped. callback sees the fit after each block of steps, on arrays that the
    next block reuses; it stops the fit by returning True. Raises FloatingPointError
    with the step and the site that is not finite.
    """
    n = data.x.shape[0]
    plan = Plan(optimizer or _adam(learning_rate), n, -(-n // batch_size), sizes)
    if resume is None:
        resume = start_fit(key, plan)
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


def start_fit(key: Array, plan: Plan) -> Fit:
    """A fit that has made no step."""
    params = init_params(key, plan.n, plan.sizes)
    opt_state = OptState(*map(plan.optimizer.init, params))
    return Fit(params, opt_state, np.zeros(0, jnp.result_type(float)))


@functools.partial(jax.jit, static_argnames="plan", donate_argnames="state")
def run_block(
    state: State, data: Data, key: Array, start: Array, stop: Array, *, plan: Plan
) -> tuple[State, Array]:
    """Make the steps from start to stop, all of one block.

    Returns the state and the losses f32[steps of a block], at their places in it.
    """
    block = start // plan.block
    first = block * plan.block
    rows, noise = block_inputs(key, block, plan)

    def step(i: Array, carry: tuple[State, Array]) -> tuple[State, Array]:
        (params, opt_state), losses = carry
        batch, weight = take(data, rows[i], plan)
        local = params._replace(rows=take_rows(params.rows, rows[i]))
        value, grads = jax.value_and_grad(loss)(local, Noise(noise.z[i]), batch, weight)
        shared, shared_state = _update(
            plan.optimizer, grads.shared, opt_state.shared, params.shared
        )
        ends_epoch = (first + i + 1) % plan.batches == 0
        row_params, row_state = update_rows(
            plan.optimizer, grads.rows, opt_state.rows, params.rows, rows[i], ends_epoch
        )
        state = State(Params(shared, row_params), OptState(shared_state, row_state))
        return state, losses.at[i].set(value)

    losses = jnp.zeros(plan.block)
    return lax.fori_loop(start - first, stop - first, step, (state, losses))


def update_rows(
    optimizer: optax.GradientTransformation,
    grads: Rows,
    opt_state: optax.OptState,
    params: Rows,
    rows: Array,
    ends_epoch: Array,
) -> tuple[Rows, optax.OptState]:
    """Update the parameters of these rows, and their moments, in place.

    Each row meets the optimiser once an epoch, so what is not a moment of a row (Adam's
    count of its steps) moves on once an epoch. Row N, the padding, is dropped; a batch
    has at most one, so that its rows are distinct.
    """
    of_row = optax.tree_map_params(
        optimizer,
        lambda _: True,
        opt_state,
        transform_non_params=lambda _: False,
    )
    old = jax.tree.map(
        lambda by_row, leaf: take_rows(leaf, rows) if by_row else leaf,
        of_row,
        opt_state,
    )
    new_params, new = _update(optimizer, grads, old, take_rows(params, rows))

    def put(by_row: bool, whole: Array, part: Array) -> Array:
        if by_row:
            return whole.at[rows].set(part, mode="drop", unique_indices=True)
        return jnp.where(ends_epoch, part, whole)

    params = jax.tree.map(lambda *leaves: put(True, *leaves), params, new_params)
    return params, jax.tree.map(put, of_row, opt_state, new)


def take_rows(tree: object, rows: Array) -> object:
    """These rows of every array of a tree; row N reads the last."""
    return jax.tree.map(lambda leaf: jnp.take(leaf, rows, axis=0, mode="clip"), tree)


def _update(
    optimizer: optax.GradientTransformation,
    grads: object,
    opt_state: optax.OptState,
    params: object,
) -> tuple:
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return optax.apply_updates(params, updates), opt_state


def block_inputs(key: Array, block: Array, plan: Plan) -> tuple[Array, Noise]:
    """The rows i32[steps, M] and the noise [steps, M, ...] of a block."""
    steps = block * plan.block + jnp.arange(plan.block)
    rows = batch_rows(jr.fold_in(key, 0x95A76D0F), steps, plan.n, plan.batches)
    return rows, draw_noise(key, block, rows.shape, plan.sizes)


def take(data: Data, rows: Array, plan: Plan) -> tuple[Data, Array]:
    """The batch of these rows and its weights f32[M]: 0 for row N, which is padding."""
    return take_rows(data, rows), jnp.where(rows < plan.n, float(plan.batches), 0.0)


def batch_rows(key: Array, steps: Array, n: int, batches: int) -> Array:
    """The rows i32[steps, M] of the data that each step visits, N for padding.

    An epoch is `batches` steps and visits each row once, in an order of its own: its
    step s takes the positions s, s + batches, ... of a keyed bijection of [0, N), the
    swap-or-not shuffle of Hoang, Morris and Rogaway (CRYPTO 2012). It needs no table,
    so a step costs the same for any N. Each of its 24 rounds pairs x with k - x mod N,
    and a hash of the pair decides whether the two change places.
    """
    epoch = (steps // batches).astype(jnp.uint32)[:, None]
    position = steps[:, None] % batches + batches * jnp.arange(-(-n // batches))
    seed = jr.bits(key, (2,), jnp.uint32)
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
    x = (x ^ (x >> 16)) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * np.uint32(0xC2B2AE35)
    return x ^ (x >> 16)


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
        rows, noise = block_inputs(key, block, plan)
        local = take_rows(state.params.rows, rows[i])
        params = state.params._replace(rows=local)
        args = params, Noise(noise.z[i]), *take(data, rows[i], plan)
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


def load_data(path: str, sizes: Sizes = SIZES) -> Data:
    """Read x from an npz, or raise ValueError with what is wrong with it."""
    arrays = read_npz(path)
    if "x" not in arrays:
        found = ", ".join(arrays) or "nothing"
        raise ValueError(f"{path} has no array x; it has {found}")
    x = arrays["x"]
    if x.ndim != 2 or x.shape[1] != sizes.dx:
        raise ValueError(f"x has shape {x.shape}, but must be (N, {sizes.dx})")
    if len(x) == 0:
        raise ValueError("x has no rows")
    if x.dtype.kind not in "fiub":
        raise ValueError(f"x has dtype {x.dtype}, but must be numbers")
    _check_rows("x", np.isfinite(x).all(1), "finite")
    return Data(jnp.asarray(x, float))


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
    shapes = jax.eval_shape(lambda: start_fit(jr.key(0), plan)[:2])
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
    parser = argparse.ArgumentParser(description="Fit factors by SVI.")
    add = parser.add_argument
    add("data", help="npz with x f32[N, 20]")
    add("--epochs", type=_positive, default=100, help="in all (default: 100)")
    add("--batch-size", type=_positive, help="rows of a batch (default: 100)")
    add("--learning-rate", type=float, help="of Adam (default: 0.001)")
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
    n = len(data.x)
    options = {
        "batch_size": _option(args, saved, "batch_size", min(100, n)),
        "learning_rate": _option(args, saved, "learning_rate", 1e-3),
        "seed": _option(args, saved, "seed", 0),
        "rows": n,
    }
    if options["batch_size"] > n:
        raise ValueError(
            f"a batch of {options['batch_size']} rows, but the data have {n}"
        )
    if int(saved.get("rows", n)) != n:
        raise ValueError(
            f"{args.resume} was fitted to {saved['rows']} rows, not to {n}"
        )
    batches = -(-n // options["batch_size"])
    plan = Plan(_adam(options["learning_rate"]), n, batches, SIZES)
    written = 0

    def callback(fit: Fit) -> bool:
        nonlocal written
        step = len(fit.losses)
        if sys.stderr.isatty():
            end = "\n" if step == args.epochs * batches else ""
            line = (
                f"\rstep {step} of {args.epochs * batches}  loss {fit.losses[-1]:.1f} "
            )
            print(line, end=end, file=sys.stderr, flush=True)
        if args.checkpoint_every and step - written >= args.checkpoint_every * batches:
            save_fit(args.out, fit, options)
            written = step
        return bool(args.patience) and stalled(fit.losses, args.patience * batches)

    result = fit(
        jr.key(options["seed"]),
        data,
        epochs=args.epochs,
        batch_size=options["batch_size"],
        optimizer=plan.optimizer,
        resume=load_fit(args.resume, plan) if args.resume else None,
        callback=callback,
    )
    save_fit(args.out, result, options)
    first, last = result.losses[:batches].mean(), result.losses[-batches:].mean()
    return f"loss {first:.1f} -> {last:.1f}, the means of the first and last epoch"


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
