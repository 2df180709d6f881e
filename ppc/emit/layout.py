"""Documents that decide their own line breaks, after Wadler's "A prettier printer" (2003).

A document is text, a possible line break, or a combination of documents. A group is printed on
one line where it fits and is broken everywhere else. The combinators and the way in which they
are measured are those of ruff's formatter, so that what is printed here is what it would print:
conditional groups (a group only where another one is broken), content that may overflow its line
because it can break inside its own brackets (`Expandable`), and a choice between variants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from enum import Enum, auto
from unicodedata import combining, east_asian_width

from ppc.records import dataclass

INDENT = 4


class Break(Enum):
    """A place where a line may end: nothing, a space, or a line break in any case."""

    SOFT = auto()
    SPACE = auto()
    HARD = auto()


@dataclass(slots=True, eq=False)
class Group:
    """Content that is printed on one line if it fits. Its identity names it in conditions."""

    content: Doc = ""
    only_if: Group | None = None  # a group only where this other one is broken
    expand: bool = False  # broken in any case


@dataclass(slots=True, eq=False)
class IfBroken:
    """One content where the group (or else the enclosing one) is broken, another where not."""

    broken: Doc
    flat: Doc = ""
    group: Group | None = None


@dataclass(slots=True, eq=False)
class Indent:
    """Content whose line breaks are one level further in; where `group` is broken, if given."""

    content: Doc
    group: Group | None = None


@dataclass(slots=True, eq=False)
class Expandable:
    """Content that is measured as broken while `group` is flat, and may then be any width.

    Without a group, it always is.
    """

    content: Doc
    group: Group | None = None


@dataclass(slots=True, eq=False)
class Variants:
    """The first of some documents that fits: the first flat, the others broken."""

    choices: tuple[Doc, ...]


@dataclass(slots=True, eq=False)
class Parenthesisable:
    """Content in parentheses, on lines of its own, but only where that makes it fit.

    `group` is a name for it: broken where the parentheses are printed.
    """

    content: Doc
    group: Group


Doc = (
    str | Break | Group | IfBroken | Indent | Expandable | Variants | Parenthesisable
    | tuple["Doc", ...]
)  # fmt: skip


class _Measure(Enum):
    FIRST_LINE = auto()  # fits if it fits up to the first line break
    ALL_LINES = auto()
    ANY_WIDTH = auto()


@dataclass(frozen=True, slots=True)
class _Frame:
    """How a document is printed: indentation in columns, broken or flat, and how it is measured."""

    indent: int
    broken: bool
    measure: _Measure = _Measure.FIRST_LINE


_Command = tuple[_Frame, Doc]


def soft_block(content: Doc, group: Group | None = None) -> Doc:
    """Content on lines of its own, further in, where the enclosing group is broken."""
    return (Indent((Break.SOFT, content), group), Break.SOFT)


def width(text: str) -> int:
    """The columns that text takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def render(doc: Doc, *, indent: int = 0, column: int | None = None, limit: int = 88) -> str:
    """Lay a document out in lines of `limit` columns.

    `indent` is the indentation of lines after the first, which starts at `column`.
    """
    column = indent if column is None else column
    line = _on_one_line(doc)
    if line is not None and column + width(line) <= limit:
        return line
    return _Renderer(limit, column).run(doc, indent)


def _on_one_line(doc: Doc) -> str | None:
    """A document with no group broken; None if it has a line break in any case.

    Where it fits this is what the renderer prints, found in a fraction of the time.
    """
    out: list[str] = []
    todo: list[tuple[Doc, bool]] = [(doc, False)]  # whether it stands in a group
    while todo:
        part, grouped = todo.pop()
        match part:
            case str():
                out.append(part)
            case tuple():
                todo.extend([(inner, grouped) for inner in reversed(part)])
            case Group(only_if=None, expand=False):
                todo.append((part.content, True))
            case Indent() | Expandable():
                todo.append((part.content, grouped))
            case Parenthesisable():
                todo.append((part.content, True))
            case Variants():
                todo.append((part.choices[0], True))
            case IfBroken() if grouped or part.group is not None:
                todo.append((part.flat, grouped))
            case Break.SPACE if grouped:
                out.append(" ")
            case Break.SOFT if grouped:
                pass
            case _:
                return None
    return "".join(out)


