"""Statements that compute a positional graph.

What has one use and no name of its own is written where it is used, as long as the line stays
readable; everything else is assigned, in the order of the graph, under the name of its node. A
comment with the user's line stands before the first statement that comes from it.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, fields, is_dataclass
from typing import Any, cast

from ppc.diagnostics import InternalError
from ppc.emit.expressions import flat
from ppc.emit.literals import comment
from ppc.emit.names import Names
from ppc.emit.scans import Scan
from ppc.emit.table import Operation, Table, size_expr
from ppc.emit.tree import Assign, BinOp, Comment, Expr, List, Name, Stmt, Tuple, number
from ppc.ir.nodes import Const, ConstValue, Graph, Hyper, Node, Op, Region, is_named, operands
from ppc.ir.sizes import Size
from ppc.records import dataclass
from ppc.spans import Span

WIDTH = 56  # columns of an expression beyond which it gets a name
LINE = 88

_HINTS = {
    "add": "total", "sub": "difference", "mul": "product", "div": "ratio", "matmul": "product",
    "eq": "equal", "ne": "differs", "lt": "below", "le": "below", "gt": "above", "ge": "above",
    "where": "chosen", "concat": "joined", "stack": "stacked", "take": "taken",
    "take_along": "picked", "solve_triangular": "solution", "neg": "negative", "c": "constant",
}  # fmt: skip
_SAME_VALUES = frozenset(
    "reshape expand_dims squeeze transpose broadcast_to cast stop_gradient".split()
)


def emit_body(
    graph: Graph,
    *,
    table: Table,
    inputs: Mapping[str, Expr],
    sizes: Mapping[str, Expr],
    names: Names,
    source_comments: bool = True,
    indent: int = 4,
) -> tuple[list[Stmt], dict[str, Expr]]:
    """The statements for what the outputs need, and the expression of each output.

    `inputs` are the expressions of given nodes, by node name: inputs of the program, so that a node
    that this graph computes may have the name of one that it has no use for. `sizes` are those of
    named sizes, beside the ones that the graph fixes. `names` hands out the names of variables and
    must have taken those that these expressions use.

    Raises InternalError for a node that is neither given nor computable, a primitive that the table
    lacks, and a size without an expression.
    """
    body = _Body(graph, table, inputs, sizes, names, source_comments, indent)
    body.run()
    return body.statements, {name: body.result(node) for name, node in graph.outputs}


def helpers_used(table: Table, tree: object) -> list[Stmt]:
    """The helper functions that statements or expressions call, and those that these call."""
    wanted: dict[str, None] = {}

    def visit(part: object) -> None:
        for name in used_names(part):
            if name in table.helpers and name not in wanted:
                wanted[name] = None
                visit(table.helpers[name])

    visit(tree)
    ordered = [name for name in table.helpers if name in wanted]
    return [stmt for name in ordered for stmt in table.helpers[name]]


def used_names(tree: object) -> Iterator[str]:
    """Every identifier that stands in an expression of a tree, with repetition, in its order."""
    todo = [tree]
    while todo:
        part = todo.pop()
        kind: Any = part.__class__
        if kind is Name:
            yield cast(Name, part).id
        elif kind is tuple or kind is list:
            todo.extend(reversed(cast(Sequence[object], part)))
        else:
            todo.extend([getattr(part, name) for name in _reversed_fields(kind)])


@functools.cache
def _reversed_fields(kind: Any) -> tuple[str, ...]:
    """The fields of a class of the tree, last first; of another class, none."""
    return tuple(f.name for f in reversed(fields(kind))) if is_dataclass(kind) else ()


@dataclass(slots=True)
class _Body:
    graph: Graph
    table: Table
    inputs: Mapping[str, Expr]
    sizes: Mapping[str, Expr]
    names: Names
    source_comments: bool
    indent: int
    statements: list[Stmt] = field(default_factory=list)
    exprs: dict[str, Expr] = field(default_factory=dict)
    host: set[str] = field(default_factory=set)  # nodes that are numbers of Python
    hints: dict[str, str] = field(default_factory=dict)
    lines: set[tuple[str, int]] = field(default_factory=set)  # of the user, shown already

    def run(self) -> None:
        self.names.reserve(*self.table.helpers)
        nodes = self.graph.by_name()
        self.exprs |= {
            name: self.inputs[name]
            for name, node in nodes.items()
            if name in self.inputs and not isinstance(node, Op | Const)
        }
        uses = self._uses(nodes)
        for node in self.graph.nodes:
            if uses[node.name] and node.name not in self.exprs:
                self._node(node, nodes, uses[node.name])

    def result(self, name: str) -> Expr:
        """The expression of an output."""
        if name in self.host and not self.table.numbers:
            return self.table.array(self.exprs[name], self.graph.by_name()[name].type.dtype)
        return self.exprs[name]

    def _uses(self, nodes: Mapping[str, Node]) -> Counter[str]:
        """How often each node that an output needs is used."""
        uses = Counter(name for _, name in self.graph.outputs)
        for node in reversed(self.graph.nodes):
            if uses[node.name] and node.name not in self.exprs:
                uses.update(operands(node))
                if isinstance(node, Region):  # what all rounds read has a name before them
                    uses.update(operands(node))
        return uses

    def _node(self, node: Node, nodes: Mapping[str, Node], uses: int) -> None:
        match node:
            case Const():
                expr = self._constant(node.value)
                if node.type.rank:
                    self._bind(node, self.table.array(expr, node.type.dtype), inline=uses == 1)
                else:
                    self.host.add(node.name)
                    self.exprs[node.name] = expr
            case Op():
                self._operation(node, nodes, uses)
            case Region():
                self._scan(node, nodes)
            case Hyper(name=name) if name in self.sizes or name in self.graph.sizes:
                self.host.add(name)
                self.exprs[name] = self._size(Size.of(name))
            case _:
                raise InternalError(f"{self.graph.name} needs {node.name}, which is not given")

    def _operation(self, node: Op, nodes: Mapping[str, Node], uses: int) -> None:
        if node.primitive not in self.table.rows:
            raise InternalError(f"the table of {self.table.module} has no {node.primitive}")
        op = Operation(
            args=tuple(self.exprs[a] for a in node.args),
            types=tuple(nodes[a].type for a in node.args),
            result=node.type,
            attrs=dict(node.attrs),
            size=self._size,
            host=tuple(a in self.host for a in node.args),
        )
        expr = self.table.rows[node.primitive](op)
        if self._stays_host(node, expr, op):
            self.host.add(node.name)
        short = len(flat(expr)) <= WIDTH
        # A repeated constant is as short as a name for it, and says more.
        repeated = node.primitive == "broadcast_to" and isinstance(nodes[node.args[0]], Const)
        number = node.name in self.host and len(flat(expr)) <= len("float(10 * d0)")
        trivial = (
            isinstance(expr, Name) or node.primitive == "dim" or (short and repeated) or number
        )
        self._bind(node, expr, inline=trivial or (uses == 1 and short and not is_named(node)))

    def _stays_host(self, node: Op, expr: Expr, op: Operation) -> bool:
        """Whether the result is a number of Python: arithmetic on such numbers."""
        if node.primitive in ("dim", "cast", "neg", "square", "stop_gradient"):
            return all(op.host)
        plain = isinstance(expr, BinOp) and expr.left is op.args[0]
        return all(op.host) and (plain or node.primitive in _COMPARISONS) and bool(op.args)

    def _scan(self, node: Region, nodes: Mapping[str, Node]) -> None:
        """All results of a loop: the regions that differ from this one in the output alone."""
        if self.table.scan is None or node.kind != "scan":
            raise InternalError(f"the table of {self.table.module} has no region {node.kind}")
        same = [
            other
            for other in self.graph.nodes
            if isinstance(other, Region)
            and (other.args, other.carry, other.body) == (node.args, node.carry, node.body)
        ]
        self._provenance(node.span)
        carried = dict(node.carry)
        inputs: dict[str, Expr] = {}
        names: dict[bool, dict[str, str]] = {True: {}, False: {}}
        operand: dict[str, Expr] = {}
        host: set[str] = set()
        for outer, inner in zip(node.args, node.body.data, strict=True):
            rowwise = nodes[outer].type.rank == inner.type.rank + 1
            if inner.name in carried or rowwise:
                own = names[inner.name in carried][inner.name] = self.names.fresh(inner.name)
                operand[own], inputs[inner.name] = self.result(outer), Name(own)
            else:
                inputs[inner.name] = self.exprs[outer]
                if outer in self.host:
                    host.add(inner.name)
        body = _Body(
            node.body, self.table, inputs, self.sizes, self.names, self.source_comments,
            self.indent + 4, host=host, lines=self.lines,
        )  # fmt: skip
        body.run()
        results = dict(node.body.outputs)
        targets = {other.name: self.names.fresh(_scanned(other)) for other in same}
        carry, rows = (tuple(names[each].values()) for each in (True, False))
        statements = self.table.scan(
            Scan(
                function=self.names.fresh(f"{_scanned(same[0])}_round"),
                carry=carry, rows=rows,
                first=tuple(operand[name] for name in carry),
                arrays=tuple(operand[name] for name in rows),
                length=self._size(node.type.shape[0]),
                body=tuple(body.statements),
                following=tuple(body.result(results[carried[name]]) for name in names[True]),
                results=tuple(body.result(results[other.output]) for other in same),
                shapes=tuple(Tuple(tuple(map(self._size, o.type.shape[1:]))) for o in same),
                dtypes=tuple(other.type.dtype for other in same),
                targets=tuple(targets.values()),
            )
        )  # fmt: skip
        self.statements += statements
        for other in same:
            self.exprs[other.name] = Name(targets[other.name])

    def _bind(self, node: Node, expr: Expr, *, inline: bool) -> None:
        """Keep an expression for where it is used, or assign it to a name."""
        self.hints[node.name] = self._hint(node)
        if inline:
            self.exprs[node.name] = expr
            return
        self._provenance(node.span)
        name = self.names.fresh(self.hints[node.name])
        self.statements.append(Assign(Name(name), expr))
        self.exprs[node.name] = Name(name)

    def _hint(self, node: Node) -> str:
        if not isinstance(node, Op):
            return "constants"
        if is_named(node):
            return node.name
        if node.primitive in _HINTS or not node.args:
            return _HINTS.get(node.primitive, node.primitive)
        match self.exprs[node.args[0]]:
            case Name(id=name):
                first = name
            case _:
                first = self.hints.get(node.args[0], "")
        if node.primitive in _SAME_VALUES and first:
            return first
        return f"{node.primitive}_{first}" if 0 < len(first) <= 16 else node.primitive

    def _size(self, size: Size) -> Expr:
        known: dict[str, Expr] = {n: number(v) for n, v in self.graph.sizes.items()}
        try:
            return size_expr(size, {**known, **self.sizes})
        except KeyError as missing:
            raise InternalError(
                f"{self.graph.name} needs the size {missing}, which is not given"
            ) from missing

    def _constant(self, value: ConstValue) -> Expr:
        if isinstance(value, tuple):
            return List(tuple(self._constant(item) for item in value))
        return number(value)

    def _provenance(self, span: Span | None) -> None:
        if span is None or not self.source_comments or not span.text:
            return
        key = (span.source.path, span.line)
        if key not in self.lines:
            self.lines.add(key)
            self.statements.append(Comment(provenance(span, LINE - self.indent)))


def _scanned(node: Region) -> str:
    return node.name.removesuffix("_scan")


_COMPARISONS = frozenset("eq ne lt le gt ge".split())


def provenance(span: Span, columns: int) -> str:
    """`model.py:24  z = f(x)`, shortened so that its comment takes at most `columns`."""
    file = re.split(r"[/\\]", span.source.path)[-1]
    text = f"{file}:{span.line}  {' '.join(span.text.split())}"
    shown, kept = text, len(text)
    while kept and len(comment(shown)) > columns:
        kept -= 1
        shown = text[:kept].rstrip() + "..."
    return shown
