"""The parts of a program that TensorFlow shapes: the compiled loop, optimisers, how it is saved.

They are templates of `ppc.emit.quote`; `ppc.emit.module` says where they stand.
"""

QUIET = """
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read when TensorFlow is imported
# While it is imported, TensorFlow's native code greets on stderr, whatever the level.
# A standard stream that is closed is opened for good: a file must not get its number.
_nowhere = os.open(os.devnull, os.O_WRONLY)
while _nowhere < 2:
    _nowhere = os.open(os.devnull, os.O_WRONLY)
_stderr = os.dup(2)
os.dup2(_nowhere, 2)
try:
    import tensorflow as tf
finally:
    os.dup2(_stderr, 2)
    os.close(_stderr)
"""

FLOAT = "FLOAT = tf.float32  # what is computed in; --float64 makes it tf.float64"

OPTIMIZER = '''
class Optimizer(Protocol):
    """What turns gradients into steps; its state is nested tuples of tensors."""

    def init(self, params: Any) -> Any:
        """The state before the first step."""

    def update(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        """The parameters after a step, and the state."""


class AdamState(NamedTuple):
    count: tf.Tensor  # i32[], the steps made
    mu: Any  # of the shapes of the parameters, as is nu
    nu: Any


class Adam(NamedTuple):
    """Adam (Kingma and Ba, 2015), with the conventions and the state of optax.adam."""

    learning_rate: float
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8

    def init(self, params: Any) -> tuple[AdamState]:
        """No steps and no moments."""
        zeros = tf.nest.map_structure(tf.zeros_like, params)
        return (AdamState(tf.constant(0), zeros, zeros),)

    def update(
        self, grads: Any, state: tuple[AdamState], params: Any
    ) -> tuple[Any, tuple[AdamState]]:
        """A step against the gradients."""
        (old,) = state
        rate, b1, b2, eps = self
        count = old.count + 1
        steps = tf.cast(count, FLOAT)
        seen1, seen2 = 1 - b1**steps, 1 - b2**steps  # the weight of all gradients so far

        def first(grad: tf.Tensor, mu: tf.Tensor) -> tf.Tensor:
            return (1 - b1) * grad + b1 * mu

        def second(grad: tf.Tensor, nu: tf.Tensor) -> tf.Tensor:
            return (1 - b2) * tf.square(grad) + b2 * nu

        def moved(param: tf.Tensor, mu: tf.Tensor, nu: tf.Tensor) -> tf.Tensor:
            return param - rate * (mu / seen1) / (tf.sqrt(nu / seen2) + eps)

        mu = tf.nest.map_structure(first, grads, old.mu)
        nu = tf.nest.map_structure(second, grads, old.nu)
        params = tf.nest.map_structure(moved, params, mu, nu)
        return params, (AdamState(count, mu, nu),)
'''

ELEMENTS = """
noise = draw_noise(tf.constant([0, 0], tf.int64), 0, 1, data, plan)
elements += sum(math.prod(array.shape) for array in noise if array is not None)
"""

BLOCK = '''
def run_block(
    state: State, data: Data, key: tf.Tensor, start: int, stop: int, *, plan: Plan
) -> tuple[State, tf.Tensor]:
    """Make the steps from start to stop, all of one block.

    Returns the state and the losses f32[steps of a block], at their places in it.
    """
    return _compiled(plan)(state, data, key, tf.constant(start), tf.constant(stop))


@functools.cache
def _compiled(plan: Plan) -> Callable[..., tuple[State, tf.Tensor]]:
    """The loop for a plan, compiled once for each set of shapes of the data."""
    steps = functools.partial(_steps, plan)
    return tf.function(steps, jit_compile=True, autograph=False)


def _steps(
    plan: Plan,
    state: State,
    data: Data,
    key: tf.Tensor,
    start: tf.Tensor,
    stop: tf.Tensor,
) -> tuple[State, tf.Tensor]:
    """The loop of `run_block`."""
    length = block_steps(data, plan)
    block = start // length
    first = block * length
    if __batched__:
        rows = batch_rows(key, first + tf.range(length), plan)
    noise = draw_noise(key, block, length, data, plan)
    if __packed__:
        flat, unpack = pack(state.params, plan)

    def step(i: tf.Tensor, *carry: Any) -> tuple:
        __step__

    def unfinished(i: tf.Tensor, *_: Any) -> tf.Tensor:
        return i < stop - first

    losses = tf.TensorArray(FLOAT, length, element_shape=())
    if __packed__:
        carry = start - first, flat, state.opt_state, losses
        _, flat, opt_state, losses = tf.while_loop(unfinished, step, carry)
        return State(unpack(flat), opt_state), losses.stack()
    elif __moved__:
        carry = start - first, rows_first(state.params), state.opt_state, losses
        _, params, opt_state, losses = tf.while_loop(unfinished, step, carry)
        return State(rows_back(params), opt_state), losses.stack()
    else:
        carry = start - first, *state, losses
        _, params, opt_state, losses = tf.while_loop(unfinished, step, carry)
        return State(params, opt_state), losses.stack()
'''

