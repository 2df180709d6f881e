"""Queries: draws, densities and parameters of sites, before and after a fit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field, replace
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ppc import registry
from ppc.compiler import as_function
from ppc.diagnostics import DataError, KindError, QueryError
from ppc.diagnostics.chains import DensityOfChains, OtherRows
from ppc.diagnostics.data import (
    BadNumber,
    MissingData,
    MissingIsAsked,
    NeedsRows,
    OfQuantity,
    WrongKind,
)
from ppc.inference.answers import of_one
from ppc.inference.chained import Chained
from ppc.inference.data import check, entries
from ppc.inference.given import (
    Given,
    are_new,
    given_to,
    masked,
    need_mapping,
    of_fitted_rows,
    open_rows,
)
from ppc.inference.methods import VI, next_seed, positive_integer
from ppc.inference.refit import refitted
from ppc.inference.starts import start, with_rows
from ppc.ir.nodes import Graph
from ppc.objective import functions
from ppc.objective.functions import DRAWS, Want
from ppc.records import dataclass

if TYPE_CHECKING:
    from ppc.api import ProbModel
    from ppc.inference.fit import Fitted

    Results: TypeAlias = Fitted | Chained

Array = NDArray[Any]
LOCALS = ("guide", "refit", "prior")  # where the latents of new rows come from

CHUNK_ELEMENTS = 2**25  # drawn at a time: 128 MiB of float32
MOST_ELEMENTS = 2**33  # that a query returns: 32 GiB


@dataclass(slots=True)
class Query:
    """What `prior`, `posterior` and `posterior_predictive` return: a question, asked by its calls.

    Every call draws anew; with `seed=` the calls of one query form a reproducible sequence.
    """

    model: Graph
    guide: Graph | None
    asked: functions.Query
    inputs: Mapping[str, Array]
    sizes: Mapping[str, int]
    backend: str | None
    seeds: Random
    everything: bool  # whether no targets were named
    states: Mapping[str, Array] = field(default_factory=dict)  # of chains: [draws, shape...]
    partial: frozenset[str] = frozenset()  # given sites of which elements are missing
    _modules: dict[tuple[Want, ...], Any] = field(default_factory=dict)

    def sample(self, size: int = 1, simplify_result: bool = True) -> Any:
        """Joint draws by site: `[plates..., shape...]`, with a leading axis for `size` > 1.

        Of one target it is the bare array, or with `simplify_result=False` a dict of that.
        """
        if isinstance(size, bool) or not hasattr(size, "__index__"):
            found = type(size).__name__
            raise KindError(WrongKind(argument="size", expected="an integer", found=found))
        if size < 0:
            raise QueryError(BadNumber(argument="size", expected="at least 0", found=str(size)))
        self._need_whole()
        drawn = self._run(("sample",), int(size))
        values = {name: drawn[f"{name}.sample"] for name in self.asked.targets}
        if size == 1:
            values = {name: value[0] for name, value in values.items()}
            if self.everything:
                values = OrderedDict(values)
        return self._simplified(values, simplify_result)

    def mean(self, draws: int = 1000, simplify_result: bool = True) -> Any:
        """The mean of each target, averaged over `draws` joint draws: `[plates..., shape...]`.

        What is averaged is the distribution's mean given its parents, which varies less than the
        draws; of labels, their probabilities, on a new last axis.
        """
        self._need_whole()
        averages: dict[str, Array] = {}
        done = 0
        for size, part in self._chunks(("mean",), positive_integer("draws", draws)):
            done += size
            for name in self.asked.targets:
                value = part[f"{name}.mean"]
                before = averages.get(name, np.zeros_like(value))
                averages[name] = before + (value - before) * (size / done)
        return self._simplified(averages, simplify_result)

    def log_prob(self, simplify_result: bool = True) -> Any:
        """Elementwise log densities of the targets at one joint draw, or at the given values.

        Elements that are missing from the given values have 0: no term.
        Raises QueryError for what chains drew: its density is not known.
        """
        if set(self.asked.drawn).intersection(self.asked.targets):
            raise QueryError(DensityOfChains())
        variables = self._variables("log_prob")
        scored = self._run(("log_prob",), 1)
        values = {name: scored[f"{name}.log_prob"][0] for name in variables}
        return self._simplified(values, simplify_result)

    def sum_log_prob(self) -> Any:
        """The sum over targets of the mean of their elementwise log densities, as in InferPy."""
        scored = self.log_prob(simplify_result=False)
        total = sum(np.mean(value, dtype=np.float64) for value in scored.values())
        return np.float32(total)

    def parameters(
        self,
        names: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
        simplify_result: bool = True,
    ) -> Any:
        """The parameters of the targets' distributions at one joint draw, by site and name.

        Of what chains drew these are, as in InferPy, its `samples`: `[draws, shape...]`.
        """
        if not (names is None or isinstance(names, list | dict)):
            found = str(type(names))
            raise KindError(
                WrongKind(
                    argument="The argument 'names'", expected="None, a list or a dict", found=found
                )
            )
        variables = self._variables("parameters")
        computed = set(variables) - set(self.asked.drawn)
        found_values = self._run(("parameters",), 1) if computed else {}
        values: dict[str, dict[str, Array]] = {}
        for name in variables:
            prefix = f"{name}.parameters."
            own = {
                k.removeprefix(prefix): v[0]
                for k, v in found_values.items()
                if k.startswith(prefix)
            }
            if name in self.asked.drawn:
                own = {"samples": self.states[name]}
            wanted = names.get(name) if isinstance(names, dict) else names
            values[name] = {k: v for k, v in own.items() if wanted is None or k in wanted}
        return self._simplified(values, simplify_result)

    def _variables(self, call: str) -> tuple[str, ...]:
        """The targets that are random variables. Raises QueryError where there is none."""
        recorded = {s.name for s in self.model.sites if s.role == "deterministic"}
        found = tuple(name for name in self.asked.targets if name not in recorded)
        if self.asked.targets and not found:
            raise QueryError(OfQuantity(names=self.asked.targets, call=call))
        return found

    def _simplified(self, values: dict[str, Any], simplify: bool) -> Any:
        return of_one(values) if simplify and len(values) == 1 else values

    def _run(self, wants: tuple[Want, ...], draws: int) -> dict[str, Array]:
        """Run the query's program; results stacked along their leading axis of draws."""
        most = MOST_ELEMENTS // max(1, self._elements())
        if draws > most:
            raise QueryError(
                BadNumber(argument="size", expected=f"at most {most} here", found=str(draws))
            )
        parts = [part for _, part in self._chunks(wants, draws)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _chunks(
        self, wants: tuple[Want, ...], draws: int
    ) -> Iterator[tuple[int, dict[str, Array]]]:
        """Run the query's program in chunks of draws that fit the memory budget."""
        found = registry.backend(self.backend)
        if wants not in self._modules:
            graph = functions.query(self.model, self.guide, replace(self.asked, wants=wants))
            self._modules[wants] = found.load(found.emit_function(as_function(graph)), "query")
        self._need(self._modules[wants].INPUTS)
        chunk = max(1, min(draws, CHUNK_ELEMENTS // max(1, self._elements())))
        order = self._order(draws)
        for first in range(0, max(1, draws), chunk):
            size = min(chunk, draws - first)
            sizes = {**self.sizes, DRAWS: size}
            seed = self.seeds.getrandbits(31)
            states = {name: x[order[first : first + size]] for name, x in self.states.items()}
            yield size, found.call(self._modules[wants], {**self.inputs, **states}, sizes, seed)

    def _order(self, draws: int) -> Array:
        """Which draws of the chains are taken: no one twice before each was once."""
        if not self.states:
            return np.zeros(0, int)
        total = len(next(iter(self.states.values())))
        order = np.random.default_rng(self.seeds.getrandbits(31)).permutation(total)
        return np.resize(order, draws)

    def _need_whole(self) -> None:
        """Refuse to return given values where some are missing."""
        if names := tuple(name for name in self.asked.targets if name in self.partial):
            raise QueryError(MissingIsAsked(names=names))

    def _need(self, names: Sequence[str]) -> None:
        """Refuse a question that cannot be answered without data that were not given."""
        types = entries(self.model)
        if self.guide is not None:
            types |= {node.name: node.type for node in self.guide.data}
        missing = [name for name in names if name not in {**self.inputs, **self.states}]
        if missing:
            given = tuple(name for name in self.inputs if name in types)
            raise DataError([MissingData(name=n, type=str(types[n]), given=given) for n in missing])

    def _elements(self) -> int:
        """Numbers in one draw of all sites."""
        total = 0
        for site in self.model.sites:
            dims = [*(self.model.axis(a).size for a in site.type.axes), *site.type.shape]
            total += int(np.prod([d.evaluate(self.sizes) or 1 for d in dims]))
        return total


def prior(
    model: ProbModel,
    targets: tuple[str, ...],
    data: Mapping[str, Any] | None,
    size: int | None,
    *,
    seed: int | None,
    backend: str | None,
) -> Query:
    """See `ProbModel.prior`."""
    checked = check(model.ir, {**model.arrays, **(data or {})})
    sizes = with_rows(model.ir, checked.sizes, size)
    seed = next_seed(seed)
    raw = model.fitted.raw if model.fitted else start(model, sizes, checked.arrays, seed, backend)
    asked = functions.Query(targets, tuple(data or ()), guided=False)
    return Query(
        model.ir,
        None,
        asked,
        {**checked.arrays, **raw},
        sizes,
        backend,
        Random(seed),
        set(targets) >= set(model.sites),
    )


def posterior(
    fitted: Results,
    targets: tuple[str, ...],
    data: Mapping[str, Any] | None,
    *,
    local: str | VI,
    seed: int | None,
    backend: str | None,
) -> Query:
    """See `ProbModel.posterior`."""
    rows = open_rows(fitted, data or {})
    about = given_to(fitted, data, rows, fallback=True)
    fitted = replace(fitted, model=about.model)
    guided = local == "guide" or (local != "prior" and _rowwise(fitted.model, about.given))
    asked = functions.Query(targets, about.given, guided_rows=guided)
    about = replace(about, latents=targets)
    return _query(fitted, asked, about, local, fitted.latent, seed=seed, backend=backend)


def predictive(
    fitted: Results,
    targets: tuple[str, ...],
    data: Mapping[str, Any] | None,
    size: int | None,
    *,
    local: str | VI,
    seed: int | None,
    backend: str | None,
) -> Query:
    """See `ProbModel.posterior_predictive`."""
    rows = open_rows(fitted, data or {})
    about = given_to(fitted, data, rows, fallback=False)
    fitted = replace(fitted, model=about.model)
    sizes = with_rows(fitted.model, about.sizes, size, rows, fitted.sizes)
    guided = local != "prior" and _rowwise(fitted.model, about.given)
    asked = functions.Query(targets, about.given, guided_rows=guided)
    latents = tuple(name for name in fitted.latent if name not in about.given)
    about = replace(about, sizes=sizes, latents=latents)
    return _query(fitted, asked, about, local, fitted.observed, seed=seed, backend=backend)


def _query(
    fitted: Results,
    asked: functions.Query,
    about: Given,
    local: str | VI,
    possible: tuple[str, ...],
    *,
    seed: int | None,
    backend: str | None,
) -> Query:
    """The query, after its new rows have parameters of their own or are refused."""
    seed, inputs = next_seed(seed), about.inputs
    kept = tuple(axis.name for axis in fitted.model.axes if axis.name not in about.rows)
    asked = replace(asked, kept=kept)
    others = about.data and not of_fitted_rows(fitted, about.data) and asked.guided_rows
    states = _states(fitted, asked, about if others else None)
    if others and local != "guide" and not isinstance(fitted, Chained):
        method = local if isinstance(local, VI) else fitted.method
        arrays = {name: x for name, x in inputs.items() if name not in fitted.raw}
        inputs = inputs | refitted(
            fitted, asked.given, arrays, about.sizes, about.rows, method,
            seed=seed, backend=backend,
        )  # fmt: skip
    elif are_new(fitted, about):
        guided = about.latents if asked.guided_rows else ()
        _need_no_rows(fitted, guided, asked.targets, about.rows)
    return Query(
        fitted.model,
        fitted.guide,
        replace(asked, drawn=tuple(states)),
        inputs,
        about.sizes,
        backend,
        Random(seed),
        set(asked.targets) >= set(possible),
        states,
        about.partial,
    )


def _states(fitted: Results, asked: functions.Query, others: Given | None) -> dict[str, Array]:
    """The draws of chains that stand for latents. Raises QueryError for those of other rows."""
    axes = {site.name: set(site.type.axes) for site in fitted.model.samples}
    rows = [name for name in fitted.states if not axes[name] <= set(asked.kept)]
    unknown = tuple(name for name in rows if others is not None and name in others.latents)
    if unknown:
        raise QueryError(OtherRows(names=unknown))
    wanted = [n for n in fitted.states if asked.guided_rows or n not in rows]
    return {name: fitted.states[name] for name in wanted if name not in asked.given}


def log_density(model: ProbModel, values: Mapping[str, Any], *, backend: str | None) -> float:
    """See `ProbModel.log_density`."""
    graph = model.fitted.model if model.fitted else model.ir
    need_mapping("values", values)
    values = {**model.arrays, **values}
    needed = tuple(name for name in entries(graph) if name not in model.arrays)
    if model.fitted:
        seen = masked(model.fitted, values)
        graph, values = seen.model, seen.data
    checked = check(graph, values, required=needed)
    raw = (
        model.fitted.raw
        if model.fitted
        else start(model, checked.sizes, checked.arrays, 0, backend)
    )
    found = registry.backend(backend)
    module = found.load(found.emit_function(as_function(functions.log_density(graph))), "density")
    result = found.call(module, {**checked.arrays, **raw}, checked.sizes, 0)
    return float(result["log_density"])


def _rowwise(model: Graph, given: tuple[str, ...]) -> bool:
    """Whether any of the given sites has rows."""
    return any(site.type.axes for site in model.samples if site.name in given)


def _need_no_rows(
    fitted: Results, guided: Sequence[str], targets: Sequence[str], rows: Collection[str]
) -> None:
    """Refuse new rows where parameters for the fitted rows only are read.

    Those of the guide for latents that come from it, those of the model for the other targets.
    """
    mistakes = []
    covered = {site.name for site in fitted.guide.samples}
    guided = [name for name in guided if name in covered]
    asked = [(name, fitted.guide, "the guide") for name in guided]
    asked += [(name, fitted.model, "the model") for name in targets if name not in guided]
    for name, graph, owner in asked:
        if parameters := functions.row_parameters(graph, name, rows):
            mistakes.append(NeedsRows(name=name, owner=owner, parameters=parameters))
    if mistakes:
        raise QueryError(mistakes)
