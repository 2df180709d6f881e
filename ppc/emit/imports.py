"""The imports of an emitted program, in the order that linters want."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from ppc.emit.tree import Blank, Import, ImportFrom, Stmt


def sorted_imports(imports: Iterable[Import | ImportFrom]) -> list[Stmt]:
    """Imports without repetition: those of Python first, then the others, with a line between.

    In each part, whole modules stand before `from` imports, each in alphabetical order; names
    from one module are joined.
    """
    plain: set[Import] = set()
    joined: dict[str, set[tuple[str, str | None]]] = {}
    for item in imports:
        if isinstance(item, Import):
            plain.add(item)
        else:
            joined.setdefault(item.module, set()).update(item.names)
    named = [
        ImportFrom(module, tuple(sorted(names, key=_rank))) for module, names in joined.items()
    ]
    result: list[Stmt] = []
    for standard in (True, False):
        part: list[Stmt] = [
            *sorted((i for i in plain if _is_standard(i.module) == standard), key=_text),
            *sorted((i for i in named if _is_standard(i.module) == standard), key=_text),
        ]
        result += [Blank(), *part] if part and result else part
    return result


def _is_standard(module: str) -> bool:
    return module.split(".")[0] in sys.stdlib_module_names


def _text(item: Import | ImportFrom) -> tuple[str, str]:
    return item.module, (item.alias or "") if isinstance(item, Import) else ""


def _rank(name: tuple[str, str | None]) -> tuple[int, str]:
    """Constants, then classes, then functions, as isort has it."""
    text = name[0]
    return (0 if text.isupper() and len(text) > 1 else 1 if text[0].isupper() else 2), text
