"""Fits: from a model, a method and data to a program that ran, and what it left."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ppc import registry
from ppc.compiler import Compilation, FitDefaults, Options, as_function, compile_loss
from ppc.data.loaders import as_mapping
from ppc.diagnostics import DataError, KindError
from ppc.diagnostics.data import BatchTooLarge, NoData, NonFiniteLoss, WrongKind
from ppc.emit.program import Program, assemble
from ppc.inference.data import Checked, check, entries, guide_arguments
from ppc.inference.methods import VI, next_seed
from ppc.inference.missing import Seen, dropped
from ppc.ir.nodes import Graph, observed_node
from ppc.objective import functions
from ppc.passes import batches
from ppc.passes.constrain import unconstrained_name
from ppc.records import dataclass

if TYPE_CHECKING:
    from ppc.api import ProbModel

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model after a fit. Nothing in it changes any more."""

    model: Graph  # with its observed sites marked
    guide: Graph  # in the model's names
    raw: Mapping[str, Array]  # parameters on the reals, by their names there
    arrays: Mapping[str, Array]  # the data of the fit, and data arguments
    sizes: Mapping[str, int]
    losses: Array
    backend: str | None
    method: VI
    missing: str = "error"  # what becomes of missing elements of data

    @property
    def latent(self) -> tuple[str, ...]:
        """The latent sites, in model order."""
        return tuple(s.name for s in self.model.samples if s.role == "latent")

    @property
    def observed(self) -> tuple[str, ...]:
        """The observed sites, in model order."""
        return tuple(s.name for s in self.model.samples if s.role == "observed")

    @property
    def states(self) -> Mapping[str, Array]:
        """Draws that the fit left: none, since a guide makes them."""
        return {}

    def parameters(self) -> Mapping[str, Array]:
        """Every parameter that was fitted, on its support, by name.

        One that no density reads is none of the program's.
        """
        params = (*self.guide.params, *self.model.params)
        used = [p.name for p in params if unconstrained_name(p) in self.raw]
        graph = as_function(functions.parameters(self.model, self.guide, used))
        found = registry.backend(self.backend)
        module = found.load(found.emit_function(graph), "parameters")
        return found.call(module, {**self.arrays, **self.raw}, self.sizes, 0)


def compiled(
    model: ProbModel,
    observed: tuple[str, ...],
    method: VI,
    defaults: FitDefaults | None = None,
    *,
    graph: Graph | None = None,
) -> Compilation:
    """The compilation of a fit. Raises CompileError.

    `graph` stands for the model's own, where missing data are masked.

    `defaults` are those of the program's own command, of which a fit from Python sees nothing.
    """
    guide = method.qmodel.ir if method.qmodel is not None else None
    graph = model.ir if graph is None else graph
    size = method.batch_size
    plates: tuple[str, ...] = ()
    if size is not None:
        plates = batches.plates(graph, observed, None if isinstance(size, int) else size)
    defaults = defaults or FitDefaults()
    if not isinstance(defaults.batch_size, int):
        own = batches.sizes_of(graph, plates, defaults.batch_size)
        defaults = FitDefaults(defaults.epochs, own, defaults.learning_rate)
    return compile_loss(
        graph, guide, Options(observed, plates, fit=defaults, loss=method.loss_function)
    )


def standing_alone(model: ProbModel, observed: tuple[str, ...], method: VI) -> Compilation:
    """The compilation of a program whose command does by default what `method` says."""
    size = method.batch_size or FitDefaults().batch_size
    defaults = FitDefaults(method.epochs, size, method.learning_rate)
    return compiled(model, observed, method, defaults)


def fit(
    model: ProbModel,
    data: Any,
    method: VI,
    *,
    seed: int | None,
    backend: str | None,
    progress: bool | None,
    missing: str = "error",
    ready: Compilation | None = None,
    clip: bool = False,
) -> Fitted:
    """Fit a model; see `ProbModel.fit`.

    `ready` is a compilation made before, to whose observed sites the data must belong. With
    `clip` a batch has at most as many rows as there are.
    """
    if not isinstance(method, VI):
        expected, found = "an inference method, as SVI(q)", f"{method!r}"[:60]
        raise KindError(WrongKind(argument="inference_method", expected=expected, found=found))
    data = as_mapping(data)
    seed = next_seed(seed)
    arguments = _arguments(model, method)
    guide = method.qmodel.ir if method.qmodel is not None else None
    seen = without_missing(model, guide, data, missing if ready is None else "error")
    graph, given = seen.model, seen.data
    extra = _guides_own(graph, method, given)
    if extra:
        given = {name: x for name, x in given.items() if name not in extra}
        arguments = {name: x for name, x in arguments.items() if name not in extra}
    checked = checked_data(graph, given, arguments, ready)
    observed = tuple(s.name for s in graph.samples if s.name in data)
    c = ready or compiled(model, observed, method, graph=graph)
    # Queries are about rows of which nothing is missing.
    whole = c if graph is model.ir else compiled(model, observed, method)
    if extra:
        own = check(c.graphs["guide"], extra, known_sizes=checked.sizes)
        checked = Checked({**checked.arrays, **own.arrays}, {**own.sizes, **checked.sizes})
    plan = assemble(c)
    batch_size = _batch_size(c.graphs["model"], plan, checked, method, clip=clip)
    warn_of_another(model)
    with _Progress(progress) as bar:
        settings = registry.FitSettings(
            program=plan, seed=seed, epochs=method.epochs, batch_size=batch_size,
            learning_rate=method.learning_rate, optimizer=method.optimizer,
            sizes={n: checked.sizes.get(n, v or 0) for n, v in plan.hypers.items()}, progress=bar,
        )  # fmt: skip
        outcome = run(settings, f"fit_{plan.name}", checked.arrays, backend)
    method.record(outcome.losses)
    return Fitted(
        model=whole.graphs["model"],
        guide=c.graphs["guide"],
        raw=outcome.parameters,
        arrays=seen.left_out(checked.arrays),
        sizes=checked.sizes,
        losses=outcome.losses,
        backend=backend,
        method=method,
        missing=missing,
    )


