"""Quasi-quotation: parts of an emitted program written as Python text, with holes.

    statements('''
        updates, opt_state = optimizer.update(grads, opt_state, __params__)
    ''', params=Name("params"))

A template is a constant of this project, never text of a user. A name `__x__` is a hole:

    as an expression                   an expression
    as a statement of its own          a sequence of statements
    in `f(*__x__)`, `[*__x__]`         a sequence of expressions
    in `f(**__x__)`                    a mapping of keywords
    as a parameter of a function       a sequence of parameters, or a name
    in `if __x__:`                     a bool that keeps one branch and drops the other
    as any other name                  an identifier
    inside a string or a comment       text

Comments and blank lines of the template are kept.
"""

from __future__ import annotations

import ast
import keyword
import re
import textwrap
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, cast, get_args

from ppc.emit import read, tree
from ppc.emit.tree import Expr, Param, Stmt
from ppc.records import dataclass

Hole = Expr | Sequence[Expr] | Sequence[Stmt] | Sequence[Param] | Mapping[str, Expr] | str | bool

_HOLE = re.compile(r"__([a-z][a-z0-9_]*?)__")


def statements(template: str, **holes: Hole) -> list[Stmt]:
    """The statements of a template with its holes filled.

    Raises ValueError where a hole is unfilled, unused, or filled with what does not fit there.
    """
    text = textwrap.dedent(template).strip("\n") + "\n"
    filler = _Filler(holes)
    reader = read.Reader(text, filler)
    result = reader.block(_parsed(text).body, 1, len(reader.lines) + 1, 0)
    filler.check_used()
    return result


def expression(template: str, **holes: Hole) -> Expr:
    """The expression of a template with its holes filled. Raises ValueError as `statements`."""
    text = template.strip()
    filler = _Filler(holes)
    result = read.Reader(text, filler).expr(_parsed(text, "eval").body)
    filler.check_used()
    return result


# CPython 3.11 counts the depth of trees in one place for all threads (python/cpython#106905).
_PARSING = threading.Lock()


def _parsed(text: str, mode: str = "exec") -> Any:
    with _PARSING:
        return ast.parse(text, mode=mode)


@dataclass(slots=True)
class _Filler(read.Filler):
    holes: Mapping[str, Hole]
    used: set[str] = field(default_factory=set)

    def check_used(self) -> None:
        if unused := sorted(set(self.holes) - self.used):
            raise ValueError(f"the template has no hole {', '.join(unused)}")

    def _hole(self, name: str) -> Hole | None:
        """The filling of a name, if it is a hole."""
        match = _HOLE.fullmatch(name)
        if match is None or name in _DUNDERS:
            return None
        if match[1] not in self.holes:
            raise ValueError(f"the hole {name} is not filled")
        self.used.add(match[1])
        return self.holes[match[1]]

    def name(self, name: str) -> Expr:
        filling = self._hole(name)
        if filling is None:
            return tree.Name(name)
        if isinstance(filling, str):
            return tree.Name(_identifier(filling))
        return cast(Expr, _checked(filling, EXPRS, name))

    def identifier(self, name: str) -> str:
        filling = self._hole(name)
        if filling is None:
            return name
        if isinstance(filling, tree.Name):
            return filling.id
        return _identifier(_checked(filling, str, name))

    def splice(self, name: str) -> list[Expr] | None:
        filling = self._hole(name)
        if filling is None or isinstance(filling, EXPRS):
            return None
        return [_checked(item, EXPRS, name) for item in _sequence(filling, name)]

    def keywords(self, name: str) -> list[tuple[str, Expr]] | None:
        filling = self._hole(name)
        if not isinstance(filling, Mapping):
            return None
        return [(_identifier(key), _checked(v, EXPRS, name)) for key, v in filling.items()]

    def params(self, name: str) -> list[Param] | None:
        filling = self._hole(name)
        if filling is None or isinstance(filling, (str, tree.Name)):
            return None
        return [_checked(item, Param, name) for item in _sequence(filling, name)]

    def body(self, name: str) -> list[Stmt] | None:
        filling = self._hole(name)
        if filling is None or isinstance(filling, (*EXPRS, str)):
            return None
        return [_checked(item, STMTS, name) for item in _sequence(filling, name)]

    def keep(self, name: str) -> bool | None:
        filling = self._hole(name)
        return filling if isinstance(filling, bool) else None

    def text(self, text: str) -> str:
        def fill(match: re.Match[str]) -> str:
            filling = self.holes.get(match[1])
            if not isinstance(filling, str):
                return match[0]
            self.used.add(match[1])
            return filling

        return _HOLE.sub(fill, text)


_DUNDERS = frozenset({"__doc__", "__name__", "__main__", "__init__", "__file__", "__version__"})
EXPRS: tuple[type, ...] = get_args(tree.Expr)
STMTS: tuple[type, ...] = get_args(tree.Stmt)


def _identifier(name: str) -> str:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"{name!r} is not an identifier")
    return name


def _sequence(filling: Hole, name: str) -> Sequence[object]:
    return cast(Sequence[object], _checked(filling, (list, tuple), name))


def _checked(item: object, kind: type | tuple[type, ...], name: str) -> Any:
    if not isinstance(item, kind):
        raise ValueError(f"the hole {name} does not take {item!r}")  # noqa: TRY004  # a hole's
    return item


class Templates(Mapping[str, "list[Stmt]"]):
    """Statements by name, each text read when it is first asked for: reading takes time."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._read: dict[str, list[Stmt]] = {}

    def __getitem__(self, name: str) -> list[Stmt]:
        if name not in self._read:
            self._read[name] = statements(self._texts[name])
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)
