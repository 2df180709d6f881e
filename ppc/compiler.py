"""The compiler: which passes run, in which order, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import field, replace
from types import MappingProxyType

from ppc.diagnostics import CompileError
from ppc.diagnostics.model import NothingObserved
from ppc.diagnostics.notes import Note
from ppc.emit import host
from ppc.ir import verify
from ppc.ir.nodes import Graph
from ppc.objective.elbo import negative_elbo
from ppc.objective.own import LossFunction, own_loss
from ppc.passes import (
    across,
    batches,
    condition,
    constrain,
    cse,
    dce,
    fold,
    guards,
    layout,
    match,
    meanfield,
    plates,
    split,
    stage,
)
from ppc.records import dataclass

MEANFIELD = "meanfield"  # the name of the guide that the compiler infers


@dataclass(frozen=True, slots=True)
class FitDefaults:
    """What the command of an emitted program does unless it is told otherwise."""

    epochs: int = 100
    batch_size: int | Mapping[str, int] = 100  # the rows of a batch, or those by plate
    learning_rate: float = 0.001


@dataclass(frozen=True, slots=True)
class Options:
    """What a compilation is asked for."""

    observed: tuple[str, ...] = ()
    subsample: tuple[str, ...] = ()  # the plates of which a step sees a batch of the rows
    verify: bool = True  # check every graph after every pass
    loss: LossFunction | None = None  # of the user; None is the evidence lower bound
    fit: FitDefaults = FitDefaults()

    @property
    def batch_sizes(self) -> dict[str, int]:
        """The rows of a batch by plate, unless a fit is told otherwise."""
        size = self.fit.batch_size
        return {n: size if isinstance(size, int) else size[n] for n in self.subsample}


@dataclass(frozen=True, slots=True)
class Compilation:
    """The graphs of a program on their way through the passes."""

    options: Options
    graphs: Mapping[str, Graph]  # model, guide, loss, prepare, init
    estimators: Mapping[str, str] = field(default_factory=dict)  # by site: how its term is made
    notes: tuple[Note, ...] = ()  # of the passes so far

    def put(self, **graphs: Graph) -> Compilation:
        """This with graphs added or replaced."""
        return replace(self, graphs=MappingProxyType({**self.graphs, **graphs}))

    def noting(self, notes: Collection[Note]) -> Compilation:
        """This with further notes."""
        return replace(self, notes=(*self.notes, *notes))

    def each(self, names: Collection[str], run: Callable[[Graph], Graph]) -> Compilation:
        """This with a pass applied to the named graphs that it has."""
        return self.put(**{n: run(g) for n, g in self.graphs.items() if n in names})


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the pipeline."""

    name: str
    run: Callable[[Compilation], Compilation]
    reason: str  # why it stands where it stands


def _roles(c: Compilation) -> Compilation:
    model = condition.run(c.graphs["model"], c.options.observed)
    if not any(site.role in ("observed", "factor") for site in model.sites):
        sites = tuple(site.name for site in model.samples)
        raise CompileError(NothingObserved(model=model.name, sites=sites))
    return c.put(model=model)


def _batches(c: Compilation) -> Compilation:
    batched = batches.run(c.graphs["model"], c.options.subsample)
    return c.put(model=batched.model).noting(batched.notes)


def _guide(c: Compilation) -> Compilation:
    model, guide = c.graphs["model"], c.graphs.get("guide")
    # The inferred guide is matched too: its parameters may be called like some of the model.
    guide = match.run(meanfield.run(model) if guide is None else guide, model)
    guide = meanfield.completed(guide, model)
    across.check(model, guide)
    return c.put(guide=guide)


def _objective(c: Compilation) -> Compilation:
    model, guide, function = c.graphs["model"], c.graphs["guide"], c.options.loss
    loss = negative_elbo(model, guide) if function is None else own_loss(model, guide, function)
    return replace(c.put(loss=loss.graph), estimators=loss.estimators).noting(loss.notes)


def _stage(c: Compilation) -> Compilation:
    staged = stage.run(c.graphs["loss"], host.covers)
    c = c.put(loss=staged.loss).noting(staged.notes)
    return c if staged.prepare is None else c.put(prepare=staged.prepare)


