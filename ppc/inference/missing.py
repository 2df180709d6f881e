"""Missing data: elements of an observed site that are NaN have no term.

A site with missing elements gets a mask, an array argument `SITE_seen` that is true where the
element is there; what stands in its place reaches neither value nor derivative of the loss (see
`ppc.objective.score`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.diagnostics import DataError
from ppc.diagnostics.base import Mistake
from ppc.diagnostics.data import MissingIsRead, PartlyMissing
from ppc.distributions import find
from ppc.ir.nodes import Data, Graph, Node, Op, Sample, mask_node, operands
from ppc.ir.types import Tensor
from ppc.records import dataclass

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """A model whose missing elements are masked, and the data with a number in their place."""

    model: Graph
    data: Mapping[str, Any]
    masks: Mapping[str, str]  # site with missing elements to the argument that says which are there

    def left_out(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """The arrays of a fit with NaN again where elements are missing, and without the masks."""
        found = {name: x for name, x in arrays.items() if name not in self.masks.values()}
        for site, mask in self.masks.items():
            seen = arrays[mask]
            wide = seen.reshape(seen.shape + (1,) * (arrays[site].ndim - seen.ndim))
            found[site] = np.where(wide, arrays[site].astype(float), np.nan)
        return found


def dropped(model: Graph, guide: Graph | None, data: Mapping[str, Any]) -> Seen:
    """The model and data without the elements that are NaN.

    Raises DataError for draws (rows of a vector) of which only a part is missing, and for sites
    that another variable or the guide reads: their values are needed.
    """
    found: dict[str, Array] = {}
    given = dict(data)
    mistakes: list[Mistake] = []
    for site in model.samples:
        lacking = _lacking(data.get(site.name))
        if lacking is None:
            continue
        readers = _readers(model, site.name) or (_readers(guide, site.name) if guide else "")
        rank = min(find(site.distribution).event_rank, lacking.ndim)
        event = tuple(range(-rank, 0))
        gone = lacking.any(axis=event)
        if readers:
            mistakes.append(MissingIsRead(name=site.name, reader=readers, span=site.span))
        elif (gone != lacking.all(axis=event)).any():
            mistakes.append(PartlyMissing(name=site.name))
        else:
            found[site.name] = np.asarray(~gone)
            given[site.name] = np.where(lacking, 0.0, np.asarray(data[site.name]))
    if mistakes:
        raise DataError(mistakes)
    if not found:
        return Seen(model, data, {})
    graph, masks = _masked(model, tuple(found))
    return Seen(graph, {**given, **{masks[s]: seen for s, seen in found.items()}}, masks)


def _lacking(value: Any) -> Array | None:
    """Where an array is NaN; None where it nowhere is, or is no array of floats."""
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    if array.dtype.kind != "f":
        return None
    lacking: Array = np.isnan(array)
    return lacking if lacking.any() else None


def _readers(graph: Graph, name: str) -> str:
    """A node that reads a site; empty where none does."""
    return next((node.name for node in graph.nodes if name in operands(node)), "")


def _masked(model: Graph, sites: tuple[str, ...]) -> tuple[Graph, dict[str, str]]:
    taken = {node.name for node in model.nodes}
    masks: dict[str, str] = {}
    nodes: list[Node] = []
    for node in model.nodes:
        if isinstance(node, Sample) and node.name in sites:
            name = f"{node.name}_seen"
            while name in taken:
                name += "_1"
            masks[node.name] = name
            rank = node.type.rank - find(node.distribution).event_rank
            type_ = Tensor("bool", node.type.axes, node.type.shape[:rank])
            nodes.append(Data(name=name, type=type_, span=node.span))
            own = mask_node(node)
            if own is not None:
                both = f"{name}_and_{own}"
                nodes.append(Op(name=both, type=type_, primitive="logical_and", args=(name, own)))
                name = both
            attrs = tuple(pair for pair in node.attrs if pair[0] != "mask")
            node = replace(node, attrs=(*attrs, ("mask", name)))
        nodes.append(node)
    return replace(model, nodes=tuple(nodes)), masks
