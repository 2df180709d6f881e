"""The log density of a site where it counts.

A site may have a mask: a boolean for each element of its plates and batch shape. Where that is
false the element has no term, whatever its value is, and neither value nor derivative of the rest
is touched by it: the value is replaced by a point of the support before the density is taken, and
the density by 0 after.
"""

from __future__ import annotations

from collections.abc import Mapping

from ppc.distributions import Distribution, support_of
from ppc.distributions.membership import interior
from ppc.ir import ops
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Sample, mask_node


def log_density(
    builder: Builder, site: Sample, dist: Distribution, value: Value, args: Mapping[str, Value]
) -> Value:
    """log p of the elements of a site at `value`, event dimensions summed; 0 where masked."""
    mask = mask_node(site)
    if mask is None:
        return dist.log_density(value, args)
    counts = builder.value(mask)
    support = support_of(dist, args)
    bounds = [builder.value(b) if isinstance(b, str) else b for b in support.bounds]
    element = counts
    for _ in range(dist.event_rank if counts.type.rank else 0):
        element = ops.expand_dims(element, -1)
    safe = ops.where(element, value, interior(support.kind, value, *bounds))
    if value.name in builder.inside:
        builder.inside.add(safe.name)
    return where_counted(builder, site, dist.log_density(safe, args))


def where_counted(builder: Builder, site: Sample, term: Value) -> Value:
    """A term of a site, batch-shaped, with 0 for the elements that its mask excludes."""
    mask = mask_node(site)
    return term if mask is None else ops.where(builder.value(mask), term, 0.0)
