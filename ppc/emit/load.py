"""Emitted text as a module of this process."""

from __future__ import annotations

import functools
import linecache
from types import ModuleType


@functools.lru_cache(maxsize=64)
def load(text: str, name: str) -> ModuleType:
    """The module that an emitted text is; the same text and name give the same module.

    A traceback from inside it shows its lines.
    """
    module = ModuleType(f"ppc_emitted_{name}")
    path = f"<emitted {name} {hash(text) & 0xFFFFFFFF:08x}>"
    linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
    code = compile(text, path, "exec", dont_inherit=True)
    exec(code, module.__dict__)  # noqa: S102  # printed from a tree, where no text of a user is code
    return module
