"""Prints the tree, in lines of 88 columns, as `ruff format` prints it: formatting is a fixed point.

Blank lines: two around functions and classes of a module and one around nested ones, one after
imports and after the docstring of a class; elsewhere those that the tree has.
"""

from __future__ import annotations

from collections.abc import Sequence

from ppc.emit import literals
from ppc.emit.expressions import (
    BRACKETS,
    NOTHING,
    assigned,
    bound_manager,
    comma_separated,
    document,
    parameters,
    result,
    target,
    value,
)
from ppc.emit.layout import Doc, Group, IfBroken, render, soft_block, width
from ppc.emit.tree import (
    AnnAssign,
    Assign,
    AugAssign,
    Blank,
    Break,
    ClassDef,
    Comment,
    Continue,
    Expr,
    ExprStmt,
    For,
    FunctionDef,
    If,
    Import,
    ImportFrom,
    Module,
    Pass,
    Raise,
    Return,
    Stmt,
    Subscript,
    Try,
    Tuple,
    While,
    With,
    Yield,
)

LINE = 88
_INDENT = 4
_Definition = FunctionDef | ClassDef
_Compound = (For, While, If, With, Try, FunctionDef, ClassDef)


def print_module(module: Module) -> str:
    """The text of a program, with a final newline."""
    lines = literals.docstring(module.docstring, 0) if module.docstring else []
    if lines and module.body:
        lines.append("")
    lines += _body(module.body, 0)
    return "\n".join(lines) + "\n"


def print_statements(body: Sequence[Stmt], indent: int = 0) -> str:
    """The text of some statements, as they stand in a block at an indentation."""
    return "\n".join(_body(body, indent))


def print_expression(expr: Expr) -> str:
    """The text of an expression by itself, broken where it exceeds a line."""
    return render(value(expr))


# --- blocks --------------------------------------------------------------------------------------


def _body(body: Sequence[Stmt], indent: int) -> list[str]:
    """The lines of a block, with as many blank lines between statements as the formatter wants."""
    lines: list[str] = []
    previous: Stmt | None = None
    blanks = 0
    statements = list(body)
    for i, stmt in enumerate(statements):
        if isinstance(stmt, Blank):
            blanks += 1
            continue
        if previous is not None:
            most = 1 if indent else 2
            least = _least_blanks(previous, stmt, statements[i + 1 :], indent)
            lines += [""] * max(least, min(blanks, most))
        lines += _statement(stmt, indent)
        previous, blanks = stmt, 0
    if all(isinstance(stmt, (Comment, Blank)) for stmt in body) and indent:
        lines.append(" " * indent + "pass")
    return lines


def _least_blanks(previous: Stmt, stmt: Stmt, rest: Sequence[Stmt], indent: int) -> int:
    around = 1 if indent else 2
    if isinstance(previous, _Definition):
        return around
    if isinstance(previous, Comment):
        return 0
    if isinstance(stmt, _Definition) or _leads_to_definition(stmt, rest):
        return around
    imports = (Import, ImportFrom)
    return 1 if isinstance(previous, imports) and not isinstance(stmt, imports) else 0


def _leads_to_definition(stmt: Stmt, rest: Sequence[Stmt]) -> bool:
    """Whether a comment belongs to the definition that follows it."""
    if not isinstance(stmt, Comment):
        return False
    for following in rest:
        if not isinstance(following, Comment):
            return isinstance(following, _Definition)
    return False


def _block(body: Sequence[Stmt], indent: int) -> list[str]:
    """The block of a compound statement; a definition that it starts with stands apart."""
    inner = indent + _INDENT
    rest = [stmt for stmt in body if not isinstance(stmt, Blank)]
    apart = rest and (isinstance(rest[0], _Definition) or _leads_to_definition(rest[0], rest[1:]))
    return ([""] if apart else []) + _body(body, inner)


def _doc(doc: Doc, indent: int) -> list[str]:
    pad = " " * indent
    return (pad + render(doc, indent=indent, limit=LINE)).split("\n")


# --- statements ----------------------------------------------------------------------------------


def _statement(stmt: Stmt, indent: int) -> list[str]:
    pad = " " * indent
    match stmt:
        case Comment(text=text):
            return [pad + literals.comment(text)]
        case Assign() | AnnAssign() | AugAssign() | Return() | ExprStmt():
            return _with_comment(_doc(_simple(stmt), indent), stmt.comment, indent)
        case Import(module=module, alias=alias):
            return [f"{pad}import {module}" + (f" as {alias}" if alias else "")]
        case ImportFrom():
            return _doc(_import_from(stmt), indent)
        case Raise(value=raised, cause=cause):
            tail: Doc = () if cause is None else (" from ", value(cause))
            return _doc(("raise ", value(raised), tail), indent)
        case Pass():
            return [pad + "pass"]
        case Break():
            return [pad + "break"]
        case Continue():
            return [pad + "continue"]
        case FunctionDef():
            return _function(stmt, indent)
        case ClassDef():
            return _class(stmt, indent)
        case Blank():
            return [""]
    return _compound(stmt, indent)


def _compound(stmt: For | While | If | With | Try, indent: int) -> list[str]:
    match stmt:
        case For(target=bound, iterable=iterable, body=body):
            head = ("for ", target(bound), " in ", _iterable(iterable), ":")
            return [*_doc(head, indent), *_block(body, indent)]
        case While(test=test, body=body):
            return [*_doc(("while ", _test(test), ":"), indent), *_block(body, indent)]
        case If():
            return _if(stmt, indent)
        case With(items=items, body=body):
            return [*_doc(("with ", _with_items(items), ":"), indent), *_block(body, indent)]
        case Try():
            return _try(stmt, indent)


