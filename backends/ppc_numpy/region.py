"""Regions: graphs inside a graph. A scan is a loop in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ppc.diagnostics import InternalError
from ppc.ir.nodes import Region
from ppc_numpy.rules import Array

if TYPE_CHECKING:
    from ppc_numpy.machine import Machine


def run_region(node: Region, outer: Machine) -> Array:
    """The value of a scan: output `node.output` of each round, stacked as the leading dimension.

    An operand stands for the body's data node of its name. One that feeds the carry gives its
    first value; one with a dimension more than the body's input is taken row by row, along the
    leading dimension of its shape; any other is the same in each round. Raises
    NotImplementedError for other kinds of region.
    """
    from ppc_numpy.machine import Machine

    if node.kind != "scan":
        raise NotImplementedError(f"a region of kind {node.kind}")
    carried = dict(node.carry)
    current: dict[str, Array] = {}
    rows: dict[str, Array] = {}
    inputs_of_body = node.body.by_name()
    for name in node.args:
        inner = inputs_of_body[name]
        value = outer.values[name]
        rank = outer.nodes[name].type.rank
        if inner.name not in carried and rank == inner.type.rank + 1:
            rows[inner.name] = np.moveaxis(value, value.ndim - rank, 0)
        else:
            current[inner.name] = value
    lengths = {x.shape[0] for x in rows.values()} or {outer.env.size(node.type.shape[0])}
    if len(lengths) > 1:
        raise InternalError(f"{node.name} scans operands of lengths {sorted(lengths)}")
    outputs = dict(node.body.outputs)
    results = []
    for i in range(lengths.pop()):
        inputs = {**current, **{name: x[i] for name, x in rows.items()}}
        body = Machine(
            node.body, inputs, dtype=outer.float, sizes=outer.env.sizes,
            axis_sizes=outer.env.lengths, perturb=outer.perturb,
        )  # fmt: skip
        body.run([outputs[node.output], *(outputs[out] for out in carried.values())])
        results.append(body.values[outputs[node.output]])
        current.update({into: body.values[outputs[out]] for into, out in carried.items()})
    return np.stack(results, axis=len(node.type.axes))
