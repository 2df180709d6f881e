"""Reads Python text, with its comments, into the tree: for templates and for tests.

What the tree lacks (classes with keywords, `global`, walrus, ...) is refused with ValueError.
"""

from __future__ import annotations

import ast
import inspect
import io
import tokenize
from collections.abc import Sequence
from typing import Any, Literal, cast

from ppc.emit import tree
from ppc.emit.tree import Expr, Param, Stmt

_BINARY: dict[type[ast.operator], tree.BinaryOperator] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**", ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
    ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip
_UNARY: dict[type[ast.unaryop], tree.UnaryOperator] = {
    ast.USub: "-", ast.UAdd: "+", ast.Invert: "~", ast.Not: "not",
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], tree.Comparator] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip


class Filler:
    """What stands for a name of the text: here, itself. quote.py fills holes."""

    __slots__ = ()

    def name(self, name: str) -> Expr:
        """A name as an expression."""
        return tree.Name(name)

    def identifier(self, name: str) -> str:
        """A name that is bound."""
        return name

    def splice(self, name: str) -> list[Expr] | None:
        """Expressions in place of `*name`, if it is such a hole."""

    def keywords(self, name: str) -> list[tuple[str, Expr]] | None:
        """Keywords in place of `**name`, if it is such a hole."""

    def params(self, name: str) -> list[Param] | None:
        """Parameters in place of one, if it is such a hole."""

    def body(self, name: str) -> list[Stmt] | None:
        """Statements in place of the statement `name`, if it is such a hole."""

    def keep(self, name: str) -> bool | None:
        """Which branch of `if name:` to keep, if it is such a hole."""

    def text(self, text: str) -> str:
        """The words of a string or a comment."""
        return text


def module(text: str) -> tree.Module:
    """Read a whole program. Raises ValueError for what the tree lacks, SyntaxError."""
    reader = Reader(text, Filler())
    body = ast.parse(text).body
    docstring, rest = reader.docstring(body)
    start = body[0].end_lineno or 0 if docstring else 0
    return tree.Module(tuple(reader.block(rest, start + 1, len(reader.lines) + 1, 0)), docstring)


def comments_of(text: str) -> dict[int, tuple[int, str, bool]]:
    """The comments of a text by line: column, words, and whether nothing stands before them."""
    found: dict[int, tuple[int, str, bool]] = {}
    if "#" not in text:
        return found  # `tokenize` takes longer than all the rest
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            found[row] = (column, token.string[1:].strip(), not token.line[:column].strip())
    return found


