"""The typed graph, whole. This is its grammar; a test holds the classes to it.

    graph  = Graph(name, stage, hypers, axes, nodes, outputs, equalities)
    node   = Hyper(name)                              a number fixed when the program starts
           | Data(name, origin)                       an array: a site's rows, an argument, weights
           | Const(name, value)                       a number or a small array
           | Param(name, init, support, free)         an optimised quantity
           | State(name, init, update)                carried from step to step, not optimised
           | Noise(name, kind, site, args, sampler)   normal | uniform | gumbel | draw
           | Sample(name, distribution, args, attrs, role)   latent | observed | factor
                                                             | deterministic
           | Op(name, primitive, args, attrs)         a deterministic tensor operation
           | Region(name, kind, args, carry, body, output)   scan | cond | accumulate: nested
           | Lag(name, of, axis, by, init)            an earlier element of what may stand later
    type   = Tensor(dtype, axes, shape)               see types.py; its axes are plates and kin
    support = Support(kind, bounds)

Every node has a `name` unique in its graph, by which others refer to it, a `type`, and a `span`
into the user's file. Nodes stand in topological order. `dataclasses.replace` keeps the span;
equality ignores it. Which nodes are legal at which stage is said in verify.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from typing import Literal

from ppc.ir.sizes import Size
from ppc.ir.types import Axis, Tensor
from ppc.records import dataclass
from ppc.spans import Span

Scalar = bool | int | float
Attr = Scalar | str | Size | None | tuple["Attr", ...]
ConstValue = Scalar | tuple["ConstValue", ...]

Role = Literal["latent", "observed", "factor", "deterministic"]
NoiseKind = Literal["normal", "uniform", "gumbel", "draw"]
RegionKind = Literal["scan", "cond", "accumulate"]
Origin = Literal["site", "argument", "weight", "prepared", "parameter"]
Stage = Literal["model", "guide", "loss", "function"]


@dataclass(frozen=True, slots=True)
class Support:
    """A set of values. A bound is a number or the name of a node that holds it."""

    kind: str  # a row of ppc.distributions.supports
    bounds: tuple[float | str, ...] = ()

    def __str__(self) -> str:
        bounds = ", ".join(str(b) for b in self.bounds)
        return f"{self.kind}({bounds})" if bounds else self.kind


REAL = Support("real")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyper:
    """A number that is fixed when the program starts; sizes are names in types instead."""

    name: str
    type: Tensor
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """An array that is given: a site's rows, an argument, row weights, a fitted parameter."""

    name: str
    type: Tensor
    origin: Origin = "argument"
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Const:
    """A literal number, or nested tuples of them."""

    name: str
    type: Tensor
    value: ConstValue
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """An optimised quantity. A dotted name (`nn1_0.kernel`) groups fields of one layer."""

    name: str
    type: Tensor  # its axes are its plates: a row for each datum
    init: str  # the node that holds its first value
    support: Support = REAL
    free: str = ""  # its name on the reals, where the usual one is another input's
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A quantity carried from step to step and not optimised: batch moments, baselines."""

    name: str
    type: Tensor
    init: str  # the node that holds its first value
    update: str  # the node that holds its next value; may come later in the graph
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Randomness as an input.

    `normal`, `uniform` (on (0, 1)) and `gumbel` are standard and independent; `draw` is the
    drawn value itself, made by `sampler` from `args`, to which a primitive attaches its implicit
    derivative.
    """

    name: str
    type: Tensor
    kind: NoiseKind
    site: str  # its key is a stable hash of this
    args: tuple[str, ...] = ()
    sampler: str = ""  # kind `draw` only: a row of ppc.ir.primitives.SAMPLERS
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A random variable; its type's axes are its plates. The node's value is the draw.

    Two roles are no random variables: what a `factor` is given is a term of the log density, and
    a `deterministic` is what it is given, under a name by which results report it.
    """

    name: str
    type: Tensor
    distribution: str  # a row of ppc.distributions
    args: tuple[tuple[str, str], ...]  # parameter name, node name; as declared
    attrs: tuple[tuple[str, Attr], ...] = ()  # `value` and `mask` name nodes: SITE_NODES
    role: Role = "latent"
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """A deterministic tensor operation."""

    name: str
    type: Tensor
    primitive: str  # a row of ppc.ir.primitives
    args: tuple[str, ...] = ()
    attrs: tuple[tuple[str, Attr], ...] = ()
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A graph inside a graph. Its value is output `output` of the body, stacked where scanned.

    The body's Data nodes stand for `args`, in order: one in `carry`, which pairs an input of the
    body with the output that feeds it in the next round, for its first value; one with a dimension
    more than the input's is taken round by round along its first; any other is the same in all.
    Regions that differ in `output` alone are one loop.
    """

    name: str
    type: Tensor
    kind: RegionKind
    args: tuple[str, ...]
    carry: tuple[tuple[str, str], ...]
    body: Graph
    output: str
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """What node `of` is `by` rounds earlier along `axis`: how a round reads those before it.

    In front of the first round stand the elements `init`, the last of them right before it, and 0
    in front of these. `of` may stand later in the graph, and may depend on this. A model and its
    guide have such nodes; where a graph scores values or draws them they are slices or a scan.
    """

    name: str
    type: Tensor  # that of `of`
    of: str
    axis: str
    by: int
    init: tuple[str, ...] = ()
    span: Span | None = field(default=None, compare=False)


