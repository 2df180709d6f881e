"""Building graphs: `Builder` appends typed nodes, `Value` gives them operators.

Everything that makes nodes goes through here: the frontend, the distributions, the passes. So
types are inferred in one place, names are unique, and casts are explicit nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ppc.ir.nodes import (
    REAL,
    Attr,
    Const,
    ConstValue,
    Data,
    Graph,
    Hyper,
    Lag,
    Node,
    Noise,
    NoiseKind,
    Op,
    Origin,
    Param,
    Role,
    Sample,
    Stage,
    State,
    Support,
    is_named,
    rename_operands,
)
from ppc.ir.primitives import PRIMITIVES, infer
from ppc.ir.rules import Sizes
from ppc.ir.sizes import Size
from ppc.ir.types import Axis, DType, Tensor, promote, scalar
from ppc.records import dataclass
from ppc.spans import Span

Number = bool | int | float


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A node of a graph under construction; arithmetic on it appends nodes."""

    builder: Builder
    name: str
    type: Tensor

    def __add__(self, other: Operand) -> Value:
        return self.builder.op("add", self, other)

    def __radd__(self, other: Operand) -> Value:
        return self.builder.op("add", other, self)

    def __sub__(self, other: Operand) -> Value:
        return self.builder.op("sub", self, other)

    def __rsub__(self, other: Operand) -> Value:
        return self.builder.op("sub", other, self)

    def __mul__(self, other: Operand) -> Value:
        return self.builder.op("mul", self, other)

    def __rmul__(self, other: Operand) -> Value:
        return self.builder.op("mul", other, self)

    def __truediv__(self, other: Operand) -> Value:
        return self.builder.op("div", self, other)

    def __rtruediv__(self, other: Operand) -> Value:
        return self.builder.op("div", other, self)

    def __pow__(self, other: Operand) -> Value:
        if other == 2 and not isinstance(other, Value):
            return self.builder.op("square", self)
        return self.builder.op("pow", self, other)

    def __matmul__(self, other: Operand) -> Value:
        return self.builder.op("matmul", self, other)

    def __neg__(self) -> Value:
        return self.builder.op("neg", self)

    def __lt__(self, other: Operand) -> Value:
        return self.builder.op("lt", self, other)

    def __le__(self, other: Operand) -> Value:
        return self.builder.op("le", self, other)

    def __gt__(self, other: Operand) -> Value:
        return self.builder.op("gt", self, other)

    def __ge__(self, other: Operand) -> Value:
        return self.builder.op("ge", self, other)

    def __bool__(self) -> bool:
        raise TypeError("a graph value has no truth value while the graph is built")


Operand = Value | Number


