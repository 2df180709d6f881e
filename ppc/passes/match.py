"""The guide fits the model.

What: checks a user's guide Q against the model P: each latent of P has one site in Q and the
other way round, with a support, plates and shape that agree; then gives Q the model's names of
axes and sizes, so that both can be put into one graph.
Before: Q in its own names: `plate rows`, hyper `k = 5`.  After: `plate N`, hyper `k_q = 5`.
When not: a site of Q that is observed is an input of Q; its distribution is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ppc import distributions
from ppc.diagnostics import CompileError, Mistake
from ppc.diagnostics.model import (
    FactorInGuide,
    GuidePlates,
    GuideShape,
    GuideSiteMissing,
    GuideSiteUnknown,
    GuideSupport,
    NotReparameterised,
)
from ppc.distributions import find
from ppc.distributions.supports import within, words
from ppc.ir.build import Builder
from ppc.ir.nodes import (
    Attr,
    Const,
    Graph,
    Hyper,
    Node,
    Noise,
    Op,
    Role,
    Sample,
    Support,
    is_weight,
    rename_operands,
)
from ppc.ir.rules import Sizes, show
from ppc.ir.sizes import Size
from ppc.passes.constrain import input_names, unconstrained_name, with_free_names


def run(guide: Graph, model: Graph) -> Graph:
    """The guide in the model's names. Raises CompileError with every mismatch."""
    observed = {node.name for node in model.samples if node.role == "observed"}
    sites = {node.name: node for node in model.samples}
    pairs = [(q, sites[q.name]) for q in guide.samples if q.name in sites]
    written = guide
    guide = _distinct(_renamed(guide, model, pairs), model)
    guide = with_free_names(guide, _inputs(model))
    roles: dict[str, Role] = {
        q.name: "observed" if q.name in observed else "latent" for q in guide.samples
    }
    guide = replace(
        guide,
        nodes=tuple(
            replace(n, role=roles.get(n.name, n.role)) if isinstance(n, Sample) else n
            for n in guide.nodes
        ),
    )
    equal = Sizes({**model.sizes, **guide.sizes}, list(guide.equalities))
    mistakes = [
        *_site_sets(guide, model),
        *_mismatches(guide, model, equal),
        *_plate_sizes(written, model, pairs, equal),
    ]
    if mistakes:
        raise CompileError(mistakes)
    known = dict(guide.hypers)  # the equalities speak of the model's sizes too
    hypers = (*guide.hypers, *((name, n) for name, n in model.hypers if name not in known))
    return replace(guide, stage="guide", hypers=hypers, equalities=tuple(equal.equalities))


def _site_sets(guide: Graph, model: Graph) -> Iterator[Mistake]:
    latents = tuple(n.name for n in model.samples if n.role == "latent")
    known = {n.name for n in model.samples}
    covered = {n.name for n in guide.samples}
    for q in guide.samples:
        if q.name not in known:
            yield GuideSiteUnknown(
                name=q.name, guide=guide.name, model=model.name, latents=latents, span=q.span
            )
    for q in guide.sites:
        if q.role == "factor":
            yield FactorInGuide(name=q.name, guide=guide.name, span=q.span)
    for p in model.samples:
        if p.role == "latent" and p.name not in covered and not is_weight(p):
            yield GuideSiteMissing(name=p.name, guide=guide.name, model=model.name, span=p.span)


def _mismatches(guide: Graph, model: Graph, equal: Sizes) -> Iterator[Mistake]:
    sites = {node.name: node for node in model.samples}
    for q in guide.samples:
        p = sites.get(q.name)
        if p is None:
            continue
        others = ((p.span, "the site in the model"),) if p.span else ()
        if q.type.axes != p.type.axes:
            yield GuidePlates(
                name=q.name, guide_plates=q.type.axes, model_plates=p.type.axes,
                span=q.span, others=others,
            )  # fmt: skip
        elif q.type.rank != p.type.rank or not all(
            equal.same(a, b) for a, b in zip(p.type.shape, q.type.shape, strict=True)
        ):
            yield GuideShape(
                name=q.name, guide_shape=show(q.type.shape), model_shape=show(p.type.shape),
                span=q.span, others=others,
            )  # fmt: skip
        if q.role == "observed":
            continue
        yield from _support(q, p, guide, model)
        if not find(q.distribution).reparameterised:
            yield NotReparameterised(name=q.name, distribution=q.distribution, span=q.span)


def _support(q: Sample, p: Sample, guide: Graph, model: Graph) -> Iterator[Mistake]:
    inner, outer = support_of(q, guide), support_of(p, model)
    if not within(inner, outer):
        yield GuideSupport(
            name=q.name,
            guide_distribution=q.distribution,
            guide_support=words(inner),
            model_distribution=p.distribution,
            model_support=words(outer),
            span=q.span,
            others=((p.span, "the site in the model"),) if p.span else (),
        )


