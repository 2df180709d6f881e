"""The parts of a program that JAX shapes: the compiled loop, its state, how it is saved.

They are templates of `ppc.emit.quote`; `ppc.emit.module` says where they stand.
"""

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
    if __packed__:
        carry = flat, state.opt_state, losses
        flat, opt_state, losses = lax.fori_loop(*bounds, step, carry)
        return State(unpack(flat), opt_state), losses
    elif __moved__:
        carry = rows_first(state.params), state.opt_state, losses
        params, opt_state, losses = lax.fori_loop(*bounds, step, carry)
        return State(rows_back(params), opt_state), losses
    else:
        carry = *state, losses
        params, opt_state, losses = lax.fori_loop(*bounds, step, carry)
        return State(params, opt_state), losses
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
        local = __local__
        __inputs__
        value, grads = jax.value_and_grad(loss)(local, *__args__)
        __moved__
        shared, shared_state = _update(
            plan.optimizer, grads.shared, opt_state.shared, params.shared
        )
        __updates__
        params = Params(shared, *__own__)
        opt_state = OptState(shared_state, *__own_states__)
        return params, opt_state, losses.at[i].set(value)
"""

ELEMENTS = """
shapes = jax.eval_shape(lambda: draw_noise(jr.key(0), 0, 1, data, plan))
elements += sum(leaf.size for leaf in jax.tree.leaves(shapes))
"""

PRECISION = 'jax.config.update("jax_enable_x64", args.float64)'

RUN = """
if args.device:
    jax.config.update("jax_default_device", jax.devices(args.device)[0])
print(run_command(args))
"""

PACK = '''
def pack(params: Params, plan: Plan) -> tuple[object, Callable]:
    """The parameters as the optimiser sees them, and the way back.

    They are few and small, so one vector is quicker. That is the same to Adam, which
    treats each number alone; another optimiser may tell the parameters apart.
    """
    return ravel_pytree(params) if plan.packed else (params, lambda own: own)
'''

TAKE_ROWS = '''
if __several__:

    def take_rows(tree: object, rows: tuple[Array, ...]) -> object:
        """Where these rows meet in every array of a tree; row N reads the last."""
        places = jnp.ix_(*rows)
        return jax.tree.map(lambda leaf: leaf.at[places].get(mode="clip"), tree)

else:

    def take_rows(tree: object, rows: Array) -> object:
        """These rows of every array of a tree; row N reads the last."""
        return jax.tree.map(lambda leaf: jnp.take(leaf, rows, axis=0, mode="clip"), tree)
'''

UPDATE_ROWS = (
    '''
def update_rows(
    optimizer: optax.GradientTransformation,
    grads: __rows_type__,
    opt_state: optax.OptState,
    params: __rows_type__,
    rows: __places_type__,
    ends_epoch: Array,
) -> tuple[__rows_type__, optax.OptState]:
    """Update the parameters of these rows, and their moments, in place.

    Each row meets the optimiser once __once__, so what is not a moment of a row
    (Adam's count of its steps) moves on as often. Row N, the padding, is dropped; a
    batch has at most one, so its rows are distinct.
    """
    if __several__:
        places = jnp.ix_(*rows)
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
            if __several__:
                return whole.at[places].set(part, mode="drop", unique_indices=True)
            else:
                return whole.at[rows].set(part, mode="drop", unique_indices=True)
        return jnp.where(ends_epoch, part, whole)

    params = jax.tree.map(lambda *leaves: put(True, *leaves), params, new_params)
    return params, jax.tree.map(put, of_row, opt_state, new)


'''
    + TAKE_ROWS
    + """

def _update(
    optimizer: optax.GradientTransformation,
    grads: object,
    opt_state: optax.OptState,
    params: object,
) -> tuple:
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return optax.apply_updates(params, updates), opt_state
"""
)

ROWS = '''
if __several__:

    def take(data: Data, rows: Plates, plan: Plan) -> tuple[Data, Plates]:
        """The batch of these rows and its weights: 0 for row N, which is padding."""
        batch = __gathered__
        plates = zip(rows, plan.n, plan.batches, strict=True)
        return batch, Plates(*(jnp.where(r < n, float(s), 0.0) for r, n, s in plates))


    def batch_rows(key: Array, steps: Array, plan: Plan) -> Plates:
        """The rows i32[steps, M] of each plate that each step visits, N for padding.

        An epoch has a step for each combination of the batches of the plates. Those of a
        plate come in turn, in rounds that visit all its rows; where the combinations would
        repeat, a later plate skips a batch.
        """
        epoch, period, found = steps // math.prod(plan.batches), 1, []
        for n, batches, order in zip(plan.n, plan.batches, __orders__, strict=True):
            at = steps % (period * batches)
            turn = (at + at // math.lcm(period, batches)) % batches
            found.append(_plate_rows(jr.fold_in(key, order), epoch, turn, n, batches))
            period *= batches
        return Plates(*found)


    def _plate_rows(key: Array, epoch: Array, turn: Array, n: int, batches: int) -> Array:
        """The rows i32[steps, M] of the batches `turn` of a plate, N for padding.

        In an epoch the rows have an order of its own: batch s has positions s,
        s + batches, ... of a keyed bijection of [0, N), the swap-or-not shuffle of Hoang,
        Morris and Rogaway (CRYPTO 2012). It needs no table, so a step costs the same for
        any N. Each of its 24 rounds pairs x with k - x mod N, and a hash of the pair
        decides whether the two change places.
        """
        epoch = epoch.astype(jnp.uint32)[:, None]
        position = turn[:, None] + batches * jnp.arange(-(-n // batches))
        seed = jr.bits(key, (2,), jnp.uint32)
        __order__

else:

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
        __order__


def _mix(x: Array) -> Array:
    """The finaliser of MurmurHash3: each bit of x, u32, reaches every other."""
    x = (x ^ (x >> 16)) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * np.uint32(0xC2B2AE35)
    return x ^ (x >> 16)
'''

ORDER = """
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
"""

SMALL = '''
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
'''

SAVING = '''
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
'''
