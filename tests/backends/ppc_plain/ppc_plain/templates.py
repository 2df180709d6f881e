"""The parts of a program that the library shapes; they are templates of `ppc.emit.quote`.

A tree is nested named tuples of arrays, as `Params` is.
"""

OPTIMIZER = '''
class AdamState(NamedTuple):
    count: np.ndarray  # i32[], the steps made
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
        zeros = _map(np.zeros_like, params)
        return (AdamState(np.zeros((), np.int32), zeros, zeros),)

    def update(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        """The parameters after a step against the gradients, and the state."""
        (old,) = state
        rate, b1, b2, eps = self
        count = old.count + np.int32(1)
        seen1, seen2 = 1 - b1**count, 1 - b2**count  # the weight of all gradients so far
        mu = _map(lambda g, m: (1 - b1) * g + b1 * m, grads, old.mu)
        nu = _map(lambda g, v: (1 - b2) * g**2 + b2 * v, grads, old.nu)
        params = _map(
            lambda p, m, v: p - rate * (m / seen1) / (np.sqrt(v / seen2) + eps),
            params,
            mu,
            nu,
        )
        return params, (AdamState(count, mu, nu),)
'''

ELEMENTS = """
noise = draw_noise(np.array([0]), 0, 1, data, plan)
elements += sum(array.size for array in noise if array is not None)
"""

BLOCK = '''
def run_block(
    state: State, data: Data, key: np.ndarray, start: int, stop: int, *, plan: Plan
) -> tuple[State, np.ndarray]:
    """Make the steps from start to stop, all of one block.

    Returns the state and the losses f64[steps of a block], at their places in it.
    """
    length = block_steps(data, plan)
    block = start // length
    first = block * length
    noise = draw_noise(key, block, length, data, plan)
    params, opt_state = state
    losses = np.zeros(length)
    for i in range(start - first, stop - first):
        __step__
    return State(params, opt_state), losses
'''

STEP = """
        __inputs__
        losses[i] = loss(params, *__args__)
        grads = _grad(loss, params, *__args__)
        params, opt_state = plan.optimizer.update(grads, opt_state, params)
"""

FUNCTIONS = '''
def _grad(function: Callable[..., Any], params: Params, *args: Any) -> Params:
    """The gradient of a number, by complex steps: f'(x) is Im f(x + ih) / h.

    As nothing is subtracted, h is so small that the rest vanishes (Squire and Trapp,
    1998). That takes a call for each number in the parameters.
    """
    leaves = _leaves(params)
    grads = [np.zeros(leaf.shape) for leaf in leaves]
    for at, leaf in enumerate(leaves):
        for where in np.ndindex(leaf.shape):
            moved = leaf.astype(complex)
            step = 1e-17 * abs(leaf[where]) or 1e-200
            moved[where] += complex(0, step)
            near = _filled(params, [*leaves[:at], moved, *leaves[at + 1 :]])
            value = function(near, *args)
            grads[at][where] = np.imag(value) / step
    return _filled(params, grads)


def _site_grads(params: Params, *args: Any) -> dict[str, Params]:
    """The gradient of each term of the loss in the parameters."""

    def term(params: Params, site: str) -> Any:
        return loss_terms(params, *args)[site]

    return {site: _grad(term, params, site) for site in loss_terms(params, *args)}


def _leaves(tree: Any) -> list[np.ndarray]:
    """The arrays of a tree, in their order."""
    if not isinstance(tree, tuple):
        return [np.asarray(tree)]
    return [leaf for part in tree for leaf in _leaves(part)]


def _filled(tree: Any, leaves: list[np.ndarray]) -> Any:
    """A tree of the same form with these arrays."""
    rest = iter(leaves)

    def fill(part: Any) -> Any:
        if not isinstance(part, tuple):
            return next(rest)
        own = [fill(inner) for inner in part]
        return type(part)(*own) if hasattr(part, "_fields") else tuple(own)

    return fill(tree)


def _map(function: Callable[..., np.ndarray], tree: Any, *others: Any) -> Any:
    """A tree of the results for corresponding arrays."""
    groups = zip(*map(_leaves, (tree, *others)), strict=True)
    return _filled(tree, [function(*group) for group in groups])


def _at(noise: Noise, i: int) -> Noise:
    """The noise of one step of a block."""
    return Noise(*(None if array is None else array[i] for array in noise))


def _finite(tree: Any) -> bool:
    return all(bool(np.isfinite(leaf).all()) for leaf in _leaves(tree))
'''

SAVING = '''
def save_fit(path: str, fit: Fit, options: dict[str, int | float]) -> None:
    """Write parameters, optimiser state, losses and options as named arrays."""
    arrays = dict(_named(State(*fit[:2])))
    with open(path + ".part", "wb") as file:
        np.savez(file, losses=fit.losses, **arrays, **options)
    os.replace(path + ".part", path)


def load_fit(path: str, data: Data, plan: Plan) -> Fit:
    """Read what `save_fit` wrote, or raise ValueError where it does not fit."""
    arrays = read_npz(path)
    state = State(*start_fit(np.array([0]), data, plan)[:2])
    found = []
    for name, leaf in _named(state):
        array = arrays.get(name)
        if array is None:
            raise ValueError(f"{path} has no array {name}")
        if (array.shape, array.dtype) != (leaf.shape, leaf.dtype):
            raise ValueError(f"{name} in {path} is not {leaf.dtype}{list(leaf.shape)}")
        found.append(array)
    if "losses" not in arrays or arrays["losses"].ndim != 1:
        raise ValueError(f"{path} has no losses f64[steps]")
    return Fit(*_filled(state, found), arrays["losses"])


def _named(tree: Any, name: str = "") -> list[tuple[str, np.ndarray]]:
    """The arrays of a tree by their paths, as `opt_state.0.count`."""
    if not isinstance(tree, tuple):
        return [(name, np.asarray(tree))]
    fields = getattr(tree, "_fields", range(len(tree)))
    paths = [f"{name}.{field}" if name else str(field) for field in fields]
    return [leaf for path, part in zip(paths, tree, strict=True) for leaf in _named(part, path)]
'''

RUN = "print(run_command(args))"