class Reader:
    """Turns the nodes of `ast` into those of the tree."""

    def __init__(self, text: str, filler: Filler) -> None:
        self.text = text
        self.lines = text.splitlines()
        self.filler = filler
        self.comments = comments_of(text)

    # --- statements ---

    def block(self, body: Sequence[ast.stmt], start: int, end: int, column: int) -> list[Stmt]:
        """Statements with the comments and blank lines in lines `start` to `end`, exclusive."""
        result: list[Stmt] = []
        for i, node in enumerate(body):
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
            result += self._between(start, first, column)
            following = body[i + 1].lineno if i + 1 < len(body) else end
            result += self._stmt(node, following)
            start = (node.end_lineno or node.lineno) + 1
        result += self._between(start, end, column)
        while result and isinstance(result[-1], tree.Blank):
            result.pop()
        return result

    def _between(self, start: int, end: int, column: int) -> list[Stmt]:
        result: list[Stmt] = []
        for row in range(start, end):
            if row in self.comments:
                at, words, alone = self.comments[row]
                if alone and at == column:
                    result.append(tree.Comment(self.filler.text(words)))
            elif row <= len(self.lines) and not self.lines[row - 1].strip():
                result.append(tree.Blank())
        return result

    def _trailing(self, node: ast.stmt) -> str:
        found = self.comments.get(node.end_lineno or node.lineno)
        return self.filler.text(found[1]) if found and not found[2] else ""

    def _stmt(self, node: ast.stmt, end: int) -> list[Stmt]:
        match node:
            case ast.Expr(value=ast.Name(id=name)):
                spliced = self.filler.body(name)
                if spliced is not None:
                    return spliced
            case ast.If(test=ast.Name(id=name)):
                keep = self.filler.keep(name)
                if keep is not None:
                    return self._branch(node.body if keep else node.orelse, node, end)
            case ast.FunctionDef() | ast.ClassDef():
                return [self._definition(node, end)]
        return [self._simple(node) or self._compound(node, end)]

    def _branch(self, body: list[ast.stmt], node: ast.If, end: int) -> list[Stmt]:
        if not body:
            return []
        if body is node.body and node.orelse:
            end = self._header(node.orelse)
        return self._nested(body, end)

    def _orelse(self, body: list[ast.stmt], end: int) -> list[Stmt]:
        """The block of an `else`, or the one statement that an `elif` is."""
        if self.lines[body[0].lineno - 1].lstrip().startswith("elif "):
            return self._stmt(body[0], end)
        return self._nested(body, end)

    def _header(self, body: list[ast.stmt]) -> int:
        """The line of the `else`, `elif` or `finally` above a block."""
        row = body[0].lineno
        while not self.lines[row - 1].lstrip().startswith(("else:", "elif ", "finally:")):
            row -= 1
        return row

    def _nested(self, body: list[ast.stmt], end: int) -> list[Stmt]:
        first = body[0].lineno
        while first - 1 in self.comments and self.comments[first - 1][2]:
            first -= 1
        return self.block(body, first, end, body[0].col_offset)

    def _simple(self, node: ast.stmt) -> Stmt | None:
        note = self._trailing(node)
        match node:
            case ast.Assign(targets=[target], value=value):
                return tree.Assign(self.expr(target), self.expr(value), note)
            case ast.AnnAssign(target=target, annotation=annotation, value=value):
                filled = None if value is None else self.expr(value)
                return tree.AnnAssign(self.expr(target), self.expr(annotation), filled, note)
            case ast.AugAssign(target=target, op=op, value=value):
                return tree.AugAssign(self.expr(target), _BINARY[type(op)], self.expr(value), note)
            case ast.Return(value=value):
                return tree.Return(None if value is None else self.expr(value), note)
            case ast.Expr(value=value):
                return tree.ExprStmt(self.expr(value), note)
            case ast.Raise(exc=ast.expr() as raised, cause=cause):
                return tree.Raise(self.expr(raised), None if cause is None else self.expr(cause))
            case ast.Import(names=[alias]):
                return tree.Import(alias.name, alias.asname)
            case ast.ImportFrom(module=str() as module, names=names, level=0):
                return tree.ImportFrom(module, tuple((n.name, n.asname) for n in names))
            case ast.Pass():
                return tree.Pass()
            case ast.Break():
                return tree.Break()
            case ast.Continue():
                return tree.Continue()
        return None

    def _compound(self, node: ast.stmt, end: int) -> Stmt:
        match node:
            case ast.For(target=target, iter=iterable, body=body, orelse=[]):
                bound = self.expr(target)
                return tree.For(bound, self.expr(iterable), tuple(self._nested(body, end)))
            case ast.While(test=test, body=body, orelse=[]):
                return tree.While(self.expr(test), tuple(self._nested(body, end)))
            case ast.If(test=test, body=body, orelse=orelse):
                until = self._header(orelse) if orelse else end
                rest = tuple(self._orelse(orelse, end)) if orelse else ()
                return tree.If(self.expr(test), tuple(self._nested(body, until)), rest)
            case ast.With(items=items, body=body):
                pairs = tuple(
                    (
                        self.expr(i.context_expr),
                        self.expr(i.optional_vars) if i.optional_vars else None,
                    )
                    for i in items
                )
                return tree.With(pairs, tuple(self._nested(body, end)))
            case ast.Try(orelse=[]):
                return self._try(node, end)
        raise ValueError(f"the tree has no statement {ast.unparse(node)!r}")

    def _try(self, node: ast.Try, end: int) -> tree.Try:
        starts = [h.lineno for h in node.handlers]
        starts += [self._header(node.finalbody)] if node.finalbody else []
        starts.append(end)
        handlers = []
        for handler, until in zip(node.handlers, starts[1:], strict=False):
            if handler.type is None:
                raise ValueError("an `except` needs a type")
            body = tuple(self._nested(handler.body, until))
            handlers.append(tree.Handler(self.expr(handler.type), handler.name, body))
        final = tuple(self._nested(node.finalbody, end)) if node.finalbody else ()
        return tree.Try(tuple(self._nested(node.body, starts[0])), tuple(handlers), final)

    def docstring(self, body: list[ast.stmt]) -> tuple[str, list[ast.stmt]]:
        """The docstring of a body, without indentation, and the other statements."""
        match body:
            case [ast.Expr(value=ast.Constant(value=str() as text)), *rest]:
                return self.filler.text(inspect.cleandoc(text)), rest
        return "", body

    def _definition(self, node: ast.FunctionDef | ast.ClassDef, end: int) -> Stmt:
        docstring, rest = self.docstring(node.body)
        body: list[Stmt] = []
        if rest:
            start = (node.body[0].end_lineno or 0) + 1 if docstring else rest[0].lineno
            while start - 1 in self.comments and self.comments[start - 1][2]:
                start -= 1
            body = self.block(rest, start, end, rest[0].col_offset)
            while docstring and body and isinstance(body[0], tree.Blank):
                body.pop(0)
        name = self.filler.identifier(node.name)
        decorators = tuple(self.expr(d) for d in node.decorator_list)
        if isinstance(node, ast.ClassDef):
            if node.keywords:
                raise ValueError("a class of the tree has no keywords")
            bases = tuple(self.exprs(node.bases))
            return tree.ClassDef(name, bases, tuple(body), docstring, decorators)
        returns = None if node.returns is None else self.expr(node.returns)
        params = tuple(self.params(node.args))
        return tree.FunctionDef(name, params, tuple(body), returns, docstring, decorators)

    def params(self, args: ast.arguments) -> list[Param]:
        """The parameters of a function."""
        if args.posonlyargs:
            raise ValueError("a function of the tree has no positional-only parameters")
        none: list[ast.expr | None] = [None]
        defaults = none * (len(args.args) - len(args.defaults)) + list(args.defaults)
        result: list[Param] = []
        for arg, default in zip(args.args, defaults, strict=True):
            result += self._param(arg, default, "positional")
        if args.vararg:
            result += self._param(args.vararg, None, "vararg")
        for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
            result += self._param(arg, default, "keyword")
        if args.kwarg:
            result += self._param(args.kwarg, None, "kwarg")
        return result

    def _param(
        self,
        arg: ast.arg,
        default: ast.expr | None,
        kind: Literal["positional", "vararg", "keyword", "kwarg"],
    ) -> list[Param]:
        spliced = self.filler.params(arg.arg)
        if spliced is not None:
            return spliced
        annotation = None if arg.annotation is None else self.expr(arg.annotation)
        value = None if default is None else self.expr(default)
        return [Param(self.filler.identifier(arg.arg), annotation, value, kind)]

    # --- expressions ---

    def exprs(self, nodes: Sequence[ast.expr]) -> list[Expr]:
        """Expressions; a hole under a star is replaced by its items."""
        result: list[Expr] = []
        for node in nodes:
            match node:
                case ast.Starred(value=ast.Name(id=name)):
                    spliced = self.filler.splice(name)
                    result += [self.expr(node)] if spliced is None else spliced
                case _:
                    result.append(self.expr(node))
        return result

    def expr(self, node: ast.expr) -> Expr:
        """One expression. Raises ValueError for what the tree lacks."""
        match node:
            case ast.Name(id=name):
                return self.filler.name(name)
            case ast.Attribute(value=value, attr=attr):
                return tree.Attribute(self.expr(value), self.filler.identifier(attr))
            case ast.Call(func=func, args=args):
                return tree.Call(self.expr(func), tuple(self.exprs(args)), self._keywords(node))
            case ast.Subscript(value=value, slice=index):
                return tree.Subscript(self.expr(value), self.expr(index))
            case ast.Slice(lower=lower, upper=upper, step=step):
                return tree.Slice(
                    *(None if b is None else self.expr(b) for b in (lower, upper, step))
                )
            case ast.Tuple(elts=items):
                return tree.Tuple(tuple(self.exprs(items)))
            case ast.List(elts=items):
                return tree.List(tuple(self.exprs(items)))
            case ast.Dict(keys=keys, values=values):
                pairs = zip(keys, values, strict=True)
                return tree.Dict(
                    tuple((None if k is None else self.expr(k), self.expr(v)) for k, v in pairs)
                )
            case ast.Constant():
                return self._constant(node)
            case ast.JoinedStr(values=parts):
                return tree.FString(tuple(self._interpolated(part) for part in parts))
            case ast.Starred(value=value):
                return tree.Starred(self.expr(value))
            case ast.Yield(value=ast.expr() as value):
                return tree.Yield(self.expr(value))
        return self._operation(node)

    def _operation(self, node: ast.expr) -> Expr:
        match node:
            case ast.BinOp(op=op, left=left, right=right):
                return tree.BinOp(_BINARY[type(op)], self.expr(left), self.expr(right))
            case ast.UnaryOp(op=unary, operand=operand):
                return tree.UnaryOp(_UNARY[type(unary)], self.expr(operand))
            case ast.Compare(left=left, ops=ops, comparators=values):
                pairs = zip(ops, values, strict=True)
                rest = tuple((_COMPARE[type(o)], self.expr(v)) for o, v in pairs)
                return tree.Compare(self.expr(left), rest)
            case ast.BoolOp(op=boolean, values=values):
                word: Literal["and", "or"] = "and" if isinstance(boolean, ast.And) else "or"
                return tree.BoolOp(word, tuple(self.expr(v) for v in values))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return tree.IfExp(self.expr(test), self.expr(body), self.expr(orelse))
            case ast.Lambda(args=params, body=body):
                return tree.Lambda(tuple(self.params(params)), self.expr(body))
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
                kind = {ast.ListComp: "list", ast.SetComp: "set"}.get(type(node), "generator")
                return tree.Comprehension(
                    cast(Any, kind), self.expr(node.elt), self._clauses(node.generators)
                )
            case ast.DictComp(key=key, value=value, generators=clauses):
                return tree.Comprehension(
                    "dict", self.expr(key), self._clauses(clauses), self.expr(value)
                )
        raise ValueError(f"the tree has no expression {ast.unparse(node)!r}")

    def _clauses(self, nodes: list[ast.comprehension]) -> tuple[tree.Clause, ...]:
        return tuple(
            tree.Clause(
                self.expr(c.target), self.expr(c.iter), tuple(self.expr(test) for test in c.ifs)
            )
            for c in nodes
        )

    def _keywords(self, node: ast.Call) -> tuple[tuple[str | None, Expr], ...]:
        result: list[tuple[str | None, Expr]] = []
        for item in node.keywords:
            if item.arg is None and isinstance(item.value, ast.Name):
                spliced = self.filler.keywords(item.value.id)
                if spliced is not None:
                    result += spliced
                    continue
            name = None if item.arg is None else self.filler.identifier(item.arg)
            result.append((name, self.expr(item.value)))
        return tuple(result)

    def _constant(self, node: ast.Constant) -> Expr:
        value = node.value
        if isinstance(value, str):
            return tree.Constant(self.filler.text(value))
        if isinstance(value, (bytes, complex)):
            raise ValueError(f"the tree has no literal {value!r}")  # noqa: TRY004  # as elsewhere
        if isinstance(value, int):
            line = self.lines[node.lineno - 1].encode()  # columns of ast count bytes
            if line[node.col_offset :][:2].lower() == b"0x":
                return tree.Hex(value)
        return tree.Constant(value)

    def _interpolated(self, node: ast.expr) -> str | tree.Interpolated:
        match node:
            case ast.Constant(value=str() as text):
                return self.filler.text(text)
            case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
                return tree.Interpolated(self.expr(value))
            case ast.FormattedValue(
                value=value,
                conversion=-1,
                format_spec=ast.JoinedStr(values=[ast.Constant(value=str() as spec)]),
            ):
                return tree.Interpolated(self.expr(value), spec)
        raise ValueError(f"the tree has no {ast.unparse(node)!r} in a formatted string")
