"""Loops become plates.

What: the axis of a `for` that the frontend evaluated once becomes a plate, and what the body read
by its index becomes a move of whole arrays: `theta[j]` is the row itself, `x[t - 1]` a slice. An
array argument that is read by the index along its first dimension gets its rows, and what a plate
takes row by row from an array that is computed as a whole is computed in the plate.
Before: `i = axis_index(N); a = from_axis(x; N); b = take(a, i); y = sample Normal(b, s)`.
After: `y = sample Normal(x, s)`.
When not: an index that is data, as in `theta[group[i]]`, stays a gather; so does one along an axis
over which the array varies already.
"""

from __future__ import annotations

from dataclasses import replace

from ppc.ir.affine import Position, position
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Data, Graph, Node, Op, operands, rename_operands
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor
from ppc.passes.rowwise import Rows


def run(graph: Graph) -> Graph:
    """The graph with plates in place of loops."""
    if not any(isinstance(n, Op) and n.primitive in _NAMED for n in graph.nodes):
        return _as_plates(graph)
    graph = _rows(graph)
    plates = _Plates(graph)
    after = _without_orphans(graph, plates.run())
    return _as_plates(_renamed(after, plates.rows.names()))


_NAMED = frozenset(("take", "take_axis", "from_axis", "to_axis", "axis_index"))


def _as_plates(graph: Graph) -> Graph:
    axes = tuple(replace(a, kind="plate") if a.kind == "loop" else a for a in graph.axes)
    return graph if axes == graph.axes else replace(graph, axes=axes)


def _without_orphans(before: Graph, after: Graph) -> Graph:
    """Drop the operations that only the gathers used which are gone, and indices without use."""
    used = {name for node in before.nodes for name in operands(node)}
    nodes = list(after.nodes)
    kept: list[Node] = []
    needed = {name for _, name in after.outputs}
    for node in reversed(nodes):
        gone = node.name not in needed and isinstance(node, Op)
        if gone and (node.name in used or node.primitive in _NAMED):  # type: ignore[union-attr]  # it is an Op
            continue
        kept.append(node)
        needed.update(operands(node))
    return replace(after, nodes=tuple(reversed(kept)))


def _renamed(graph: Graph, names: dict[str, str]) -> Graph:
    """The graph with other names for some nodes, where these are not taken."""
    taken = {node.name for node in graph.nodes}
    free = {old: new for old, new in names.items() if old in taken and new not in taken}

    def name(old: str) -> str:
        return free.get(old, old)

    return replace(
        graph,
        nodes=tuple(replace(rename_operands(n, name), name=name(n.name)) for n in graph.nodes),
        outputs=tuple((result, name(node)) for result, node in graph.outputs),
    )


# --- arguments -----------------------------------------------------------------------------------


def _rows(graph: Graph) -> Graph:
    """Arguments that are read by the index of a plate along their first dimension get its rows."""
    while (found := _row_argument(graph)) is not None:
        graph = _with_rows(graph, *found)
    return graph


def _row_argument(graph: Graph) -> tuple[Data, str] | None:
    nodes = graph.by_name()
    order = [axis.name for axis in graph.axes]
    for node in graph.nodes:
        if not isinstance(node, Op) or node.primitive != "take":
            continue
        x, index = nodes[node.args[0]], position(nodes, node.args[1])
        if not isinstance(x, Data) or index is None or not index.is_index:
            continue
        first = dict(node.attrs)["axis"] == -x.type.rank
        whole = x.type.rank and x.type.shape[0] == graph.axis(index.axis).size
        after = [*x.type.axes, index.axis] == sorted([*x.type.axes, index.axis], key=order.index)
        if first and whole and after and index.axis not in x.type.axes:
            return x, index.axis
    return None


def _with_rows(graph: Graph, data: Data, axis: str) -> Graph:
    """The graph with an argument's first dimension as an axis; those who read it get it back."""
    builder = Builder.like(graph)
    env: dict[str, str] = {}
    for node in graph.nodes:
        with builder.at(node.span):
            if node.name == data.name:
                type_ = Tensor(data.type.dtype, (*data.type.axes, axis), data.type.shape[1:])
                row = builder.append(replace(data, type=type_))
                env[node.name] = builder.op("from_axis", row, axis=axis, span=node.span).name
            else:
                builder.copy(node, env)
    for result, name in graph.outputs:
        builder.output(result, builder.value(env[name]))
    return builder.build()


# --- gathers -------------------------------------------------------------------------------------


