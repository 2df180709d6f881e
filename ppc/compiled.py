"""`ppc.compile`: a model and its guide as a program that can be read, saved and fitted.

program = ppc.compile(p, q, observed=["x", "y"])
print(program.source)
p = program.fit({"x": x, "y": y}, epochs=200)
p.posterior("z").sample()
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ppc.api import ProbModel
from ppc.compiler import Compilation
from ppc.diagnostics import CompileError, KindError, QueryError
from ppc.diagnostics.command import NoBatches, NoBatchesOf, ObservedUnsaid
from ppc.diagnostics.data import WrongKind
from ppc.emit.program import assemble
from ppc.emit.saving import write
from ppc.explain import explained
from ppc.inference.fit import fit, standing_alone
from ppc.inference.methods import SVI, VI
from ppc.ir.nodes import Graph, Param, Sample, is_weight
from ppc.ir.reach import reached
from ppc.ir.text import print_graph
from ppc.passes import batches
from ppc.registry import backend as find

if TYPE_CHECKING:
    from ppc.spans import Span


def compile(
    p: ProbModel,
    q: ProbModel | Callable[[], Any] | str | None = None,
    *,
    observed: Sequence[str] | str | None = None,
    batch_size: int | Mapping[str, int] | None = 100,
    epochs: int = 1000,
    learning_rate: float = 0.001,
    backend: str | None = None,
) -> CompiledProgram:
    """Compile a model with its guide into the program that fits it.

    Args:
        p: the model, with its hyperparameters.
        q: the guide, as for `inference.SVI`: a model, a function without parameters that makes
            one, or "meanfield" or None for one inferred from the model.
        observed: the sites that are data. By default those that the model itself observes; else
            those that q leaves out or draws without any parameter for other sites of q to read:
            its inputs.
        batch_size: the rows of a batch, or those of several plates, as for `inference.SVI`; None:
            each step sees all rows. It, `epochs` and
            `learning_rate` (of Adam) are defaults, of `fit` here and of the program's command.
        backend: the backend's name; by default `PPC_BACKEND` or jax.

    Raises CompileError with the mistakes in model and guide, or where `observed` is left out and
    neither says it; KindError (a TypeError) and DataError (a ValueError) for other arguments.
    """
    if not isinstance(p, ProbModel):
        found = type(p).__name__
        expected = "a model with its hyperparameters, such as model(k=2)"
        raise KindError(WrongKind(argument="p", expected=expected, found=found))
    settings: dict[str, Any] = {"epochs": epochs, "learning_rate": learning_rate}
    method = VI(q, **settings) if batch_size is None else SVI(q, batch_size=batch_size, **settings)
    names = (observed,) if isinstance(observed, str) else observed
    if names is None:
        names = _observed(p.ir, method.qmodel.ir if method.qmodel else None)
    return CompiledProgram(p, method, tuple(names), backend)


class CompiledProgram:
    """A model and its guide, compiled for some observed sites. `ppc.compile` makes it."""

    def __init__(
        self, model: ProbModel, method: VI, observed: tuple[str, ...], backend: str | None
    ) -> None:
        self.model = model
        self.compilation: Compilation = standing_alone(model, observed, method)
        self.source: str = find(backend).emit(assemble(self.compilation))  # of the program
        self._method = method
        self._backend = backend

    def __repr__(self) -> str:
        sites = ", ".join(self.observed)
        guide = self.compilation.graphs["guide"].name
        return f"<ppc.CompiledProgram {self.model.name} with guide {guide}; observed {sites}>"

    @property
    def observed(self) -> tuple[str, ...]:
        """The observed sites, in model order."""
        samples = self.compilation.graphs["model"].samples
        return tuple(site.name for site in samples if site.role == "observed")

    @property
    def graph(self) -> Graphs:
        """The graphs after all passes: model, guide, loss, init, and prepare where there is one."""
        return Graphs(self.compilation.graphs)

    @property
    def losses(self) -> list[Any]:
        """The loss of each step of the last fit of this program."""
        return self._method.losses

    def explain(self) -> str:
        """What became of each plate, site and parameter, and why: as `ppc explain` prints it."""
        return explained(self.compilation)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the program to a file: whole, or on any error not at all.

        Raises KindError where that cannot be done, or the file is the model's own.
        """
        write(os.fspath(path), self.source, _file(self.compilation.graphs["model"]))

    def fit(
        self,
        data: Mapping[str, Any],
        *,
        epochs: int | None = None,
        batch_size: int | Mapping[str, int] | None = None,
        learning_rate: float | None = None,
        optimizer: Any = None,
        seed: int | None = None,
        progress: bool | None = None,
    ) -> ProbModel:
        """Run the program on data, `{site: array}` for the observed sites; returns the model.

        The results are in the model, as `ProbModel.fit` leaves them, and the losses here. What is
        left out is as compiled, a batch at most all rows. Raises DataError (a ValueError) with
        every mistake in the data.
        """
        settings: dict[str, Any] = {
            "epochs": self._method.epochs if epochs is None else epochs,
            "learning_rate": self._method.learning_rate if learning_rate is None else learning_rate,
            "optimizer": optimizer,
        }
        size = self._method.batch_size
        if batch_size is not None:
            batched = any(axis.subsampled for axis in self.compilation.graphs["model"].axes)
            if not batched:
                raise QueryError(NoBatches(model=self.model.name))
            size = self._batch_sizes(batch_size)
        guide = self._method.qmodel
        method = VI(guide, **settings) if size is None else SVI(guide, batch_size=size, **settings)
        self.model.fitted = fit(
            self.model,
            data,
            method,
            seed=seed,
            backend=self._backend,
            progress=progress,
            ready=self.compilation,
            clip=batch_size is None,
        )
        self._method.record(self.model.fitted.losses)
        return self.model

    def _batch_sizes(self, given: int | Mapping[str, int]) -> int | Mapping[str, int]:
        """What is given for some of the plates, and what the program was compiled for."""
        if isinstance(given, int):
            return given
        model, compiled_for = self.compilation.graphs["model"], self.compilation.options.batch_sizes
        own = batches.plates(model, self.observed, given)
        if unknown := [plate for plate in own if plate not in compiled_for]:
            why: Literal["compiled without"] = "compiled without"
            raise QueryError(NoBatchesOf(plate=unknown[0], known=tuple(compiled_for), why=why))
        return {**compiled_for, **batches.sizes_of(model, own, given)}


