"""Data arguments: what of them a model reads, and whether nodes depend on them alone."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from ppc.ir import ops
from ppc.ir.affine import ragged
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Const, Data, Graph, Node, Op, Origin, Sample, later, operands
from ppc.ir.sizes import Size
from ppc.records import dataclass


def site_as_data(builder: Builder, names: Collection[str], site: Sample) -> Value:
    """A site as an array of a graph that checks data.

    One that is not among the given `names` is unknown, and so is a bound that depends on it.
    """
    if site.name in builder.nodes:
        return builder.value(site.name)
    origin: Origin = "site" if site.name in names else "parameter"
    return builder.data(site.name, site.type, origin=origin)


def is_known(builder: Builder, names: Iterable[str]) -> bool:
    """Whether nodes depend on sizes and data alone."""
    todo = list(names)
    while todo:
        node = builder.nodes[todo.pop()]
        known = isinstance(node, Data) and node.origin != "parameter"
        if not (known or isinstance(node, Op | Const)):
            return False
        todo.extend(operands(node))
    return True


def origin(nodes: Mapping[str, Node], node: Node) -> Node:
    """What a node is before it was moved, or guarded against what is not read."""
    while isinstance(node, Op) and node.primitive in (*_MOVES, "where"):
        node = nodes[node.args[node.primitive == "where"]]
    return node


_MOVES = ("to_axis", "slice", "index")


@dataclass(frozen=True, slots=True)
class _Use:
    """A reading of an argument: after these moves, where a condition holds or everywhere."""

    moves: tuple[Op, ...]
    condition: str


def read(builder: Builder, model: Graph, name: str) -> Value | None:
    """The elements of an argument that are read, a boolean for each; None where that may be all.

    The builder has the nodes of the model. In loops up to the end of a row (passes `plates` and
    `guards` have seen them), what is behind it is not read.
    """
    readers: dict[str, list[Node]] = {}
    for node in model.nodes:
        for operand in (*operands(node), *later(node)):
            readers.setdefault(operand, []).append(node)
    nodes = model.by_name()
    uses = list(_uses(nodes, readers, name, ()))
    padded = [use.condition for use in uses if use.condition]
    if not padded or not is_known(builder, padded):
        return None
    parts = [_of_use(builder, nodes, name, use) for use in uses]
    known = [part for part in parts if part is not None]
    return functools.reduce(ops.logical_or, known) if len(known) == len(parts) else None


def _uses(
    nodes: Mapping[str, Node], readers: Mapping[str, Sequence[Node]], name: str,
    moves: tuple[Op, ...],
) -> Iterator[_Use]:  # fmt: skip
    for reader in readers.get(name, ()):
        match reader:
            case Op(primitive="where", args=(condition, x, _)) if x == name != condition:
                yield _Use(moves, condition if _ends_rows(nodes, condition) else "")
            case Op(primitive=primitive) if primitive in _MOVES:
                yield from _uses(nodes, readers, reader.name, (*moves, reader))
            case _:
                yield _Use(moves, "")


def _ends_rows(nodes: Mapping[str, Node], name: str, holds: bool = True) -> bool:
    """Whether a condition excludes what is behind the end of a row."""
    match nodes[name]:
        case Op(primitive="logical_not", args=(inner,)):
            return _ends_rows(nodes, inner, not holds)
        case Op(primitive="logical_and", args=args) if holds:
            return any(_ends_rows(nodes, arg) for arg in args)
        case Op(primitive="expand_dims", args=(inner,)):
            return _ends_rows(nodes, inner, holds)
    return not holds and ragged(nodes, name) is not None


def _of_use(builder: Builder, nodes: Mapping[str, Node], name: str, use: _Use) -> Value | None:
    """Which elements of an argument one reading takes; None where that is not known."""
    before = [name, *(move.name for move in use.moves)]
    read = builder.value(use.condition) if use.condition else builder.const(True)
    read = ops.filled(read, nodes[before[-1]].type)
    for move, moved in reversed(list(zip(use.moves, before, strict=False))):
        attrs, was = dict(move.attrs), nodes[moved].type
        if move.primitive == "to_axis":
            read = builder.op("from_axis", read, axis=attrs["axis"])
            continue
        axis = attrs["axis"]
        assert isinstance(axis, int)
        start, stop = attrs.get("start", attrs.get("at")), attrs.get("stop")
        if attrs.get("step", 1) != 1 or not isinstance(start, int | Size):
            return None
        if move.primitive == "index":
            read, stop = ops.expand_dims(read, axis), Size.of(start) + 1
        assert isinstance(stop, int | Size)
        ends = Size.of(start), was.shape[axis] - Size.of(stop)
        read = _padded(builder, read, axis, ends)
    return read


def _padded(builder: Builder, value: Value, axis: int, ends: tuple[Size, Size]) -> Value:
    """A boolean with so many false elements more before it and behind it, along a dimension."""
    parts = [value]
    for length, place in zip(ends, (0, 2), strict=True):
        if length.value != 0:
            shape = list(value.type.shape)
            shape[axis] = length
            none = ops.filled(builder.const(False), value.type.with_shape(shape))
            parts.insert(place, none)
    return value if len(parts) == 1 else builder.op("concat", *parts, axis=axis)
