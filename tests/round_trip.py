"""The check that the text form of a graph is the whole graph."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from ppc.ir.nodes import Graph
from ppc.ir.text import parse_graph, print_graph


def assert_round_trip(graph: Graph) -> None:
    """Reading the printed graph gives an equal graph, which prints the same."""
    text = print_graph(graph)
    again = parse_graph(text)
    assert print_graph(again) == text
    assert comparable(again) == comparable(graph), text


def comparable(value: Any) -> Any:
    """A value that compares types and bits too: 1, 1.0 and True differ, NaN equals itself."""
    if dataclasses.is_dataclass(value):
        fields = [f for f in dataclasses.fields(value) if f.compare]
        return (type(value), *(comparable(getattr(value, f.name)) for f in fields))
    if isinstance(value, tuple):
        return tuple(map(comparable, value))
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value.hex()
    return (type(value), value)