def _split(c: Compilation) -> Compilation:
    init, loss = split.run(c.graphs["loss"])
    return c.put(init=init, loss=loss)


def _layout(c: Compilation) -> Compilation:
    typed = c.graphs["loss"]  # kept: which dimension of an input is which plate is said there
    return c.each(("loss", "prepare", "init"), layout.run).put(typed=typed)


def as_function(graph: Graph) -> Graph:
    """A query or density, ready for a backend: parameters and data are its inputs."""
    graph = cse.run(fold.run(constrain.run(graph)))
    return layout.run(split.run(dce.run(graph))[1])


PIPELINE: tuple[Step, ...] = (
    Step("plates", lambda c: c.each(["model", "guide"], plates.run),
         "first: every other pass knows plates, and none knows loops"),
    Step("guards", lambda c: c.each(["model", "guide"], guards.run),
         "before densities and folding: what is chosen from still stands as it is written"),
    Step("roles", _roles, "before all that asks which sites are observed"),
    Step("batches", _batches, "before the guide, which takes over the model's plates"),
    Step("guide", _guide, "before the objective, which needs P and Q to agree site by site"),
    Step("objective", _objective, "here sites and distributions end; what follows is arithmetic"),
    Step("constrain", lambda c: c.each(["loss"], constrain.run),
         "before fold, which cancels the logarithm of an exponential that it brings"),
    Step("fold", lambda c: c.each(["loss"], fold.run),
         "before cse, so that expressions which fold to the same one are merged"),
    Step("cse", lambda c: c.each(["loss"], cse.run), "before stage, so that nothing is kept twice"),
    Step("dce", lambda c: c.each(["loss"], dce.run), "after cse, which leaves orphans"),
    Step("stage", _stage, "after the simplifications: what they removed needs no column"),
    Step("split", _split, "after stage, which needs to know parameters from data"),
    Step("layout", _layout, "last: every pass before it is shorter for not knowing positions"),
)  # fmt: skip


def conditioned(model: Graph, observed: tuple[str, ...]) -> Graph:
    """The model up to where a guide would join it, its observed sites marked.

    Raises CompileError where nothing is observed.
    """
    c = Compilation(Options(observed), MappingProxyType({"model": model}))
    for step in PIPELINE[: [s.name for s in PIPELINE].index("roles") + 1]:
        c = step.run(c)
    return c.graphs["model"]


def pipeline_text() -> str:
    """The text form of the pipeline, which the header of an emitted program records."""
    return ",".join(step.name for step in PIPELINE)


Observer = Callable[[Step, Compilation, Compilation], None]


def compile_loss(
    model: Graph,
    guide: Graph | None,
    options: Options,
    *,
    observers: Collection[Observer] = (),
    notes: Collection[Note] = (),
) -> Compilation:
    """Run the pipeline. `observers` see every step with its before and after.

    `notes` are those of the frontend: what became of each loop.

    Raises CompileError with the mistakes of the first step that finds any, and InternalError
    where a pass made a graph that breaks the rules of `ppc.ir.verify`.
    """
    graphs = {"model": model} if guide is None else {"model": model, "guide": guide}
    c = Compilation(options, MappingProxyType(graphs), notes=tuple(notes))
    for step in PIPELINE:
        after = step.run(c)
        if options.verify:
            _verify(step, c, after)
        for observer in observers:
            observer(step, c, after)
        c = after
    return c


def _verify(step: Step, before: Compilation, after: Compilation) -> None:
    """Check what a step made; `layout` leaves positional graphs, and `typed` as it was."""
    for name, _, graph in changed(before, after):
        positional = step.name == "layout" and name != "typed"
        verify.check(graph, after=f"{step.name} ({name})", positional=positional)


def changed(before: Compilation, after: Compilation) -> Iterator[tuple[str, Graph | None, Graph]]:
    """The graphs that a step added or changed: name, before, after."""
    for name, graph in after.graphs.items():
        old = before.graphs.get(name)
        if old != graph:
            yield name, old, graph
