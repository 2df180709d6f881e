"""Which elements of data count: those that a mask excludes, and padding, may be anything."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from ppc.distributions import Distribution
from ppc.ir import ops
from ppc.ir.build import Value
from ppc.ir.nodes import Graph, Sample, mask_node
from ppc.objective import arguments
from ppc.objective.arguments import is_known, site_as_data
from ppc.objective.functions import on_plates, whole
from ppc.objective.inline import inline
from ppc.passes import dce


def counted(model: Graph, names: Collection[str]) -> dict[str, Graph]:
    """Where the elements of data count, as far as data tell it and not all do.

    Of a named site with a mask: where it holds. Of a named argument that loops read up to the end
    of a row (`for n in range(length[d])`): what any round reads. The graph has one output of their
    name: a boolean for each element of a draw, or of the argument. Loops are plates and operands
    guarded (passes `plates` and `guards`).
    """
    builder = whole(model, None, "counted")
    builder.reserved |= {site.name for site in model.samples}
    found: dict[str, Graph] = {}

    given = partial(site_as_data, builder, names)

    def at(site: Sample, dist: Distribution, args: Mapping[str, Value]) -> Value:
        value = given(site)
        mask = mask_node(site)
        if site.name in names and mask is not None and is_known(builder, [mask]):
            counts = builder.value(mask)
            for _ in range(dist.event_rank if counts.type.rank else 0):
                counts = ops.expand_dims(counts, -1)
            builder.outputs = {site.name: on_plates(counts, site, site.type.shape).name}
            found[site.name] = dce.run(builder.build())
        return value

    inline(builder, model, at, given)
    for data in model.data:
        if data.name in names and (read := arguments.read(builder, model, data.name)) is not None:
            builder.outputs = {data.name: read.name}
            found[data.name] = dce.run(builder.build())
    return found
