"""Renders mistakes: place, sentence, a window of five lines with a caret, the way out."""

from __future__ import annotations

import traceback
import unicodedata
from collections.abc import Sequence

from ppc.diagnostics.base import Mistake
from ppc.spans import Span

WIDTH = 100  # cells of source that a window shows; longer lines are cut around the caret
# Whose frames say nothing to a user: ours, and those that run a notebook's cells.
_LIBRARIES = frozenset({"ppc", "ppc_frontend", "ppc_jax", "ppc_tf", "ppc_numpy", "IPython"})
_CARET_LINES = 5  # a place over more lines shows its first ones


def render_all(mistakes: Sequence[Mistake]) -> str:
    """Every mistake once, separated by blank lines, in the order of their places."""
    texts = dict.fromkeys(render(m) for m in sorted(mistakes, key=_place))
    return "\n\n".join(texts)


def render(mistake: Mistake) -> str:
    """One mistake as the text that a user reads."""
    head = f"{mistake.severity}[{mistake.code}]: {mistake.message()}"
    parts = [f"{mistake.span}: {head}" if mistake.span else head]
    if mistake.span:
        parts.append(window(mistake.span))
    for span, label in mistake.others:
        parts.extend((f"{span}: {label}", window(span)))
    if text := mistake.help():
        parts.append("  help: " + text.replace("\n", "\n        "))
    return "\n".join(part for part in parts if part)


def render_internal(what: str, details: str = "") -> str:
    """An internal error as the text that a user reads."""
    parts = [
        f"internal error: {what}",
        "  This is a bug in ppc, not a mistake in your model.",
        "  help: please report it, with this text, the model's source and ppc's version",
    ]
    return "\n".join([*parts, details] if details else parts)


def render_raised(error: BaseException) -> list[str]:
    """The lines of the user's own code that led to an error, and the error."""
    frames = traceback.walk_tb(error.__traceback__)
    own = [
        (f, line)
        for f, line in frames
        if f.f_globals.get("__name__", "").split(".")[0] not in _LIBRARIES
    ]
    stack = traceback.StackSummary.extract(iter(own), capture_locals=False)
    return [*(line for frame in stack.format() for line in frame.splitlines()), str(error)]


def window(span: Span, context: int = 2) -> str:
    """The lines around a place, with carets under it; empty where the text is missing."""
    lines = span.source.lines
    if not 0 < span.line <= len(lines):
        return ""
    last_marked = min(max(span.end_line, span.line), span.line + _CARET_LINES - 1, len(lines))
    first, last = max(1, span.line - context), min(len(lines), last_marked + context)
    width = len(str(last))
    shift = _shift(lines[span.line - 1], span)
    out = []
    for number in range(first, last + 1):
        text, columns = _cells(lines[number - 1])
        out.append(f"  {number:>{width}} | {_cut(text, shift)}".rstrip())
        if span.line <= number <= last_marked:
            start, end = _marked(span, number, lines[number - 1])
            left = _column(columns, start)
            right = max(_column(columns, end), left + 1)
            left, right = max(left - shift, 0), min(right - shift, WIDTH)
            if left < right:
                out.append(f"  {'':>{width}} | {' ' * left}{'^' * (right - left)}")
    return "\n".join(out)


def _marked(span: Span, number: int, text: str) -> tuple[int, int]:
    """The columns of a line that the span covers, from 0, the end exclusive."""
    indent = len(text) - len(text.lstrip())
    start = span.column - 1 if number == span.line else indent
    end = span.end_column - 1 if number == span.end_line else len(text.rstrip())
    return start, end


def _cells(text: str) -> tuple[str, list[int]]:
    """The line as a terminal shows it, and the cell at which each column starts."""
    shown, columns, cell = [], [], 0
    for character in text:
        columns.append(cell)
        if character == "\t":
            wide = 4 - cell % 4  # any fixed stop will do: the caret line has no tabs
            shown.append(" " * wide)
        elif character.isprintable() or unicodedata.category(character) == "Cf":
            wide = _cell_width(character)
            shown.append(character)
        else:
            wide = 1  # a control character would move the cursor
            shown.append("\N{REPLACEMENT CHARACTER}")
        cell += wide
    columns.append(cell)
    return "".join(shown), columns


def _cell_width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _column(columns: list[int], at: int) -> int:
    """The cell of a column; columns past the end of the line follow it."""
    past = max(0, at - len(columns) + 1)
    return columns[at - past] + past if at >= 0 else 0


def _shift(text: str, span: Span) -> int:
    """How many cells to cut on the left, so that the start of the place is in view."""
    _, columns = _cells(text)
    left = _column(columns, span.column - 1)
    if columns[-1] <= WIDTH or left < WIDTH * 3 // 4:
        return 0
    return left - WIDTH // 2


def _cut(text: str, shift: int) -> str:
    """`WIDTH` cells of a line from cell `shift` on, with `...` where something is left out."""
    kept, cell = [], 0
    for character in text:
        wide = _cell_width(character)
        if cell >= shift and cell + wide <= shift + WIDTH:
            kept.append(character)
        elif cell < shift < cell + wide:
            kept.append(" " * (cell + wide - shift))  # half of a wide character
        cell += wide
    line = "".join(kept)
    if cell > shift + WIDTH:
        line = _drop_end(line) + "..."
    if shift and text.strip():
        line = "..." + _drop_start(line)
    return line


def _drop_end(line: str) -> str:
    """The line without its last three cells or a little more."""
    room = sum(map(_cell_width, line)) - 3
    while line and sum(map(_cell_width, line)) > room:
        line = line[:-1]
    return line


def _drop_start(line: str) -> str:
    """The line without exactly its first three cells."""
    dropped, at = 0, 0
    while at < len(line) and dropped < 3:
        dropped += _cell_width(line[at])
        at += 1
    return " " * (dropped - 3) + line[at:]


def _place(mistake: Mistake) -> tuple[str, int, int]:
    span = mistake.span
    return (span.source.path, span.line, span.column) if span else ("", 0, 0)
