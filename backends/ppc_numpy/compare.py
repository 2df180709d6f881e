"""Whether two graphs compute the same: the validation of passes.

Both graphs run in float64 on the same random point. Every result that they share is compared,
its value and its gradient with respect to every parameter.

The tolerance comes from the arithmetic itself, by random perturbation (Monte Carlo arithmetic;
Parker, 1997): each graph runs a few times more with the result of every rounded operation, every
summand and every cotangent multiplied by 1 + h v, v uniform on (-1, 1) and h = 2^-30. To first
order in h, the deviations are those that rounding makes, h / eps times as large. Two results
that only rounding tells apart differ by about eps / h times the deviations of both; 64 times that
are allowed, since special functions err by several roundings and the largest of three deviations
may be a small one by chance. For the same reason an element counts with at least the
root mean square of its array.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from ppc.diagnostics import InternalError
from ppc.ir.nodes import Graph, Lag, Sample, State
from ppc.ir.text import print_graph
from ppc.records import dataclass
from ppc_numpy.machine import Machine
from ppc_numpy.points import complete, is_input, is_parameter
from ppc_numpy.rules import Array

_H = 2.0**-30
_EPS = 2.0**-52
_RUNS = 3
_MARGIN = 64.0

Pair = tuple[str, str, str]  # a label, the node before, the node after


@dataclass(frozen=True, slots=True)
class Difference:
    """A result that differs by more than rounding."""

    label: str
    index: tuple[int, ...]
    before: float
    after: float
    tolerance: float

    def __str__(self) -> str:
        at = f" at {self.index}" if self.index else ""
        return (
            f"{self.label}{at}: {self.before!r} before, {self.after!r} after, "
            f"rounding explains {self.tolerance:.1e}"
        )


def validate(
    before: Graph,
    after: Graph,
    rng: Generator,
    *,
    given: Mapping[str, ArrayLike] | None = None,
    sizes: Mapping[str, int] | None = None,
    axis_sizes: Mapping[str, int] | None = None,
    outputs: Mapping[str, str] | None = None,
) -> None:
    """Raise InternalError where two graphs differ at a random point.

    Compared are outputs of one name, the parameters of sites of one name, the next values of
    states of one name, and whatever `outputs` pairs (nodes of `before` with nodes of `after`).
    Inputs of one name get one value: those of `given`, else random ones. What is an input of one
    graph and computed by the other gets the computed value, so that a pass may make inputs into
    expressions or the reverse.
    """
    left, right = common_point(before, after, rng, given or {}, sizes or {}, axis_sizes or {})
    if found := differences(left, right, _pairs(before, after, outputs or {}), rng):
        worst = "\n".join(f"  {d}" for d in found)
        raise InternalError(
            f"{after.name} computes something else than before\n{worst}",
            f"{print_graph(before)}\n\n{print_graph(after)}",
        )


def common_point(
    before: Graph,
    after: Graph,
    rng: Generator,
    given: Mapping[str, ArrayLike],
    sizes: Mapping[str, int],
    axis_sizes: Mapping[str, int],
) -> tuple[Machine, Machine]:
    """Machines for both graphs with values for all inputs that agree with each other."""
    machines = []
    for graph in (before, after):
        names = graph.by_name()
        own = {name: x for name, x in given.items() if name in names}
        axes = {axis.name for axis in graph.axes}
        lengths = {name: n for name, n in axis_sizes.items() if name in axes}
        machines.append(Machine(graph, own, sizes=sizes, axis_sizes=lengths))
    left, right = machines
    # What one graph computes waits; the rest is drawn once, in the first graph that has it.
    from_right = _inputs(left) & (set(right.nodes) - _inputs(right))
    from_left = _inputs(right) & (set(left.nodes) - _inputs(left))
    for machine, other, computed in ((left, right, from_right), (right, left, from_left)):
        draws = machine.like()
        complete(draws, rng)
        fresh = {n: draws.values[n] for n in draws.given - machine.given - computed}
        for env in (machine.env, other.env):
            env.sizes = {**draws.env.sizes, **env.sizes}
            common = {a: n for a, n in draws.env.lengths.items() if a in env.axes}
            env.lengths = {**common, **env.lengths}
        machine.give(fresh)
        other.give({n: x for n, x in fresh.items() if n in _inputs(other)})
    for machine, other, computed in ((left, right, from_right), (right, left, from_left)):
        computed = computed - machine.given
        other.run(computed)
        machine.give({name: other.values[name] for name in computed})
    return left, right


def _inputs(machine: Machine) -> set[str]:
    return {node.name for node in machine.graph.nodes if is_input(node)}


def _pairs(before: Graph, after: Graph, outputs: Mapping[str, str]) -> list[Pair]:
    """What both graphs compute: a label and the node in each."""
    named = [_results(graph) for graph in (before, after)]
    common = [(label, node, named[1][label]) for label, node in named[0].items()
              if label in named[1]]  # fmt: skip
    return [*common, *((f"{a} and {b}", a, b) for a, b in outputs.items())]


def _results(graph: Graph) -> dict[str, str]:
    found = dict(graph.outputs)
    for node in graph.nodes:
        if isinstance(node, Sample):
            found |= {f"{p} of {node.name}": arg for p, arg in node.args}
        elif isinstance(node, State):
            found[f"the next {node.name}"] = node.update
        elif isinstance(node, Lag):
            found[f"what {node.name} reads"] = node.of
            found |= {f"{node.name} in front, {i}": name for i, name in enumerate(node.init)}
    return found


def differences(
    left: Machine, right: Machine, pairs: Sequence[Pair], rng: Generator
) -> list[Difference]:
    """Where the paired nodes of two machines, or their gradients, differ beyond rounding."""
    wrt = sorted(
        {n.name for m in (left, right) for n in m.graph.nodes if is_parameter(n)}
        & set(left.nodes) & set(right.nodes)
    )  # fmt: skip
    left.run(a for _, a, _ in pairs)
    right.run(b for _, _, b in pairs)
    for label, a, b in pairs:
        if left.values[a].shape != right.values[b].shape:
            shapes = f"{left.values[a].shape} before, {right.values[b].shape} after"
            raise InternalError(f"{label} has shape {shapes}")
    seeds = {label: rng.standard_normal(left.values[a].shape) for label, a, _ in pairs}
    sides = []
    for machine, targets in (
        (left, {label: a for label, a, _ in pairs}),
        (right, {label: b for label, _, b in pairs}),
    ):
        exact = _observe(machine, targets, seeds, wrt)
        spread = {label: np.zeros(x.shape) for label, x in exact.items()}
        for _ in range(_RUNS):
            shaken = _observe(_shaken(machine, rng), targets, seeds, wrt)
            for label, x in shaken.items():
                with np.errstate(invalid="ignore"):
                    moved = _finite(x * 1.0 - exact[label] * 1.0)
                spread[label] = np.maximum(spread[label], np.abs(moved))
        sides.append((exact, spread))
    return list(_compared(*sides[0], *sides[1]))


def _shaken(machine: Machine, rng: Generator) -> Machine:
    def perturb(x: Array) -> Array:
        return np.asarray(x * (1 + _H * rng.uniform(-1, 1, x.shape)))

    return machine.like(perturb=perturb)


def _observe(
    machine: Machine, targets: Mapping[str, str], seeds: Mapping[str, Array], wrt: Sequence[str]
) -> dict[str, Array]:
    """Values of the targets and, by `label in parameter`, their gradients."""
    machine.run([*targets.values(), *wrt])
    found = {label: machine.values[name] for label, name in targets.items()}
    for label, name in targets.items():
        if machine.nodes[name].type.is_float:
            gradients = machine.pull({name: seeds[label]}, wrt)
            found |= {f"the gradient of {label} in {p}": g for p, g in gradients.items()}
    return found


def _compared(
    before: Mapping[str, Array],
    spread_before: Mapping[str, Array],
    after: Mapping[str, Array],
    spread_after: Mapping[str, Array],
) -> Iterable[Difference]:
    """The worst element of each result that differs."""
    for label, x in before.items():
        if label not in after:
            continue
        y = after[label]
        rounding = _pooled(spread_before[label]) + _pooled(spread_after[label])
        tolerance = _MARGIN * _EPS / _H * rounding + 4 * _EPS * np.abs(_finite(x * 1.0))
        with np.errstate(invalid="ignore"):
            same = (x == y) | (np.isnan(x) & np.isnan(y))
            excess = np.where(same, 0.0, np.abs(x * 1.0 - y * 1.0) - tolerance)
        excess = np.where(np.isnan(excess), np.inf, excess)
        if excess.size and excess.max() > 0:
            at = tuple(int(i) for i in np.unravel_index(excess.argmax(), x.shape))
            yield Difference(label, at, float(x[at]), float(y[at]), float(tolerance[at]))


def _pooled(spread: Array) -> Array:
    """Deviations, none below the root mean square of their array."""
    typical = np.sqrt(np.mean(spread**2)) if spread.size else 0.0
    return np.maximum(spread, typical)


def _finite(x: Array) -> Array:
    return np.where(np.isfinite(x), x, 0.0)
