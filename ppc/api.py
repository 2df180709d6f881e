"""What a user calls: `probmodel`, the model objects that it makes, and their queries."""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from ppc.data.loaders import as_mapping
from ppc.diagnostics import (
    KindError,
    QueryError,
    StateError,
)
from ppc.diagnostics.command import NotInModel, SettingsIgnored
from ppc.diagnostics.data import (
    BadNumber,
    NotFitted,
    TargetRole,
    UnknownTarget,
    WrongKind,
)
from ppc.distributions import COMPOSED, DISTRIBUTIONS, SHORTHANDS
from ppc.variables import ModelVariable

if TYPE_CHECKING:
    import networkx as nx
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from ppc_frontend.api import Compiled

    from ppc.inference.chained import Chained
    from ppc.inference.fit import Fitted
    from ppc.inference.mcmc import MCMC
    from ppc.inference.methods import VI
    from ppc.inference.query import Query
    from ppc.ir.nodes import Graph

    Array = NDArray[Any]


def probmodel(builder: Callable[..., Any]) -> ModelFunction:
    """Make a model of a function. Calling the result fixes its hyperparameters.

    The function is compiled from its source and never run.
    """
    if not callable(builder):
        found = type(builder).__name__
        raise KindError(WrongKind(argument="probmodel", expected="a function", found=found))
    return ModelFunction(builder)


