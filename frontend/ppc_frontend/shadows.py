"""Names of a model that are bound anew: a variable that was random, a module."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import libcst as cst

from ppc.diagnostics.pedantic import Rebound
from ppc.distributions import DISTRIBUTIONS
from ppc.spans import Source
from ppc_frontend.api import parsed
from ppc_frontend.blocks import functions_in
from ppc_frontend.scope import binds, imports, suites, target_names
from ppc_frontend.source import ParsedModule, statements


def rebound(source: Source, models: Collection[str]) -> Iterator[Rebound]:
    """Each statement of these models that gives such a name another meaning."""
    module = parsed(source)
    known = {
        name: found.path
        for item in statements(module.tree)
        if isinstance(item, cst.Import | cst.ImportFrom)
        for name, found in imports(item).items()
    }
    for found in functions_in(module):
        if isinstance(found.node, cst.FunctionDef) and found.node.name.value in models:
            yield from _in_block(module, found.node.body, known)


def _in_block(
    module: ParsedModule, body: cst.BaseSuite, known: dict[str, str]
) -> Iterator[Rebound]:
    """In a block and those inside it; a loop may carry a variable on from the block around it."""
    random: set[str] = set()
    for item in statements(body):
        for name in binds(item):
            span = module.span(item)
            if name in random:
                yield Rebound(name=name, was="a random variable", span=span)
            elif name in known:
                yield Rebound(name=name, was="a module", span=span)
        if isinstance(item, cst.Assign) and _is_random(item.value, known):
            random.update(name for t in item.targets for name in target_names(t.target))
        for inner in suites(item):
            yield from _in_block(module, inner, known)


def _is_random(value: cst.BaseExpression, known: dict[str, str]) -> bool:
    """Whether an expression is a call of a distribution."""
    match value:
        case cst.Call(func=cst.Attribute(value=cst.Name(value=library), attr=cst.Name(value=name))):
            return known.get(library) == "ppc" and name in DISTRIBUTIONS
    return False
