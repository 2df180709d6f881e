"""Literals as text, in the form that ruff's formatter leaves unchanged."""

from __future__ import annotations

from inspect import cleandoc
from types import EllipsisType
from unicodedata import category, combining, east_asian_width

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def literal(value: bool | float | str | EllipsisType | None) -> str:
    """The text of a constant; Python reads the same value back."""
    if isinstance(value, str):
        return string(value)
    if isinstance(value, float):
        return repr(value).replace("e+", "e")
    return "..." if value is ... else repr(value)


def hexadecimal(value: int) -> str:
    """A whole number in base sixteen, four digits at least."""
    return f"0x{value:04X}"


def string(value: str) -> str:
    """A string literal on one line, in the quotes that need fewer escapes; double by preference."""
    quote = "'" if value.count('"') > value.count("'") else '"'
    return quote + "".join("\\" + c if c == quote else escaped(c) for c in value) + quote


def escaped(char: str) -> str:
    """A character as it stands in a string literal: itself where it prints in one column."""
    if char in _ESCAPES:
        return _ESCAPES[char]
    if is_plain(char):
        return char
    code = ord(char)
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else (f"\\U{code:08x}")
    )


def is_plain(char: str) -> bool:
    """Whether a character prints, in one column, and is no surrogate, mark or control."""
    if char.isascii():
        return char.isprintable()
    narrow = east_asian_width(char) not in "WF" and not combining(char)
    return char.isprintable() and narrow and category(char)[0] in "LNPS"


def comment(text: str) -> str:
    """A comment: one line, whatever the text holds.

    Tabs become spaces; control characters and line ends are shown as escapes.
    """
    flat = text.replace("\t", " ").strip()
    body = "".join(c if c == "\\" or is_plain(c) else escaped(c) for c in flat)
    return f"# {body}" if body else "#"


def docstring(text: str, indent: int) -> list[str]:
    """The lines of a docstring, without the first line's indentation."""
    body = "".join(
        c if c == "\n" else "\\\\" if c == "\\" else escaped(c) for c in cleandoc(text).strip()
    )
    body = body.replace('"""', '\\"\\"\\"')
    if body.startswith('"'):
        body = " " + body
    if body.endswith('"'):
        body = body[:-1] + '\\"'
    first, *rest = (line.rstrip() for line in body.split("\n"))
    if not rest:
        return [f'"""{first}"""']
    pad = " " * indent
    return [f'"""{first}', *(pad + line if line else "" for line in rest), f'{pad}"""']
