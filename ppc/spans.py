"""Places in a user's file."""

from __future__ import annotations

import re
from dataclasses import field

from ppc.records import dataclass

_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Source:
    """A text that was read: a whole file, a notebook cell, an interactive entry."""

    path: str  # as the user named it, or `<cell 3>`
    text: str = field(repr=False)

    @property
    def lines(self) -> list[str]:
        """The lines, without their ends, as Python counts them: a form feed ends none."""
        lines = _END.split(self.text)
        return lines if lines[-1] else lines[:-1]


@dataclass(frozen=True, slots=True)
class Span:
    """A range of a source: lines and columns count from 1, as editors do; the end is exclusive.

    Columns count characters, not bytes. A tab is one column.
    """

    source: Source = field(repr=False)
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.source.path}:{self.line}:{self.column}"

    @property
    def excerpt(self) -> str:
        """What it covers, if that is on one line, else the first line that it covers."""
        line = self.source.lines[self.line - 1] if self.line <= len(self.source.lines) else ""
        single = self.line == self.end_line
        return line[self.column - 1 : self.end_column - 1] if single else self.text

    @property
    def text(self) -> str:
        """The first line of the source that it covers, stripped."""
        lines = self.source.lines
        return lines[self.line - 1].strip() if 0 < self.line <= len(lines) else ""
