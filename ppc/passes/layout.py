"""Named axes become leading dimensions.

What: every value of type `f32[N, J | k]` gets the positional type `f32[N, J, k]`; operands whose
axes or ranks differ are aligned by `expand_dims` where broadcasting from the right would not do
it; the primitives on named axes turn into positional ones. It is the last pass before a backend,
which then has positions only.
Before: `f32[N | d] * f32[N |]`.  After: `f32[N, d] * f32[N, 1]`.
When not: nothing is left over.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace

from ppc.diagnostics import InternalError
from ppc.ir import ops
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Const, Graph, Lag, Node, Noise, Op, Param, Region, Sample, State
from ppc.ir.primitives import PRIMITIVES
from ppc.ir.sizes import Size, product
from ppc.ir.types import Tensor
from ppc.passes.gathers import gather


def run(graph: Graph) -> Graph:
    """The graph with positions in place of named axes."""
    return _Layout(graph).run()


class _Layout:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.lengths = {axis.name: length(graph, axis.name) for axis in graph.axes}
        hypers = dict(graph.hypers)
        for axis in graph.axes:
            for name in sorted(self.lengths[axis.name].names | axis.size.names):
                hypers.setdefault(name, None)
        self.builder = Builder(
            graph.name, graph.stage, hypers=hypers.items(), equalities=graph.equalities
        )
        self.builder.reserve(graph)
        self.env: dict[str, Value] = {}
        self.types: dict[str, Tensor] = {}  # of the old nodes
        self.regions: list[tuple[Region, tuple[str, ...]]] = []  # with their operands

    def run(self) -> Graph:
        for node in self.graph.nodes:
            self.types[node.name] = node.type
            with self.builder.at(node.span):
                self.env[node.name] = self.node(node)
        for result, name in self.graph.outputs:
            self.builder.output(result, self.env[name])
        return self.builder.build()

    def node(self, node: Node) -> Value:
        match node:
            case Op():
                return self.op(node)
            case Const():
                return self.builder.append(node)
            case Noise():
                args = tuple(self.full(a, node.type).name for a in node.args)
                return self.builder.append(replace(node, type=self.flat(node.type), args=args))
            case Param():
                return self.param(node)
            case State():
                init = self.full(node.init, node.type).name
                return self.builder.append(replace(node, type=self.flat(node.type), init=init))
            case Region():
                return self.region(node)
            case Sample() | Lag():
                raise InternalError("a node of a model reached the layout pass")
        return self.builder.append(replace(node, type=self.flat(node.type)))

    def param(self, node: Param) -> Value:
        type_ = self.flat(node.type)
        init = self.full(node.init, node.type).name
        bounds = tuple(self.env[b].name if isinstance(b, str) else b for b in node.support.bounds)
        support = replace(node.support, bounds=bounds)
        return self.builder.append(replace(node, type=type_, init=init, support=support))

    def region(self, node: Region) -> Value:
        """The body gets positions of its own; what is taken round by round has the rounds first."""
        names = self.operands(node)
        shape = self.flat(node.type).shape
        lead = len(node.type.axes)
        type_ = node.type.with_axes(()).with_shape((shape[lead], *shape[:lead], *shape[lead + 1 :]))
        body = run(node.body)
        made = self.builder.append(replace(node, type=type_, args=names, body=body))
        return self.turned(made, 0, lead)

    def operands(self, node: Region) -> tuple[str, ...]:
        """The operands of a region as its body takes them: one tuple for all of one loop."""
        for known, names in self.regions:
            if (known.args, known.carry, known.body) == (node.args, node.carry, node.body):
                return names
        carried = dict(node.carry)
        args: list[Value] = []
        for name, inner in zip(node.args, node.body.data, strict=True):
            outer = self.types[name]
            if inner.name in carried or outer.rank == inner.type.rank:
                args.append(self.full(name, inner.type))
                continue
            rows = self.full(name, outer.with_axes(inner.type.axes))
            args.append(self.turned(rows, len(inner.type.axes), 0))
        found = tuple(arg.name for arg in args)
        self.regions.append((node, found))
        return found

    def turned(self, value: Value, source: int, target: int, name: str | None = None) -> Value:
        """One dimension moved to another place."""
        if source == target:
            return value
        order = list(range(value.type.rank))
        order.insert(target, order.pop(source))
        perm = tuple(i - len(order) for i in order)
        return self.builder.op("transpose", value, perm=perm, name=name)

    # --- positions ---

    def flat(self, type_: Tensor) -> Tensor:
        lead = tuple(self.lengths[axis] for axis in type_.axes)
        return Tensor(type_.dtype, (), (*lead, *type_.shape))

    def aligned(self, name: str, axes: Sequence[str], rank: int) -> Value:
        """The operand with dimensions of size 1 where it lacks an axis or a leading dimension.

        Those in front of its first dimension are left to broadcasting.
        """
        value, own = self.env[name], self.types[name]
        present = [axis in own.axes for axis in axes]
        present += [i >= rank - own.rank for i in range(rank)]
        if True not in present:
            return value
        first = present.index(True)
        for i in range(first, len(present)):
            if not present[i]:
                # Those missing further right come later: count the present ones only.
                value = ops.expand_dims(value, -(sum(present[i + 1 :]) + 1))
                present[i] = True
        return value

    def full(self, name: str, type_: Tensor) -> Value:
        """The operand broadcast to all axes and the shape of `type_`."""
        value = self.aligned(name, type_.axes, type_.rank)
        return ops.broadcast_to(value, self.flat(type_).shape)

    # --- operations ---

    def op(self, node: Op) -> Value:
        special = _SPECIAL.get(node.primitive)
        if special is not None:
            return special(self, node)
        if PRIMITIVES[node.primitive].elementwise:
            args = [self.aligned(a, node.type.axes, node.type.rank) for a in node.args]
        else:
            args = [self.env[a] for a in node.args]
        return self.emit(node, *args)

    def name(self, node: Op, primitive: str) -> str:
        """The node's own name, or the new primitive's where it was named after the old one."""
        return (
            primitive if node.name.rstrip("0123456789").rstrip("_") == node.primitive else node.name
        )

    def emit(self, node: Op, *args: Value, **attrs: object) -> Value:
        all_attrs = {**dict(node.attrs), **attrs}
        return self.builder.op(node.primitive, *args, name=node.name, **all_attrs)  # type: ignore[arg-type]  # attributes are checked by the rule

    def shaped(self, node: Op) -> Value:
        """reshape and broadcast_to: the target gets the axes in front."""
        target = self.flat(node.type).shape
        value = self.env[node.args[0]]
        if node.primitive == "broadcast_to":
            value = self.aligned(node.args[0], node.type.axes, node.type.rank)
        return self.emit(node, value, shape=target)

    def transpose(self, node: Op) -> Value:
        perm = dict(node.attrs)["perm"]
        assert isinstance(perm, tuple)
        rank, lead = node.type.rank, len(node.type.axes)
        return self.emit(node, self.env[node.args[0]], perm=(*range(-rank - lead, -rank), *perm))

    def joined(self, node: Op) -> Value:
        """concat and stack: operands need every axis of the result."""
        args = []
        for name in node.args:
            own = replace(self.types[name], axes=node.type.axes)
            args.append(self.full(name, own) if node.type.axes else self.env[name])
        return self.emit(node, *args)

    def matmul(self, node: Op) -> Value:
        (a, b), axes = node.args, node.type.axes
        ta, tb = self.types[a], self.types[b]
        build = self.builder
        match min(ta.rank, 2), min(tb.rank, 2):
            case 1, 1 if tb.axes and ta.axes:
                product = build.op("mul", self.aligned(a, axes, 1), self.aligned(b, axes, 1))
                return build.op("sum", product, axes=(-1,), name=self.name(node, "sum"))
            case 1, 1 if tb.axes:
                return build.op("matmul", self.env[b], self.env[a], name=node.name)
            case 2, 1 if tb.axes and not ta.axes and ta.rank == 2 and tb.rank == 1:
                turned = build.op("transpose", self.env[a], perm=(-1, -2))
                return build.op("matmul", self.env[b], turned, name=node.name)
            case 2, 1 if tb.axes:
                column = ops.expand_dims(self.env[b], -1)
                left = self.core(a, self.env[a], axes, 2)
                right = self.core(b, column, axes, 2)
                out = build.op("matmul", left, right)
                return build.op("squeeze", out, axis=-1, name=self.name(node, "squeeze"))
            case 1, 2 if tb.axes:
                row = ops.expand_dims(self.env[a], -2)
                left = self.core(a, row, axes, 2)
                out = build.op("matmul", left, self.core(b, self.env[b], axes, 2))
                return build.op("squeeze", out, axis=-2, name=self.name(node, "squeeze"))
            case 2, 2:
                rank = max(ta.rank, tb.rank)
                left, right = self.aligned(a, axes, rank), self.aligned(b, axes, rank)
                return build.op("matmul", left, right, name=node.name)
        return build.op("matmul", self.env[a], self.env[b], name=node.name)

    def core(self, name: str, value: Value, axes: Sequence[str], rank: int) -> Value:
        """`value`, whose shape has `rank` dimensions behind its axes, aligned to `axes`."""
        own = self.types[name].axes
        first = next((i for i, axis in enumerate(axes) if axis in own), len(axes))
        for i in range(len(axes) - 1, first, -1):
            if axes[i] not in own:
                value = ops.expand_dims(value, -(len(axes) - i + rank))
        return value

    def reduce_axis(self, node: Op) -> Value:
        attrs = dict(node.attrs)
        axes, own = attrs["axes"], self.types[node.args[0]]
        assert isinstance(axes, tuple)
        total = len(own.axes) + own.rank
        positions = tuple(own.axes.index(str(axis)) - total for axis in axes)
        return self.builder.op(
            str(attrs["op"]), self.env[node.args[0]], axes=positions,
            name=self.name(node, str(attrs["op"])),
        )  # fmt: skip

    def take(self, node: Op) -> Value:
        x, index = (self.types[name] for name in node.args)
        axis = dict(node.attrs)["axis"]
        assert isinstance(axis, int)
        at = x.rank + axis
        shape, places = _positions("x", x), _positions("index", index)
        return self.gathered(node, shape[at], [*shape[:at], *places, *shape[at + 1 :]])

    def take_axis(self, node: Op) -> Value:
        x, index = (self.types[name] for name in node.args)
        shape = [*_positions("index", index), *_positions("x", x)]
        return self.gathered(node, str(dict(node.attrs)["axis"]), shape)

    def gathered(self, node: Op, along: Hashable, shape: Sequence[Hashable]) -> Value:
        x, index = node.args
        return gather(
            self.env[x], [*self.types[x].axes, *_positions("x", self.types[x])], along,
            self.env[index], [*self.types[index].axes, *_positions("index", self.types[index])],
            result=[*node.type.axes, *shape], name=self.name(node, "take"),
        )  # fmt: skip

    def take_along(self, node: Op) -> Value:
        x, index = node.args
        axes = node.type.axes
        args = []
        for name, rank in ((x, node.type.rank + 1), (index, node.type.rank)):
            own = replace(self.types[name], axes=axes)
            if own.rank < rank:
                own = own.with_shape((*(1,) * (rank - own.rank), *own.shape))
            args.append(self.full(name, own) if axes else self.env[name])
        return self.emit(node, *args)

    def segment_sum(self, node: Op) -> Value:
        """Where there are axes, their positions are counted on: one sum of all rows."""
        x, index = node.args
        if not node.type.axes:
            return self.emit(node, self.env[x], self.env[index])
        axes, size = node.type.axes, node.type.shape[0]
        rows = self.types[x].shape[0]
        lead = product(self.flat(node.type).shape[: len(axes)])
        array = self.full(x, replace(self.types[x], axes=axes))
        at = self.full(index, replace(self.types[index], axes=axes))
        build = self.builder
        array = build.op("reshape", array, shape=(lead * rows, *self.types[x].shape[1:]))
        offset = build.op("arange", size=lead) * build.dim(size)
        at = build.op("reshape", at, shape=(lead, rows)) + ops.expand_dims(offset, -1)
        at = build.op("reshape", at, shape=(lead * rows,))
        total = build.op("segment_sum", array, at, size=lead * size)
        return build.op("reshape", total, shape=self.flat(node.type).shape, name=node.name)

    def solve_triangular(self, node: Op) -> Value:
        """One matrix for vectors that are the rows of another, or a matrix for each vector."""
        (a, b), type_ = node.args, node.type
        if not self.types[a].axes and self.types[a].rank == 2:
            shape = self.flat(type_).shape
            if len(shape) <= 2:
                return self.emit(node, self.env[a], self.env[b])
            rows = (product(shape[:-1]), shape[-1])
            found = self.emit(
                node, self.env[a], self.builder.op("reshape", self.env[b], shape=rows)
            )
            return self.builder.op("reshape", found, shape=shape)
        matrices = replace(self.types[a], axes=type_.axes, shape=(*type_.shape, type_.shape[-1]))
        return self.emit(node, self.full(a, matrices), self.full(b, type_))

    def to_axis(self, node: Op) -> Value:
        return self.moved(node, source=len(node.type.axes) - 1, target=self.place(node, node.type))

    def from_axis(self, node: Op) -> Value:
        own = self.types[node.args[0]]
        return self.moved(node, source=self.place(node, own), target=len(own.axes) - 1)

    def place(self, node: Op, type_: Tensor) -> int:
        return type_.axes.index(str(dict(node.attrs)["axis"]))

    def moved(self, node: Op, *, source: int, target: int) -> Value:
        name = self.name(node, "transpose")
        return self.turned(self.env[node.args[0]], source, target, name)

    def axis_index(self, node: Op) -> Value:
        axis = str(dict(node.attrs)["axis"])
        return self.builder.op("arange", size=self.lengths[axis], name=self.name(node, "arange"))


_SPECIAL: Mapping[str, Callable[[_Layout, Op], Value]] = {
    "reshape": _Layout.shaped,
    "broadcast_to": _Layout.shaped,
    "transpose": _Layout.transpose,
    "concat": _Layout.joined,
    "stack": _Layout.joined,
    "matmul": _Layout.matmul,
    "reduce_axis": _Layout.reduce_axis,
    "segment_sum": _Layout.segment_sum,
    "solve_triangular": _Layout.solve_triangular,
    "take": _Layout.take,
    "take_along": _Layout.take_along,
    "take_axis": _Layout.take_axis,
    "to_axis": _Layout.to_axis,
    "from_axis": _Layout.from_axis,
    "axis_index": _Layout.axis_index,
}


def _positions(of: str, type_: Tensor) -> list[Hashable]:
    """Labels of the dimensions of the shape of an operand."""
    return [(of, i) for i in range(type_.rank)]


def length(graph: Graph, axis: str) -> Size:
    """How long an axis is at run time: its size, or the rows of a batch where subsampled."""
    found = graph.axis(axis)
    return Size.of(rows_name(axis)) if found.subsampled else found.size


def rows_name(axis: str) -> str:
    """The name of the number of rows that a batch has of a subsampled axis."""
    return f"{axis}_rows"
