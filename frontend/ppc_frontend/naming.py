"""The user's names for what has none: sites, parameters, layers, intermediate values."""

from __future__ import annotations

from typing import Any

from ppc.ir.build import Value
from ppc.ir.nodes import Const, Data, Hyper, Param, Sample
from ppc_frontend import layers, sites
from ppc_frontend.context import Context
from ppc_frontend.evaluate.indexed import Indexed


def name_values(ctx: Context, name: str, value: Any) -> None:
    """Give the user's name to what has none yet: elements of a list get it with their index."""
    match value:
        case Value():
            node = ctx.builder.nodes[value.name]
            if isinstance(node, Sample | Param):
                if ctx.sites_of.get(value.name) == "":
                    ctx.sites_of[value.name] = sites.claim(ctx, name)
            elif not isinstance(node, Const | Data | Hyper):
                ctx.hints.setdefault(value.name, name)
        case Indexed():
            if value.name == "":
                value.name = name
                for part in value.parts:
                    name_values(ctx, name, part.value)
        case layers.Layer() | layers.Sequential():
            value.name = value.name or name
        case list() | tuple():
            for i, item in enumerate(value):
                if not isinstance(item, Value) or ctx.sites_of.get(item.name) == "":
                    name_values(ctx, f"{name}_{i}", item)
