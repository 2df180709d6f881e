"""The parts of an emitted program that are the same for every model: the loop, files, the command.

They are templates of `ppc.emit.quote`: Python text with holes, read into the tree that is printed.
Holes: `batched` says whether a step sees a batch of rows, `packed` whether the parameters are one
vector inside the loop, `sized` whether there are sizes that the data do not fix.
"""

CONSTANTS = """
BLOCK_STEPS = 1024  # most steps in a block: one call of the compiled loop
BLOCK_ELEMENTS = 2**23  # most numbers of noise and data that a block reads
REPLAY_BLOCKS = 64  # blocks between copies of the state, kept to find a failing site
"""

PLAN = '''
if __rowwise__:

    class OptState(NamedTuple):
        shared: optax.OptState
        rows: optax.OptState


class State(NamedTuple):
    params: Params
    opt_state: __opt_state__


class Plan(NamedTuple):
    """What the compiled loop depends on, besides the shapes of the data."""

    optimizer: optax.GradientTransformation
    if __batched__:
        n: int  # rows of the data
        batches: int  # in an epoch
    if __sized__:
        sizes: Sizes
    if __packed__:
        packed: bool = False  # whether the optimiser may see all parameters as one vector

    if __batched__:

        @property
        def width(self) -> int:
            """The rows of a batch, padding included."""
            return -(-self.n // self.batches)


class Fit(NamedTuple):
    params: Params
    opt_state: __opt_state__
    losses: np.ndarray  # f32[steps], each the loss whose gradient its step followed
'''

FIT = '''
def fit(
    key: Array,
    data: Data,
    *,
    epochs: int,
    __batch_size_param__,
    learning_rate: float = __rate__,
    optimizer: optax.GradientTransformation | None = None,
    __sizes_param__,
    resume: Fit | None = None,
    callback: Callable[[Fit, int], bool | None] | None = None,
) -> Fit:
    """Minimise `loss` for this many epochs in all, by Adam unless told otherwise.

    resume continues a fit with the same key, data and options, exactly as if it had not
    stopped. callback sees the fit after each block of steps, on arrays that the next
    block reuses, and the number of steps in all; it stops the fit by returning True.
    Raises FloatingPointError with the step and the site that is not finite.
    """
    __checks__
    if __batched__:
        n = __rows__
        plan = Plan(
            optimizer or _adam(learning_rate),
            n,
            -(-n // batch_size),
            *__sizes_arg__,
            **__packed_arg__,
        )
        total = epochs * plan.batches
    else:
        plan = Plan(optimizer or _adam(learning_rate), *__sizes_arg__, **__packed_arg__)
        total = epochs
    if resume is None:
        resume = start_fit(key, data, plan)
    block = block_steps(data, plan)
    step = len(resume.losses)
    losses = np.resize(resume.losses, max(step, total))
    state = _copy(State(resume.params, resume.opt_state))
    replay = state, step
    while step < total:
        if step // block % REPLAY_BLOCKS == 0:
            replay = _copy(state), step
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
    params = init_params(*__init_args__)
    __init_state__
    return Fit(params, opt_state, np.zeros(0, jnp.result_type(float)))


def block_steps(data: Data, plan: Plan) -> int:
    """The steps of a block, which share one draw of noise."""
    if __batched__:
        row = sum(math.prod(column.shape[1:]) for column in data)
        elements = plan.width * row
    else:
        elements = 1
    shapes = jax.eval_shape(lambda: draw_noise(jr.key(0), 0, 1, data, plan))
    elements += sum(leaf.size for leaf in jax.tree.leaves(shapes))
    return max(1, min(BLOCK_STEPS, BLOCK_ELEMENTS // elements))
'''

BLOCK = '''
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
    if __batched__:
        rows = batch_rows(key, first + jnp.arange(length), plan)
    noise = draw_noise(key, block, length, data, plan)
    if __packed__:
        flat, unpack = pack(state.params, plan)

    def step(i: Array, carry: tuple) -> tuple:
        __step__

    losses = jnp.zeros(length)
    bounds = start - first, stop - first
    __loop__
'''

