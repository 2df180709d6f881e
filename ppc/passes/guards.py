"""Operands of what is not chosen stay where functions are smooth.

What: an operation whose result counts only where a condition holds (it goes into one side of a
`where`, or into a masked site) gets, elsewhere, operands at which it has a finite value and
derivative: the double `where`. Without, 0 times the infinite derivative of the other side is NaN.
The same holds for the parameters of masked sites, and for data that a condition knows to be NaN.
Before: `c = gt(x, 0.0); l = log(x); y = where(c, l, 0.0)`.
After: `c = gt(x, 0.0); x_safe = where(c, x, 1.0); l = log(x_safe); y = where(c, l, 0.0)`.
When not: the result is used elsewhere too; the condition itself depends on the result; the
condition varies over more than the operand; the operand is plainly inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ppc.distributions import find
from ppc.ir.affine import ragged
from ppc.ir.nodes import (
    Const,
    Data,
    Graph,
    Lag,
    Node,
    Op,
    Sample,
    mask_node,
    operands,
    rename_operands,
)
from ppc.ir.primitives import NAMED_AXIS_PRIMITIVES, PRIMITIVES
from ppc.ir.reach import in_order
from ppc.ir.rules import RuleError, Sizes
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor, scalar

# Where operations are smooth: for each operand a value, or None where any does.
SAFE: Mapping[str, tuple[float | None, ...]] = {
    **dict.fromkeys(("log", "sqrt", "rsqrt", "lgamma", "digamma", "lgamma_correction"), (1.0,)),
    **dict.fromkeys(("log1p", "log1pmx", "arcsin", "arccos", "arctanh", "erfinv"), (0.0,)),
    **dict.fromkeys(("exp", "expm1", "sinh", "cosh", "tan"), (0.0,)),
    **dict.fromkeys(("div", "floordiv", "mod", "xlogy"), (None, 1.0)),
    "arccosh": (2.0,),
    "log1mexp": (1.0,),
    "ndtri": (0.5,),
    "pow": (1.0, 1.0),
    "lbeta": (1.0, 1.0),
    "xlog1py": (None, 0.0),
    "arctan2": (1.0, 1.0),
}

# Points inside of the constraints of parameters.
_INTERIOR: Mapping[str, float] = {
    "positive": 1.0, "nonnegative": 1.0, "unit_interval": 0.5, "real": 0.0,
}  # fmt: skip

Atom = tuple[str, bool]  # a condition, and whether it or its opposite holds
Conditions = frozenset[Atom]


def run(graph: Graph) -> Graph:
    """The graph with guarded operands."""
    chooses = any(isinstance(n, Op) and n.primitive == "where" for n in graph.nodes)
    if not chooses and all(mask_node(site) is None for site in graph.sites):
        return graph
    return _Guards(graph).run()


class _Guards:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes = graph.by_name()
        self.made: dict[str, Node] = {}
        self.holds = self._conditions()
        self.known: dict[tuple[str, float, Conditions], str] = {}
        self.before: dict[str, frozenset[str]] = {}

    def run(self) -> Graph:
        changed: list[Node] = []
        for node in self.graph.nodes:
            match node:
                case Op():
                    changed.append(self._op(node))
                case Sample():
                    changed.append(self._site(node))
                case _:
                    changed.append(node)
        if not self.made:
            return self.graph
        return replace(self.graph, nodes=in_order([*changed, *self.made.values()]))

    # --- where a node counts ---

    def _conditions(self) -> dict[str, Conditions]:
        """For each node the conditions that hold wherever its value matters."""
        found: dict[str, Conditions] = {name: frozenset() for _, name in self.graph.outputs}
        for node in reversed(self.graph.nodes):
            own = found.get(node.name, frozenset())
            for i, name in enumerate(operands(node)):
                needed = self._through(node, i, name, own)
                found[name] = needed if name not in found else found[name] & needed
        return found

    def _through(self, node: Node, i: int, name: str, own: Conditions) -> Conditions:
        """The conditions under which a node reads its operand number `i`."""
        match node:
            case Op(primitive="where") if i:
                return own | self._atoms(node.args[0], i == 1)
            case Op() if PRIMITIVES[node.primitive].elementwise:
                return own
            case Op():
                touched = _axes(node)
                return frozenset(
                    (c, h)
                    for c, h in own
                    if not self.nodes[c].type.rank and not touched & set(self.nodes[c].type.axes)
                )
            case Sample():
                mask = mask_node(node)
                if mask is None or name == mask:
                    return frozenset()
                atoms = self._atoms(mask, True)
                return atoms if not _has_event(node) else self._of_rows(atoms)
        return frozenset()

    def _of_rows(self, atoms: Conditions) -> Conditions:
        return frozenset((c, h) for c, h in atoms if not self.nodes[c].type.rank)

    def _atoms(self, name: str, holds: bool) -> Conditions:
        """A condition as those that it is made of by `and` and `not`."""
        node = self.nodes[name]
        if isinstance(node, Op):
            match node.primitive:
                case "logical_not":
                    return self._atoms(node.args[0], not holds)
                case "logical_and" if holds:
                    return self._atoms(node.args[0], True) | self._atoms(node.args[1], True)
                case "logical_or" if not holds:
                    return self._atoms(node.args[0], False) | self._atoms(node.args[1], False)
                case "expand_dims" | "broadcast_to" if not self.nodes[node.args[0]].type.rank:
                    return self._atoms(node.args[0], holds)
        return frozenset({(name, holds)})

    # --- guards ---

    def _op(self, node: Op) -> Node:
        own = self.holds.get(node.name, frozenset())
        if not own:
            return node
        safe = SAFE.get(node.primitive, (None,) * len(node.args))
        own = frozenset(atom for atom in own if node.name not in self._reads(atom[0]))
        changed = {}
        for name, point in zip(node.args, safe, strict=False):
            if point is None and self._is_missing(name, own) and node.primitive not in _TESTS:
                point = 0.0
            elif point is None or self._is_inside(name, node.primitive):
                continue
            if (guarded := self._guarded(name, point, own)) is not None:
                changed[name] = guarded
        return rename_operands(node, changed)

    def _site(self, node: Sample) -> Node:
        mask = mask_node(node)
        if mask is None:
            return node
        atoms = self._atoms(mask, True)
        distribution = find(node.distribution)
        args = []
        for parameter, name in node.args:
            declared = distribution.parameter(parameter)
            kind = declared.constraint.kind if declared else "real"
            own = self._of_rows(atoms) if declared and declared.event_rank else atoms
            point = _INTERIOR.get(kind)
            needed = not _is(self.nodes[name], kind) if kind != "real" else False
            if point is not None and (needed or self._is_missing(name, own)):
                name = self._guarded(name, point, own) or name
            args.append((parameter, name))
        return replace(node, args=tuple(args))

    def _guarded(self, name: str, point: float, own: Conditions) -> str | None:
        """The operand where the conditions hold, a point elsewhere; None where none fits."""
        type_ = self.nodes[name].type
        fits = frozenset(atom for atom in own if self._fits(self.nodes[atom[0]].type, type_))
        if not fits or type_.dtype == "bool":
            return None
        key = (name, point, fits)
        if key not in self.known:
            condition = self._both(sorted(fits))
            for _ in range(type_.rank if not self._type(condition).rank else 0):
                was = self._type(condition)
                wider = replace(was, shape=(*was.shape, Size.of(1)))
                condition = self._add("expand_dims", (condition,), wider, name, (("axis", -1),))
            number = self._const(point, type_)
            self.known[key] = self._add("where", (condition, name, number), type_, name)
        return self.known[key]

    def _fits(self, condition: Tensor, operand: Tensor) -> bool:
        """Whether a condition says of each element of an operand whether it counts."""
        if not set(condition.axes) <= set(operand.axes):
            return False
        try:
            both = Sizes(self.graph.sizes).broadcast(condition.shape, operand.shape)
        except RuleError:
            return False
        return both == operand.shape

    def _both(self, atoms: Iterable[Atom]) -> str:
        result = ""
        for name, holds in atoms:
            own = self.nodes[name].type
            if not holds:
                name = self._add("logical_not", (name,), own, name)
            if not result:
                result = name
                continue
            other = self._type(result)
            axes = {*own.axes, *other.axes}
            shape = Sizes(self.graph.sizes).broadcast(own.shape, other.shape)
            type_ = Tensor("bool", tuple(a.name for a in self.graph.axes if a.name in axes), shape)
            result = self._add("logical_and", (result, name), type_, name)
        return result

    def _type(self, name: str) -> Tensor:
        return (self.made.get(name) or self.nodes[name]).type

    def _const(self, point: float, like: Tensor) -> str:
        name = self._fresh("c")
        value: float | int = int(point) if like.dtype == "i32" else point
        self.made[name] = Const(name=name, type=scalar(like.dtype), value=value)
        return name

    def _add(
        self, primitive: str, args: tuple[str, ...], type_: Tensor, at: str,
        attrs: tuple[tuple[str, int], ...] = (),
    ) -> str:  # fmt: skip
        name = self._fresh(primitive)
        self.made[name] = Op(
            name=name, type=type_, primitive=primitive, args=args, attrs=attrs,
            span=(self.made.get(at) or self.nodes[at]).span,
        )  # fmt: skip
        return name

    def _fresh(self, hint: str) -> str:
        name, number = hint, 0
        while name in self.nodes or name in self.made:
            number += 1
            name = f"{hint}_{number}"
        return name

    # --- what is known ---

    def _reads(self, condition: str) -> frozenset[str]:
        """The nodes on which a condition depends."""
        if condition not in self.before:
            seen: set[str] = set()
            todo = [condition]
            while todo:
                name = todo.pop()
                if name not in seen:
                    seen.add(name)
                    todo.extend(operands(self.nodes[name]))
            self.before[condition] = frozenset(seen)
        return self.before[condition]

    def _is_missing(self, name: str, own: Conditions) -> bool:
        """Whether data may be NaN, or anything, exactly where the conditions do not hold."""
        if any(self._is_padded(name, *atom) for atom in own):
            return True
        if not isinstance(self.nodes[name], Data):
            return False
        for condition, holds in own:
            node = self.nodes[condition]
            tests = isinstance(node, Op) and (node.primitive, holds) in (
                ("isnan", False), ("isfinite", True),
            )  # fmt: skip
            if tests and operands(node) == (name,):
                return True
        return False

    def _is_padded(self, name: str, condition: str, holds: bool) -> bool:
        """Whether values, as they are or moved, are padding where a condition does not hold."""
        found = None if holds else ragged(self.nodes, condition)
        node = self.nodes[name]
        if found is None or found[0].axis not in node.type.axes:
            return False
        while isinstance(node, Op) and node.primitive in _MOVES:
            node = self.nodes[node.args[0]]
        return isinstance(node, Data | Lag | Sample)

    def _is_inside(self, name: str, primitive: str) -> bool:
        node = self.nodes[name]
        if isinstance(node, Op) and node.primitive in ("broadcast_to", "cast", "expand_dims"):
            return self._is_inside(node.args[0], primitive)
        if isinstance(node, Const):
            return True
        return primitive in _POSITIVE and _is(node, "positive")


_MOVES = frozenset(
    "cast reshape expand_dims squeeze slice index take take_axis to_axis from_axis flip".split()
)
_TESTS = frozenset(("isnan", "isfinite", "where", "eq", "ne", "lt", "le", "gt", "ge"))
_POSITIVE = frozenset("log sqrt rsqrt lgamma digamma lgamma_correction div pow lbeta xlogy".split())


def _is(node: Node, kind: str) -> bool:
    """Whether a node is plainly in a constraint: a constant, or a variable with that support."""
    if isinstance(node, Const):
        return True
    if isinstance(node, Sample):
        return find(node.distribution).support.kind == kind
    return False


def _has_event(site: Sample) -> bool:
    return bool(find(site.distribution).event_rank)


def _axes(node: Op) -> set[str]:
    """The named axes that an operation makes, takes away, or reads across."""
    if node.primitive not in NAMED_AXIS_PRIMITIVES:
        return set()
    attrs = dict(node.attrs)
    axes = attrs.get("axes", (attrs.get("axis"),))
    assert isinstance(axes, tuple)
    return {str(axis) for axis in axes}
