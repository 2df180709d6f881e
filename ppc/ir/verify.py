"""The verifier: what every graph must obey, checked between passes.

Names are unique and stand before their use; axes and sizes are declared; every type is what the
node's own rule says. Legal nodes:

    stage            nodes
    model, guide     all but State; Noise only on the way to a Param's first value
    loss, function   all but Sample and Lag
    positional=True  as above, and no Sample, no named axis, no primitive that knows of one

All problems are collected. `check` shows them in place, under the printed nodes.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from ppc.diagnostics.base import InternalError
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import (
    Attr,
    Const,
    ConstValue,
    Data,
    Graph,
    Hyper,
    Lag,
    Node,
    Noise,
    Op,
    Param,
    Region,
    Sample,
    State,
    mask_node,
    operands,
)
from ppc.ir.primitives import NAMED_AXIS_PRIMITIVES, PRIMITIVES, SAMPLERS, infer
from ppc.ir.rules import RuleError, Sizes
from ppc.ir.sizes import Size
from ppc.ir.text import print_graph, print_node
from ppc.ir.types import DType, Tensor
from ppc.records import dataclass

if TYPE_CHECKING:
    from ppc.distributions.base import Distribution, Parameter


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a graph."""

    line: int  # of the printed graph, from 1
    name: str  # the node's, or empty where the graph itself is wrong
    message: str


def verify(graph: Graph, *, positional: bool = False) -> list[Problem]:
    """Everything that is wrong with `graph`, in the order of its lines.

    `positional` says that the layout pass has run.
    """
    problems = _Verifier(graph, positional=positional).run()
    return sorted(problems, key=lambda problem: problem.line)


def check(graph: Graph, *, positional: bool = False, after: str = "") -> None:
    """Raise InternalError if `graph` is wrong; `after` names the pass that made it."""
    problems = verify(graph, positional=positional)
    if problems:
        came = f" after {after}" if after else ""
        count = "an error" if len(problems) == 1 else f"{len(problems)} errors"
        what = f"the graph `{graph.name}` has {count}{came}"
        raise InternalError(what, annotate(graph, problems))


def annotate(graph: Graph, problems: Iterable[Problem]) -> str:
    """The printed graph with each problem under the line that it is about."""
    under: dict[int, list[str]] = {}
    for problem in problems:
        under.setdefault(problem.line, []).append(problem.message)
    out = []
    for number, line in enumerate(print_graph(graph).split("\n"), 1):
        out.append(line)
        indent = " " * (len(line) - len(line.lstrip()))
        out.extend(f"{indent}^ {message}" for message in under.get(number, ()))
    return "\n".join(out)


_ILLEGAL: Mapping[str, tuple[type[Node], ...]] = {
    "model": (State,),
    "guide": (State,),
    "loss": (Sample, Lag),
    "function": (Sample, Lag),
}