STEP_PACKED = """
        flat, opt_state, losses = carry
        __inputs__
        value, grads = jax.value_and_grad(loss)(unpack(flat), *__args__)
        grads, _ = pack(grads, plan)
        updates, opt_state = plan.optimizer.update(grads, opt_state, flat)
        flat = optax.apply_updates(flat, updates)
        return flat, opt_state, losses.at[i].set(value)
"""

STEP = """
        params, opt_state, losses = carry
        __inputs__
        value, grads = jax.value_and_grad(loss)(params, *__args__)
        updates, opt_state = plan.optimizer.update(grads, opt_state, params)
        params = optax.apply_updates(params, updates)
        return params, opt_state, losses.at[i].set(value)
"""

STEP_ROWWISE = """
        params, opt_state, losses = carry
        local = params._replace(rows=take_rows(params.rows, rows[i]))
        __inputs__
        value, grads = jax.value_and_grad(loss)(local, *__args__)
        shared, shared_state = _update(
            plan.optimizer, grads.shared, opt_state.shared, params.shared
        )
        ends_epoch = (first + i + 1) % plan.batches == 0
        own, own_state = update_rows(
            plan.optimizer, grads.rows, opt_state.rows, params.rows, rows[i], ends_epoch
        )
        params, opt_state = Params(shared, own), OptState(shared_state, own_state)
        return params, opt_state, losses.at[i].set(value)
"""

INIT = {
    "packed": "opt_state = plan.optimizer.init(pack(params, plan)[0])",
    "rowwise": "opt_state = OptState(*map(plan.optimizer.init, params))",
    "plain": "opt_state = plan.optimizer.init(params)",
}

PACK = '''
def pack(params: Params, plan: Plan) -> tuple[object, Callable]:
    """The parameters as the optimiser sees them, and the way back.

    They are few and small, so one vector is quicker. That is the same to Adam, which
    treats each number alone; another optimiser may tell the parameters apart.
    """
    return ravel_pytree(params) if plan.packed else (params, lambda own: own)
'''

UPDATE_ROWS = '''
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
    has at most one, so its rows are distinct.
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
'''

LOOP_PACKED = """
    carry = flat, state.opt_state, losses
    flat, opt_state, losses = lax.fori_loop(*bounds, step, carry)
    return State(unpack(flat), opt_state), losses
"""

LOOP = """
    carry = *state, losses
    params, opt_state, losses = lax.fori_loop(*bounds, step, carry)
    return State(params, opt_state), losses
"""

ROWS = '''
def take(data: Data, rows: Array, plan: Plan) -> tuple[Data, Array]:
    """The batch of these rows and its weights: 0 for row N, which is padding."""
    batch = __gathered__
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
    seed = jr.bits(jr.fold_in(key, __rows_key__), (2,), jnp.uint32)
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
'''

UNIFORM = '''
def _uniform(key: Array, shape: tuple[int, ...]) -> Array:
    """Uniform on the open interval (0, 1), so that its logarithm is finite."""
    smallest = jnp.finfo(jnp.result_type(float)).tiny
    return jr.uniform(key, shape, minval=smallest)
'''

EXPLAIN = '''
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
        if __drawn__:
            first = block * length
        if __batched__:
            rows = batch_rows(key, block * length + jnp.arange(length), plan)
        noise = draw_noise(key, block, length, data, plan)
        __params__
        __inputs__
        for what, function in (("loss", loss_terms), ("gradient", _site_grads)):
            for site, value in jax.jit(function)(__own__, *__args__).items():
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
    return jax.tree.map(jnp.copy, state)
'''