def _plate_sizes(
    guide: Graph, model: Graph, pairs: list[tuple[Sample, Sample]], equal: Sizes
) -> Iterator[Mistake]:
    """Plates to which the guide, as it was written, gives a number of rows that P's has not."""
    for q, p in pairs:
        for mine, theirs in zip(q.type.axes, p.type.axes, strict=False):
            a, b = guide.axis(mine), model.axis(theirs)
            if a.size.value is not None and not equal.same(a.size, b.size):
                yield GuidePlates(
                    name=q.name,
                    guide_plates=(f"{a.name} of size {a.size}",),
                    model_plates=(f"{b.name} of size {b.size}",),
                    span=q.span,
                    others=((p.span, "the site in the model"),) if p.span else (),
                )


def _renamed(guide: Graph, model: Graph, pairs: list[tuple[Sample, Sample]]) -> Graph:
    """The guide with the model's names of axes, and no size name that means another number."""
    axes: dict[str, str] = {}
    for q, p in pairs:
        if len(q.type.axes) == len(p.type.axes):
            for mine, theirs in zip(q.type.axes, p.type.axes, strict=True):
                axes.setdefault(mine, theirs)
    sizes: dict[str, Size | int | str] = {}
    taken = dict(model.hypers)
    hypers: list[tuple[str, int | None]] = []
    for name, value in guide.hypers:
        other = taken.get(name, value)
        if name in taken and value is not None and other is not None and other != value:
            fresh = f"{name}_{guide.name}"
            sizes[name] = fresh
            hypers.append((fresh, value))
        else:
            hypers.append((name, value if value is not None else other))
    known = {axis.name: axis for axis in model.axes}
    for axis in guide.axes:
        target = known.get(axes.get(axis.name, axis.name))
        if target is not None and axis.size.name is not None and axis.size != target.size:
            sizes.setdefault(axis.size.name, target.size)
    renamed = tuple(
        known.get(axes.get(a.name, a.name), replace(a, name=axes.get(a.name, a.name)))
        for a in guide.axes
    )
    if all(a == b for a, b in axes.items()) and not sizes:
        return replace(guide, axes=renamed, hypers=tuple(hypers))
    nodes = tuple(_in_names(node, axes, sizes) for node in guide)
    return replace(guide, nodes=nodes, axes=renamed, hypers=tuple(hypers))


def _distinct(guide: Graph, model: Graph) -> Graph:
    """The guide with no parameter named like an input of the model."""
    taken = _inputs(model)
    names = {p.name: _own_name(p.name, guide, taken) for p in guide.params if p.name in taken}
    if not names:
        return guide
    nodes = tuple(
        replace(rename_operands(n, names), name=names.get(n.name, n.name)) for n in guide.nodes
    )
    # Their first values are drawn by the name, so that two networks do not start alike.
    nodes = tuple(
        replace(n, site=names.get(n.site, n.site)) if isinstance(n, Noise) else n for n in nodes
    )
    outputs = tuple((result, names.get(name, name)) for result, name in guide.outputs)
    return replace(guide, nodes=nodes, outputs=outputs)


def _inputs(model: Graph) -> set[str]:
    """The names that inputs of the model have, parameters on the reals among them."""
    return input_names(model) | {unconstrained_name(param) for param in model.params}


def _own_name(name: str, guide: Graph, taken: set[str]) -> str:
    """`scale_q` for `scale`, `dense_q.kernel` for a layer's `dense.kernel`."""
    group, dot, field = name.rpartition(".")
    own, count = f"{group or name}_{guide.name}", 1
    taken = taken | input_names(guide)
    while (f"{own}.{field}" if dot else own) in taken:
        count += 1
        own = f"{group or name}_{guide.name}_{count}"
    return f"{own}.{field}" if dot else own


def _in_names(node: Node, axes: Mapping[str, str], sizes: Mapping[str, Size | int | str]) -> Node:
    type_ = node.type.substitute(sizes)
    type_ = type_.with_axes(axes.get(axis, axis) for axis in type_.axes)
    node = replace(node, type=type_)
    if isinstance(node, Hyper) and isinstance(renamed := sizes.get(node.name), str):
        return replace(node, name=renamed)
    if isinstance(node, Op | Sample):
        attrs = tuple((key, _attr(key, value, axes, sizes)) for key, value in node.attrs)
        return replace(node, attrs=attrs)
    return node


def _attr(
    key: str, value: Attr, axes: Mapping[str, str], sizes: Mapping[str, Size | int | str]
) -> Attr:
    if isinstance(value, Size):
        return value.substitute(sizes)
    if isinstance(value, tuple):
        return tuple(_attr(key, item, axes, sizes) for item in value)
    if isinstance(value, str) and key in ("axis", "axes"):
        return axes.get(value, value)
    return value


def support_of(site: Sample, graph: Graph) -> Support:
    """The support of a site: bounds that are constants as numbers, others as node names."""
    own = find(site.distribution).support
    if not any(isinstance(bound, str) for bound in own.bounds):
        return own
    builder = Builder.like(graph)
    builder.nodes.update(graph.by_name())
    args = {parameter: builder.value(name) for parameter, name in site.args}
    support = distributions.support_of(find(site.distribution), args)
    return replace(support, bounds=tuple(_number(builder, bound) for bound in support.bounds))


def _number(builder: Builder, bound: float | str) -> float | str:
    node = builder.nodes.get(bound) if isinstance(bound, str) else None
    if isinstance(node, Const) and not isinstance(node.value, tuple):
        return float(node.value)
    return bound
