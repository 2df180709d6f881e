"""Finds every mistake in a file's models, and in how they fit together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ppc.compiler import compile_loss
from ppc.diagnostics import CompileError, Mistake
from ppc.diagnostics.command import AmbiguousGuide, CallsDisagree
from ppc.diagnostics.model_language import NoModel
from ppc.roles import Asked, File, Roles, resolve

if TYPE_CHECKING:
    from ppc_frontend.filecalls import FitCall


def mistakes(file: File, asked: Asked) -> list[Mistake]:
    """Errors and warnings of the file's models, and of their fits as far as these are known."""
    found: list[Mistake] = []
    if not file.models:
        return [NoModel(path=file.source.path)]
    for name in file.models if asked.model is None else (asked.model,):
        try:
            found += file.compiled(name).warnings
        except CompileError as error:
            found += error.mistakes
    if any(mistake.severity == "error" for mistake in found):
        return found  # whether guides match is known when there are graphs
    for roles in _fits(file, asked, found):
        guide = roles.guide.graph if roles.guide else None
        found += roles.warnings
        try:
            compile_loss(roles.model.graph, guide, roles.options)
        except CompileError as error:
            found += error.mistakes
    return list(dict.fromkeys(found))


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