class ModelFunction:
    """A model before its hyperparameters are fixed; call it to get a `ProbModel`."""

    def __init__(self, builder: Callable[..., Any]) -> None:
        self.builder = builder
        functools.update_wrapper(self, builder)

    def __call__(self, *args: Any, **kwargs: Any) -> ProbModel:
        """The model with these hyperparameters. Raises CompileError with all its mistakes."""
        return ProbModel(self.builder, args, kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        # As a method, the model's first argument is the instance, as for any function.
        return self if instance is None else functools.partial(self, instance)


class ProbModel:
    """A compiled model. Models are values: fitting one never touches another."""

    def __init__(
        self, builder: Callable[..., Any], args: Sequence[Any] = (), kwargs: Any = None
    ) -> None:
        from ppc.diagnostics.render import render_all

        self._call = builder, tuple(args), dict(kwargs or {})
        compiled = self._compile({})
        if compiled.warnings:
            # From __call__ of the function: to where the user calls it.
            warnings.warn(render_all(compiled.warnings), UserWarning, stacklevel=3)
        self.name: str = self.ir.name
        self.fitted: Fitted | Chained | None = None
        self.inference_method: VI | MCMC | None = None  # of the last fit

    def __repr__(self) -> str:
        state = "fitted" if self.fitted else "not fitted"
        return f"<ppc.ProbModel {self.name}: sites {', '.join(self.sites)}; {state}>"

    @property
    def sites(self) -> tuple[str, ...]:
        """The names of the random variables, in model order."""
        return tuple(site.name for site in self.ir.samples)

    @property
    def vars(self) -> Mapping[str, ModelVariable]:
        """The random variables by name, in model order, each a way to ask the prior about it."""
        return OrderedDict((s.name, ModelVariable(self, s, None)) for s in self.ir.samples)

    @property
    def observed_vars(self) -> list[str]:
        """The observed sites: those of the last fit, or those that the model itself observes."""
        graph = self.fitted.model if self.fitted else self.ir
        return [site.name for site in graph.samples if site.role == "observed"]

    def expand_model(
        self, size: int = 1
    ) -> tuple[Mapping[str, ModelVariable], Mapping[str, Array]]:
        """The random variables and parameters of the model with `size` rows in its open plates.

        Raises KindError (a TypeError) or QueryError (a ValueError) for a size that is none.
        """
        from ppc.inference.starts import initial

        _rows_argument(size)
        expanded = OrderedDict((s.name, ModelVariable(self, s, size)) for s in self.ir.samples)
        return expanded, self.params if self.fitted else initial(self, size)

    @property
    def recorded(self) -> tuple[str, ...]:
        """The names of the quantities that `inf.deterministic` records, in model order."""
        return tuple(s.name for s in self.ir.sites if s.role == "deterministic")

    @property
    def graph(self) -> nx.DiGraph[str]:
        """A networkx graph with an edge to each random variable from what it depends on.

        Its nodes are the random variables and parameters, in model order; the attribute `kind` is
        "latent", "observed" (after a fit, or by the model itself) or "parameter".
        """
        from ppc.inference.dependencies import dependencies

        return dependencies(self.fitted.model if self.fitted else self.ir)

    def plot_graph(self) -> Axes:
        """Draw `graph` into matplotlib's current axes, observed sites grey, and return these."""
        from ppc.inference.dependencies import draw

        return draw(self.graph)

    def fit(
        self,
        data: Mapping[str, Any],
        inference_method: VI | MCMC,
        *,
        seed: int | None = None,
        backend: str | None = None,
        progress: bool | None = None,
        missing: str = "error",
    ) -> None:
        """Fit the model to data, `{site: array}`; the results are then in this model.

        Loaders of `ppc.data`, frames of pandas and Polars and xarray Datasets are data as well.
        `seed` fixes every draw of the fit; without it one is taken from ppc's generator
        (`ppc.inference.seed`). `progress` shows a bar (default: where a terminal looks on). With
        `missing="drop"` elements of observed sites that are NaN have no term, exactly; by default
        they are a mistake. A second fit starts afresh. Raises DataError (a ValueError) with every
        mistake in the data, CompileError where the guide does not match, and leaves earlier
        results alone if it does.
        """
        from ppc.inference.mcmc import MCMC

        self._take_rows(data, getattr(inference_method, "qmodel", None))
        if isinstance(inference_method, MCMC):
            from ppc.inference import chains

            drawn = chains.fit(
                self, data, inference_method, seed=seed, backend=backend, missing=missing
            )
            inference_method.record(drawn)
            self.fitted, self.inference_method = drawn, inference_method
            return
        from ppc.inference.fit import fit

        self.fitted = fit(
            self, data, inference_method, seed=seed, backend=backend, progress=progress,
            missing=missing,
        )  # fmt: skip
        self.inference_method = inference_method

    def _take_rows(self, data: Any, guide: ProbModel | None) -> None:
        """Let arrays without annotation have the rows of the data, where only that fits."""
        from ppc.inference.rows import told

        data = as_mapping(data)
        if not isinstance(data, Mapping) or not self.arrays:
            return
        rows = told(self.ir, self._arguments, self.arrays, data)
        if not rows:
            return
        taken = {id(self.arrays[name]): plate for name, plate in rows.items()}
        self._compile(rows)
        if guide is not None:
            arrays = [(name, guide.arrays.get(name)) for name in guide._arguments]
            guide._compile({n: taken[id(array)] for n, array in arrays if id(array) in taken})

    def _compile(self, rows: Mapping[str, str]) -> Compiled:
        from ppc_frontend.api import compile_function

        from ppc.passes import condition

        compiled = compile_function(*self._call, rows=rows)
        self._arguments = compiled.info.parameters
        self.ir: Graph = condition.run(compiled.graph, ())
        self.arrays: Mapping[str, Array] = compiled.arrays
        return compiled

    @property
    def params(self) -> Mapping[str, Array]:
        """The parameters by name, each on its support: as fitted, or as they start before a fit."""
        from ppc.inference.starts import initial

        return self.fitted.parameters() if self.fitted else initial(self, None)

    def prior(
        self,
        target_names: str | Sequence[str] | None = None,
        data: Mapping[str, Any] | None = None,
        size_datamodel: int | None = None,
        *,
        seed: int | None = None,
        backend: str | None = None,
    ) -> Query:
        """A query of the model alone; `size_datamodel` rows, as many as `data` has, or 1.

        After a fit the networks and parameters of the model are the fitted ones.
        """
        from ppc.inference.query import prior

        targets = self._targets(target_names, (*self.sites, *self.recorded))
        _rows_argument(size_datamodel)
        return prior(self, targets, as_mapping(data), size_datamodel, seed=seed, backend=backend)

    def posterior(
        self,
        target_names: str | Sequence[str] | None = None,
        data: Mapping[str, Any] | None = None,
        *,
        local: str | VI = "guide",
        seed: int | None = None,
        backend: str | None = None,
    ) -> Query:
        """A query of the guide for latent sites: of the fitted rows, or of those in `data`.

        `local` says where the latents of new rows come from, as for `posterior_predictive`.
        """
        from ppc.inference.query import posterior

        fitted = self._fitted("posterior")
        allowed = (*fitted.latent, *self.recorded)
        targets = self._targets(target_names, allowed, "not observed")
        _local_argument(local)
        data = as_mapping(data)
        return posterior(fitted, targets, data, local=local, seed=seed, backend=backend)

    def posterior_predictive(
        self,
        target_names: str | Sequence[str] | None = None,
        data: Mapping[str, Any] | None = None,
        size_datamodel: int | None = None,
        *,
        local: str | VI = "guide",
        seed: int | None = None,
        backend: str | None = None,
    ) -> Query:
        """A query of observed sites under the fitted posterior.

        With `data` for the rows, their latents are inferred through the guide (`local="guide"`);
        or, where it has parameters for each fitted row, through such parameters fitted to the new
        rows, all else held (`local="refit"`, by the method of the fit, or `local=VI(epochs=500)`,
        by another); or they are drawn from the prior (`local="prior"`). Without, the rows are new:
        `size_datamodel` of them, as many as were fitted by default. Plates without observed sites
        keep their fitted rows.
        """
        from ppc.inference.query import predictive

        fitted = self._fitted("posterior_predictive")
        allowed = fitted.observed
        if target_names is not None:
            allowed = (*allowed, *self.recorded)
        targets = self._targets(target_names, allowed, "observed")
        _rows_argument(size_datamodel)
        _local_argument(local)
        data = as_mapping(data)
        return predictive(
            fitted, targets, data, size_datamodel, local=local, seed=seed, backend=backend
        )

    def log_density(self, values: Mapping[str, Any], *, backend: str | None = None) -> float:
        """log p of all sites at `values`: on their supports, all rows, no Jacobian.

        Parameters are as fitted, or as they start before a fit.
        """
        from ppc.inference.query import log_density

        return log_density(self, as_mapping(values), backend=backend)

    def emit(
        self,
        inference_method: VI,
        observed: Sequence[str],
        *,
        backend: str | None = None,
    ) -> str:
        """The text of the program that fits this model: what `fit` would run.

        Its command has the epochs, batch size and learning rate of the method as defaults.
        """
        from ppc.emit.program import assemble
        from ppc.inference.fit import standing_alone
        from ppc.inference.methods import VI
        from ppc.registry import backend as find

        if not isinstance(inference_method, VI):
            expected, found = "VI or SVI, which have a program", f"{inference_method!r}"[:60]
            raise KindError(WrongKind(argument="inference_method", expected=expected, found=found))

        names = (observed,) if isinstance(observed, str) else tuple(observed)
        if inference_method.optimizer is not None:
            kind = type(inference_method).__name__
            ignored = SettingsIgnored(method=kind, names=("optimizer",))
            warnings.warn(f"{ignored.message()}; {ignored.help()}", UserWarning, stacklevel=2)
        return find(backend).emit(assemble(standing_alone(self, names, inference_method)))

    def _fitted(self, call: str) -> Fitted | Chained:
        if self.fitted is None:
            raise StateError(NotFitted(call=call))
        return self.fitted

    def _targets(
        self,
        names: str | Sequence[str] | None,
        allowed: Sequence[str],
        wanted: str = "",
    ) -> tuple[str, ...]:
        """The targets in model order. Raises QueryError for names that cannot be asked for."""
        sites = tuple(s.name for s in self.ir.sites if s.role != "factor")
        if names is not None and not isinstance(names, Sequence):
            found, expected = type(names).__name__, "a name or a list of names"
            raise KindError(WrongKind(argument="target_names", expected=expected, found=found))
        if names is None or (not isinstance(names, str) and not len(names)):
            return tuple(name for name in sites if name in allowed)
        asked = (names,) if isinstance(names, str) else tuple(names)
        unknown = [name for name in asked if name not in sites]
        if unknown:
            raise QueryError([UnknownTarget(name=str(n), sites=sites) for n in unknown])
        wrong = [name for name in asked if name not in allowed]
        if wrong:
            raise QueryError(
                [TargetRole(name=n, wanted=wanted, allowed=tuple(allowed)) for n in wrong]
            )
        return tuple(name for name in sites if name in asked)


def _local_argument(local: object) -> None:
    from ppc.inference.methods import VI
    from ppc.inference.query import LOCALS

    if not isinstance(local, VI) and local not in LOCALS:
        expected = f"{', '.join(map(repr, LOCALS))} or a method such as VI(epochs=200)"
        raise QueryError(BadNumber(argument="local", expected=expected, found=repr(local)))
    if isinstance(local, VI) and local.qmodel is not None:
        expected = "a method without a guide: the fit has one"
        raise QueryError(BadNumber(argument="local", expected=expected, found=repr(local.qmodel)))


def _rows_argument(size: int | None) -> None:
    if size is None:
        return
    if not isinstance(size, int) or isinstance(size, bool):
        found = type(size).__name__
        raise KindError(WrongKind(argument="size_datamodel", expected="an integer", found=found))
    if size < 1:
        raise QueryError(
            BadNumber(argument="size_datamodel", expected="greater than 0", found=str(size))
        )


def datamodel(size: int | None = None, name: str | None = None) -> AbstractContextManager[None]:
    """The plate of the data's rows. Outside a model, `size` of them are made, by default one."""
    from ppc.eager import plate

    return plate(size)


def factor(value: Any, name: str | None = None) -> None:
    """Add `value`, a number or one for each row of the plates around, to the log density.

    Counted as a site is: for each row of its plates, and where masks around it allow. Draws of the
    prior know nothing of it. Inside a model function only.
    """
    raise StateError(NotInModel(name="inf.factor"))


def deterministic(value: Any, name: str | None = None) -> Any:
    """Record `value` under a name, by default that of the variable it is assigned to.

    `prior`, `posterior` and `posterior_predictive` return it like a site, and so do emitted
    programs. Returns `value`. Inside a model function only.
    """
    raise StateError(NotInModel(name="inf.deterministic"))


def mask(condition: Any) -> AbstractContextManager[None]:
    """Count the sites inside only where `condition`, booleans, is true; in a model only."""
    raise StateError(NotInModel(name="inf.mask"))


def plate(name: str, size: int | None = None) -> AbstractContextManager[None]:
    """A plate of that name, whose rows are independent; inside a model function only.

    `size` is the number of rows; without it the data tell. Plates nest and cross: what is drawn in
    several has an axis for each, outermost first.
    """
    raise StateError(NotInModel(name="inf.plate"))


def Parameter(initial_value: Any, name: str | None = None, *, support: str = "real") -> Any:  # noqa: N802  # InferPy's name
    """An optimised quantity that starts at `initial_value`; outside a model, that value."""
    from ppc.eager import parameter

    return parameter(initial_value, name)


def observe(variable: Any, value: Any) -> Any:
    """Observe a random variable at a value; inside a model function only."""
    raise StateError(NotInModel(name="inf.observe"))


def distribution(name: str) -> Callable[..., Any] | None:
    """The constructor `inf.NAME` of a distribution, or None where there is none."""
    row = DISTRIBUTIONS.get(name)
    if row is None and name not in (*COMPOSED, *SHORTHANDS):
        return None

    def construct(*args: Any, **kwargs: Any) -> Any:
        from ppc.eager import record

        own = kwargs.pop("name", None)
        return record(f"ppc.{name}", args, kwargs, own or "")

    construct.__name__ = construct.__qualname__ = name
    if row is not None:
        parameters = ", ".join(p.name for p in row.parameters)
        construct.__doc__ = f"{name}({parameters}): {row.source}"
    return construct
