"""A program as a backend receives it: positional graphs, and what its text says about them.

Everything is decided here. A backend prints the graphs as functions, and around them the types of
their inputs, the loop, and the command line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath

from ppc import __version__
from ppc.compiler import Compilation, FitDefaults, as_function, pipeline_text
from ppc.diagnostics import CompileError
from ppc.diagnostics.model import NothingToFit
from ppc.ir.nodes import Data, Graph, Noise, Op, Param, Sample, is_named, is_random, observed_node
from ppc.ir.reach import reached
from ppc.ir.sizes import Size
from ppc.ir.types import DType
from ppc.objective import counts, functions, unconstrained
from ppc.objective.functions import Query
from ppc.objective.support import supports
from ppc.passes import layout
from ppc.passes.constrain import unconstrained_name
from ppc.records import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """An array of the data."""

    name: str
    dtype: DType
    shape: tuple[Size, ...]  # in the data, all rows
    rows: Mapping[str, int]  # the dimensions along which batches are taken, by plate
    given: bool = True  # by the user; else computed by `prepare`
    label: str = ""  # what to call it in the program
    unit: bool = False  # whether its last axis is known to be of size 1


@dataclass(frozen=True, slots=True)
class Parameter:
    """An optimised array, on the reals."""

    name: str
    shape: tuple[Size, ...]
    rows: Mapping[str, int]  # the dimensions with a row for each datum, by batched plate
    note: str  # "log of a positive number"; empty for a plain real


@dataclass(frozen=True, slots=True)
class NoiseArray:
    """Noise that one step takes."""

    name: str
    kind: str
    site: str
    shape: tuple[Size, ...]  # of a batch
    drawn: bool  # whether it depends on the parameters, so is drawn in the step
    sampler: str = ""


@dataclass(frozen=True, slots=True)
class SiteRow:
    """A line of the header."""

    name: str
    type: str
    role: str
    distribution: str
    note: str


@dataclass(frozen=True, slots=True)
class Program:
    """All that a backend needs to print a program."""

    name: str
    guide: str
    source: str  # the name of the user's file
    digest: str  # of its text
    pipeline: str
    version: str
    hypers: Mapping[str, int | None]  # named sizes that the data do not fix, and defaults
    equalities: tuple[tuple[Size, Size], ...]
    batches: tuple[str, ...]  # the plates of which a step sees a batch of rows
    plates: tuple[tuple[str, str], ...]  # name and size, for the header
    sites: tuple[SiteRow, ...]
    columns: tuple[Column, ...]
    parameters: tuple[Parameter, ...]
    noise: tuple[NoiseArray, ...]
    init: Graph
    prepare: Graph | None
    loss: Graph
    supports: Mapping[str, tuple[Graph, str]]  # by site: the check of its data, and in words
    counted: Mapping[str, Graph]  # by site with a mask that data tell: which elements count
    functions: Mapping[str, Graph]  # parameters, log_density, sample_prior, posterior, predict
    fit: FitDefaults  # what the command does unless it is told otherwise
    weights: Mapping[str, str]  # the input of the loss with the weights of the rows, by plate
    batch_sizes: Mapping[str, int]  # the rows of a batch unless a fit is told otherwise, by plate
    own_loss: str = ""  # the name of the loss of the user, where it is not the ELBO

    @property
    def rows(self) -> dict[str, str]:
        """The size that is the number of rows of a batch, by plate."""
        return {plate: layout.rows_name(plate) for plate in self.batches}

    @property
    def rowwise(self) -> bool:
        """Whether some parameters have a row for each datum of a batched plate."""
        return any(p.rows for p in self.parameters)


def assemble(c: Compilation) -> Program:
    """A program from a finished compilation. Raises CompileError where nothing is optimised."""
    model, guide, typed = c.graphs["model"], c.graphs["guide"], c.graphs["typed"]
    if not any(node.origin == "parameter" for node in typed.data):
        raise CompileError(NothingToFit(model=model.name, guide=guide.name))
    batched = tuple(axis.name for axis in typed.axes if axis.subsampled)
    given = tuple(s.name for s in model.samples if s.role == "observed")
    arguments = tuple(data.name for data in model.data)
    checks = supports(model, (*given, *arguments))
    counted = counts.counted(model, (*given, *arguments))
    columns = tuple(
        _columns(c, batched, [*(graph for graph, _ in checks.values()), *counted.values()])
    )
    known = {s.name for column in columns if column.given for s in column.shape}
    known |= {layout.rows_name(axis.name) for axis in typed.axes}
    hypers = {**dict(typed.hypers), **dict(c.graphs["init"].hypers)}
    span = next((node.span for node in model.nodes if node.span), None)
    text = span.source.text if span else ""
    return Program(
        name=model.name,
        guide=guide.name,
        source=PurePath(span.source.path).name if span else "",
        digest=hashlib.sha256(text.encode()).hexdigest()[:8],
        pipeline=pipeline_text(),
        version=__version__,
        hypers={n: v for n, v in hypers.items() if n not in known},
        equalities=typed.equalities,
        batches=batched,
        plates=tuple((axis.name, str(axis.size)) for axis in typed.axes),
        sites=tuple(_sites(c)),
        columns=columns,
        parameters=tuple(_parameters(c, batched)),
        noise=tuple(_noise(c)),
        init=c.graphs["init"],
        prepare=c.graphs.get("prepare"),
        loss=c.graphs["loss"],
        supports={name: (layout.run(graph), words) for name, (graph, words) in checks.items()},
        counted={name: layout.run(graph) for name, graph in counted.items()},
        functions=_functions(model, guide),
        fit=c.options.fit,
        batch_sizes=c.options.batch_sizes,
        weights={n.type.axes[0]: n.name for n in typed.data if n.origin == "weight"},
        own_loss=c.options.loss.name if c.options.loss else "",
    )


def _columns(c: Compilation, batched: tuple[str, ...], checks: Iterable[Graph]) -> Iterator[Column]:
    """The given arrays that anything uses, in model order, then the prepared ones."""
    typed, prepare = c.graphs["typed"], c.graphs.get("prepare")
    nodes = {node.name: node for node in typed.data}
    for graph in (prepare, *checks):
        for node in graph.data if graph else ():
            nodes.setdefault(node.name, _typed_like(node, c))
    whole = {axis.name: axis.size for axis in typed.axes}
    for origins in (("site", "argument"), ("prepared",)):
        for node in nodes.values():
            if node.origin in origins:
                lead = tuple(whole[axis] for axis in node.type.axes)
                rows = _rows(node, batched)
                shape = (*lead, *node.type.shape)
                unit = bool(shape) and shape[-1].evaluate(typed.sizes) == 1
                yield Column(
                    node.name, node.type.dtype, shape, rows,
                    node.origin != "prepared", _label(node, prepare), unit,
                )  # fmt: skip


def _rows(node: Data, batched: tuple[str, ...]) -> dict[str, int]:
    """The dimensions of an input along which batches are taken, by plate."""
    axes = node.type.axes
    return {plate: axes.index(plate) for plate in batched if plate in axes}


def _label(column: Data, prepare: Graph | None) -> str:
    """The name of a column, or `log_sigma` for the logarithm of sigma."""
    nodes = prepare.by_name() if prepare else {}
    made = nodes.get(column.name)
    if isinstance(made, Op) and not is_named(made):
        for name in made.args:
            if isinstance(nodes[name], Data) or is_named(nodes[name]):
                return f"{made.primitive}_{name}"
    return column.name


def _typed_like(node: Data, c: Compilation) -> Data:
    """An input with its plates, which the layout pass removes."""
    own = {**c.graphs["guide"].by_name(), **c.graphs["model"].by_name()}[node.name]
    return Data(name=node.name, type=own.type, origin=node.origin, span=node.span)


def _parameters(c: Compilation, batched: tuple[str, ...]) -> Iterator[Parameter]:
    notes = {}
    for graph in (c.graphs["guide"], c.graphs["model"]):
        for param in graph.params:
            notes[unconstrained_name(param)] = _note(param)
    typed = c.graphs["typed"]
    whole = {axis.name: axis.size for axis in typed.axes}
    for node in typed.data:
        if node.origin == "parameter":
            lead = tuple(whole[axis] for axis in node.type.axes)
            rows = _rows(node, batched)
            yield Parameter(node.name, (*lead, *node.type.shape), rows, notes.get(node.name, ""))


def _note(param: Param) -> str:
    own = unconstrained_name(param)
    return "" if own == param.name else f"{param.name} on the reals; support {param.support}"


def _noise(c: Compilation) -> Iterator[NoiseArray]:
    for node in c.graphs["loss"].nodes:
        if isinstance(node, Noise):
            yield NoiseArray(
                node.name, node.kind, node.site, node.type.shape, node.kind == "draw", node.sampler
            )


def _sites(c: Compilation) -> Iterator[SiteRow]:
    guide = {site.name: site for site in c.graphs["guide"].samples}
    for site in c.graphs["model"].sites:
        note = ""
        if not is_random(site):
            yield SiteRow(site.name, _flat_text(site), site.role, "", "")
            continue
        if site.role == "latent":
            note = f"guide {guide[site.name].distribution}, {c.estimators[site.name]}"
        yield SiteRow(site.name, _flat_text(site), site.role, site.distribution, note)


def _flat_text(site: Sample) -> str:
    """A type as the emitted program has it: `f32[N, k]`."""
    return f"{site.type.dtype}[{', '.join((*site.type.axes, *map(str, site.type.shape)))}]"


def _functions(model: Graph, guide: Graph) -> dict[str, Graph]:
    """The predictors of a fitted pair."""
    recorded = tuple(s.name for s in model.sites if s.role == "deterministic")
    sites = tuple(s.name for s in model.sites if s.role != "factor")
    latents = tuple(s.name for s in model.samples if s.role == "latent")
    observed = tuple(s.name for s in model.samples if s.role == "observed")
    inputs = tuple(s.name for s in guide.samples if s.role == "observed")
    # A quantity that reads observed sites is of what was observed.
    own = {s.name for s in model.samples if observed_node(s) is not None}
    read = {*inputs, *reached(model, recorded, samples=False)} - own
    seen = tuple(name for name in observed if name in read)
    asked = {
        "sample_prior": (None, Query(sites)),
        "posterior": (guide, Query((*latents, *recorded), seen, guided_rows=True)),
        "predict": (guide, Query(observed, inputs, guided_rows=True)),
        "predict_mean": (guide, Query(observed, inputs, ("mean",), guided_rows=True)),
    }
    made = {}
    if latents:
        made["guide"] = as_function(functions.guide_parameters(guide))
    made |= {
        name: as_function(functions.query(model, q, query))
        for name, (q, query) in asked.items()
        if query.targets
    }
    made["log_density"] = as_function(functions.log_density(model))
    if latents and unconstrained.has_unconstrained_form(model):
        moves = (unconstrained.constrain, unconstrained.unconstrain)
        for function in (unconstrained.unconstrained_log_density, *moves):
            made[function.__name__] = as_function(function(model))
    return made
