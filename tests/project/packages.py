"""The packages of the project and their modules, as files."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "ppc": ROOT / "ppc",
    "ppc_frontend": ROOT / "frontend" / "ppc_frontend",
    "ppc_jax": ROOT / "backends" / "ppc_jax",
    "ppc_tf": ROOT / "backends" / "ppc_tf",
    "ppc_numpy": ROOT / "backends" / "ppc_numpy",
}


@dataclass(frozen=True)
class Module:
    """A module of the project."""

    name: str
    path: Path

    @property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.path.read_text(encoding="utf-8"))

    @property
    def imports(self) -> Iterator[str]:
        """What importing it imports: not what functions import, nor imports for types only."""
        yield from _imported(self.tree.body)

    def __str__(self) -> str:
        return self.name


def modules() -> list[Module]:
    """All modules of all packages."""
    found = []
    for folder in PACKAGES.values():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            name = ".".join(parts).removesuffix(".__init__")
            found.append(Module(name, path))
    return found


def _imported(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                # `from a import b` imports the module a.b, if there is one.
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=orelse):
                yield from _imported(orelse)
            case ast.If(body=inner, orelse=orelse) | ast.Try(body=inner, orelse=orelse):
                yield from _imported(inner + orelse)
            case ast.ClassDef(body=inner):
                yield from _imported(inner)
