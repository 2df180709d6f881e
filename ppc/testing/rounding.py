"""What the reference makes of a graph, and how far rounding may move it.

The reference is `ppc_numpy`: NumPy in float64 with a derivative rule for each primitive. What may
differ is rounding, and how much that is comes from the arithmetic: the graph runs a few times with
every result perturbed by a relative H (Monte Carlo arithmetic; Parker, 1997), which moves results
H / eps times as far as rounding does, to first order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ppc_numpy.machine import Machine

from ppc.ir.nodes import Graph

Array = NDArray[Any]
Results = dict[str, Array]

H = 2.0**-20  # of the perturbed runs
MARGIN = 64.0  # special functions err by several roundings; three runs may miss the largest


def reference(
    graph: Graph,
    inputs: Mapping[str, Array],
    wrt: Sequence[str],
    *,
    cotangents: Mapping[str, Array] | None = None,
    sizes: Mapping[str, int] | None = None,
    rng: np.random.Generator | None = None,
) -> Results:
    """`value x` for each output, and `gradient in w` of their sum times the cotangents (ones).

    With `rng`, every operation is perturbed.
    """

    def perturb(x: Array) -> Array:
        assert rng is not None
        return np.asarray(x * (1 + H * rng.uniform(-1, 1, x.shape)))

    machine = Machine(graph, inputs, sizes=sizes, perturb=None if rng is None else perturb)
    nodes = [node for _, node in graph.outputs]
    machine.run([*nodes, *wrt])
    seeds: dict[str, Array] = {}
    for output, node in graph.outputs:
        own = np.ones(machine.values[node].shape) if cotangents is None else cotangents[output]
        seeds[node] = seeds.get(node, np.zeros(())) + own
    found = {f"value {name}": machine.values[node] for name, node in graph.outputs}
    gradients = machine.pull(seeds, wrt) if wrt else {}
    return found | {f"gradient in {name}": g for name, g in gradients.items()}


def bounds(
    graph: Graph, inputs: Mapping[str, Array], wrt: Sequence[str], exact: Results, **more: Any
) -> Results:
    """How far each result moves for relative errors of 1 in every operation, to first order.

    An element counts with at least the root mean square of its array.
    """
    rng = np.random.default_rng(1)
    spread = {label: np.zeros(np.shape(x)) for label, x in exact.items()}
    with np.errstate(all="ignore"):
        for _ in range(3):
            for label, x in reference(graph, inputs, wrt, rng=rng, **more).items():
                moved = np.nan_to_num(np.abs(x - exact[label]), posinf=0.0)
                spread[label] = np.maximum(spread[label], moved / H)
    return {k: np.maximum(x, np.sqrt(np.mean(x**2)) if x.size else 0) for k, x in spread.items()}


def compare(
    got: Mapping[str, Array],
    exact: Results,
    moves: Results,
    dtype: type,
    *,
    margin: float = MARGIN,
) -> None:
    """Raise AssertionError where results differ by more than rounding; `moves` are `bounds`."""
    largest = float(np.finfo(dtype).max)
    for label, want in exact.items():
        assert got[label].dtype == dtype, f"{label} is {got[label].dtype}"
        assert got[label].shape == want.shape, f"{label} has shape {got[label].shape}"
        with np.errstate(all="ignore"):
            # A sum of rounded terms is rounded itself; nothing is known below the smallest number.
            room = margin * unit(dtype) * (moves[label] + np.abs(want) + 1)
            error = np.abs(got[label].astype(np.float64) - want)
            fine = (error <= room) | (got[label] == want.astype(dtype))
            # 0^(a - 1) 0^(b - 1) has no value where a < 1 < b: no backend may make one up.
            fine |= np.isnan(want) & np.isnan(got[label])
        if label.startswith("gradient"):
            # At the end of a support a slope may be what it likes, but not NaN.
            fine |= ~(np.abs(want) < largest) & ~np.isnan(got[label])
        shown = [x[~fine][:3] for x in (got[label], want, room)]
        assert fine.all(), f"{label}: {shown[0]} instead of {shown[1]}, give or take {shown[2]}"


def unit(dtype: type) -> float:
    """The rounding unit of a float."""
    return float(np.finfo(dtype).eps) / 2
