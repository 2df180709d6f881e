"""Renders mistakes: place, sentence, a window of five lines with a caret, the way out."""

from __future__ import annotations

from collections.abc import Sequence

from ppc.diagnostics.base import Mistake
from ppc.spans import Span


def render_all(mistakes: Sequence[Mistake]) -> str:
    """Every mistake, separated by blank lines, in the order of their places."""
    return "\n\n".join(render(m) for m in sorted(mistakes, key=_place))


def render(mistake: Mistake) -> str:
    """One mistake as the text that a user reads."""
    head = f"{mistake.severity}[{mistake.code}]: {mistake.message()}"
    parts = [f"{mistake.span}: {head}" if mistake.span else head]
    if mistake.span:
        parts.append(window(mistake.span))
    for span, label in mistake.others:
        parts.append(f"{span}: {label}\n{window(span)}")
    if text := mistake.help():
        parts.append(f"  help: {text}")
    return "\n".join(parts)


def window(span: Span, context: int = 2) -> str:
    """The lines around a place, with carets under it."""
    lines = span.source.lines
    first, last = max(1, span.line - context), min(len(lines), span.line + context)
    width = len(str(last))
    out = []
    for number in range(first, last + 1):
        text = lines[number - 1]
        out.append(f"  {number:>{width}} | {text}".rstrip())
        if number == span.line:
            end = span.end_column if span.end_line == span.line else len(text) + 1
            # Keep the tabs of the line, so that the caret stands under its column.
            lead = "".join("\t" if c == "\t" else " " for c in text[: span.column - 1])
            carets = "^" * max(1, end - span.column)
            out.append(f"  {'':>{width}} | {lead}{carets}")
    return "\n".join(out)


def _place(mistake: Mistake) -> tuple[str, int, int]:
    span = mistake.span
    return (span.source.path, span.line, span.column) if span else ("", 0, 0)
