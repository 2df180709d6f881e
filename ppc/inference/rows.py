"""Which arrays have the rows of the data, where no annotation says so.

`model(x).fit({"y": y})` with `y = inf.Normal(a + b * x, s)` in a plate: without an annotation `x`
is one array in each row, and `y` an array in each row. Data of `y` with one dimension fewer, as
long as `x`, fit in one way only: `x` has the rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from ppc.ir.nodes import Graph


def told(
    graph: Graph, arguments: Collection[str], arrays: Mapping[str, Any], data: Mapping[str, Any]
) -> dict[str, str]:
    """The plate for each array among a model's arguments that the data show to have its rows."""
    found: dict[str, str] = {}
    for site in graph.samples:
        axes, shape = site.type.axes, site.type.shape
        if site.name not in data or not axes or not shape:
            continue
        given = _shape(data[site.name])
        length = shape[0].value
        short = len(given) == len(axes) + len(shape) - 1
        open_ = graph.axis(axes[-1]).size.value is None
        if not short or not open_ or length is None or given[len(axes) - 1] != length:
            continue
        for name in arguments:
            array = arrays.get(name)
            if array is not None and np.ndim(array) and np.shape(array)[0] == length:
                found[name] = axes[-1]
    return found


def _shape(value: Any) -> tuple[int, ...]:
    try:
        return np.shape(value)
    except ValueError:  # rows of different length, which the check of the data tells
        return ()
