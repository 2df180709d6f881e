"""Whether the programs of a model agree: every backend with the reference, and with each other.

All get the same parameters, batch, weights and noise. The reference evaluates the loss graph as it
is before any simplification, in NumPy and float64, so that passes, layout, emission and backends
are all under test. What may differ is rounding:

- in float64 nothing differs by more than 1e-10 of max(1, the largest component);
- in float32 each component has a bound of its own, from the magnitudes of what is summed on its
  way, which `ppc.testing.rounding` measures. Two programs may be two bounds apart.

A component is an element of a term of the loss, or of the gradient in a parameter.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from ppc_numpy.machine import Machine
from ppc_numpy.points import complete

from ppc.compiler import Compilation, Step, compile_loss
from ppc.diagnostics import DataError
from ppc.diagnostics.command import NothingToCompare
from ppc.emit.module.interface import Interface
from ppc.emit.program import Program, assemble
from ppc.inference.data import Checked, entries
from ppc.ir.nodes import Graph
from ppc.objective import functions
from ppc.testing import rounding
from ppc.testing.checks import widths

if TYPE_CHECKING:
    from ppc.backend import Backend

Array = NDArray[Any]
Results = dict[str, Array]
Rows = int | Mapping[str, int]  # of a batch, or those by plate

DOUBLE = 1e-10  # of max(1, the largest component): the most that float64 may differ
REFERENCE = "reference"
# Points differ in how large their largest component is, beside which others are not seen.
TRIES = 8
SMALL = 1e4  # small enough to look no further
LARGEST = 1e30  # beyond it float32 may overflow on the way


@dataclass(frozen=True, slots=True)
class Subject:
    """What is compared: a program, and its loss before any simplification."""

    program: Program
    model: Graph  # with its observed sites marked
    loss: Graph  # with parameters on the reals

    @classmethod
    def of(cls, compilation: Compilation) -> Subject:
        """The subject of a finished compilation, of which the first steps are run again.

        Raises CompileError where nothing is optimised.
        """
        kept: list[Graph] = []

        def keep(step: Step, _: Compilation, after: Compilation) -> None:
            if step.name == "constrain":
                kept.append(after.graphs["loss"])

        given = compilation.graphs
        compile_loss(given["model"], given["guide"], compilation.options, observers=[keep])
        return cls(assemble(compilation), given["model"], kept[0])

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters on the reals."""
        return tuple(param.name for param in self.loss.params)