def _simple(stmt: Assign | AnnAssign | AugAssign | Return | ExprStmt) -> Doc:
    match stmt:
        case Assign(target=Tuple() as left, value=right):
            return (target(left), " = ", result(right))
        case Assign(target=left, value=right):
            return (target(left), " = ", assigned(right))
        case AnnAssign(target=left, annotation=annotation, value=None):
            return (target(left), ": ", value(annotation))
        case AnnAssign(target=left, annotation=annotation, value=right):
            assert right is not None
            return (target(left), ": ", document(annotation, NOTHING), " = ", assigned(right))
        case AugAssign(target=left, op=op, value=right):
            return (target(left), f" {op}= ", result(right))
        case Return(value=None):
            return "return"
        case Return(value=right):
            assert right is not None
            return ("return ", result(right))
        case ExprStmt(value=Yield(value=right)):
            return ("yield ", value(right))
        case ExprStmt(value=right):
            return value(right)


def _test(expr: Expr) -> Doc:
    return document(expr, NOTHING) if isinstance(expr, Tuple) else value(expr)


_iterable = _test


def _with_comment(lines: list[str], text: str, indent: int) -> list[str]:
    """A comment after a statement, or above it where the line would be too long."""
    if not text:
        return lines
    note = literals.comment(text)
    if len(lines) == 1 and width(lines[0]) + 2 + width(note) <= LINE:
        return [f"{lines[0]}  {note}"]
    return [" " * indent + note, *lines]


def _import_from(stmt: ImportFrom) -> Doc:
    names = [name + (f" as {alias}" if alias else "") for name, alias in stmt.names]
    return (f"from {stmt.module} import ", Group((
        IfBroken("("), soft_block(comma_separated(names)), IfBroken(")"),
    )))  # fmt: skip


def _with_items(items: Sequence[tuple[Expr, Expr | None]]) -> Doc:
    if len(items) == 1:
        ((manager, name),) = items
        return value(manager) if name is None else bound_manager(manager, name)
    docs: list[Doc] = [
        (document(manager, BRACKETS), () if name is None else (" as ", target(name)))
        for manager, name in items
    ]
    return Group((IfBroken("("), soft_block(comma_separated(docs)), IfBroken(")")))


def _if(stmt: If, indent: int) -> list[str]:
    lines = [*_doc(("if ", _test(stmt.test), ":"), indent), *_block(stmt.body, indent)]
    orelse = stmt.orelse
    while orelse:
        match orelse:
            case (If(test=test, body=body, orelse=following),):
                lines += _doc(("elif ", _test(test), ":"), indent)
                lines += _block(body, indent)
                orelse = following
            case _:
                return [*lines, " " * indent + "else:", *_block(orelse, indent)]
    return lines


def _try(stmt: Try, indent: int) -> list[str]:
    pad = " " * indent
    lines = [pad + "try:", *_block(stmt.body, indent)]
    for handler in stmt.handlers:
        name = f" as {handler.name}" if handler.name else ""
        lines += _doc(("except ", _test(handler.type), f"{name}:"), indent)
        lines += _block(handler.body, indent)
    if stmt.final:
        lines += [pad + "finally:", *_block(stmt.final, indent)]
    return lines


# --- definitions ---------------------------------------------------------------------------------


def _decorators(decorators: Sequence[Expr], indent: int) -> list[str]:
    return [line for d in decorators for line in _doc(("@", document(d, NOTHING)), indent)]


def _function(stmt: FunctionDef, indent: int) -> list[str]:
    lines = _decorators(stmt.decorators, indent)
    listed = comma_separated(parameters(stmt.params))
    single = len(stmt.params) == 1 and stmt.params[0].kind != "keyword"
    block = soft_block(listed if single else Group(listed))  # a single one gets its comma
    params: Doc = ("(", block, ")") if stmt.params else "()"
    returns: Doc = () if stmt.returns is None else (" -> ", _annotation(stmt.returns))
    head = (f"def {stmt.name}", Group((params, returns)), ":")
    lines += _doc(head, indent)
    return lines + _docstring(stmt.docstring, indent) + _suite(stmt, indent)


def _annotation(expr: Expr) -> Doc:
    return document(expr, NOTHING) if isinstance(expr, Subscript) else value(expr)


def _class(stmt: ClassDef, indent: int) -> list[str]:
    lines = _decorators(stmt.decorators, indent)
    bases: Doc = ()
    if stmt.bases:
        content = comma_separated(document(base, BRACKETS) for base in stmt.bases)
        bases = Group(("(", soft_block(Group(content)), ")"))
    lines += _doc((f"class {stmt.name}", bases, ":"), indent)
    doc = _docstring(stmt.docstring, indent)
    if doc and any(not isinstance(s, Blank) for s in stmt.body):
        doc.append("")
    return lines + doc + _suite(stmt, indent)


def _docstring(text: str, indent: int) -> list[str]:
    inner = indent + _INDENT
    if not text:
        return []
    first, *rest = literals.docstring(text, inner)
    return [" " * inner + first, *rest]


def _suite(stmt: _Definition, indent: int) -> list[str]:
    """The body, which a docstring alone may stand for."""
    if stmt.docstring and all(isinstance(s, Blank) for s in stmt.body):
        return []
    if stmt.docstring and isinstance(stmt, FunctionDef):
        return _block(stmt.body, indent)
    return _body(stmt.body, indent + _INDENT)