Node = Hyper | Data | Const | Param | State | Noise | Sample | Op | Region | Lag


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in topological order, and what they compute."""

    name: str
    stage: Stage
    nodes: tuple[Node, ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()  # result name, node name
    axes: tuple[Axis, ...] = ()  # every named axis, outermost first
    hypers: tuple[tuple[str, int | None], ...] = ()  # named sizes, and their value where fixed
    equalities: tuple[tuple[Size, Size], ...] = ()  # sizes that fixed values made equal

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def by_name(self) -> dict[str, Node]:
        """The nodes by name. Build it once, not in a loop."""
        return {node.name: node for node in self.nodes}

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The random variables, in model order."""
        return tuple(node for node in self.sites if is_random(node))

    @property
    def sites(self) -> tuple[Sample, ...]:
        """The random variables, factors and recorded quantities, in model order."""
        return tuple(node for node in self.nodes if isinstance(node, Sample))

    @property
    def params(self) -> tuple[Param, ...]:
        """The optimised quantities, in model order."""
        return tuple(node for node in self.nodes if isinstance(node, Param))

    @property
    def data(self) -> tuple[Data, ...]:
        """The arrays that are given."""
        return tuple(node for node in self.nodes if isinstance(node, Data))

    @property
    def sizes(self) -> dict[str, int]:
        """The named sizes that are fixed."""
        return {name: value for name, value in self.hypers if value is not None}

    def axis(self, name: str) -> Axis:
        """The named axis. Raises KeyError."""
        for axis in self.axes:
            if axis.name == name:
                return axis
        raise KeyError(name)


def operands(node: Node) -> tuple[str, ...]:
    """The names of the nodes that must come before this one."""
    match node:
        case Op() | Noise() | Region():
            return node.args
        case Sample():
            named = tuple(str(value) for key, value in node.attrs if key in SITE_NODES)
            return tuple(value for _, value in node.args) + named
        case Param():
            return (node.init, *(b for b in node.support.bounds if isinstance(b, str)))
        case State():
            return (node.init,)
        case Lag():
            return node.init
    return ()


def later(node: Node) -> tuple[str, ...]:
    """The names of the nodes that this one refers to and that may come after it."""
    match node:
        case State():
            return (node.update,)
        case Lag():
            return (node.of,)
    return ()


def is_random(site: Sample) -> bool:
    """Whether a site is a random variable, not a factor or a recorded quantity."""
    return site.role in ("latent", "observed")


def is_named(node: Node) -> bool:
    """Whether a node has a name that somebody gave it, not one made from its primitive."""
    return isinstance(node, Op) and not re.fullmatch(rf"{node.primitive}(_\d+)?", node.name)


# The attributes of a random variable that are names of nodes: the value at which the model itself
# observes it; a boolean for each of its elements, where its term counts; its draw, where a scan has
# made that already.
SITE_NODES = frozenset({"value", "mask", "drawn"})


def observed_node(site: Sample) -> str | None:
    """The node of the value at which the model itself observes a site (`inf.observe`), if any."""
    return next((str(value) for key, value in site.attrs if key == "value"), None)


WEIGHT = "weight"  # the attribute of a site that is a weight of a layer


def is_weight(site: Sample) -> bool:
    """Whether a site is a weight of a layer, of which a guide needs no factor of its own."""
    return (WEIGHT, True) in site.attrs


def mask_node(site: Sample) -> str | None:
    """The node that says for which elements of a site its term counts; None: for all."""
    return next((str(value) for key, value in site.attrs if key == "mask"), None)


def rename_operands(node: Node, names: Mapping[str, str] | Callable[[str], str]) -> Node:
    """The node with the names that it refers to replaced; a mapping leaves others as they are."""
    to = names if callable(names) else lambda name: names.get(name, name)
    match node:
        case Op() | Noise() | Region():
            args = tuple([to(a) for a in node.args])
            return node if args == node.args else replace(node, args=args)
        case Sample():
            attrs = tuple((k, to(str(v)) if k in SITE_NODES else v) for k, v in node.attrs)
            return replace(node, args=tuple((p, to(v)) for p, v in node.args), attrs=attrs)
        case Param():
            bounds = tuple(to(b) if isinstance(b, str) else b for b in node.support.bounds)
            return replace(node, init=to(node.init), support=replace(node.support, bounds=bounds))
        case State():
            return replace(node, init=to(node.init), update=to(node.update))
        case Lag():
            return replace(node, of=to(node.of), init=tuple(to(name) for name in node.init))
    return node