FILES = '''
def _column(
    arrays: dict[str, np.ndarray], name: str, ndim: int, *, whole: bool = False
) -> np.ndarray:
    """The array of that name; checks its rank, and that it is finite, or whole."""
    if name not in arrays:
        found = ", ".join(arrays) or "nothing"
        raise ValueError(f"the data have no array {name}; they have {found}")
    array = arrays[name]
    if array.ndim != ndim:
        raise ValueError(f"{name} has shape {array.shape}, not {ndim} dimensions")
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} has dtype {array.dtype}, not numbers")
    if not array.size:
        raise ValueError(f"{name} is empty: its shape is {array.shape}")
    _check_rows(name, np.isfinite(array), "finite numbers")
    if whole:
        _check_rows(name, array == np.rint(array), "whole numbers")
    return array


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
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(f"cannot read {path} as npz: {error}") from None


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
    return Fit(*jax.tree.unflatten(tree, found), arrays["losses"])


def _name(path: tuple) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")
'''

CSV = '''
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
                    rows.append(_numbers(where, titles, line, used))
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


def _numbers(where: str, titles: list[str], line: list[str], used: list[int]) -> list:
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
'''

COMMAND = '''
def main() -> None:
    """Fit __model__ by SVI.

    __data_help__
    """
    parser = argparse.ArgumentParser(description=main.__doc__)
    add = parser.add_argument
    add("data", help="file with the data")
    add("--epochs", type=_positive, default=__epochs__, help="in all (default: __epochs_text__)")
    if __batched__:
        add("--batch-size", type=_positive, help="rows of a batch (default: __batch_text__)")
    add("--learning-rate", type=float, help="of Adam (default: __rate_text__)")
    add("--seed", type=int, help="of all that is random (default: 0)")
    add("--out", default="fit.npz", help="where to write the fit (default: fit.npz)")
    add("--resume", metavar="FIT", help="continue a fit that was written by --out")
    add("--checkpoint-every", type=_positive, metavar="EPOCHS", help="write --out")
    add("--patience", type=_positive, metavar="EPOCHS", help="stop when so many gain 0")
    __size_options__
    add("--device", choices=("cpu", "gpu", "tpu"), help="(default: the best there is)")
    add("--float64", action="store_true", help="compute in double precision")
    args = parser.parse_args()
    jax.config.update("jax_enable_x64", args.float64)
    try:
        if args.device:
            jax.config.update("jax_default_device", jax.devices(args.device)[0])
        print(run_command(args))
    except (ValueError, FloatingPointError, RuntimeError, OSError) as error:
        parser.exit(1, f"{parser.prog}: {error}\\n")


def run_command(args: argparse.Namespace) -> str:
    """Do what the options say; returns the last line to print."""
    __sizes__
    data = load_data(args.data, *__sizes_arg__)
    saved = read_npz(args.resume) if args.resume else {}
    options = {
        "learning_rate": _option(args, saved, "learning_rate", __rate__),
        "seed": _option(args, saved, "seed", 0),
    }
    if __batched__:
        n = __rows__
        size = _option(args, saved, "batch_size", min(__batch__, n))
        options |= {"batch_size": size, "rows": n}
        if size > n:
            raise ValueError(f"a batch of {size} rows, but the data have {n}")
        if int(saved.get("rows", n)) != n:
            found = saved["rows"]
            raise ValueError(f"{args.resume} was fitted to {found} rows, not to {n}")
        batches = -(-n // size)
        plan = Plan(
            _adam(options["learning_rate"]), n, batches, *__sizes_arg__, **__own_packed_arg__
        )
    else:
        batches = 1
        plan = Plan(_adam(options["learning_rate"]), *__sizes_arg__, **__own_packed_arg__)
    written = [0]  # steps of the checkpoints

    def callback(fit: Fit, total: int) -> bool:
        step = len(fit.losses)
        if sys.stderr.isatty():
            end = "\\n" if step == total else ""
            line = f"\\rstep {step} of {total}  loss {fit.losses[-1]:.4g} "
            print(line, end=end, file=sys.stderr, flush=True)
        if args.checkpoint_every and step - written[-1] >= args.checkpoint_every * batches:
            save_fit(args.out, fit, options)
            written.append(step)
        return bool(args.patience) and stalled(fit.losses, args.patience * batches)

    result = fit(
        jr.key(options["seed"]),
        data,
        epochs=args.epochs,
        **__options_arg__,
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
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
    return value


if __name__ == "__main__":
    main()
'''