def run(
    settings: registry.FitSettings, name: str, arrays: Mapping[str, Array], backend: str | None
) -> registry.FitOutcome:
    """What the program of a fit finds, run on `backend` under a name for its tracebacks.

    Raises DataError where its loss leaves the finite numbers.
    """
    found = registry.backend(backend)
    module = found.load(found.emit(settings.program), name)
    given = {c.name: arrays[c.name] for c in settings.program.columns if c.given}
    outcome = found.fit(module, given, settings)
    if outcome.failure:
        raise DataError(NonFiniteLoss(where=outcome.failure))
    return outcome


def without_missing(model: ProbModel, guide: Graph | None, data: Any, missing: str) -> Seen:
    """The model and its data where `missing` elements are masked if they shall be dropped."""
    if missing not in ("error", "drop"):
        expected = "'error' or 'drop'"
        raise KindError(WrongKind(argument="missing", expected=expected, found=repr(missing)))
    if missing == "drop" and isinstance(data, Mapping):
        return dropped(model.ir, guide, data)
    return Seen(model.ir, data, {})


def warn_of_another(model: ProbModel) -> None:
    """Warn where a fit replaces the results of another."""
    if model.fitted is not None:
        warnings.warn(
            "Fit was called before. This restarts the inference from its initial values.",
            UserWarning,
            stacklevel=4,
        )


def _arguments(model: ProbModel, method: VI) -> dict[str, Array]:
    """The arrays that model and guide were given when they were made."""
    guide = method.qmodel.arrays if method.qmodel is not None else {}
    return {**guide, **model.arrays}


def _guides_own(model: Graph, method: VI, data: Any) -> dict[str, Any]:
    """The arrays of the guide's arguments that the model has not; `data` go before its own."""
    if method.qmodel is None or not isinstance(data, Mapping):
        return {}
    arrays = {**method.qmodel.arrays, **data}
    own = guide_arguments(model, method.qmodel.ir)
    return {name: arrays[name] for name in own if name in arrays}


def checked_data(
    model: Graph,
    data: Mapping[str, Any],
    arguments: Mapping[str, Array],
    ready: Compilation | None = None,
) -> Checked:
    """The data of a fit. Raises KindError, or DataError with every mistake in them."""
    own = any(observed_node(site) or site.role == "factor" for site in model.sites)
    if isinstance(data, Mapping) and not data and not own:
        raise DataError(NoData(names=tuple(entries(model))))
    given = {**arguments, **data} if isinstance(data, Mapping) else data
    required = tuple(node.name for node in model.data)
    if ready is None:
        return check(model, given, required=required)
    required += tuple(name for name in ready.options.observed if name in entries(model))
    return check(model, given, required=required, allowed=(*required, *arguments))


def _batch_size(
    model: Graph, plan: Program, checked: Checked, method: VI, *, clip: bool
) -> dict[str, int]:
    """The rows of a batch by plate. Raises DataError where there are fewer."""
    if not plan.batches or method.batch_size is None:
        return {}
    found = batches.sizes_of(model, plan.batches, method.batch_size)
    for plate, size in found.items():
        column = next(c for c in plan.columns if plate in c.rows and c.given)
        rows: int = checked.arrays[column.name].shape[column.rows[plate]]
        if size > rows and not clip:
            name = plate if len(found) > 1 else ""
            raise DataError(BatchTooLarge(batch_size=size, rows=rows, plate=name))
        found[plate] = min(size, rows)
    return found


class _Progress:
    """A progress bar on the terminal; called with the steps done and the losses so far."""

    def __init__(self, wanted: bool | None) -> None:
        terminal = sys.stderr is not None and sys.stderr.isatty()  # None: closed
        self.shown = terminal if wanted is None else wanted

    def __enter__(self) -> Callable[[int, Array], None] | None:
        if not self.shown:
            return None
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.bar = Progress(
            TextColumn("fit"),
            BarColumn(),
            TextColumn("{task.fields[done]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self.bar.start()
        task = self.bar.add_task("fit", total=None, done="compiling")

        def call(total: int, losses: Array) -> None:
            done = f"{len(losses)}/{total} steps, loss {losses[-1]:.4g}"
            self.bar.update(task, total=total, completed=len(losses), done=done)

        return call

    def __exit__(self, *_: object) -> None:
        if self.shown:
            self.bar.stop()