@dataclass(slots=True)
class _Verifier:
    """Checks one graph; a region's body gets a verifier of its own."""

    graph: Graph
    positional: bool
    first_line: int = 1
    outer_sizes: frozenset[str] = frozenset()
    problems: list[Problem] = field(default_factory=list)
    seen: dict[str, Node] = field(default_factory=dict)
    line: int = 0
    name: str = ""

    def run(self) -> list[Problem]:
        """All problems of the graph and of the bodies in it."""
        graph = self.graph
        self.line = self.first_line
        self.header()
        self.line += 1 + len(graph.axes) + len(graph.equalities)
        for node in graph.nodes:
            self.name = node.name
            self.node(node)
            self.line += print_node(node).count("\n") + 1 if isinstance(node, Region) else 1
        self.name = ""
        given = collections.Counter(result for result, _ in graph.outputs)
        for result, name in graph.outputs:
            if given[result] > 1:
                self.report(f"result {result} is given twice")
            self.output(name)
            self.line += 1
        self.initial_values()
        return self.problems

    def report(self, message: str) -> None:
        """Record a problem with the node at hand."""
        self.problems.append(Problem(self.line, self.name, message))

    # --- the graph ---

    def header(self) -> None:
        """Axes, named sizes and equalities."""
        names = [axis.name for axis in self.graph.axes]
        for name in _repeated(names):
            self.report(f"axis {name} is declared twice")
        for name in _repeated([name for name, _ in self.graph.hypers]):
            self.report(f"size {name} is declared twice")
        for pair in self.graph.equalities:
            for size in pair:
                self.known_names(size)

    def output(self, name: str) -> None:
        """An output names a node; those of a loss are numbers."""
        node = self.seen.get(name)
        if node is None:
            self.report(f"there is no node {name}")
        elif self.graph.stage == "loss" and (node.type.axes or node.type.rank):
            self.report(f"a result of a loss is a number, not {node.type}")

    # --- every node ---

    def node(self, node: Node) -> None:
        """Name, place, type, and the node's own rule."""
        if node.name in self.seen:
            self.report(f"the name {node.name} is taken by an earlier node")
        illegal = _ILLEGAL[self.graph.stage]
        if self.positional:
            illegal = (*illegal, Sample, Lag)
        if isinstance(node, illegal):
            where = "a positional graph" if self.positional else f"a {self.graph.stage}"
            self.report(f"{type(node).__name__} is not legal in {where}")
        self.type(node.type)
        missing = [name for name in operands(node) if name not in self.seen]
        for name in dict.fromkeys(missing):
            later = any(other.name == name for other in self.graph.nodes)
            self.report(f"{name} stands later" if later else f"there is no node {name}")
        if not missing:
            self.rule(node)
        self.seen.setdefault(node.name, node)

    def type(self, tensor: Tensor) -> None:
        """Axes are declared and in order, the names in sizes are known."""
        declared = [axis.name for axis in self.graph.axes]
        if self.positional and tensor.axes:
            self.report(f"named axis {', '.join(tensor.axes)} after the layout pass")
        unknown = [name for name in tensor.axes if name not in declared]
        for name in unknown:
            self.report(f"axis {name} is not declared")
        if not unknown and list(tensor.axes) != [a for a in declared if a in tensor.axes]:
            self.report(f"axes {', '.join(tensor.axes)} are not in the declared order")
        for size in tensor.shape:
            self.known_names(size)

    def known_names(self, value: Attr) -> None:
        """The names in sizes, also those inside tuples, are declared somewhere."""
        if isinstance(value, Size):
            for name in sorted(value.names - self.declared_sizes()):
                self.report(f"size {name} is not declared")
        elif isinstance(value, tuple):
            for item in value:
                self.known_names(item)

    def declared_sizes(self) -> frozenset[str]:
        """Names of sizes: hyperparameters, axes, dimensions of what is given."""
        names = {name for name, _ in self.graph.hypers}
        sizes = [axis.size for axis in self.graph.axes]
        sizes += [size for data in self.graph.data for size in data.type.shape]
        return self.outer_sizes.union(names, *(size.names for size in sizes))

    def rule(self, node: Node) -> None:
        """What a node's class asks of it; its operands are there."""
        match node:
            case Op():
                self.op(node)
            case Sample():
                self.sample(node)
            case Param() | State():
                self.optimised(node)
            case Noise():
                self.noise(node)
            case Const():
                self.const(node)
            case Hyper():
                if node.type.axes or node.type.rank:
                    self.report(f"a hyperparameter is a number, not {node.type}")
            case Region():
                self.region(node)
            case Lag():
                self.lag(node)
            case Data():
                pass

    # --- classes of nodes ---

    def op(self, node: Op) -> None:
        """The primitive exists, and gives the declared type."""
        row = PRIMITIVES.get(node.primitive)
        if row is None:
            self.report(f"there is no primitive {node.primitive}")
            return
        if self.positional and node.primitive in NAMED_AXIS_PRIMITIVES:
            self.report(f"{node.primitive} after the layout pass")
        for name in _repeated([name for name, _ in node.attrs]):
            self.report(f"attribute {name} is given twice")
        for _, value in node.attrs:
            self.known_names(value)
        types = [self.seen[name].type for name in node.args]
        axes = {axis.name: axis.size for axis in self.graph.axes}
        sizes = self.sizes()
        try:
            inferred = infer(node.primitive, types, dict(node.attrs), sizes=sizes, axes=axes)
        except RuleError as error:
            self.report(error.reason)
        except (AssertionError, KeyError, TypeError) as error:
            self.report(f"attributes of the wrong kind ({type(error).__name__}: {error})")
        else:
            if not _agree(inferred, node.type, sizes):
                self.report(f"the type is {inferred}, not {node.type}")
            self.recorded(sizes)

    def sizes(self) -> Sizes:
        """What the graph knows of sizes; a copy, so that new equalities show."""
        return Sizes(self.graph.sizes, list(self.graph.equalities))

    def recorded(self, sizes: Sizes) -> None:
        """No equality was needed that the graph does not record."""
        for left, right in sizes.equalities[len(self.graph.equalities) :]:
            self.report(f"needs {left} == {right}, which the graph does not record")

    def sample(self, node: Sample) -> None:
        """Parameters, alternatives and type, by the registry of distributions."""
        # The registry is built on graphs; late imports break the circle.
        from ppc.distributions import find

        try:
            distribution = find(node.distribution)
        except KeyError:
            self.report(f"there is no distribution {node.distribution}")
            return
        wrong = list(_wrong_parameters(distribution, [name for name, _ in node.args]))
        for message in wrong:
            self.report(message)
        if not wrong:
            self.draw(node, distribution)

    def draw(self, node: Sample, distribution: Distribution) -> None:
        """The type of a random variable is that of a draw."""
        from ppc.distributions import draw_type

        graph = self.graph
        builder = Builder(
            graph.name, graph.stage, axes=graph.axes, hypers=graph.hypers,
            equalities=graph.equalities,
        )  # fmt: skip
        builder.nodes = {name: self.seen[name] for _, name in node.args}
        values = {p: Value(builder, name, self.seen[name].type) for p, name in node.args}
        try:
            drawn = draw_type(distribution, values, plates=node.type.axes, dtype=node.type.dtype)
        except RuleError as error:
            self.report(error.reason)
            return
        sizes = self.sizes()
        tail = node.type.shape[node.type.rank - drawn.rank :]
        # More leading dimensions than the parameters have are a sample shape.
        fits = drawn.rank <= node.type.rank and _agree(drawn, node.type.with_shape(tail), sizes)
        floats = distribution.dtype == "f32" and node.role != "deterministic"
        if not fits or (floats and node.type.dtype != "f32"):
            self.report(f"draws are {drawn.with_dtype(distribution.dtype)}, not {node.type}")
        mask = mask_node(node)
        if mask is not None:
            self.mask(
                node, self.seen[mask], node.type.shape[: node.type.rank - distribution.event_rank]
            )
        self.recorded(sizes)

    def mask(self, node: Sample, mask: Node, batch: tuple[Size, ...]) -> None:
        """A mask is a boolean for each element of the plates and batch shape, or for fewer."""
        own = mask.type
        try:
            fits = self.sizes().broadcast(own.shape, batch) == batch
        except RuleError:
            fits = False
        if own.dtype != "bool" or set(own.axes) - set(node.type.axes) or not fits:
            self.report(f"the mask {mask.name} is {own}, which does not fit {node.type}")

    def optimised(self, node: Param | State) -> None:
        """The first value (and a state's next one) has the type, but for missing plates."""
        self.fits(node, self.seen[node.init], "the first value")
        if isinstance(node, State):
            update = self.graph.by_name().get(node.update)
            if update is None:
                self.report(f"there is no node {node.update}")
            else:
                self.fits(node, update, "the next value")

    def fits(self, node: Param | State, value: Node, what: str) -> None:
        """`value` can be put where `node` is."""
        sizes = self.sizes()
        common = node.type.with_axes(value.type.axes)
        if set(value.type.axes) - set(node.type.axes) or not _agree(value.type, common, sizes):
            self.report(f"{what}, {value.name}, is {value.type}, not {node.type}")
        self.recorded(sizes)

    def noise(self, node: Noise) -> None:
        """Only kind `draw` has a sampler, which exists and has its parameters."""
        if node.type.dtype != "f32":
            self.report(f"noise is f32, not {node.type.dtype}")
        if node.kind != "draw":
            if node.sampler or node.args:
                self.report(f"noise of kind {node.kind} has no sampler and no parameters")
            return
        arity = SAMPLERS.get(node.sampler)
        if arity is None:
            self.report(f"there is no sampler {node.sampler or '(none)'}")
        elif arity != len(node.args):
            self.report(f"{node.sampler} takes {arity} parameters, not {len(node.args)}")

    def const(self, node: Const) -> None:
        """The value is rectangular, of the dtype, and of the declared shape."""
        shape = _const_shape(node.value)
        if shape is None:
            self.report("the rows of the constant differ in length")
            return
        kinds = {type(number) for number in _numbers(node.value)}
        if kinds - {_KINDS[node.type.dtype]}:
            found = ", ".join(sorted(kind.__name__ for kind in kinds))
            self.report(f"a constant of dtype {node.type.dtype} holds {found}")
        actual = Tensor(node.type.dtype, (), tuple(map(Size.of, shape)))
        if actual != node.type:
            self.report(f"the type is {actual}, not {node.type}")

    def lag(self, node: Lag) -> None:
        """It varies along its axis, `of` has its type, and the first ones are elements of it."""
        own, sizes = node.type, self.sizes()
        of = next((other for other in self.graph.nodes if other.name == node.of), None)
        if node.axis not in own.axes:
            self.report(f"it does not vary along {node.axis}")
        if node.by < 1:
            self.report(f"{node.by} rounds earlier is not earlier")
        if of is None:
            self.report(f"there is no node {node.of}")
        elif not _agree(of.type, own, sizes):
            self.report(f"{of.name} is {of.type}, not {own}")
        for name in node.init:
            first = self.seen[name].type
            inside = set(first.axes) <= set(own.axes) - {node.axis}
            if not inside or not _agree(first, own.with_axes(first.axes), sizes):
                self.report(f"{name} is {first}, not an element of {own}")

    def region(self, node: Region) -> None:
        """The body is a graph that obeys the rules, with an input for each operand."""
        body = node.body
        inputs = {data.name for data in body.data}
        outputs = {result for result, _ in body.outputs}
        if len(node.args) != len(body.data):
            self.report(f"the body has {len(body.data)} inputs, not {len(node.args)}")
        for name, _ in node.carry:
            if name not in inputs:
                self.report(f"the body has no input {name}")
        for name in [*(fed for _, fed in node.carry), node.output]:
            if name not in outputs:
                self.report(f"the body has no result {name}")
        inner = _Verifier(body, self.positional, self.line + 1, self.declared_sizes())
        self.problems.extend(inner.run())

    # --- first values ---

    def initial_values(self) -> None:
        """What first values are computed from, and where noise may go in a model."""
        graph = self.graph
        uses = {node.name: operands(node) for node in graph.nodes}
        starts = [node for node in graph.nodes if isinstance(node, Param | State)]
        initial = _reach([node.init for node in starts], uses)
        outer = _reach(
            [
                *(name for _, name in graph.outputs),
                *(name for node in graph.sites for name in operands(node)),
            ],
            {n.name: () if isinstance(n, Param | State) else operands(n) for n in graph.nodes},
        )
        self.line = self.first_line + 1 + len(graph.axes) + len(graph.equalities)
        for node in graph.nodes:
            self.name = node.name
            if node.name in initial and isinstance(node, Sample):
                self.report("a first value is computed from a random variable")
            if graph.stage in ("model", "guide") and isinstance(node, Noise):
                if node.name in outer:
                    self.report(f"noise in a {graph.stage} may only make first values")
                elif node.name not in initial:
                    self.report("noise that reaches no first value")
            self.line += print_node(node).count("\n") + 1 if isinstance(node, Region) else 1