@dataclass(slots=True)
class _Renderer:
    limit: int
    column: int
    out: list[str] = field(default_factory=list)
    pending: int = 0  # indentation owed before the next text
    broken: dict[int, bool] = field(default_factory=dict)  # by id of the group
    measured: bool = False  # whether what is printed flat is known to fit

    def run(self, doc: Doc, indent: int) -> str:
        stack: list[_Command] = [(_Frame(indent, broken=True), doc)]
        while stack:
            frame, doc = stack.pop()
            self._step(frame, doc, stack)
        return "".join(self.out)

    def _step(self, frame: _Frame, doc: Doc, stack: list[_Command]) -> None:
        match doc:
            case str():
                self._text(doc)
            case tuple():
                stack.extend((frame, part) for part in reversed(doc))
            case Break():
                self._line(frame, doc)
            case Group():
                stack.append((self._entered(frame, doc, stack), doc.content))
            case IfBroken():
                stack.append((frame, self._chosen(frame, doc)))
            case Indent():
                stack.append((self._indented(frame, doc), doc.content))
            case Expandable():
                # Inner groups were measured as broken: measure them anew.
                self.measured = self.measured and not self._is_flat(doc.group)
                stack.append((frame, doc.content))
            case Variants():
                stack.append(self._variant(frame, doc, stack))
            case Parenthesisable():
                stack.append(self._parenthesised(frame, doc, stack))

    def _text(self, text: str) -> None:
        if not text:
            return
        if self.pending:
            self.out.append(" " * self.pending)
            self.column += self.pending
            self.pending = 0
        self.out.append(text)
        self.column += width(text)

    def _line(self, frame: _Frame, kind: Break) -> None:
        if not frame.broken and kind is not Break.HARD:
            self._text(" " if kind is Break.SPACE else "")
            return
        self.out.append("\n")
        self.column, self.pending, self.measured = 0, frame.indent, False

    def _indented(self, frame: _Frame, doc: Indent) -> _Frame:
        if doc.group is not None and not self.broken[id(doc.group)]:
            return frame
        return _Frame(frame.indent + INDENT, frame.broken, frame.measure)

    def _chosen(self, frame: _Frame, doc: IfBroken) -> Doc:
        broken = frame.broken if doc.group is None else self.broken[id(doc.group)]
        return doc.broken if broken else doc.flat

    def _entered(self, frame: _Frame, group: Group, stack: list[_Command]) -> _Frame:
        """The frame in which the content of a group is printed."""
        if group.only_if is not None and not self.broken[id(group.only_if)]:
            return frame
        if group.expand:
            broken = True
        elif not frame.broken and self.measured:
            broken = False
        else:
            self.measured = True
            self.broken[id(group)] = False
            flat = _Frame(frame.indent, broken=False, measure=frame.measure)
            broken = not self._fits([(flat, group.content)], stack)
        self.broken[id(group)] = broken
        return _Frame(frame.indent, broken, frame.measure)

    def _variant(self, frame: _Frame, doc: Variants, stack: list[_Command]) -> _Command:
        flat = _Frame(frame.indent, broken=False)
        if not frame.broken and self.measured:
            return flat, doc.choices[0]
        self.measured = True
        for i, choice in enumerate(doc.choices[:-1]):
            chosen = _Frame(frame.indent, broken=i > 0)
            if self._fits([(chosen, choice)], stack):
                return chosen, choice
        return _Frame(frame.indent, broken=True), doc.choices[-1]

    def _parenthesised(
        self, frame: _Frame, doc: Parenthesisable, stack: list[_Command]
    ) -> _Command:
        flat = _Frame(frame.indent, broken=False)
        if not frame.broken and self.measured:
            self.broken[id(doc.group)] = False
            return flat, doc.content
        self.measured = True
        self.broken[id(doc.group)] = False
        if self._fits([(flat, doc.content)], stack):
            return flat, doc.content
        self.broken[id(doc.group)] = True
        enclosed = ("(", Indent((Break.HARD, doc.content)), Break.HARD, ")")
        opened = _Frame(frame.indent + INDENT, broken=True, measure=_Measure.ALL_LINES)
        fits = self._fits([(opened, doc.content), (opened, ("(", Break.HARD))], stack)
        self.broken[id(doc.group)] = fits
        return (_Frame(frame.indent, broken=True), enclosed) if fits else (flat, doc.content)

    def _is_flat(self, group: Group | None) -> bool:
        return group is None or not self.broken[id(group)]

    def _fits(self, commands: list[_Command], rest: Sequence[_Command]) -> bool:
        """Whether commands, and what follows them up to a line break, fit on the line."""
        column, pending, below = self.column, self.pending, len(rest)
        while True:
            if not commands:
                if not below:
                    return True
                below -= 1
                commands.append(rest[below])
            frame, doc = commands.pop()
            match doc:
                case str():
                    column, pending = (
                        column + width(doc) + (pending if doc else 0),
                        (0 if doc else pending),
                    )
                    if column > self.limit and frame.measure is not _Measure.ANY_WIDTH:
                        return False
                case tuple():
                    commands.extend((frame, part) for part in reversed(doc))
                case Break.HARD:
                    if not frame.broken or frame.measure is _Measure.FIRST_LINE:
                        return True
                    column, pending = 0, frame.indent
                case Break():
                    if not frame.broken:
                        column += 1 if doc is Break.SPACE else 0
                        if column > self.limit and frame.measure is not _Measure.ANY_WIDTH:
                            return False
                    elif frame.measure is _Measure.FIRST_LINE:
                        return True
                    else:
                        column, pending = 0, frame.indent
                case Group():
                    commands.append((self._measured_group(frame, doc), doc.content))
                case IfBroken():
                    commands.append((frame, self._chosen(frame, doc)))
                case Indent():
                    commands.append((self._indented(frame, doc), doc.content))
                case Expandable():
                    if not frame.broken and self._is_flat(doc.group):
                        frame = _Frame(frame.indent, broken=True, measure=_Measure.ANY_WIDTH)
                    commands.append((frame, doc.content))
                case Variants():
                    at = -1 if frame.broken else 0
                    commands.append((frame, doc.choices[at]))
                case Parenthesisable():
                    self.broken[id(doc.group)] = frame.broken
                    commands.append((frame, doc.content))

    def _measured_group(self, frame: _Frame, group: Group) -> _Frame:
        if group.only_if is not None:
            if self.broken[id(group.only_if)] and group.expand:
                return _Frame(frame.indent, broken=True, measure=frame.measure)
            return frame
        broken = group.expand or frame.broken
        self.broken[id(group)] = broken
        return _Frame(frame.indent, broken, frame.measure)