class _Plates:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.builder = Builder.like(graph)
        self.rows = Rows(self.builder)
        self.sizes = {axis.name: axis.size for axis in graph.axes}

    def run(self) -> Graph:
        env: dict[str, str] = {}
        for node in self.graph.nodes:
            with self.builder.at(node.span):
                simpler = self.simpler(node, env) if isinstance(node, Op) else None
                if simpler is None:
                    self.builder.copy(node, env)
                else:
                    env[node.name] = simpler.name
        for result, name in self.graph.outputs:
            self.builder.output(result, self.builder.value(env[name]))
        return self.builder.build()

    def simpler(self, node: Op, env: dict[str, str]) -> Value | None:
        """A value equal to the node that moves where the node gathers, or None."""
        if node.primitive not in _NAMED:
            return None
        args = [self.builder.value(env[name]) for name in node.args]
        attrs = dict(node.attrs)
        match node.primitive:
            case "take":
                axis = attrs["axis"]
                assert isinstance(axis, int)
                return self.take(node, args[0], args[1], axis)
            case "take_axis":
                return self.take_axis(node, args[0], args[1], str(attrs["axis"]))
            case "from_axis":
                return self.undone(args[0], "to_axis", str(attrs["axis"]))
            case "to_axis":
                return self.rows.row(args[0], str(attrs["axis"]))
        return None

    def undone(self, value: Value, by: str, axis: str) -> Value | None:
        """The operand of `by` along the axis, where the value is that."""
        node = self.builder.nodes[value.name]
        if isinstance(node, Op) and node.primitive == by and dict(node.attrs)["axis"] == axis:
            return self.builder.value(node.args[0])
        return None

    def take(self, node: Op, x: Value, index: Value, axis: int) -> Value | None:
        source = self.builder.nodes[x.name]
        leading = axis == -x.type.rank
        if isinstance(source, Op) and source.primitive == "from_axis" and leading:
            rows = self.builder.value(source.args[0])
            along = str(dict(source.attrs)["axis"])
            found = self.take_axis(node, rows, index, along)
            if found is not None:
                return found
            if rows.type.axes == (along,):
                return self.builder.op("take_axis", rows, index, axis=along, name=self.name(node))
        found_at = position(self.builder.nodes, index.name)
        if found_at is None or found_at.axis in x.type.axes:
            return None
        part = self.part(x, axis, found_at)
        return None if part is None else self.to_axis(node, part, axis, found_at.axis)

    def name(self, node: Op) -> str | None:
        """The name that the user gave a gather, for what takes its place."""
        made = node.name.rstrip("0123456789").rstrip("_")
        return None if made == node.primitive else node.name

    def take_axis(self, node: Op, x: Value, index: Value, along: str) -> Value | None:
        found = position(self.builder.nodes, index.name)
        if found is None:
            return None
        if found.axis == along and found.is_index:
            return x
        if found.axis in x.type.axes and found.axis != along:
            return None
        rows = self.builder.op("from_axis", x, axis=along)
        part = self.part(rows, -rows.type.rank, found)
        return None if part is None else self.to_axis(node, part, -rows.type.rank, found.axis)

    def to_axis(self, node: Op, value: Value, axis: int, along: str) -> Value:
        """A dimension of the shape as the axis."""
        rank = value.type.rank
        if axis != -rank:
            order = [axis, *(a for a in range(-rank, 0) if a != axis)]
            value = self.builder.op("transpose", value, perm=tuple(order))
        return self.builder.op("to_axis", value, axis=along, name=self.name(node))

    def part(self, x: Value, axis: int, at: Position) -> Value | None:
        """The elements at the positions of all rounds, in order; None where there is no move."""
        length, count = x.type.shape[axis], self.sizes[at.axis]
        last = at.last(count)
        if at.is_index and length == count:
            return x
        if at.step < 0:
            low = self.slice(x, axis, last, at.start + 1, -at.step)
            return None if low is None else self.builder.op("flip", low, axis=axis)
        if at.start.value is None or at.start.value >= 0:
            return self.slice(x, axis, at.start, last + 1, at.step)
        if at.step != 1:
            return None
        # The first rounds read from the end.
        end = self.slice(x, axis, length + at.start, length, 1)
        rest = self.slice(x, axis, Size(), count + at.start, 1)
        if end is None or rest is None:
            return None
        return self.builder.op("concat", end, rest, axis=axis)

    def slice(self, x: Value, axis: int, start: Size, stop: Size, step: int) -> Value | None:
        if start.value is not None and start.value < 0:
            return None
        if start.value == 0 and stop == x.type.shape[axis] and step == 1:
            return x
        return self.builder.op("slice", x, axis=axis, start=start, stop=stop, step=step)
