"""The parts of an emitted program that are the same for every model and backend.

They are templates of `ppc.emit.quote`: Python text with holes, read into the tree that is printed.
Holes: `batched` says whether a step sees a batch of rows, `packed` whether the parameters are one
vector inside the loop, `sized` whether there are sizes that the data do not fix.
"""

CONSTANTS = """
BLOCK_STEPS = __block_steps__  # most steps in a block: one call of the compiled loop
BLOCK_ELEMENTS = 2**23  # most numbers of noise and data that a block reads
REPLAY_BLOCKS = 64  # blocks between copies of the state, kept to find a failing site
"""

PLAN = '''
if __rowwise__:

    class OptState(NamedTuple):
        __own_states__


class State(NamedTuple):
    params: Params
    opt_state: __opt_state__


if __several__:

    class Plates(NamedTuple):
        """Something for each plate of which a step sees a batch of the rows."""

        __fields__


    BATCH_SIZE = __sizes__  # the most rows of a batch


class Plan(NamedTuple):
    """What the compiled loop depends on, besides the shapes of the data."""

    optimizer: __optimizer__
    if __batched__:
        if __several__:
            n: Plates  # rows of the data
            batches: Plates  # of each plate; an epoch meets every combination of them
        else:
            n: int  # rows of the data
            batches: int  # in an epoch
    if __sized__:
        sizes: Sizes
    if __packed__:
        packed: bool = False  # whether the optimiser may see all parameters as one vector

    if __batched__:
        if __several__:

            @property
            def width(self) -> Plates:
                """The rows of a batch, padding included."""
                pairs = zip(self.n, self.batches, strict=True)
                return Plates(*(-(-n // batches) for n, batches in pairs))

        else:

            @property
            def width(self) -> int:
                """The rows of a batch, padding included."""
                return -(-self.n // self.batches)


class Fit(NamedTuple):
    params: Params
    opt_state: __opt_state__
    losses: np.ndarray  # f32[steps], each the loss whose gradient its step followed
'''

# What the callback sees, by whether `run_block` reuses the memory of the state that it takes.
CALLBACK = {
    True: """callback sees the fit after each block of steps, on arrays that the next
block reuses, and the number of steps in all; it stops the fit by returning True.""",
    False: """callback sees the fit after each block of steps, and the number of
steps in all; it stops the fit by returning True.""",
}

FIT = '''
def fit(
    key: __array__,
    data: Data,
    *,
    epochs: int,
    __batch_size_param__,
    learning_rate: float = __rate__,
    optimizer: __optimizer__ | None = None,
    __sizes_param__,
    resume: Fit | None = None,
    callback: Callable[[Fit, int], bool | None] | None = None,
) -> Fit:
    """Minimise `loss` for this many epochs in all, by Adam unless told otherwise.

    resume continues a fit with the same key, data and options, exactly as if it had not
    stopped. __callback__
    Raises FloatingPointError with the step and the site that is not finite.
    """
    __checks__
    if __batched__:
        n = __rows__
        plan = Plan(
            optimizer or __adam__(learning_rate),
            n,
            __batches__,
            *__sizes_arg__,
            **__packed_arg__,
        )
        total = epochs * __of_epoch__
    else:
        plan = Plan(optimizer or __adam__(learning_rate), *__sizes_arg__, **__packed_arg__)
        total = epochs
    if resume is None:
        resume = start_fit(key, data, plan)
    block = block_steps(data, plan)
    step = len(resume.losses)
    losses = np.resize(resume.losses, max(step, total))
    if __donates__:
        state = _copy(State(resume.params, resume.opt_state))
    else:
        state = State(resume.params, resume.opt_state)
    replay = state, step
    while step < total:
        if step // block % REPLAY_BLOCKS == 0:
            if __donates__:
                replay = _copy(state), step
            else:
                replay = state, step
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


def start_fit(key: __array__, data: Data, plan: Plan) -> Fit:
    """A fit that has made no step."""
    params = init_params(*__init_args__)
    opt_state = __first_state__
    return Fit(params, opt_state, np.zeros(0, __float__))


def block_steps(data: Data, plan: Plan) -> int:
    """The steps of a block, which share one draw of noise."""
    if __batched__:
        row = sum(math.prod(column.shape[__depth__:]) for column in data)
        elements = __width__ * row
    else:
        elements = 1
    __elements__
    return max(1, min(BLOCK_STEPS, BLOCK_ELEMENTS // elements))
'''

EXPLAIN = '''
def explain(
    state: State, step: int, bad: int, data: Data, key: __array__, plan: Plan
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
            rows = batch_rows(key, block * length + __steps__, plan)
        noise = draw_noise(key, block, length, data, plan)
        __params__
        __inputs__
        for what, function in (("loss", loss_terms), ("gradient", _site_grads)):
            for site, value in __compiled__(__own__, *__args__).items():
                if not _finite(value):
                    return f"step {step}: the {what} of site {site} is not finite"
    return f"step {bad}: the loss is not finite"
'''