STEP_PACKED = """
        flat, opt_state, losses = carry
        params = unpack(flat)
        __inputs__
        value, grads = _value_and_grad(params, *__args__)
        grads, _ = pack(grads, plan)
        flat, opt_state = plan.optimizer.update(grads, opt_state, flat)
        return i + 1, flat, opt_state, losses.write(i, value)
"""

STEP = """
        params, opt_state, losses = carry
        __inputs__
        value, grads = _value_and_grad(params, *__args__)
        params, opt_state = plan.optimizer.update(grads, opt_state, params)
        return i + 1, params, opt_state, losses.write(i, value)
"""

STEP_ROWWISE = """
        params, opt_state, losses = carry
        local = __local__
        __inputs__
        value, grads = _value_and_grad(local, *__args__)
        __moved__
        shared, shared_state = plan.optimizer.update(
            grads.shared, opt_state.shared, params.shared
        )
        __updates__
        params = Params(shared, *__own__)
        opt_state = OptState(shared_state, *__own_states__)
        return i + 1, params, opt_state, losses.write(i, value)
"""

PACK = '''
def pack(params: Params, plan: Plan) -> tuple[Any, Callable[[Any], Params]]:
    """The parameters as the optimiser sees them, and the way back.

    They are few and small, so one vector is quicker. That is the same to Adam, which
    treats each number alone; another optimiser may tell the parameters apart.
    """
    if not plan.packed:
        return params, lambda own: own
    leaves = tf.nest.flatten(params)
    sizes = [math.prod(leaf.shape) for leaf in leaves]

    def unpack(flat: tf.Tensor) -> Params:
        parts = zip(tf.split(flat, sizes), leaves, strict=True)
        own = [tf.reshape(part, leaf.shape) for part, leaf in parts]
        return tf.nest.pack_sequence_as(params, own)

    return tf.concat([tf.reshape(leaf, [-1]) for leaf in leaves], 0), unpack
'''

TAKE_ROWS = '''
if __several__:

    def take_rows(tree: Any, rows: tuple[tf.Tensor, ...]) -> Any:
        """Where these rows meet in every array of a tree; row N reads the last."""

        def taken(leaf: tf.Tensor) -> tf.Tensor:
            inside = (tf.minimum(r, n - 1) for r, n in zip(rows, leaf.shape, strict=False))
            return tf.gather_nd(leaf, _meeting(inside))

        return tf.nest.map_structure(taken, tree)


    def _meeting(rows: Iterable[tf.Tensor]) -> tf.Tensor:
        """The places i32[M, ..., plates] where rows of several plates meet."""
        return tf.stack(tf.meshgrid(*rows, indexing="ij"), -1)

else:

    def take_rows(tree: Any, rows: tf.Tensor) -> Any:
        """These rows of every array of a tree; row N reads the last."""
        return tf.nest.map_structure(
            lambda leaf: tf.gather(leaf, tf.minimum(rows, leaf.shape[0] - 1)), tree
        )
'''

UPDATE_ROWS = (
    '''
def update_rows(
    optimizer: Optimizer,
    grads: __rows_type__,
    opt_state: Any,
    params: __rows_type__,
    rows: __places_type__,
    ends_epoch: tf.Tensor,
) -> tuple[__rows_type__, Any]:
    """Update the parameters of these rows, and their moments.

    Each row meets the optimiser once __once__, so what is not a moment of a row
    (Adam's count of its steps) moves on as often. Row N, the padding, is dropped; a
    batch has at most one, so its rows are distinct.
    """
    if __several__:
        places, plates = _meeting(rows), len(rows)

        def of_row(leaf: tf.Tensor) -> bool:
            return leaf.shape.rank > 0 and leaf.shape[:plates] == params[0].shape[:plates]

    else:
        n = params[0].shape[0]

        def of_row(leaf: tf.Tensor) -> bool:
            return leaf.shape.rank > 0 and leaf.shape[0] == n

    def part(leaf: tf.Tensor) -> tf.Tensor:
        return take_rows(leaf, rows) if of_row(leaf) else leaf

    def put(whole: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
        if not of_row(whole):
            return tf.where(ends_epoch, new, whole)
        if __several__:
            return tf.raw_ops.TensorScatterUpdate(
                tensor=whole, indices=places, updates=new, bad_indices_policy="IGNORE"
            )
        else:
            return tf.raw_ops.TensorScatterUpdate(
                tensor=whole, indices=rows[:, None], updates=new, bad_indices_policy="IGNORE"
            )

    old = tf.nest.map_structure(part, opt_state)
    new_params, new = optimizer.update(grads, old, take_rows(params, rows))
    params = tf.nest.map_structure(put, params, new_params)
    return params, tf.nest.map_structure(put, opt_state, new)

'''
    + TAKE_ROWS
)

