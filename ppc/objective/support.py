"""The supports of observed sites, as far as they are known before a fit."""

from __future__ import annotations

from collections.abc import Mapping

from ppc.distributions import DISTRIBUTIONS, Distribution, support_of
from ppc.distributions.membership import inside
from ppc.distributions.supports import SUPPORTS
from ppc.ir.build import Builder, Operand, Value
from ppc.ir.nodes import Const, Data, Graph, Op, Origin, Param, Sample, Support, operands
from ppc.objective.inline import inline
from ppc.passes import dce


def known_support(
    builder: Builder, dist: Distribution, args: Mapping[str, Value]
) -> Support | None:
    """The support of a site whose bounds depend on sizes and data arguments alone, else None."""
    support = support_of(dist, args)
    todo = [bound for bound in support.bounds if isinstance(bound, str)]
    while todo:
        node = builder.nodes[todo.pop()]
        known = isinstance(node, Data) and node.origin != "parameter"
        if not (known or isinstance(node, Op | Const)):
            return None
        todo.extend(operands(node))
    return support


def supports(model: Graph, names: tuple[str, ...]) -> dict[str, tuple[Graph, str]]:
    """For each of the named sites with a known support: its check, and the support in words.

    The check is a graph with the site's data as input and one output of the site's name: whether
    each draw is inside.
    """
    found: dict[str, tuple[Graph, str]] = {}
    axes = model.axes
    builder = Builder("supports", "function", axes=axes, hypers=model.hypers,
                      equalities=model.equalities)  # fmt: skip

    def at(site: Sample, dist: Distribution, args: Mapping[str, Value]) -> Value:
        # A site that is not given is unknown, and so is a bound that depends on it.
        origin: Origin = "site" if site.name in names else "parameter"
        value = builder.data(site.name, site.type, origin=origin)
        support = known_support(builder, dist, args) if site.name in names else None
        if support is not None:
            bounds: list[Operand] = [
                builder.value(b) if isinstance(b, str) else b for b in support.bounds
            ]
            check = inside(support.kind, value, *bounds)
            if check is not None:
                builder.outputs = {site.name: check.name}
                shown = [_words(builder, bound) for bound in support.bounds]
                words = SUPPORTS[support.kind].describe(*shown)
                found[site.name] = (dce.run(builder.build()), words)
        return value

    inline(builder, model, at)
    return found


def in_words(graph: Graph, of: Sample | Param) -> str:
    """The support of a site or parameter for a sentence: `positive numbers`."""
    builder = Builder.like(graph)
    builder.nodes.update(graph.by_name())
    support = of.support if isinstance(of, Param) else None
    if isinstance(of, Sample):
        args = {parameter: builder.value(name) for parameter, name in of.args}
        support = support_of(DISTRIBUTIONS[of.distribution], args)
    assert support is not None
    return SUPPORTS[support.kind].describe(*(_words(builder, b) for b in support.bounds))


def _words(builder: Builder, bound: float | str) -> str:
    """A bound for a message: its number or size, where it has one."""
    if not isinstance(bound, str):
        return f"{bound:g}"
    match builder.nodes[bound]:
        case Const(value=int() | float() as number):
            return f"{number:g}"
        case Op(primitive="dim", attrs=(("size", size),)):
            return str(size.evaluate({k: v for k, v in builder.hypers.items() if v}) or size)  # type: ignore[union-attr]  # the attribute of `dim` is a size
        case Op(primitive="cast", args=(inner,)):
            return _words(builder, inner)
    return bound
