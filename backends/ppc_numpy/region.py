"""Regions: graphs inside a graph. A scan is a loop in Python, and its derivative one backwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ppc.diagnostics import InternalError
from ppc.ir.nodes import Region
from ppc_numpy.rules import Array

if TYPE_CHECKING:
    from ppc_numpy.machine import Machine


@dataclass(slots=True)
class _Scan:
    """The rounds of a scan, each with its body's values."""

    rounds: list[Machine]
    rowwise: dict[str, str]  # by operand that is taken row by row: input of the body
    result: str  # the node of the body whose values are stacked


def run_region(node: Region, outer: Machine) -> Array:
    """The value of a scan: output `node.output` of each round, stacked as the leading dimension.

    Raises NotImplementedError for other kinds of region.
    """
    scan = _scanned(node, outer)
    lead = len(node.type.axes)
    results = [body.values[scan.result] for body in scan.rounds]
    if not results:
        return np.zeros(outer.env.shape(node.type))
    return np.stack(results, axis=lead)


def pull_region(node: Region, g: Array, outer: Machine) -> Iterator[tuple[str, Array]]:
    """The cotangents of the operands of a scan, given that of its value."""
    scan = _scanned(node, outer)
    outputs, lead = dict(node.body.outputs), len(node.type.axes)
    inputs = {inner.name: inner for inner in node.body.data if inner.type.is_float}
    total: dict[str, Array] = {}
    rows: dict[str, list[Array]] = {name: [] for name in scan.rowwise.values()}
    carried = {into: outputs[out] for into, out in node.carry if into in inputs}
    behind: dict[str, Array] = {}  # the cotangents of what a round is given by the one before
    for i in reversed(range(len(scan.rounds))):
        body = scan.rounds[i]
        seeds: dict[str, Array] = {scan.result: np.take(g, i, axis=lead)}
        for into, name in carried.items():
            if into in behind:
                seeds[name] = seeds[name] + behind[into] if name in seeds else behind[into]
        seeds = {name: x for name, x in seeds.items() if body.nodes[name].type.is_float}
        back = body.pull(seeds, inputs)
        behind = {into: back[into] for into in carried}
        for name, x in back.items():
            if name in rows:
                rows[name].append(x)
            elif name not in carried:
                total[name] = total[name] + x if name in total else x
    for outer_name, inner in zip(node.args, node.body.data, strict=True):
        if inner.name not in inputs:
            continue
        if inner.name in rows:
            rank = outer.nodes[outer_name].type.rank
            if rows[inner.name]:
                stacked = np.stack(rows[inner.name][::-1], axis=0)
                yield outer_name, np.moveaxis(stacked, 0, stacked.ndim - rank)
        elif inner.name in carried:
            if inner.name in behind:
                yield outer_name, behind[inner.name]
        elif inner.name in total:
            yield outer_name, total[inner.name]


def _scanned(node: Region, outer: Machine) -> _Scan:
    """All rounds of a scan: what an operand is to them says `ppc.ir.nodes.Region`."""
    from ppc_numpy.machine import Machine

    if node.kind != "scan":
        raise NotImplementedError(f"a region of kind {node.kind}")
    carried = dict(node.carry)
    current: dict[str, Array] = {}
    rows: dict[str, Array] = {}
    rowwise: dict[str, str] = {}
    for name, inner in zip(node.args, node.body.data, strict=True):
        value = outer.values[name]
        rank = outer.nodes[name].type.rank
        if inner.name not in carried and rank == inner.type.rank + 1:
            rowwise[name] = inner.name
            rows[inner.name] = np.moveaxis(value, value.ndim - rank, 0)
        else:
            current[inner.name] = value
    lengths = {x.shape[0] for x in rows.values()} or {outer.env.size(node.type.shape[0])}
    if len(lengths) > 1:
        raise InternalError(f"{node.name} scans operands of lengths {sorted(lengths)}")
    outputs = dict(node.body.outputs)
    rounds = []
    for i in range(lengths.pop()):
        inputs = {**current, **{name: x[i] for name, x in rows.items()}}
        body = Machine(
            node.body, inputs, dtype=outer.float, sizes=outer.env.sizes,
            axis_sizes=outer.env.lengths, perturb=outer.perturb,
        )  # fmt: skip
        body.run([outputs[node.output], *(outputs[out] for out in carried.values())])
        current.update({into: body.values[outputs[out]] for into, out in carried.items()})
        rounds.append(body)
    return _Scan(rounds, rowwise, outputs[node.output])