class Builder:
    """Appends nodes to a graph; names are made unique, types are inferred."""

    def __init__(
        self,
        name: str,
        stage: Stage,
        *,
        axes: Iterable[Axis] = (),
        hypers: Iterable[tuple[str, int | None]] = (),
        equalities: Iterable[tuple[Size, Size]] = (),
    ) -> None:
        self.name = name
        self.stage: Stage = stage
        self.axes: dict[str, Axis] = {axis.name: axis for axis in axes}
        self.hypers: dict[str, int | None] = dict(hypers)
        self.nodes: dict[str, Node] = {}
        self.outputs: dict[str, str] = {}
        self.span: Span | None = None  # given to nodes made without one
        self.reserved: set[str] = set()  # names that only an input may have
        self.inside: set[str] = set()  # values known to lie on the support of what is scored
        self._suggested: dict[str, str] = {}
        self._equalities = list(equalities)
        self._counters: dict[str, int] = {}
        self._constants: dict[tuple[DType, ConstValue], Value] = {}
        self._later: list[tuple[str, str, Mapping[str, str]]] = []  # lags, of what, by which names

    @classmethod
    def like(cls, graph: Graph, *, stage: Stage | None = None, name: str | None = None) -> Builder:
        """An empty builder with the axes, sizes and equalities of `graph`.

        The names of its inputs are kept for them: programs and results are keyed by these.
        """
        builder = cls(
            name or graph.name,
            stage or graph.stage,
            axes=graph.axes,
            hypers=graph.hypers,
            equalities=graph.equalities,
        )
        builder.reserve(graph)
        return builder

    def reserve(self, graph: Graph) -> None:
        """Keep the names of the inputs of `graph` for them."""
        self.reserved |= {node.name for node in graph.nodes if isinstance(node, _INPUTS)}

    # --- declarations ---

    def axis(self, axis: Axis) -> None:
        """Declare a named axis; declared order is nesting order."""
        self.axes.setdefault(axis.name, axis)

    def hyper(self, name: str, value: int | None = None) -> Size:
        """Declare a named size."""
        self.hypers[name] = value
        return Size.of(name)

    def sizes(self) -> Sizes:
        """What is known of sizes; shares the list of equalities."""
        values = {name: value for name, value in self.hypers.items() if value is not None}
        return Sizes(values, self._equalities)

    # --- nodes ---

    def fresh(self, hint: str) -> str:
        """A name that no node has: `hint`, or `hint_1`, `hint_2`, ..."""
        if hint not in self.nodes and hint not in self.reserved:
            return hint
        base = re.sub(r"_\d+$", "", hint) or hint
        count = self._counters.get(base, 0)
        while True:
            count += 1
            if f"{base}_{count}" not in self.nodes and f"{base}_{count}" not in self.reserved:
                self._counters[base] = count
                return f"{base}_{count}"

    def append(self, node: Node) -> Value:
        """Add a node as it is, giving it the current span if it has none and a fresh name."""
        if node.span is None and self.span is not None:
            node = replace(node, span=self.span)
        own = isinstance(node, _INPUTS) and node.name not in self.nodes
        name = node.name if own else self.fresh(node.name)
        if name != node.name:
            node = replace(node, name=name)
        self.nodes[name] = node
        return Value(self, name, node.type)

    def value(self, name: str) -> Value:
        """The value of a node that is there. Raises KeyError."""
        return Value(self, name, self.nodes[name].type)

    def op(
        self, primitive: str, *args: Operand, name: str | None = None, span: Span | None = None,
        **attrs: Attr,
    ) -> Value:  # fmt: skip
        """Append a primitive; numbers become constants, integers are cast where floats go.

        Raises RuleError where the operands do not fit.
        """
        row = PRIMITIVES[primitive]
        values = self._operands(primitive, args, row.float_operands)
        axes = {axis.name: axis.size for axis in self.axes.values()}
        types = [value.type for value in values]
        type_ = infer(primitive, types, attrs, sizes=self.sizes(), axes=axes)
        return self.append(
            Op(
                name=name or primitive,
                type=type_,
                primitive=primitive,
                args=tuple(value.name for value in values),
                attrs=tuple(attrs.items()),
                span=span,
            )
        )

    def _operands(self, primitive: str, args: Sequence[Operand], floats: bool) -> list[Value]:
        dtypes = [a.type.dtype for a in args if isinstance(a, Value)]
        numbers = [a for a in args if not isinstance(a, Value)]
        target: DType | None = "f32" if floats else None
        if target is None and primitive in _PROMOTING and len(args) > 1:
            target = promote([*dtypes, *(_number_dtype(n) for n in numbers)])
            if target == "bool" and primitive in _ARITHMETIC:
                target = "i32"
        result = []
        for i, arg in enumerate(args):
            wanted = None if primitive == "where" and i == 0 else target
            if not isinstance(arg, Value):
                result.append(self.const(arg, wanted))
            else:
                result.append(self.cast(arg, wanted) if wanted else arg)
        return result

    def cast(self, value: Value, dtype: DType) -> Value:
        """`value` as `dtype`: itself where it is that already."""
        if value.type.dtype == dtype:
            return value
        node = self.nodes[value.name]
        if isinstance(node, Const) and not node.type.rank and not isinstance(node.value, tuple):
            return self.const(node.value, dtype)
        return self.op("cast", value, dtype=dtype)

    def const(self, value: ConstValue, dtype: DType | None = None) -> Value:
        """A constant from a number or nested tuples of numbers; equal ones are one node."""
        dtype = dtype or promote(_number_dtype(n) for n in _flat(value))
        value = _converted(value, dtype)
        key = (dtype, _exact(value))
        if key not in self._constants:
            type_ = Tensor(dtype, (), tuple(Size.of(n) for n in _const_shape(value)))
            self._constants[key] = self.append(Const(name="c", type=type_, value=value))
        return self._constants[key]

    def data(self, name: str, type_: Tensor, *, origin: Origin = "argument") -> Value:
        """An array that is given."""
        return self.append(Data(name=name, type=type_, origin=origin))

    def hyper_value(self, name: str, dtype: DType = "f32") -> Value:
        """A number that is fixed when the program starts."""
        return self.append(Hyper(name=name, type=scalar(dtype)))

    def dim(self, size: Size | int | str) -> Value:
        """A size as an integer number; a constant where it is one."""
        size = Size.of(size)
        if size.value is not None:
            return self.const(size.value, "i32")
        return self.op("dim", size=size)

    def param(
        self, name: str, init: Value, *, support: Support = REAL, type_: Tensor | None = None
    ) -> Value:
        """An optimised quantity that starts at `init`."""
        node = Param(name=name, type=type_ or init.type, init=init.name, support=support)
        return self.append(node)

    def noise(
        self,
        name: str,
        kind: NoiseKind,
        type_: Tensor,
        *,
        site: str,
        args: Sequence[Value] = (),
        sampler: str = "",
    ) -> Value:
        """Randomness as an input."""
        names = tuple(a.name for a in args)
        node = Noise(name=name, type=type_, kind=kind, site=site, args=names, sampler=sampler)
        return self.append(node)

    def sample(
        self,
        name: str,
        distribution: str,
        args: Mapping[str, Value],
        type_: Tensor,
        *,
        attrs: Mapping[str, Attr] | None = None,
        role: Role = "latent",
    ) -> Value:
        """A random variable. Its type is given: see `ppc.distributions.draw_type`."""
        return self.append(
            Sample(
                name=name,
                type=type_,
                distribution=distribution,
                args=tuple((p, v.name) for p, v in args.items()),
                attrs=tuple((attrs or {}).items()),
                role=role,
            )
        )

    def full(self, value: Number, type_: Tensor) -> Value:
        """A constant of `type_`'s shape (not of its named axes)."""
        number = self.const(value, type_.dtype)
        if not type_.rank:
            return number
        return self.op("broadcast_to", number, shape=type_.shape)

    # --- inlining and finishing ---

    def copy(self, node: Node, env: dict[str, str], *, name: str | None = None) -> Value:
        """Append a node of another graph, its operands renamed by `env`, and record it there."""
        moved = rename_operands(node, env)
        if name is not None:
            moved = replace(moved, name=name)
        if isinstance(moved, Const):
            value = self.const(moved.value, moved.type.dtype)
        else:
            value = self.append(moved)
        if isinstance(node, Lag):
            self._later.append((value.name, node.of, env))
        env[node.name] = value.name
        return value

    def suggest(self, value: Value, name: str) -> None:
        """Call a value `name` in the finished graph, if it is an operation without a name."""
        node = self.nodes[value.name]
        if isinstance(node, Op) and not is_named(node):
            self._suggested.setdefault(value.name, name)

    @contextmanager
    def at(self, span: Span | None) -> Iterator[None]:
        """Give `span` to the nodes made inside."""
        before, self.span = self.span, span or self.span
        try:
            yield
        finally:
            self.span = before

    def output(self, name: str, value: Value) -> None:
        """Name a result."""
        self.outputs[name] = value.name

    def build(self) -> Graph:
        """The finished graph."""
        for lag, of, env in self._later:
            node = self.nodes.get(lag)
            if isinstance(node, Lag) and of in env:
                self.nodes[lag] = replace(node, of=env[of])
        names: dict[str, str] = {}
        for old, new in self._suggested.items():
            if self.fresh(new) == new and new not in names.values():
                names[old] = new
        nodes = tuple(self.nodes.values())
        if names:
            nodes = tuple(
                replace(rename_operands(n, names), name=names.get(n.name, n.name)) for n in nodes
            )
        return Graph(
            name=self.name,
            stage=self.stage,
            nodes=nodes,
            outputs=tuple((result, names.get(n, n)) for result, n in self.outputs.items()),
            axes=tuple(self.axes.values()),
            hypers=tuple(self.hypers.items()),
            equalities=tuple(self._equalities),
        )


