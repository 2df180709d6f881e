"""Expressions of the tree as documents that break as ruff's formatter breaks them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ppc.emit import literals
from ppc.emit.brackets import (
    COMPARISON,
    LAMBDA,
    OR,
    Operand,
    Optional,
    breaks_inside,
    is_fluent,
    is_simple_bound,
    is_simple_power,
    level,
    operand,
    operands,
    optional,
    own_brackets,
)
from ppc.emit.layout import (
    Break,
    Doc,
    Expandable,
    Group,
    IfBroken,
    Indent,
    Parenthesisable,
    Variants,
    render,
    soft_block,
)
from ppc.emit.tree import (
    Attribute,
    BinOp,
    BoolOp,
    Call,
    Clause,
    Compare,
    Comprehension,
    Constant,
    Dict,
    Expr,
    FString,
    Hex,
    IfExp,
    Interpolated,
    Lambda,
    List,
    Name,
    Param,
    Slice,
    Starred,
    Subscript,
    Tuple,
    UnaryOp,
    Yield,
)
from ppc.records import dataclass


@dataclass(frozen=True, slots=True)
class Inside:
    """What encloses an expression: brackets, a group that may become parentheses, or nothing."""

    brackets: bool = False
    group: Group | None = None

    @property
    def any(self) -> bool:
        """Whether a line may end between operators here."""
        return self.brackets or self.group is not None

    def line(self, kind: Break = Break.SPACE) -> Doc:
        """A line break that is legal only inside brackets."""
        if self.brackets:
            return kind
        flat = " " if kind is Break.SPACE else ""
        return flat if self.group is None else IfBroken(kind, flat, self.group)

    def grouped(self, content: Doc) -> Doc:
        """A group whose breaks are legal only inside brackets."""
        return Group(content, only_if=self.group) if self.any else content


BRACKETS, NOTHING = Inside(brackets=True), Inside()


def value(expr: Expr) -> Doc:
    """An expression at the end of a statement: in parentheses where it must break."""
    if isinstance(expr, Tuple) and len(expr.items) > 1:
        return _if_broken_parens(_sequence(expr.items))
    match optional(expr):
        case Optional.NEVER:
            return document(expr, NOTHING)
        case Optional.FITTING:
            group = Group()
            return Parenthesisable(document(expr, Inside(group=group)), group)
    return _optional_parens(expr, ())


def bound_manager(expr: Expr, name: Expr) -> Doc:
    """A context manager `expr as name`: in parentheses where it must break."""
    return _optional_parens(expr, (" as ", target(name)))


def _optional_parens(expr: Expr, tail: Doc) -> Doc:
    """An expression that breaks in brackets of its own where it may, else in parentheses."""
    if not breaks_inside(expr):
        return _if_broken_parens((document(expr, BRACKETS), tail))
    group = Group()
    inner = Indent((Break.SOFT, document(expr, Inside(group=group)), tail), group)
    group.content = (IfBroken("("), inner, Break.SOFT, IfBroken(")"))
    return group


def assigned(expr: Expr) -> Doc:
    """The right-hand side of an assignment to one name: a tuple keeps its parentheses."""
    return document(expr, NOTHING) if isinstance(expr, Tuple) else result(expr)


def result(expr: Expr) -> Doc:
    """What a statement assigns or returns: the body of a lambda breaks before the whole does."""
    if not isinstance(expr, Lambda):
        return value(expr)
    group = Group()
    body = Expandable(_lambda_body(expr, Inside(group=group)))
    inner = Indent((Break.SOFT, "lambda", _lambda_params(expr), ": ", body), group)
    group.content = (IfBroken("("), inner, Break.SOFT, IfBroken(")"))
    return group


def flat(expr: Expr) -> str:
    """An expression on one line, however long."""
    return render(document(expr, NOTHING), limit=1_000_000)


def document(expr: Expr, inside: Inside) -> Doc:
    """An expression without parentheses around it."""
    match expr:
        case Name(id=text):
            return text
        case Constant(value=constant):
            return literals.literal(constant)
        case Hex(value=number):
            return literals.hexadecimal(number)
        case FString():
            return _fstring(expr)
        case BinOp() | Compare() | BoolOp():
            return inside.grouped(_flattened(_flatten(expr), inside))
        case UnaryOp(op=op):
            (inner,) = operands(expr)
            return ("not " if op == "not" else op, _operand(inner, inside))
        case IfExp():
            return _conditional(expr, inside)
        case Lambda():
            return ("lambda", _lambda_params(expr), ": ", _lambda_body(expr, inside))
        case Attribute() | Call() | Subscript():
            return _chain(expr, inside)
        case List(items=items):
            return _enclosed("[", _sequence(items), "]", inside) if items else "[]"
        case Tuple():
            return _tuple(expr, inside)
        case Dict(items=pairs):
            return (
                _enclosed("{", comma_separated(map(_pair, pairs)), "}", inside) if pairs else "{}"
            )
        case Comprehension():
            return _comprehension(expr, inside)
        case Starred():
            return ("*", _operand(operands(expr)[0], inside))
        case Yield(value=inner_value):
            return ("yield ", document(inner_value, inside))
        case Slice():
            return _slice(expr)


def _operand(item: Operand, inside: Inside) -> Doc:
    if not item.parens:
        return document(item.expr, inside)
    return _enclosed("(", document(item.expr, BRACKETS), ")", inside)


def _enclosed(left: str, content: Doc, right: str, inside: Inside) -> Doc:
    group = Group(soft_block(content))
    return (left, group if inside.group is None else Expandable(group, inside.group), right)


def _if_broken_parens(content: Doc) -> Doc:
    return Group((IfBroken("("), soft_block(content), IfBroken(")")))


def comma_separated(docs: Iterable[Doc], *, trailing: bool = True) -> Doc:
    """Documents with commas between them, and after the last one where they break."""
    parts: list[Doc] = []
    for doc in docs:
        parts += [",", Break.SPACE, doc] if parts else [doc]
    return (*parts, IfBroken(",") if trailing else "")


def _sequence(items: Sequence[Expr]) -> Doc:
    return comma_separated(_operand(operand(item, LAMBDA), BRACKETS) for item in items)


def _tuple(expr: Tuple, inside: Inside) -> Doc:
    if not expr.items:
        return "()"
    if len(expr.items) == 1:
        only = _operand(operand(expr.items[0], LAMBDA), BRACKETS)
        return _enclosed("(", (only, ","), ")", inside)
    return _enclosed("(", _sequence(expr.items), ")", inside)


def _pair(pair: tuple[Expr | None, Expr]) -> Doc:
    key, item = pair
    if key is None:
        return ("**", _operand(operand(item, COMPARISON + 1), BRACKETS))
    return (
        Group(_operand(operand(key, LAMBDA), BRACKETS)),
        ": ",
        _operand(operand(item, LAMBDA), BRACKETS),
    )


# --- operators -----------------------------------------------------------------------------------

_Parts = list[Operand | str]  # operands at even positions, operators between them


def _flatten(expr: Expr) -> _Parts:
    match expr:
        case BinOp(op=symbol):
            between: Sequence[str] = [symbol]
        case Compare(rest=rest):
            between = [comparator for comparator, _ in rest]
        case BoolOp(op=word, values=values):
            between = (word,) * (len(values) - 1)
        case _:
            return [Operand(expr, parens=False)]
    parts: _Parts = []
    for i, item in enumerate(operands(expr)):
        parts += [between[i - 1]] if i else []
        parts += [item] if item.parens else _flatten(item.expr)
    return parts


def _flattened(parts: _Parts, inside: Inside) -> Doc:
    """Operands that break before the operators that bind least, all of them or none."""
    if len(parts) == 1:
        return _operand(_as_operand(parts[0]), inside)
    rank = max(level(part) for part in parts if isinstance(part, str))
    at = [i for i, part in enumerate(parts) if isinstance(part, str) and level(part) == rank]
    docs: list[Doc] = [_run(parts[: at[0]], inside)]
    for i, end in zip(at, [*at[1:], len(parts)], strict=True):
        op = parts[i]
        left, right = _as_operand(parts[i - 1]), _as_operand(parts[i + 1])
        if op == "**" and is_simple_power(left, right):
            space: Doc = IfBroken(" ", group=inside.group) if inside.any else ""
            docs += [inside.line(Break.SOFT), "**", space]
        else:
            docs += [inside.line(), f"{op} "]
        docs.append(_run(parts[i + 1 : end], inside))
    return tuple(docs)


def _run(parts: _Parts, inside: Inside) -> Doc:
    content = _flattened(parts, inside)
    return content if len(parts) == 1 else inside.grouped(content)


def _as_operand(part: Operand | str) -> Operand:
    assert isinstance(part, Operand)
    return part


def _conditional(expr: IfExp, inside: Inside) -> Doc:
    return inside.grouped(_conditional_parts(expr, inside))


def _conditional_parts(expr: IfExp, inside: Inside) -> Doc:
    body, test, orelse = operands(expr)
    if isinstance(orelse.expr, IfExp):
        last = _conditional_parts(orelse.expr, inside)
    else:
        last = inside.grouped(_operand(orelse, inside))
    return (
        _operand(body, inside), inside.line(),
        "if ", _operand(test, inside), inside.line(),
        "else ", last,
    )  # fmt: skip


def _lambda_params(expr: Lambda) -> str:
    text = ", ".join(params_text(expr.params))
    return f" {text}" if text else ""


def params_text(params: Sequence[Param]) -> list[str]:
    """Parameters on one line each, with the star that precedes keyword-only ones."""
    return [render(doc, limit=1_000_000) for doc in parameters(params)]


def parameters(params: Sequence[Param]) -> list[Doc]:
    """The documents of parameters, with the star that precedes keyword-only ones."""
    docs: list[Doc] = []
    starred = False
    for param in params:
        if param.kind == "keyword" and not starred:
            docs.append("*")
        starred |= param.kind in ("keyword", "vararg")
        docs.append(_parameter(param))
    return docs


def _parameter(param: Param) -> Doc:
    stars = {"vararg": "*", "kwarg": "**"}.get(param.kind, "")
    parts: list[Doc] = [stars + param.name]
    if param.annotation is not None:
        parts += [": ", document(param.annotation, BRACKETS)]
    if param.default is not None:
        parts += [" = " if param.annotation is not None else "=", _argument(param.default)]
    return tuple(parts)


def _lambda_body(expr: Lambda, inside: Inside) -> Doc:
    body = operands(expr)[-1]
    if own_brackets(body.expr) is None or (
        isinstance(body.expr, (Call, Subscript)) and is_fluent(body.expr)
    ):
        return _if_broken_parens(document(body.expr, BRACKETS))
    if not isinstance(body.expr, (Call, Subscript)):
        return document(body.expr, inside)
    content = document(body.expr, inside)
    return Variants((
        content,
        Group(content, expand=True),
        ("(", Indent((Break.HARD, content)), Break.HARD, ")"),
    ))  # fmt: skip


# --- chains --------------------------------------------------------------------------------------


def _chain(expr: Attribute | Call | Subscript, inside: Inside) -> Doc:
    if inside.any and is_fluent(expr):
        return Group(_link(expr, inside, fluent=True))
    return _link(expr, inside, fluent=False)


def _link(expr: Attribute | Call | Subscript, inside: Inside, *, fluent: bool) -> Doc:
    (inner,) = operands(expr)
    if not inner.parens and isinstance(inner.expr, (Attribute, Call, Subscript)):
        start = _link(inner.expr, inside, fluent=fluent)
    else:
        start = _operand(inner, inside)
    match expr:
        case Attribute(attr=attr):
            breaks = fluent and (inner.parens or isinstance(inner.expr, (Call, Subscript)))
            return (start, Break.SOFT if breaks else "", f".{attr}")
        case Call():
            return (start, _arguments(expr, inside))
        case Subscript(index=index):
            return (start, _enclosed("[", _index(index), "]", inside))


def _arguments(expr: Call, inside: Inside) -> Doc:
    if not expr.args and not expr.keywords:
        return "()"
    if len(expr.args) == 1 and not expr.keywords and _is_generator(expr.args[0]):
        assert isinstance(expr.args[0], Comprehension)
        return _enclosed("(", _comprehended(expr.args[0]), ")", inside)
    docs: list[Doc] = [_argument(arg) for arg in expr.args]
    for name, arg in expr.keywords:
        docs.append((f"{name}=" if name is not None else "**", _argument(arg)))
    return _enclosed("(", Group(comma_separated(docs)), ")", inside)


def _argument(expr: Expr) -> Doc:
    return _operand(operand(expr, LAMBDA), BRACKETS)


def _is_generator(expr: Expr) -> bool:
    return isinstance(expr, Comprehension) and expr.kind == "generator"


def _index(index: Expr) -> Doc:
    if isinstance(index, Tuple) and len(index.items) > 1:
        return Group(_sequence(index.items))
    if isinstance(index, Tuple) and index.items and isinstance(index.items[0], Slice):
        return (_slice(index.items[0]), ",")
    return document(index, BRACKETS)


def _slice(expr: Slice) -> Doc:
    close = all(is_simple_bound(bound) for bound in (expr.lower, expr.upper, expr.step))
    lower, upper, step = (
        "" if bound is None else _argument(bound) for bound in (expr.lower, expr.upper, expr.step)
    )
    gap = "" if close else " "
    parts: list[Doc] = [lower, gap if lower else "", ":", gap if upper else "", upper]
    if step:
        parts += [gap if upper else "", ":", gap, step]
    return tuple(parts)


_KINDS = {"list": ("[", "]"), "generator": ("(", ")"), "set": ("{", "}"), "dict": ("{", "}")}


def _comprehension(expr: Comprehension, inside: Inside) -> Doc:
    left, right = _KINDS[expr.kind]
    return _enclosed(left, _comprehended(expr), right, inside)


def _comprehended(expr: Comprehension) -> Doc:
    element: Doc = Group(_argument(expr.element))
    if expr.value is not None:
        element = (element, ": ", _argument(expr.value))
    clauses = [(Break.SPACE, _clause(clause)) for clause in expr.clauses]
    return Group((element, *clauses))


def _clause(clause: Clause) -> Doc:
    conditions = tuple(
        (Break.SPACE, "if ", _operand(operand(test, OR), BRACKETS)) for test in clause.conditions
    )
    iterable = _operand(operand(clause.iterable, OR), BRACKETS)
    return ("for ", target(clause.target), " in ", iterable, *conditions)


def target(expr: Expr) -> Doc:
    """What a statement binds: a tuple without parentheses, unless it breaks."""
    if isinstance(expr, Tuple) and len(expr.items) > 1:
        return _if_broken_parens(_sequence(expr.items))
    return document(expr, NOTHING)


def _fstring(expr: FString) -> str:
    plain = "".join(part for part in expr.parts if isinstance(part, str))
    quote = "'" if plain.count('"') > plain.count("'") else '"'
    text = ""
    for part in expr.parts:
        if isinstance(part, Interpolated):
            text += _interpolated(part)
        else:
            inner = "".join("\\" + c if c == quote else literals.escaped(c) for c in part)
            text += inner.replace("{", "{{").replace("}", "}}")
    return f"f{quote}{text}{quote}"


def _interpolated(part: Interpolated) -> str:
    text = flat(part.value)
    if any(c in text for c in "\"'\\#") or set(part.spec) & set("{}\"'\\\n"):
        raise ValueError(f"a formatted string cannot hold {text}: assign it to a name first")
    lead = " " if text.startswith("{") else ""
    return f"{{{lead}{text}:{part.spec}}}" if part.spec else f"{{{lead}{text}}}"
