"""Batches: of which plates a step sees some of the rows.

What: marks the plates that are asked for as subsampled, and says why others are not.
Before: `plate N = N`.  After: `plate N = N subsampled`.
When not: a plate in which nothing is observed has no rows that a batch could take; nor has one
whose rows read others, as in a series, unless these are data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Literal

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


def plates(model: Graph, observed: Collection[str]) -> tuple[str, ...]:
    """The plate whose rows make batches: the outermost one of open size that data fill.

    In a model whose loops read earlier rounds, one whose rows read no latents of others.
    """
    filled = {a for s in model.samples if s.name in observed for a in s.type.axes}
    filled |= _of_factors(model)
    rows = [axis.name for axis in model.axes if axis.name in filled and axis.size.value is None]
    if rows and any(isinstance(node, Lag) for node in model.nodes):
        ready = condition.run(flat.run(model), observed)
        rows = [name for name in rows if not _in_order(ready, name)]
    return tuple(rows[:1])


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