_INPUTS = (Data, Hyper, Param, State)
_ARITHMETIC = frozenset("add sub mul floordiv mod pow maximum minimum".split())
_PROMOTING = _ARITHMETIC | frozenset("eq ne lt le gt ge where concat stack matmul".split())


def _number_dtype(number: Any) -> DType:
    if isinstance(number, bool):
        return "bool"
    return "i32" if isinstance(number, int) else "f32"


def _flat(value: ConstValue) -> Iterator[Number]:
    if isinstance(value, tuple):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def _converted(value: ConstValue, dtype: DType) -> ConstValue:
    if isinstance(value, tuple):
        return tuple(_converted(item, dtype) for item in value)
    match dtype:
        case "bool":
            return bool(value)
        case "i32":
            if not -(2**31) <= value < 2**31:  # NaN too
                raise OverflowError(f"{value} is no 32-bit integer")
            return int(value)
        case "f32":
            return float(value)


def _exact(value: ConstValue) -> ConstValue:
    """A key under which 0.0 and -0.0 differ and NaN equals itself."""
    if isinstance(value, tuple):
        return tuple(_exact(item) for item in value)
    return value.hex() if isinstance(value, float) else value  # type: ignore[return-value]  # a key


def _const_shape(value: ConstValue) -> tuple[int, ...]:
    if not isinstance(value, tuple):
        return ()
    inner = {_const_shape(item) for item in value}
    if len(inner) > 1:
        raise ValueError("a constant must not be ragged")
    return (len(value), *(inner.pop() if inner else ()))
