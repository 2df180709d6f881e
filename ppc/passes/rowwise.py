"""One row of an array that is computed as a whole.

`lam = exp(x @ beta)` outside of a plate is an array of all rows; where the plate takes its rows
from it (`to_axis`), each is computed from that row of `x` alone, if every operation between the two
treats the leading dimension row by row. A step of the fit then computes the rows of its batch.
"""

from __future__ import annotations

from collections.abc import Callable

from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Attr, Op, operands
from ppc.ir.primitives import PRIMITIVES
from ppc.ir.sizes import Size


class Rows:
    """The rows of arrays of one graph, each made once."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.along: dict[str, _Row] = {}

    def row(self, value: Value, axis: str) -> Value | None:
        """The row of `value` along its leading dimension at the index of `axis`.

        None where it is not computed from rows of that axis, or not row by row.
        """
        if not _has_rows(self.builder, value, axis):
            return None
        return self.along.setdefault(axis, _Row(self.builder, axis)).of(value)

    def names(self) -> dict[str, str]:
        """What the user called the arrays, by the nodes that are their rows."""
        return {
            found.name: whole
            for rows in self.along.values()
            for whole, found in rows.known.items()
            if found is not None and found.name.startswith(f"{whole}_")
        }


def _has_rows(builder: Builder, value: Value, axis: str) -> bool:
    todo, seen = [value.name], {value.name}
    while todo:
        node = builder.nodes[todo.pop()]
        if isinstance(node, Op):
            if node.primitive == "from_axis" and dict(node.attrs)["axis"] == axis:
                return True
            new = [name for name in operands(node) if name not in seen]
            seen.update(new)
            todo += new
    return False


class _Row:
    def __init__(self, builder: Builder, axis: str) -> None:
        self.builder = builder
        self.axis = axis
        self.known: dict[str, Value | None] = {}

    def of(self, value: Value) -> Value | None:
        """The row of a value that has a leading dimension of the rows."""
        if value.name not in self.known:
            self.known[value.name] = self.found(value)
        return self.known[value.name]

    def found(self, value: Value) -> Value | None:
        node = self.builder.nodes[value.name]
        if self.axis in value.type.axes:
            return None  # it is of one row already, and its leading dimension something else
        if not isinstance(node, Op):
            return self.builder.op("to_axis", value, axis=self.axis)
        if node.primitive == "from_axis" and dict(node.attrs)["axis"] == self.axis:
            return self.builder.value(node.args[0])
        args = [self.builder.value(name) for name in node.args]
        rule = (
            _elementwise if PRIMITIVES[node.primitive].elementwise else _RULES.get(node.primitive)
        )
        rows = rule(self, value, args, node) if rule is not None else None
        if rows is None:
            return None
        done, attrs = rows
        with self.builder.at(node.span):
            return self.builder.op(node.primitive, *done, name=node.name, **attrs)  # type: ignore[arg-type]  # attrs have other names than name=, span=


_Found = tuple[list[Value], dict[str, Attr]]  # operands and attributes that make the row
_Rule = Callable[[_Row, Value, list[Value], Op], "_Found | None"]


def _elementwise(rows: _Row, value: Value, args: list[Value], node: Op) -> _Found | None:
    """Operands broadcast from the right: those of full rank have the leading dimension."""
    rank, done = value.type.rank, []
    for arg in args:
        found: Value | None = arg
        if arg.type.rank == rank:
            repeated = arg.type.shape[0].value == 1 and value.type.shape[0].value != 1
            found = (
                rows.builder.op("index", arg, axis=-rank, at=_ZERO) if repeated else rows.of(arg)
            )
        if found is None:
            return None
        done.append(found)
    return done, dict(node.attrs)


def _along(rows: _Row, value: Value, args: list[Value], node: Op) -> _Found | None:
    """Operations along dimensions of their only operand that are not the leading one."""
    attrs = dict(node.attrs)
    along = attrs.get("axes", (attrs.get("axis"),))
    found = rows.of(args[0])
    if found is None or not isinstance(along, tuple) or -args[0].type.rank in along:
        return None
    return [found], attrs


def _leading(rows: _Row, value: Value, args: list[Value], node: Op) -> _Found | None:
    """Operations that give and take the leading dimension of their first operand as it is."""
    found = rows.of(args[0]) if args[0].type.rank else None
    return None if found is None else ([found, *args[1:]], dict(node.attrs))


def _joined(rows: _Row, value: Value, args: list[Value], node: Op) -> _Found | None:
    """Stacks and joins along another dimension than the leading one."""
    attrs = dict(node.attrs)
    if attrs["axis"] == -value.type.rank:
        return None
    found = [rows.of(arg) for arg in args]
    return None if None in found else ([f for f in found if f is not None], attrs)


def _expanded(rows: _Row, value: Value, args: list[Value], node: Op) -> _Found | None:
    """A new or a lost dimension that is not the leading one."""
    wider = max(value.type.rank, args[0].type.rank)
    return None if dict(node.attrs)["axis"] == -wider else _leading(rows, value, args, node)


def _shaped(rows: _Row, value: Value, args: list[Value], node: Op) -> _Found | None:
    """An attribute `shape` whose leading size is that of the operand."""
    shape, source = value.type.shape, args[0].type.shape
    attrs: dict[str, Attr] = {"shape": shape[1:]}
    if node.primitive == "broadcast_to" and len(source) < len(shape):
        return [args[0]], attrs
    if not source or source[0] != shape[0]:
        return None
    found = rows.of(args[0])
    return None if found is None else ([found], attrs)


def _transposed(rows: _Row, value: Value, args: list[Value], node: Op) -> _Found | None:
    perm = dict(node.attrs)["perm"]
    assert isinstance(perm, tuple)
    if perm[0] != -value.type.rank:
        return None
    found = rows.of(args[0])
    return None if found is None else ([found], {"perm": perm[1:]})


def _taken(rows: _Row, value: Value, args: list[Value], node: Op) -> _Found | None:
    """Elements at positions, of which each row has its own, or of each row."""
    x, index = args
    attrs = dict(node.attrs)
    if attrs["axis"] != -x.type.rank:
        return _leading(rows, value, args, node)
    found = rows.of(index) if index.type.rank else None
    return None if found is None else ([x, found], attrs)


def _picked(rows: _Row, value: Value, args: list[Value], node: Op) -> _Found | None:
    """Elements along another axis at positions, of which each row has its own."""
    found = rows.of(args[1]) if args[1].type.rank else None
    return None if found is None else ([args[0], found], dict(node.attrs))


def _taken_along(rows: _Row, value: Value, args: list[Value], node: Op) -> _Found | None:
    """One element along another dimension, of each row at its own index."""
    x, index = args
    attrs = dict(node.attrs)
    if attrs["axis"] == -x.type.rank or x.type.shape[0] != index.type.shape[0]:
        return None
    found = [rows.of(x), rows.of(index)]
    return None if None in found else ([f for f in found if f is not None], attrs)


def _product(rows: _Row, value: Value, args: list[Value], node: Op) -> _Found | None:
    """Rows of the left matrix; of both where both are stacks of matrices."""
    left, right = args
    if right.type.rank > 2 or left.type.rank < 2:
        both = left.type.rank == right.type.rank and right.type.shape[0] == left.type.shape[0]
        found = [rows.of(left), rows.of(right)] if both else [None]
        return None if None in found else ([f for f in found if f is not None], {})
    found = [rows.of(left)]
    return None if found[0] is None else ([found[0], right], {})


_ZERO = Size.of(0)
_RULES: dict[str, _Rule] = {
    **dict.fromkeys(
        "sum prod max min logsumexp any all argmax argmin cumsum softmax log_softmax flip slice "
        "index".split(),
        _along,
    ),
    **dict.fromkeys(("concat", "stack"), _joined),
    **dict.fromkeys(("expand_dims", "squeeze"), _expanded),
    **dict.fromkeys(("reshape", "broadcast_to"), _shaped),
    "one_hot": _leading,
    "reduce_axis": _leading,
    "take_axis": _picked,
    "transpose": _transposed,
    "take": _taken,
    "take_along": _taken_along,
    "matmul": _product,
}