class Graphs(Mapping[str, Graph]):
    """The graphs of a program by name; printed, they are in their text form."""

    def __init__(self, graphs: Mapping[str, Graph]) -> None:
        # `typed` is the loss before the layout pass: kept by the compiler for itself.
        self._graphs = {name: graph for name, graph in graphs.items() if name != "typed"}

    def __getitem__(self, name: str) -> Graph:
        return self._graphs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._graphs)

    def __len__(self) -> int:
        return len(self._graphs)

    def __str__(self) -> str:
        texts = (f"# {name}\n{print_graph(graph)}\n" for name, graph in self._graphs.items())
        return "\n".join(texts)

    def __repr__(self) -> str:
        return f"<graphs {', '.join(self._graphs)}; print shows them>"


def _observed(model: Graph, guide: Graph | None) -> tuple[str, ...]:
    """The sites that are data, as the model or its guide says. Raises CompileError."""
    own = tuple(site.name for site in model.samples if site.role == "observed")
    if own:
        return own
    if guide is None:
        sites = tuple(site.name for site in model.samples)
        raise CompileError(ObservedUnsaid(model=model.name, sites=sites))
    drawn = {site.name for site in guide.samples} - _inputs(guide)
    return tuple(s.name for s in model.samples if s.name not in drawn and not is_weight(s))


def _inputs(guide: Graph) -> set[str]:
    """The sites that others read and that depend on no parameter and no other site."""
    nodes = guide.by_name()
    found: set[str] = set()
    read: set[str] = set()
    for site in guide.samples:
        above = reached(guide, [site.name], samples=False) - {site.name}
        sites = {name for name in above if isinstance(nodes[name], Sample)}
        read |= sites
        if not sites and not any(isinstance(nodes[name], Param) for name in above):
            found.add(site.name)
    return found & read


def _file(model: Graph) -> str:
    """The file that a model was read from; empty where it came from no file."""
    span: Span | None = next((node.span for node in model.nodes if node.span), None)
    return span.source.path if span else ""
