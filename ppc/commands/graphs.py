"""Prints the graphs of a compilation between passes."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection

from ppc.compiler import PIPELINE, Compilation, Observer, Step, changed
from ppc.diagnostics import KindError
from ppc.diagnostics.command import UnknownPass
from ppc.ir.nodes import Graph
from ppc.ir.text import print_graph

ALL = "all"


def passes(names: Collection[str]) -> frozenset[str]:
    """The passes of these names; `all` is every pass. Raises KindError."""
    known = tuple(step.name for step in PIPELINE)
    unknown = [name for name in names if name not in (*known, ALL)]
    if unknown:
        raise KindError([UnknownPass(name=name, known=known) for name in unknown])
    return frozenset(known if ALL in names else names)


def printer(after: Collection[str], show: Callable[[str], None], *, diff: bool) -> Observer:
    """An observer that shows what each of these passes changed, whole or as a difference."""

    def observe(step: Step, before: Compilation, result: Compilation) -> None:
        if step.name not in after:
            return
        for name, old, new in changed(before, result):
            title = f"{name} after {step.name}"
            if diff:
                show(difference(old, new, f"{name} before {step.name}", title))
            else:
                show(titled(title, new))

    return observe


def titled(title: str, graph: Graph) -> str:
    """A graph in its text form under a title, which is a comment of that form."""
    return f"# {title}\n{print_graph(graph)}\n"


def difference(old: Graph | None, new: Graph, before: str, after: str) -> str:
    """What changed between two graphs, as a unified difference of their texts."""
    lines = print_graph(old).splitlines() if old else []
    found = difflib.unified_diff(
        lines, print_graph(new).splitlines(), before, after, n=1, lineterm=""
    )
    return "\n".join(found) + "\n"
