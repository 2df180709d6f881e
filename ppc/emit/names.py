"""Names of an emitted program: the user's where Python allows them, else the nearest that it does.

The same requests in the same order give the same names.
"""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable

# Aliases of modules that emitted programs import, whichever backend prints them.
MODULES = frozenset(
    "argparse csv functools itertools jax jnp jr jsp lax math np optax os scipy special sys tf "
    "time tqdm zipfile".split()
)
_RESERVED = frozenset(keyword.kwlist) | frozenset(dir(builtins)) | MODULES


class Names:
    """Hands out identifiers, each once. A nested scope sees what the outer one has taken."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = set(taken)

    def nested(self) -> Names:
        """A scope in which everything taken so far stays taken."""
        return Names(self.taken)

    def reserve(self, *names: str) -> None:
        """Take identifiers that the program uses already."""
        self.taken.update(names)

    def fresh(self, hint: str) -> str:
        """An identifier for a hint of any text: the hint itself where it is legal and free."""
        name = identifier(hint)
        if name in _RESERVED:
            name += "_"
        count, base = 1, name
        while name in self.taken:
            count += 1
            name = f"{base.rstrip('_')}_{count}"
        self.taken.add(name)
        return name

    def all(self, hints: Iterable[str]) -> dict[str, str]:
        """An identifier for each of some texts."""
        return {hint: self.fresh(hint) for hint in dict.fromkeys(hints)}


def identifier(text: str) -> str:
    """A readable ASCII identifier for any text; not unique, and it may be a keyword."""
    spelt = "".join(c if c.isascii() else _spelt(c) for c in text)
    name = re.sub(r"\W+", "_", spelt, flags=re.ASCII)
    # Fields of a NamedTuple cannot start with "_"; what does is the program's own.
    name = name.lstrip("_") if name == text else name.strip("_")
    if not name:
        return "x"
    return f"x_{name}" if name[0].isdigit() else name


def _spelt(char: str) -> str:
    """A character in ASCII: its Greek name, its letter without accents, or its code."""
    greek = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", unicodedata.name(char, ""))
    if greek:
        return greek[2].lower() if greek[1] == "SMALL" else greek[2].capitalize()
    plain = unicodedata.normalize("NFKD", char.casefold() if char == "ß" else char)
    if plain != char:
        return "".join(c if c.isascii() else _spelt(c) for c in plain)
    if unicodedata.combining(char):
        return ""
    return f"u{ord(char):x}" if char.isalnum() else "_"