FILES = '''
def _column(
    arrays: dict[str, np.ndarray],
    name: str,
    ndim: int,
    kind: type | None,
    __unit_param__,
) -> np.ndarray:
    """The array of that name, with its rank and the kind of its numbers checked.

    None is any kind. A last axis of size 1 is dropped where the model has none__unit_text__.
    """
    if name not in arrays:
        found = ", ".join(arrays) or "nothing"
        raise ValueError(f"the data have no array {name}; they have {found}")
    array = arrays[name]
    if array.ndim == ndim + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    if __unit__:
        if unit and array.ndim == ndim - 1:
            array = array[..., None]
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
    except Exception as error:  # NumPy, zipfile and zlib raise a dozen kinds
        raise ValueError(f"cannot read {path} as npz: {error}") from None


def check_out(path: str, data: str) -> None:
    """Raise ValueError or OSError where a fit must not or cannot be written to path."""
    if os.path.isdir(path):
        raise ValueError(f"--out {path} is a folder")
    if os.path.exists(path) and os.path.samefile(path, data):
        raise ValueError(f"--out {path} is the file of the data")
    open(path + ".part", "ab").close()
    os.remove(path + ".part")
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
            if __masked__:
                numbers.append(float(line[at] or "nan"))  # may be what a mask excludes
            else:
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
    parser = argparse.ArgumentParser(description=main.__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("data", help="file with the data")
    add("--epochs", type=_positive, default=__epochs__, help="in all (default: __epochs_text__)")
    __batch_options__
    add("--learning-rate", type=_rate, help="of Adam (default: __rate_text__)")
    add("--seed", type=_seed, help="of all that is random (default: 0)")
    add("--out", default="fit.npz", help="where to write the fit (default: fit.npz)")
    add("--resume", metavar="FIT", help="continue a fit that was written by --out")
    add("--checkpoint-every", type=_positive, metavar="EPOCHS", help="write --out")
    add("--patience", type=_positive, metavar="EPOCHS", help="stop when so many gain 0")
    __size_options__
    add("--device", choices=__devices__, help="(default: the best there is)")
    if __wide__:
        add("--float64", action="store_true", help="compute in double precision")
    args = parser.parse_args()
    __precision__
    try:
        __run__
    except (ValueError, FloatingPointError, RuntimeError, OSError, *__errors__) as error:
        parser.exit(1, f"{parser.prog}: {error}\\n")
    except KeyboardInterrupt:
        parser.exit(130, f"{parser.prog}: interrupted\\n")


def run_command(args: argparse.Namespace) -> str:
    """Do what the options say; returns the last line to print."""
    __sizes__
    data = load_data(args.data, *__sizes_arg__)
    check_out(args.out, args.data)
    saved = read_npz(args.resume) if args.resume else {}
    options = {
        "learning_rate": _option(args, saved, "learning_rate", __rate__),
        "seed": _option(args, saved, "seed", 0),
    }
    if __batched__:
        if __several__:
            n, found = __rows__, []
            for plate, rows, most in zip(Plates._fields, n, BATCH_SIZE, strict=True):
                size = _option(args, saved, f"batch_size_{plate}", min(most, rows))
                options |= {f"batch_size_{plate}": size, f"rows_{plate}": rows}
                if size > rows:
                    raise ValueError(f"a batch of {size} rows, but {plate} has {rows}")
                before = int(saved.get(f"rows_{plate}", rows))
                if before != rows:
                    text = f"fitted to {before} rows of {plate}, not to {rows}"
                    raise ValueError(f"{args.resume} was {text}")
                found.append(size)
            batch_size = Plates(*found)
            each = Plates(*(-(-a // b) for a, b in zip(n, batch_size, strict=True)))
            batches = math.prod(each)
            plan = Plan(
                __adam__(options["learning_rate"]), n, each, *__sizes_arg__, **__own_packed_arg__
            )
        else:
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
                __adam__(options["learning_rate"]), n, batches, *__sizes_arg__, **__own_packed_arg__
            )
    else:
        batches = 1
        plan = Plan(__adam__(options["learning_rate"]), *__sizes_arg__, **__own_packed_arg__)
    written = [0]  # steps of the checkpoints

    def callback(fit: Fit, total: int) -> bool:
        step = len(fit.losses)
        if sys.stderr and sys.stderr.isatty():
            end = "\\n" if step == total else ""
            line = f"\\rstep {step} of {total}  loss {fit.losses[-1]:.4g} "
            print(line, end=end, file=sys.stderr, flush=True)
        if args.checkpoint_every and step - written[-1] >= args.checkpoint_every * batches:
            save_fit(args.out, fit, options)
            written.append(step)
        return bool(args.patience) and stalled(fit.losses, args.patience * batches)

    result = fit(
        __key__,
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
'''