@dataclass(frozen=True, slots=True)
class Point:
    """Where a loss is evaluated: a value for everything that it reads, which float32 holds."""

    inputs: Mapping[str, Array]  # data of a batch, weights, parameters and noise, by node
    sizes: Mapping[str, int]

    def inputs_of(self, graph: Graph) -> Results:
        """The values that a graph has nodes for."""
        nodes = graph.by_name()
        return {name: x for name, x in self.inputs.items() if name in nodes}


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two of the results are apart, at most."""

    pair: tuple[str, str]  # backends, or a backend and the reference
    dtype: str
    relative: float  # the largest difference, of max(1, the largest component)
    share: float  # the largest difference of a component, of its bound
    worst: str  # the component with that share: "gradient in w[0, 3]"

    @property
    def agrees(self) -> bool:
        """Whether every component is within its bound."""
        return self.share <= 1.0


def point(subject: Subject, seed: int, data: Checked | None = None, rows: Rows = 100) -> Point:
    """A point: parameters and noise are drawn, and so are data from the prior where none are given.

    `data` have passed `ppc.inference.data.check`; the batch is their first `rows`, of each plate.
    Data arguments that nobody gives lie in (0.05, 0.95), and integers among them are 0 or 1.

    Of several points that with the smallest gradient is taken. Raises DataError where the loss or
    its gradient is not finite, or float32 does not hold it, at any of them.
    """
    best, least = None, LARGEST
    for attempt in range(TRIES):
        rng = np.random.default_rng([seed, attempt])
        found = _point(subject, rng, data, rows)
        size = largest(exactly(subject, found))
        if size < least:
            best, least = found, size
        if least <= SMALL:
            break
    if best is None:
        raise DataError(NothingToCompare(model=subject.program.name, given=data is not None))
    return best


def largest(results: Results) -> float:
    """The largest component, infinity where one is not finite."""
    sizes = [float(np.abs(x).max()) for x in results.values() if x.size]
    return max(sizes) if np.isfinite(sizes).all() else np.inf


def _point(subject: Subject, rng: np.random.Generator, data: Checked | None, rows: Rows) -> Point:
    loss = subject.loss
    if data is None:
        machine = Machine(loss, {})
        machine.env.fill(loss)
        lengths, sizes = dict(machine.env.lengths), dict(machine.env.sizes)
        columns = _from_prior(subject.model, rng, sizes)
    else:
        columns, sizes, lengths = dict(data.arrays), dict(data.sizes), {}
        sizes |= {n: v or 3 for n, v in subject.program.hypers.items() if n not in sizes}
    batch = {}

    def most(plate: str) -> int:
        return rows if isinstance(rows, int) else rows[plate]

    subsampled = {axis.name for axis in loss.axes if axis.subsampled}
    for name, type_ in entries(subject.model).items():
        if name in columns:
            cut = tuple(
                slice(lengths.get(axis, most(axis))) if axis in subsampled else slice(None)
                for axis in type_.axes
            )
            batch[name] = _single(columns[name][cut])
            lengths |= dict(zip(type_.axes, batch[name].shape, strict=False))
    for axis in loss.axes:  # the rows at hand are all there are
        if axis.subsampled and axis.size.name is not None and axis.name in lengths:
            sizes[axis.size.name] = lengths[axis.name]
    inputs = {node.name: batch[node.name] for node in loss.data if node.name in batch}
    machine = Machine(loss, inputs, sizes=sizes, axis_sizes=lengths)
    complete(machine, rng)
    drawn = {name: _single(machine.values[name]) for name in machine.given}
    return Point({**batch, **drawn}, dict(machine.env.sizes))


def _from_prior(model: Graph, rng: np.random.Generator, sizes: Mapping[str, int]) -> Results:
    """Data arguments, and observed sites drawn from the model."""
    observed = tuple(site.name for site in model.samples if site.role == "observed")
    graph = functions.query(model, None, functions.Query(observed))
    machine = Machine(graph, {}, sizes=sizes, axis_sizes={functions.DRAWS: 1})
    complete(machine, rng)
    machine.run([node for _, node in graph.outputs])
    drawn = {name.removesuffix(".sample"): machine.values[node][0] for name, node in graph.outputs}
    arguments = {node.name: machine.values[node.name] for node in graph.data}
    return {**arguments, **drawn}


def _single(x: Array) -> Array:
    """An array whose floats float32 holds exactly."""
    return x.astype(np.float32).astype(np.float64) if x.dtype.kind == "f" else x


def exactly(subject: Subject, at: Point) -> Results:
    """What the reference makes of a point: the terms, and the gradient of their sum."""
    inputs = at.inputs_of(subject.loss)
    return rounding.reference(subject.loss, inputs, subject.parameters, sizes=at.sizes)


def on(backend: Backend, subject: Subject, at: Point, dtype: type) -> Results:
    """What the program of a backend makes of a point, compiled, in this precision.

    Raises StateError where its framework is not installed.
    """
    program, runner = subject.program, backend.runner
    module = backend.load(backend.emit(program), f"agreement_{program.name}")
    io = Interface(program, backend.dialect())
    with backend.precision(module, dtype):

        def array(x: Array) -> Any:
            return runner.array(np.asarray(x, np.int32 if x.dtype.kind in "iu" else x.dtype))

        given = _arguments(module, program, at, array)

        def terms(moving: dict[str, Any]) -> dict[str, Any]:
            params = io.filled(module.Params, moving.__getitem__)
            return dict(module.loss_terms(params, **given))

        moving = {p.name: array(at.inputs[p.name]) for p in program.parameters}
        seeds: Results = {name: np.ones((), dtype) for name, _ in program.loss.outputs}
        values, slopes = runner.pulled(terms, moving, seeds)
        found = {f"value {name}": runner.numpy(x) for name, x in values.items()}
        found |= {f"gradient in {name}": runner.numpy(x) for name, x in slopes.items()}
    return {name: np.asarray(x, np.float64) for name, x in found.items()}


def _arguments(
    module: ModuleType, program: Program, at: Point, array: Callable[[Array], Any]
) -> dict[str, Any]:
    """What `loss_terms` of a module takes besides the parameters."""
    given: dict[str, Any] = {}
    taken = set(inspect.signature(module.loss_terms).parameters) - {"params"}
    if "noise" in taken:
        given["noise"] = module.Noise(*(array(at.inputs[n.name]) for n in program.noise))
    if "sizes" in taken:
        given["sizes"] = module.Sizes(**{name: at.sizes[name] for name in program.hypers})
    for whole in {"batch", "data"} & taken:
        given[whole] = module.prepare(*(at.inputs[c.name] for c in program.columns if c.given))
    if "weight" in taken:
        weights = [array(at.inputs[name]) for name in program.weights.values()]
        given["weight"] = weights[0] if len(weights) == 1 else module.Plates(*weights)
    return given


def differences(
    backends: Sequence[Backend],
    subject: Subject,
    at: Point,
    dtypes: Sequence[type] = (np.float64, np.float32),
) -> Iterator[Difference]:
    """How far the backends are from the reference and from each other, in each precision they have.

    Raises StateError where a framework is not installed.
    """
    exact = exactly(subject, at)
    for dtype in dtypes:
        bound = bounds(subject, at, exact, dtype)
        able = [b for b in backends if dtype in widths(b)]
        found = {REFERENCE: exact} | {b.name: on(b, subject, at, dtype) for b in able}
        for one, other in combinations(found, 2):
            # Each of two programs may be off by rounding; in float64 that is far below the limit.
            twice = REFERENCE not in (one, other) and dtype is np.float32
            pair = (other, one) if one == REFERENCE else (one, other)
            limits = {name: x * (1 + twice) for name, x in bound.items()}
            where, share, apart = worst(found[one], found[other], limits)
            relative = apart / max(1.0, largest(exact))
            yield Difference(pair, np.dtype(dtype).name, relative, share, where)


def bounds(subject: Subject, at: Point, exact: Results, dtype: type) -> Results:
    """How far each component may be off."""
    if dtype is np.float64:
        limit = DOUBLE * max(1.0, largest(exact))
        return {name: np.full(x.shape, limit) for name, x in exact.items()}
    spread = rounding.bounds(
        subject.loss, at.inputs_of(subject.loss), subject.parameters, exact, sizes=at.sizes
    )
    return {name: rounding.MARGIN * rounding.unit(dtype) * x for name, x in spread.items()}


def worst(one: Results, other: Results, limits: Results) -> tuple[str, float, float]:
    """The component with the largest share of its limit, that share, and the largest difference."""
    assert set(one) == set(other) == set(limits), (set(one) ^ set(other), set(one) ^ set(limits))
    where, share, most = "", -1.0, 0.0
    for name, limit in limits.items():
        if not limit.size:
            continue
        apart = np.abs(one[name] - other[name])
        apart = np.where(np.isnan(apart), np.inf, apart)
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.where(apart == 0.0, 0.0, apart / limit)
        most = max(most, float(apart.max()))
        if float(shares.max()) > share:
            at = np.unravel_index(int(shares.argmax()), shares.shape)
            place = f"[{', '.join(map(str, at))}]" if at else ""
            where, share = f"{name}{place}", float(shares.max())
    return where.replace("value ", "term ", 1), share, most