ROWS = '''
if __several__:

    def take(data: Data, rows: Plates, plan: Plan) -> tuple[Data, Plates]:
        """The batch of these rows and its weights: 0 for row N, which is padding."""
        plates = [*zip(rows, plan.n, plan.batches, strict=True)]
        weight = [tf.where(r < n, tf.constant(s, FLOAT), 0.0) for r, n, s in plates]
        rows = Plates(*(tf.minimum(r, n - 1) for r, n, _ in plates))
        return __gathered__, Plates(*weight)


    def batch_rows(key: tf.Tensor, steps: tf.Tensor, plan: Plan) -> Plates:
        """The rows i32[steps, M] of each plate that each step visits, N for padding.

        An epoch has a step for each combination of the batches of the plates. Those of a
        plate come in turn, in rounds that visit all its rows; where the combinations would
        repeat, a later plate skips a batch.
        """
        epoch, period, found = steps // math.prod(plan.batches), 1, []
        for n, batches, order in zip(plan.n, plan.batches, __orders__, strict=True):
            at = steps % (period * batches)
            turn = (at + at // math.lcm(period, batches)) % batches
            found.append(_plate_rows(_fold_in(key, order), epoch, turn, n, batches))
            period *= batches
        return Plates(*found)


    def _plate_rows(
        key: tf.Tensor, epoch: tf.Tensor, turn: tf.Tensor, n: int, batches: int
    ) -> tf.Tensor:
        """The rows i32[steps, M] of the batches `turn` of a plate, N for padding.

        In an epoch the rows have an order of its own: batch s has positions s,
        s + batches, ... of a keyed bijection of [0, N), the swap-or-not shuffle of Hoang,
        Morris and Rogaway (CRYPTO 2012). It needs no table, so a step costs the same for
        any N. Each of its 24 rounds pairs x with k - x mod N, and a hash of the pair
        decides whether the two change places.
        """
        epoch = tf.cast(epoch, tf.uint32)[:, None]
        position = turn[:, None] + batches * tf.range(-(-n // batches))
        seed = tf.random.stateless_uniform([2], key, None, None, tf.uint32, alg="philox")
        __order__

else:

    def take(data: Data, rows: tf.Tensor, plan: Plan) -> tuple[Data, tf.Tensor]:
        """The batch of these rows and its weights: 0 for row N, which is padding."""
        weight = tf.where(rows < plan.n, tf.constant(plan.batches, FLOAT), 0.0)
        rows = tf.minimum(rows, plan.n - 1)
        return __gathered__, weight


    def batch_rows(key: tf.Tensor, steps: tf.Tensor, plan: Plan) -> tf.Tensor:
        """The rows i32[steps, M] of the data that each step visits, N for padding.

        An epoch visits each row once, in an order of its own: its step s takes positions s,
        s + batches, ... of a keyed bijection of [0, N), the swap-or-not shuffle of Hoang,
        Morris and Rogaway (CRYPTO 2012). It needs no table, so a step costs the same for
        any N. Each of its 24 rounds pairs x with k - x mod N, and a hash of the pair
        decides whether the two change places.
        """
        n, batches = plan.n, plan.batches
        epoch = tf.cast(steps // batches, tf.uint32)[:, None]
        position = steps[:, None] % batches + batches * tf.range(plan.width)
        seed = tf.random.stateless_uniform(
            [2], _fold_in(key, __rows_key__), None, None, tf.uint32, alg="philox"
        )
        __order__


def _mix(x: tf.Tensor) -> tf.Tensor:
    """The finaliser of MurmurHash3: each bit of x, u32, reaches every other."""
    x = (x ^ tf.bitwise.right_shift(x, np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ tf.bitwise.right_shift(x, np.uint32(13))) * np.uint32(0xC2B2AE35)
    return x ^ tf.bitwise.right_shift(x, np.uint32(16))
'''

