"""What a row of a vocabulary is, and how a call is bound to it.

A signature is the library's own, as text: `"a, axis=None, keepdims=False"`. A parameter may be
written `theirs:ours`, where the builder's keyword differs from the library's name, `theirs:-`
where only the default is supported, and `theirs:_` where it makes no difference. `/` and `*`
stand as in Python.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from ppc.records import dataclass
from ppc.spans import Span
from ppc_frontend import wrong
from ppc_frontend.context import Context, Places
from ppc_frontend.tensors import describe

Build = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A function of a library: its signature, what builds its nodes, fixed keywords for that."""

    signature: str
    build: Build
    fixed: tuple[Any, ...] = ()  # passed first


@dataclass(frozen=True, slots=True)
class Formal:
    """A parameter of a signature."""

    name: str
    keyword: str  # the builder's; "-" where only the default is supported
    required: bool
    default: Any = None
    positional: bool = True
    variadic: bool = False


@cache
def formals(signature: str) -> tuple[Formal, ...]:
    """The parameters of a signature."""
    found: list[Formal] = []
    positional = True
    for item in _split(signature):
        if item == "/":
            continue
        if item == "*":
            positional = False
            continue
        name, equals, default = item.partition("=")
        name, _, keyword = name.strip().partition(":")
        variadic = name.startswith("*")
        name = name.lstrip("*")
        found.append(
            Formal(
                name=name,
                keyword=keyword or name,
                required=not equals and not variadic,
                default=ast.literal_eval(default) if equals else () if variadic else None,
                positional=positional,
                variadic=variadic,
            )
        )
        if variadic:
            positional = False
    return tuple(found)


def _split(signature: str) -> list[str]:
    items, depth, start = [], 0, 0
    for i, char in enumerate(signature):
        depth += (char in "([") - (char in ")]")
        if char == "," and not depth:
            items.append(signature[start:i].strip())
            start = i + 1
    items.append(signature[start:].strip())
    return [item for item in items if item]


def bind(
    ctx: Context, function: str, signature: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """The builder's keywords for a call. Refuses calls that the library itself would refuse."""
    rows = formals(signature)
    at, ctx.places = ctx.places or Places(), None
    places = [f for f in rows if f.positional and not f.variadic]
    rest = next((f for f in rows if f.variadic), None)
    if len(args) > len(places) and rest is None:
        ctx.refuse(
            wrong.TooManyArguments(
                span=_place(ctx, at.positional[len(places) :]),
                function=function,
                most=len(places),
                given=len(args),
            )
        )
    named: dict[str, Any] = {f.name: v for f, v in zip(places, args, strict=False)}
    if rest is not None:
        named[rest.name] = tuple(args[len(places) :])
    known = [f.name for f in rows if not f.variadic]
    for name, value in kwargs.items():
        if name not in known:
            near = wrong.nearest(name, known)
            span = at.named.get(name, ctx.span)
            ctx.refuse(wrong.UnknownKeyword(span=span, function=function, name=name, near=near))
        if name in named:
            span = at.named.get(name, ctx.span)
            ctx.refuse(wrong.UnknownKeyword(span=span, function=function, name=name, twice=True))
        named[name] = value
    ctx.bound_places = dict(zip((f.name for f in places), at.positional, strict=False)) | at.named
    bound: dict[str, Any] = {}
    for formal in rows:
        if formal.name not in named:
            if formal.required:
                ctx.refuse(
                    wrong.MissingArgument(span=ctx.span, function=function, name=formal.name)
                )
            if formal.keyword.strip("_-"):
                bound[formal.keyword] = formal.default
        elif formal.keyword == "-":
            if not _same(named[formal.name], formal.default):
                ctx.refuse(
                    wrong.UnsupportedArgument(
                        span=ctx.bound_places.get(formal.name, ctx.span),
                        function=function, name=formal.name,
                        value=describe(named[formal.name]),
                    )
                )  # fmt: skip
        elif formal.keyword.strip("_"):
            bound[formal.keyword] = named[formal.name]
    return bound


def _place(ctx: Context, spans: Sequence[Span]) -> Span:
    return spans[0] if spans else ctx.span


def _same(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and bool(value == default))


def call(
    ctx: Context, function: str, row: Row, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """Build the nodes of a call of a library function."""
    return row.build(ctx, *row.fixed, **bind(ctx, function, row.signature, args, kwargs))
