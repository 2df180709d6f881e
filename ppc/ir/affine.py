"""Positions along an axis: integers of the form `start + step * i`, with i the axis' own index.

The loop variable of `for t in range(1, T)` is such a position, and so is `t - 1`. The frontend
reads indices of targets by it, and the pass `plates` turns gathers at such positions into moves.
"""

from __future__ import annotations

from collections.abc import Mapping

from ppc.ir.nodes import Const, Node, Op
from ppc.ir.sizes import Size
from ppc.records import dataclass


@dataclass(frozen=True, slots=True)
class Position:
    """`start + step * i` for i = 0, 1, ... along `axis`."""

    axis: str
    start: Size = Size()
    step: int = 1

    def shifted(self, by: Size | int) -> Position:
        """This, `by` further on."""
        return Position(self.axis, self.start + by, self.step)

    def last(self, count: Size) -> Size:
        """The position in the last of `count` rounds."""
        return self.start + (count - 1) * self.step

    @property
    def is_index(self) -> bool:
        """Whether it is the axis' index itself."""
        return self.start.value == 0 and self.step == 1


def position(nodes: Mapping[str, Node], name: str) -> Position | None:
    """The position that an integer node is, or None where it is none."""
    node = nodes[name]
    if not isinstance(node, Op) or node.type.rank or node.type.dtype != "i32":
        return None
    match node.primitive:
        case "axis_index":
            return Position(str(dict(node.attrs)["axis"]))
        case "add" | "sub" | "mul":
            return _combined(nodes, node)
        case "neg":
            inner = position(nodes, node.args[0])
            return inner and Position(inner.axis, -inner.start, -inner.step)
        case "cast":
            return position(nodes, node.args[0])
    return None


def ragged(nodes: Mapping[str, Node], name: str) -> tuple[Position, str] | None:
    """The position and the end in `ge(position, end)`: false in the rounds of a row of its own.

    So the frontend says it of `for n in range(length[d])`, whose rows have so many of the rounds.
    """
    node = nodes[name]
    if not isinstance(node, Op) or node.primitive != "ge":
        return None
    at, end = position(nodes, node.args[0]), node.args[1]
    known = nodes[end].type.dtype != "i32" or number(nodes, end) is not None
    return None if at is None or known or position(nodes, end) is not None else (at, end)


def _combined(nodes: Mapping[str, Node], node: Op) -> Position | None:
    left, right = (position(nodes, name) for name in node.args)
    sizes = [number(nodes, name) for name in node.args]
    sign = -1 if node.primitive == "sub" else 1
    if left is not None and sizes[1] is not None:
        if node.primitive == "mul":
            return _scaled(left, sizes[1])
        return left.shifted(sizes[1] * sign)
    if right is not None and sizes[0] is not None:
        if node.primitive == "mul":
            return _scaled(right, sizes[0])
        return Position(right.axis, sizes[0] + right.start * sign, right.step * sign)
    return None


def _scaled(found: Position, by: Size) -> Position | None:
    if by.value is None:
        return None
    return Position(found.axis, found.start * by, found.step * by.value)


def number(nodes: Mapping[str, Node], name: str) -> Size | None:
    """The size that an integer node is, where it is a constant or a named size."""
    match nodes[name]:
        case Const(value=int() as value) if not isinstance(value, bool):
            return Size.of(value)
        case Op(primitive="dim", attrs=attrs):
            size = dict(attrs)["size"]
            return size if isinstance(size, Size) else None
    return None
