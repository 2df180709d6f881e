"""What data must satisfy, as far as it is known before a fit: supports of sites, positions."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from ppc.distributions import Distribution, find, support_of
from ppc.distributions.membership import inside
from ppc.distributions.supports import SUPPORTS
from ppc.ir import ops
from ppc.ir.affine import ragged
from ppc.ir.build import Builder, Operand, Value
from ppc.ir.nodes import (
    Const,
    Data,
    Graph,
    Op,
    Param,
    Sample,
    Support,
    mask_node,
)
from ppc.ir.sizes import Size
from ppc.objective import arguments
from ppc.objective.arguments import is_known, site_as_data
from ppc.objective.inline import inline
from ppc.passes import dce


def known_support(
    builder: Builder, dist: Distribution, args: Mapping[str, Value]
) -> Support | None:
    """The support of a site whose bounds depend on sizes and data arguments alone, else None."""
    support = support_of(dist, args)
    bounds = [bound for bound in support.bounds if isinstance(bound, str)]
    return support if is_known(builder, bounds) else None


def supports(
    model: Graph, names: tuple[str, ...], sizes: Mapping[str, int] | None = None
) -> dict[str, tuple[Graph, str]]:
    """For each of the named sites with a known support: its check, and the support in words.

    So too for each of the named data arguments that is a position in an axis: `effect[group]`. The
    check is a graph with the data as input and one output of their name: whether each draw, or
    each position, is inside. In the words stand `sizes` as numbers, and the others by name.
    """
    sizes = sizes or {}
    found: dict[str, tuple[Graph, str]] = {}
    axes = model.axes
    builder = Builder("supports", "function", axes=axes, hypers=model.hypers,
                      equalities=model.equalities)  # fmt: skip
    builder.reserve(model)
    builder.reserved |= {site.name for site in model.samples}  # here they are data

    given = functools.partial(site_as_data, builder, names)

    def at(site: Sample, dist: Distribution, args: Mapping[str, Value]) -> Value:
        value = given(site)
        support = known_support(builder, dist, args) if site.name in names else None
        if support is not None:
            bounds: list[Operand] = [
                builder.value(b) if isinstance(b, str) else b for b in support.bounds
            ]
            check = inside(support.kind, value, *bounds)
            mask = mask_node(site)
            if check is not None and mask is not None and is_known(builder, [mask]):
                check = ops.logical_or(check, ops.logical_not(builder.value(mask)))
            if check is not None:
                builder.outputs = {site.name: check.name}
                shown = [_words(builder, bound, sizes) for bound in support.bounds]
                words = SUPPORTS[support.kind].describe(*shown)
                found[site.name] = (dce.run(builder.build()), words)
        return value

    inline(builder, model, at, given)
    for name, lasts in _lasts(builder).items():
        if name in names:
            value = builder.value(name)
            ends = [builder.dim(last) for last in lasts]
            checks = [ops.logical_and(value >= 0, value <= end) for end in ends]
            check = functools.reduce(ops.logical_and, checks)
            if (read := arguments.read(builder, model, name)) is not None:
                check = ops.logical_or(check, ops.logical_not(read))
            builder.outputs = {name: check.name}
            describe = SUPPORTS["integer_interval"].describe
            words = " and ".join(describe("0", _words(builder, end.name, sizes)) for end in ends)
            found[name] = (dce.run(builder.build()), words)
    return found


# How the positions of all rounds of loops become one row.
_ROWS = frozenset(("from_axis", "reshape", "broadcast_to", "expand_dims"))


def _lasts(builder: Builder) -> dict[str, tuple[Size, ...]]:
    """The data arguments that are positions or numbers of rounds: the last that they may be."""
    found: dict[str, dict[Size, None]] = {}
    for node in list(builder.nodes.values()):
        if not isinstance(node, Op):
            continue
        if node.primitive in ("take", "take_axis"):
            array, read = (builder.nodes[a] for a in node.args)
            axis = dict(node.attrs)["axis"]
            # Along a name it is the rows of a plate.
            rows = array.type.shape[axis] if isinstance(axis, int) else builder.axes[str(axis)].size
            read, last = arguments.origin(builder.nodes, read), rows - 1
        elif node.primitive == "segment_sum":
            read, last = builder.nodes[node.args[1]], node.type.shape[0] - 1
            while isinstance(read, Op) and read.primitive in _ROWS:
                read = builder.nodes[read.args[0]]
            read = arguments.origin(builder.nodes, read)
        elif (rounds := ragged(builder.nodes, node.name)) is not None:
            position, end = rounds
            read, last = builder.nodes[end], position.last(builder.axes[position.axis].size) + 1
        else:
            continue
        if isinstance(read, Data) and read.origin == "argument":
            found.setdefault(read.name, {})[last] = None
    return {name: tuple(lasts) for name, lasts in found.items()}


def in_words(graph: Graph, of: Sample | Param) -> str:
    """The support of a site or parameter for a sentence: `positive numbers`."""
    builder = Builder.like(graph)
    builder.nodes.update(graph.by_name())
    support = of.support if isinstance(of, Param) else None
    if isinstance(of, Sample):
        args = {parameter: builder.value(name) for parameter, name in of.args}
        support = support_of(find(of.distribution), args)
    assert support is not None
    sizes = {name: value for name, value in graph.hypers if value}
    return SUPPORTS[support.kind].describe(*(_words(builder, b, sizes) for b in support.bounds))


def _words(builder: Builder, bound: float | str, sizes: Mapping[str, int]) -> str:
    """A bound for a message: its number or size, where it has one."""
    if not isinstance(bound, str):
        return f"{bound:g}"
    match builder.nodes[bound]:
        case Const(value=int() | float() as number):
            return f"{number:g}"
        case Op(primitive="dim", attrs=(("size", size),)):
            assert isinstance(size, Size)
            known = size.evaluate(sizes)
            return str(size if known is None else known)
        case Op(primitive="cast", args=(inner,)):
            return _words(builder, inner, sizes)
    return bound
