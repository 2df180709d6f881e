"""Reads Python source into a syntax tree in which every node has its place.

A file is parsed whole, never dedented, so that lines and columns are those of the user's editor:
with leading blank lines, nested functions, methods, decorators over several lines, tabs,
non-ASCII text, CRLF line ends, a byte order mark or an encoding cookie.
"""

from __future__ import annotations

import inspect
import io
import tokenize
import types
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from ppc.diagnostics.base import CompileError
from ppc.spans import Source, Span
from ppc_frontend import wrong

FunctionNode = cst.FunctionDef | cst.Lambda


class ParsedModule:
    """A source and its tree. Raises CompileError with the place of a syntax error."""

    def __init__(self, source: Source) -> None:
        self.source = source
        try:
            self.tree = cst.parse_module(source.text)
        except (cst.ParserSyntaxError, cst.CSTValidationError) as error:
            raise CompileError(_syntax_mistake(source, error)) from None
        except RecursionError:
            raise CompileError(too_deep(source)) from None

    @cached_property
    def _positions(self) -> dict[cst.CSTNode, object]:
        wrapper = MetadataWrapper(self.tree, unsafe_skip_copy=True)
        try:
            return dict(wrapper.resolve(PositionProvider))
        except RecursionError:
            raise CompileError(too_deep(self.source)) from None

    def span(self, node: cst.CSTNode) -> Span:
        """The place of a node of this tree."""
        place = self._positions[node]
        start, end = place.start, place.end  # type: ignore[attr-defined]  # libcst: CodeRange
        return Span(self.source, start.line, start.column + 1, end.line, end.column + 1)

    @cached_property
    def functions(self) -> tuple[FunctionNode, ...]:
        """Every function and lambda, in no particular order."""
        found: list[FunctionNode] = []
        stack: list[cst.CSTNode] = [self.tree]
        while stack:
            node = stack.pop()
            if isinstance(node, cst.FunctionDef | cst.Lambda):
                found.append(node)
            stack.extend(node.children)
        return tuple(found)

    def find(self, code: types.CodeType) -> FunctionNode | None:
        """The function or lambda that a code object was compiled from."""
        if code.co_name == "<lambda>":
            return self._find_lambda(code)
        for node in self.functions:
            if isinstance(node, cst.FunctionDef) and node.name.value == code.co_name:
                first = node.decorators[0] if node.decorators else node
                if self.span(first).line == code.co_firstlineno:
                    return node
        return None

    def _find_lambda(self, code: types.CodeType) -> FunctionNode | None:
        lines = self.source.lines
        places = []
        for line, _, column, _ in code.co_positions():
            if line is not None and column is not None and 0 < line <= len(lines):
                text = lines[line - 1].encode()[:column].decode(errors="replace")
                places.append((line, len(text) + 1))
        # The first instruction (RESUME) may stand at column 0 of the line.
        places = [place for place in places if place[1] > 1] or places
        best: tuple[Span, FunctionNode] | None = None
        for node in self.functions:
            if not isinstance(node, cst.Lambda):
                continue
            span = self.span(node)
            start, end = (span.line, span.column), (span.end_line, span.end_column)
            if span.line != code.co_firstlineno and not (start <= places[0] < end):
                continue
            inside = all(start <= place < end for place in places)
            if inside and (best is None or start >= (best[0].line, best[0].column)):
                best = (span, node)
        return best[1] if best else None


def read_file(path: str | Path) -> Source:
    """The text of a file under its own encoding. Raises CompileError where it cannot be read."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise CompileError(wrong.FileNotRead(path=str(path), reason=reason)) from None
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise CompileError(wrong.FileNotRead(path=str(path), reason=str(error))) from None
    return Source(str(path), text.removeprefix("\ufeff"))


_LIVE: dict[str, tuple[str, ParsedModule]] = {}  # by file name: text and tree of the last reading


def parse_live(function: types.FunctionType) -> tuple[ParsedModule, FunctionNode]:
    """The module text that a live function came from, and the function in it.

    Works wherever Python keeps the text: files, notebook cells, IPython, the 3.13 prompt. Raises
    CompileError where it keeps none, as for strings given to `exec`.
    """
    code = function.__code__
    name = function.__name__
    try:
        lines, _ = inspect.findsource(function)
    except (OSError, TypeError, IndexError):
        raise CompileError(wrong.NoSource(name=name, path=code.co_filename)) from None
    text = "".join(lines).removeprefix("\ufeff")
    known = _LIVE.get(code.co_filename)
    if known is None or known[0] != text:
        known = (text, ParsedModule(Source(code.co_filename, text)))
        _LIVE[code.co_filename] = known
    node = known[1].find(code)
    if node is None:
        raise CompileError(wrong.SourceChanged(name=name, path=code.co_filename))
    return known[1], node


def check_syntax(source: Source) -> None:
    """Raise CompileError where Python's compiler refuses what its grammar takes: `def f(a, a)`."""
    import ast
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            compile(source.text, source.path, "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise CompileError(_syntax_mistake(source, error, compiled=error)) from None
    except (RecursionError, MemoryError):
        raise CompileError(too_deep(source)) from None


def too_deep(source: Source) -> wrong.TooDeep:
    """The mistake of code that is nested too deeply, at its line of most brackets and operators."""
    lines = source.lines or ("",)

    def weight(line: str) -> int:
        return sum(character in "([{+-*/.~" for character in line)

    at = max(range(len(lines)), key=lambda i: weight(lines[i]))
    column = len(lines[at]) - len(lines[at].lstrip()) + 1
    return wrong.TooDeep(span=Span(source, at + 1, column, at + 1, len(lines[at]) + 1))


def _syntax_mistake(
    source: Source, error: Exception, compiled: Exception | None = None
) -> wrong.SyntaxMistake:
    """The place and words of Python's own parser where it refuses too, else libcst's place.

    `compiled` is what Python's compiler has said already.
    """
    import ast
    import warnings

    line, column = getattr(error, "raw_line", 1), getattr(error, "raw_column", 0) + 1
    reason = "invalid syntax"
    try:
        if compiled is not None:
            raise compiled
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source.text)
    except (RecursionError, MemoryError):
        reason = "it is nested too deeply"
    except SyntaxError as python:
        line, column, reason = python.lineno or line, python.offset or column, python.msg
    except ValueError as python:  # null bytes, in older versions
        reason = str(python)
    column = max(1, column)
    return wrong.SyntaxMistake(span=Span(source, line, column, line, column + 1), reason=reason)


def statements(body: cst.BaseSuite | cst.Module) -> Iterator[cst.CSTNode]:
    """The statements of a block, small ones of one line apart."""
    for item in body.body:
        if isinstance(item, cst.SimpleStatementLine):
            yield from item.body
        else:
            yield item
