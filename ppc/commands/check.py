"""Finds every mistake in a file's models, and in how they fit together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ppc.compiler import compile_loss
from ppc.diagnostics import CompileError, Mistake
from ppc.diagnostics.command import AmbiguousGuide, CallsDisagree
from ppc.diagnostics.model_language import NoModel
from ppc.ir.nodes import Graph
from ppc.pedantic import kept, warnings
from ppc.roles import Asked, File, Roles, resolve

if TYPE_CHECKING:
    from ppc_frontend.filecalls import FitCall


def mistakes(file: File, asked: Asked, *, pedantic: bool = False) -> list[Mistake]:
    """Errors and warnings of the file's models, and of their fits as far as these are known.

    With `pedantic` also of what is suspicious. A comment in its line silences a warning.
    """
    found: list[Mistake] = []
    if not file.models:
        return [NoModel(path=file.source.path)]
    for name in file.models if asked.model is None else (asked.model,):
        try:
            found += file.compiled(name).warnings
        except CompileError as error:
            found += error.mistakes
    if any(mistake.severity == "error" for mistake in found):
        return kept(found)  # whether guides match is known when there are graphs
    fits = _fits(file, asked, found)
    if pedantic:
        found += _suspicious(file, asked, fits)
    for roles in fits:
        guide = roles.guide.graph if roles.guide else None
        found += roles.warnings
        try:
            compile_loss(roles.model.graph, guide, roles.options)
        except CompileError as error:
            found += error.mistakes
    return kept(dict.fromkeys(found))


def _suspicious(file: File, asked: Asked, fits: list[Roles]) -> Iterator[Mistake]:
    """What is no mistake in itself: of each fit, and of the models that have none."""
    graphs: list[tuple[Graph, tuple[str, ...] | None]] = [
        (roles.model.graph, roles.options.observed) for roles in fits
    ]
    graphs += [(roles.guide.graph, None) for roles in fits if roles.guide]
    seen = {graph.name for graph, _ in graphs}
    names = file.models if asked.model is None else (asked.model,)
    graphs += [(file.graph(name), None) for name in names if name not in seen]
    for graph, observed in graphs:
        yield from warnings(graph, observed)
    from ppc_frontend.shadows import rebound

    yield from rebound(file.source, {graph.name for graph, _ in graphs})


def _fits(file: File, asked: Asked, found: list[Mistake]) -> list[Roles]:
    """The fits that options or calls describe; the mistakes in them are added to `found`."""
    told = asked.observed is not None or asked.guide is not None
    fits = [fit for fit in file.calls.fits if asked.model in (None, fit.model.model)]
    read = [fit for fit in fits if told or fit.observed is not None]
    made: list[Roles] = []
    cases: list[tuple[Asked, list[FitCall] | None]] = [
        (replace(asked, model=fit.model.model), [fit]) for fit in read
    ]
    if told and not cases:
        cases = [(asked, None)]
    for case, own in cases:
        try:
            made.append(resolve(file, case, own))
        except CompileError as error:
            # What the calls leave open is no mistake of the file.
            found += [m for m in error.mistakes if told or not isinstance(m, _OPEN)]
    return made


_OPEN = (AmbiguousGuide, CallsDisagree)


def summary(file: File, found: list[Mistake]) -> str:
    """The last line of a check."""
    errors = sum(mistake.severity == "error" for mistake in found)
    warnings = len(found) - errors
    parts = [_count(len(file.models), "model"), _count(errors, "mistake")]
    return ", ".join(parts + [_count(warnings, "warning")] * bool(warnings))


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