ORDER = """
    epoch_seed = _mix(seed[0] + _mix(seed[1] ^ epoch))
    rows = tf.constant(n, tf.uint32)

    def swap_or_not(i: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        word = _mix(epoch_seed + i * np.uint32(0x9E3779B9))
        pair = _mix(word ^ np.uint32(0x7F4A7C15)) % rows + (rows - x)
        pair = tf.where(pair < rows, pair, pair - rows)
        swap = tf.bitwise.right_shift(_mix(tf.maximum(x, pair) ^ word), np.uint32(31))
        return i + 1, tf.where(swap == 1, pair, x)

    x = tf.cast(tf.minimum(position, n - 1), tf.uint32)
    rounds = tf.constant(0, tf.uint32), x
    _, x = tf.while_loop(lambda i, _: i < 24, swap_or_not, rounds)
    return tf.where(position < n, tf.cast(x, tf.int32), n)
"""

SMALL = '''
def _value_and_grad(params: Params, *args: Any) -> tuple[tf.Tensor, Params]:
    """The loss and its gradient in the parameters."""
    with tf.GradientTape() as tape:
        tape.watch(params)
        value = loss(params, *args)
    return value, _grads(tape, value, params)


def _site_grads(params: Params, *args: Any) -> dict[str, Params]:
    """The gradient of each term of the loss in the parameters."""
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(params)
        terms = loss_terms(params, *args)
    return {site: _grads(tape, term, params) for site, term in terms.items()}


def _grads(tape: tf.GradientTape, value: tf.Tensor, params: Params) -> Params:
    grads = tape.gradient(value, params, unconnected_gradients="zero")
    return tf.nest.map_structure(tf.convert_to_tensor, grads)


def _at(noise: Noise, i: tf.Tensor | int) -> Noise:
    """The noise of one step of a block."""
    return Noise(*(None if array is None else tf.gather(array, i) for array in noise))


def _finite(tree: Any) -> bool:
    leaves = tf.nest.flatten(tree)
    return all(bool(tf.reduce_all(tf.math.is_finite(leaf))) for leaf in leaves)
'''

SAVING = '''
def save_fit(path: str, fit: Fit, options: dict[str, int | float]) -> None:
    """Write parameters, optimiser state, losses and options as named arrays."""
    arrays = {name: leaf.numpy() for name, leaf in _named(State(*fit[:2]))}
    with open(path + ".part", "wb") as file:
        np.savez(file, losses=fit.losses, **arrays, **options)
    os.replace(path + ".part", path)


def load_fit(path: str, data: Data, plan: Plan) -> Fit:
    """Read what `save_fit` wrote, or raise ValueError where it does not fit."""
    arrays = read_npz(path)
    state = State(*start_fit(tf.constant([0, 0], tf.int64), data, plan)[:2])
    found = []
    for name, leaf in _named(state):
        array = arrays.get(name)
        if array is None:
            raise ValueError(f"{path} has no array {name}")
        if (array.shape, array.dtype) != (tuple(leaf.shape), leaf.dtype.as_numpy_dtype):
            wanted = f"{leaf.dtype.name}{leaf.shape.as_list()}"
            raise ValueError(f"{name} in {path} is not {wanted}")
        found.append(tf.constant(array))
    if "losses" not in arrays or arrays["losses"].ndim != 1:
        raise ValueError(f"{path} has no losses f32[steps]")
    return Fit(*tf.nest.pack_sequence_as(state, found), arrays["losses"])


def _named(tree: Any, name: str = "") -> list[tuple[str, tf.Tensor]]:
    """The tensors of nested tuples by their paths, as `opt_state.0.count`."""
    if not isinstance(tree, (tuple, list)):
        return [(name, tree)]
    fields = getattr(tree, "_fields", range(len(tree)))
    paths = [f"{name}.{field}" if name else field for field in fields]
    return [leaf for path, part in zip(paths, tree, strict=True) for leaf in _named(part, path)]
'''

PRECISION = """
if args.float64:
    globals().update(FLOAT=tf.float64)
"""

RUN = """
if args.device and not tf.config.list_physical_devices(args.device.upper()):
    raise ValueError(f"TensorFlow finds no {args.device}")
with tf.device(f"/{args.device}:0" if args.device else None):
    print(run_command(args))
"""
