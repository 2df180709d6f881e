"""Batches: of which plates a step sees some of the rows.

What: marks the plates that are asked for as subsampled, and says why others are not.
Before: `plate N = N`.  After: `plate N = N subsampled`.
When not: a plate in which nothing is observed has no rows that a batch could take; nor has one
whose rows read others, as in a series, unless these are data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Literal

from ppc.diagnostics import CompileError
from ppc.diagnostics.command import NoBatchesOf
from ppc.diagnostics.notes import NotBatched
from ppc.ir.nodes import Graph, Lag
from ppc.ir.types import Axis
from ppc.passes import across, condition
from ppc.passes import plates as flat
from ppc.records import dataclass


@dataclass(frozen=True, slots=True)
class Batched:
    """A model with its subsampled plates marked, and a note on each other plate."""

    model: Graph
    notes: tuple[NotBatched, ...]


def run(model: Graph, subsample: Collection[str]) -> Batched:
    """Mark the plates of `subsample` that observed rows fill."""
    observed = {a for s in model.samples if s.role == "observed" for a in s.type.axes}
    observed |= _of_factors(model)
    axes = tuple(
        replace(axis, subsampled=axis.name in subsample and axis.name in observed)
        for axis in model.axes
    )
    carries = any(isinstance(node, Lag) for node in model.nodes)
    series = {axis.name for axis in axes if carries and _in_order(model, axis.name)}
    return Batched(replace(model, axes=axes), tuple(_notes(axes, observed, series)))


def plates(
    model: Graph, observed: Collection[str], asked: Collection[str] | None = None
) -> tuple[str, ...]:
    """The plates whose rows make batches, in the order in which the graph declares them.

    Those that are asked for by their names or those of their sizes; else one of open size that
    data fill: that of `inf.datamodel`, or the outermost. In a model whose loops read earlier
    rounds, one whose rows read no latents of others. Raises CompileError for plates that are
    asked for and have no rows that a batch could take.
    """
    filled = {a for s in model.samples if s.role == "observed" or s.name in observed
              for a in s.type.axes}  # fmt: skip
    filled |= _of_factors(model)
    rows = [axis for axis in model.axes if axis.name in filled]
    in_order: set[str] = set()
    if rows and any(isinstance(node, Lag) for node in model.nodes):
        ready = condition.run(flat.run(model), observed)
        in_order = {axis.name for axis in rows if _in_order(ready, axis.name)}
    rows = [axis for axis in rows if axis.name not in in_order]
    if asked is None:
        rows = [axis for axis in rows if axis.size.value is None]
        return tuple(axis.name for axis in sorted(rows, key=lambda a: not a.datamodel)[:1])
    meant = {name: axis.name for axis in rows for name in (str(axis.size), axis.name)}
    if unknown := [name for name in asked if name not in meant]:
        known = tuple(axis.name for axis in rows)
        raise CompileError(
            [NoBatchesOf(plate=n, known=known, why=_why_not(model, n, in_order)) for n in unknown]
        )
    chosen = {meant[name] for name in asked}
    return tuple(axis.name for axis in rows if axis.name in chosen)


def _why_not(
    model: Graph, plate: str, in_order: Collection[str]
) -> Literal["unknown", "no data", "in order"]:
    if plate in in_order:
        return "in order"
    return "no data" if any(axis.name == plate for axis in model.axes) else "unknown"


def sizes_of(
    model: Graph, chosen: Collection[str], size: int | Mapping[str, int]
) -> dict[str, int]:
    """The rows of a batch of each of these plates; `size` has them by plate or size, or for all."""
    if isinstance(size, int):
        return dict.fromkeys(chosen, size)
    return {n: size[n] if n in size else size[str(model.axis(n).size)] for n in chosen}


def _of_factors(model: Graph) -> set[str]:
    """The plates of factors of which there are data."""
    factors = {a for s in model.sites if s.role == "factor" for a in s.type.axes}
    return factors.intersection(a for data in model.data for a in data.type.axes)


def _in_order(model: Graph, plate: str) -> bool:
    """Whether rows of a plate read others that are no data."""
    marked = (replace(axis, subsampled=axis.name == plate) for axis in model.axes)
    return any(across.found(replace(model, axes=tuple(marked))))


def _notes(
    axes: Collection[Axis], observed: Collection[str], series: Collection[str]
) -> Iterator[NotBatched]:
    some = any(axis.subsampled for axis in axes)
    for axis in axes:
        if axis.kind == "plate" and not axis.subsampled:
            yield NotBatched(about=axis.name, reason=_reason(axis, observed, series, some))


def _reason(
    axis: Axis, observed: Collection[str], series: Collection[str], some: bool
) -> Literal["not asked", "no data", "fixed size", "another plate", "in order"]:
    if axis.name not in observed:
        return "no data"
    if axis.name in series:
        return "in order"
    if axis.size.value is not None:
        return "fixed size"
    return "another plate" if some else "not asked"