_KINDS: Mapping[DType, type] = {"bool": bool, "i32": int, "f32": float}


def _repeated(names: list[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]


def _wrong_parameters(distribution: Distribution, given: list[str]) -> Iterator[str]:
    """What is wrong with the parameters that a random variable gives."""
    name = distribution.name
    for parameter in given:
        if distribution.parameter(parameter) is None:
            yield f"{name} has no parameter {parameter}"
    for parameter in _repeated(given):
        yield f"parameter {parameter} is given twice"
    groups: dict[str, list[Parameter]] = {}
    for row in distribution.parameters:
        if row.group:
            groups.setdefault(row.group, []).append(row)
        elif row.default is None and row.name not in given:
            yield f"{name} needs {row.name}"
    for rows in groups.values():
        count = sum(row.name in given for row in rows)
        if count > 1 or (not count and all(row.default is None for row in rows)):
            yield f"{name} takes one of {', '.join(row.name for row in rows)}, not {count}"


def _agree(a: Tensor, b: Tensor, sizes: Sizes) -> bool:
    """Whether two types are equal, under what is known of sizes."""
    same = a.dtype == b.dtype and a.axes == b.axes and a.rank == b.rank
    return same and all(sizes.same(x, y) for x, y in zip(a.shape, b.shape, strict=True))


def _reach(starts: Iterable[str], uses: Mapping[str, tuple[str, ...]]) -> set[str]:
    """All that `starts` are computed from, themselves included."""
    reached: set[str] = set()
    todo = list(starts)
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo.extend(uses.get(name, ()))
    return reached


def _numbers(value: ConstValue) -> Iterator[bool | int | float]:
    if isinstance(value, tuple):
        for item in value:
            yield from _numbers(item)
    else:
        yield value


def _const_shape(value: ConstValue) -> tuple[int, ...] | None:
    """The shape of nested tuples; None where they are ragged."""
    if not isinstance(value, tuple):
        return ()
    inner = {_const_shape(item) for item in value}
    if len(inner) > 1 or None in inner:
        return None
    first = inner.pop() if inner else ()
    return None if first is None else (len(value), *first)
