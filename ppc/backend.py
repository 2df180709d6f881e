"""What a backend is.

A backend is a `Backend` under a name of the entry point group `ppc.backends`. It has two parts:

    Dialect   how its programs are printed: a table of primitives, noise, the loop as templates
    Runner    how they are run in this process: arrays, keys, compiled functions, gradients

All else is shared: what a program consists of, how it is laid out, its command and its files, and
here how it is loaded and called. `ppc.testing.backend` holds a backend to the contract.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ppc.diagnostics import CompileError, StateError
from ppc.diagnostics.command import MissingFramework, NoDevice, NotInBackend

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ppc.emit.module.dialect import Dialect
    from ppc.emit.module.lacking import Need
    from ppc.emit.program import Program
    from ppc.ir.nodes import Graph

    Array = NDArray[Any]


class Runner(ABC):
    """How the programs of a backend are run, with NumPy arrays on the outside.

    An array of the library is whatever the functions of an emitted program take and return.
    What may be left out is marked *: what needs it is refused by name then.
    """

    @abstractmethod
    def start(self) -> None:
        """Import the library, before any text is loaded that imports it; quietly."""

    @abstractmethod
    def key(self, seed: int) -> Any:
        """What functions of a program take as `key`: the same for the same seed, >= 0."""

    @abstractmethod
    def array(self, values: Array) -> Any:
        """An array of the library. Floats get the width in force, integers 32 bits."""

    @abstractmethod
    def numpy(self, array: Any) -> Array:
        """The values of an array of the library, of its width."""

    @abstractmethod
    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, compiled for each set of shapes and dtypes that it is called with.

        Its arguments and results are arrays, alone or in tuples, named tuples and dicts.
        """

    def pulled(
        self,
        function: Callable[[dict[str, Any]], dict[str, Any]],
        at: Mapping[str, Any],
        cotangents: Mapping[str, Array],
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """* `function(at)`, and the gradient of the sum of its results times their cotangents.

        The arrays of `at` and the results are floats, by name. The gradient in an array that
        nothing depends on is zero.
        """
        raise NotImplementedError

    def precision(self, module: ModuleType, dtype: type) -> AbstractContextManager[None]:
        """* Makes the module, and `array`, compute in np.float32 or np.float64 inside `with`.

        Outside it is the first of the dialect's `floats`, of which `dtype` is one. Without this,
        that is the only one.
        """
        return nullcontext()

    def device(self, kind: str) -> AbstractContextManager[None]:
        """* Makes the first device of a kind the one that functions run on inside `with`.

        The kind is one of the dialect's `devices`. Without this, that is where they run anyway.
        Raises StateError where the library finds none.
        """
        return nullcontext()

    def optimizer(self, given: object) -> object:
        """* An optimiser of a user as `fit` of a program takes it.

        Raises KindError, with what this backend takes, for what is none.
        """
        raise NotImplementedError

    def sample_chains(
        self,
        log_density: Callable[[dict[str, Any]], Any],
        data: Mapping[str, Any],
        starts: Mapping[str, Array],
        settings: ChainSettings,
        seed: int,
    ) -> Chains:
        """* Chains of MCMC from `starts`, `[chains, shape...]` by name, on the reals.

        `log_density` takes the arrays of a point and of `data`, by name, and gives a number. The
        same function with the same settings is compiled once for each set of shapes.
        Raises StateError where the library that draws them is not installed.
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class ChainSettings:
    """How chains of MCMC run."""

    kernel: str  # "hmc" or "nuts"
    step_size: float  # the first one where it is adapted
    leapfrog_steps: int  # of HMC
    burnin: int  # transitions before the first draw that is kept
    results: int  # draws of each chain
    adapt: bool  # whether step size and mass matrix are, during the burn-in
    target: float  # the mean acceptance probability that a step size is adapted to


@dataclass(frozen=True, slots=True)
class Chains:
    """What chains of MCMC leave."""

    draws: Mapping[str, Array]  # on the reals, [chains, results, shape...]
    acceptance: Array  # f32[chains, results]  the mean acceptance probability of a transition
    diverging: Array  # bool[chains, results]
    step_sizes: Array  # f32[chains]


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How a fit runs."""

    program: Program  # of which the module is the text
    seed: int
    epochs: int
    batch_size: Mapping[str, int]  # by plate; empty: every step sees all rows
    learning_rate: float
    optimizer: object | None  # of the backend's own kind; None: Adam
    sizes: Mapping[str, int]
    progress: Callable[[int, Array], bool | None] | None  # steps done, losses so far; True stops


@dataclass(frozen=True, slots=True)
class FitOutcome:
    """What a fit leaves: parameters on the reals by name, and the loss of each step."""

    parameters: Mapping[str, Array]
    losses: Array
    failure: str = ""  # where the loss was first not finite


@dataclass(frozen=True, slots=True)
class Backend:
    """A backend: its programs as text, and what they make of data in this process."""

    name: str  # as in `--backend NAME`, and in the entry point group
    requires: tuple[str, ...]  # the packages that its programs import; emitting needs none
    dialect: Callable[[], Dialect]  # gives it; called when something is printed
    runner: Runner

    def emit(self, program: Program) -> str:
        """The text of a program that stands alone.

        Raises CompileError with everything that it needs and the dialect lacks.
        """
        from ppc.emit.module.lacking import in_program
        from ppc.emit.module.program import emit

        self._refuse(lambda dialect: in_program(dialect, program))
        return emit(self.dialect(), program)

    def emit_function(self, graph: Graph) -> str:
        """The text of a module with `query(key, inputs, *, sizes...)` for a positional graph.

        `inputs` are the arrays that it lists as INPUTS, by name; the sizes are listed as SIZES.
        Raises CompileError as `emit`.
        """
        from ppc.emit.module.lacking import in_graphs
        from ppc.emit.module.scope import emit_function

        self._refuse(lambda dialect: in_graphs(dialect, {f"`{graph.name}`": graph}))
        return emit_function(self.dialect(), graph)

    def _refuse(self, lacking: Callable[[Dialect], Mapping[str, Need]]) -> None:
        """Raise CompileError with what this backend lacks, and the backends that do not."""
        found = lacking(self.dialect())
        if found:
            having = self._others(lambda other: not lacking(other.dialect()))
            raise CompileError([
                NotInBackend(
                    backend=self.dialect().name, what=need.what, why=need.why, site=need.site,
                    span=need.span, having=having, way=need.way,
                )
                for need in found.values()
            ])  # fmt: skip

    def _others(self, has: Callable[[Backend], bool]) -> tuple[str, ...]:
        """The names of the other installed backends of which something is true."""
        from ppc import registry

        found = []
        for name in registry.names():
            with suppress(Exception):  # one that does not load must not stand in the way
                if name != self.name and has(registry.backend(name)):
                    found.append(name)
        return tuple(found)

    def has(self, part: str) -> bool:
        """Whether the runner has one of the methods that may be left out, by its name."""
        return getattr(type(self.runner), part) is not getattr(Runner, part)

    def _require(self, part: str, what: str, why: str) -> None:
        """Raise StateError where the runner has not a method that may be left out."""
        if not self.has(part):
            having = self._others(lambda other: other.has(part))
            lacking = NotInBackend(backend=self.dialect().name, what=what, why=why, having=having)
            raise StateError(lacking)

    def check_chains(self, kernel: str) -> None:
        """Raise StateError where this backend has no chains of MCMC."""
        self._require("sample_chains", "chains of MCMC", f"the method {kernel.upper()}")

    def precision(self, module: ModuleType, dtype: type) -> AbstractContextManager[None]:
        """As that of the runner. Raises StateError for what the dialect does not compute in."""
        name = dtype.__name__
        if name not in self.dialect().floats:
            having = self._others(lambda other: name in other.dialect().floats)
            library = self.dialect().name
            raise StateError(
                NotInBackend(backend=library, what=name, why="the precision", having=having)
            )
        return self.runner.precision(module, dtype)

    def device(self, kind: str) -> AbstractContextManager[None]:
        """As that of the runner. Raises StateError for what there is not."""
        if kind not in self.dialect().devices:
            raise StateError(NoDevice(library=self.dialect().name, device=kind))
        return self.runner.device(kind)

    def load(self, text: str, name: str) -> ModuleType:
        """The module that an emitted text is; the same text and name give the same module.

        Raises StateError where a package of `requires` is not installed.
        """
        from ppc.emit.load import load

        for package in self.requires:
            if find_spec(package) is None:
                raise StateError(MissingFramework(backend=self.name, package=package))
        self.runner.start()
        return load(text, name)

    def fit(
        self, module: ModuleType, arrays: Mapping[str, Array], settings: FitSettings
    ) -> FitOutcome:
        """Run `fit` of an emitted program on checked data, in the order of its columns.

        Raises KindError for what is no optimiser of this backend.
        """
        import numpy as np

        from ppc.emit.module.interface import Interface

        given = settings.optimizer
        if given is not None:
            self._require("optimizer", "optimisers other than Adam", "optimizer=")
        options: dict[str, Any] = {
            "epochs": settings.epochs,
            "learning_rate": settings.learning_rate,
            "optimizer": None if given is None else self.runner.optimizer(given),
        }
        if settings.batch_size:
            options["batch_size"] = _batch_size(module, settings)
        if settings.sizes:
            options["sizes"] = module.Sizes(**settings.sizes)
        if settings.progress is not None:
            progress = settings.progress
            options["callback"] = lambda fit, total: progress(total, fit.losses)
        data = module.prepare(*arrays.values())
        try:
            fit = module.fit(self.runner.key(settings.seed), data, **options)
        except FloatingPointError as error:  # the program's own finding, in its own words
            return FitOutcome({}, np.zeros(0, np.float32), failure=str(error))
        params = Interface(settings.program, self.dialect()).by_name(fit.params)
        found = {name: self.runner.numpy(x) for name, x in params.items()}
        return FitOutcome(found, np.asarray(fit.losses))

    def chains(
        self,
        module: ModuleType,
        inputs: Mapping[str, Array],
        sizes: Mapping[str, int],
        starts: Mapping[str, Array],
        settings: ChainSettings,
        seed: int,
    ) -> Chains:
        """Chains of MCMC on the one output of a module of `emit_function`, a log density.

        `starts` are those inputs that move.
        """
        self.check_chains(settings.kernel)
        static = tuple((name, int(sizes[name])) for name in module.SIZES)
        names = [name for name in module.INPUTS if name not in starts]
        data = {name: self.runner.array(inputs[name]) for name in names}
        density = _density(module, static)
        return self.runner.sample_chains(density, data, starts, settings, seed)

    def call(
        self, module: ModuleType, inputs: Mapping[str, Array], sizes: Mapping[str, int], seed: int
    ) -> dict[str, Array]:
        """Run `query` of a module of `emit_function`, compiled once for each set of sizes."""
        static = tuple((name, int(sizes[name])) for name in module.SIZES)
        used = {name: self.runner.array(inputs[name]) for name in module.INPUTS}
        out = _query(self.runner.compiled, module, static)(self.runner.key(seed), used)
        return {name: self.runner.numpy(value) for name, value in out.items()}


def _batch_size(module: ModuleType, settings: FitSettings) -> object:
    """The rows of a batch as `fit` takes them: a number, or one for each of several plates."""
    sizes = [settings.batch_size[plate] for plate in settings.program.batches]
    return sizes[0] if len(sizes) == 1 else module.Plates(*sizes)


@functools.lru_cache(maxsize=256)
def _query(
    compiled: Callable[..., Any], module: ModuleType, sizes: tuple[tuple[str, int], ...]
) -> Callable[..., dict[str, Any]]:
    query: Callable[..., dict[str, Any]] = compiled(functools.partial(module.query, **dict(sizes)))
    return query


@functools.lru_cache(maxsize=256)
def _density(
    module: ModuleType, sizes: tuple[tuple[str, int], ...]
) -> Callable[[dict[str, Any]], Any]:
    def density(point: dict[str, Any]) -> Any:
        (value,) = module.query(None, point, **dict(sizes)).values()  # no key: it draws nothing
        return value

    return density
