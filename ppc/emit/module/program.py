"""Prints a program as a module that stands alone."""

from __future__ import annotations

import textwrap

from ppc.emit.module import templates
from ppc.emit.module.declarations import declarations
from ppc.emit.module.dialect import Dialect
from ppc.emit.module.interface import Interface
from ppc.emit.module.model import functions, init_params, loss, noise, prepare
from ppc.emit.module.running import files, loop
from ppc.emit.module.scope import imports_used, with_helpers
from ppc.emit.names import identifier
from ppc.emit.printer import print_module
from ppc.emit.program import Program
from ppc.emit.quote import statements
from ppc.emit.tree import (
    Blank,
    Comment,
    Constant,
    Module,
    Stmt,
)

WIDTH = 88


def emit(dialect: Dialect, program: Program) -> str:
    """The text of a program of which the dialect has all that it needs."""
    return print_module(module(Interface(program, dialect)))


def module(io: Interface) -> Module:
    """The program as a tree."""
    model = [init_params(io), prepare(io), *loss(io), *noise(io)]
    body: list[Stmt] = [
        *statements(templates.CONSTANTS, block_steps=Constant(io.loop.block_steps)),
        *declarations(io),
        *_section("The model and its guide"),
        *model,
        *_section("Results"),
        *functions(io),
        *_section("The fit"),
        *loop(io),
    ]
    body = [*with_helpers(io.dialect, body), *_section("Files and the command"), *files(io)]
    body = [*io.dialect.constants(body), *body]
    return Module(
        (*io.dialect.importing(imports_used(io.dialect, body)), *body), docstring=header(io)
    )


def header(io: Interface) -> str:
    """The docstring of the program."""
    p = io.program
    module = identifier(p.name)
    emitted = f"Emitted by ppc {p.version} from {p.source} (sha256 {p.digest})"
    lines = [
        f"SVI for `{p.name}` with guide `{p.guide}`: a standalone {io.dialect.name} program.",
        "",
        f"{emitted}; needs {io.dialect.needs}.",
        f"    python {module}_svi.py data.npz --epochs 200 --out fit.npz",
        "",
        *_wrapped(f"Passes: {p.pipeline.replace(',', ', ')}."),
        "",
    ]
    for name, size in p.plates:
        note = "in batches that differ by at most one row" if name in p.batches else "all at once"
        lines.append(f"Plate  {name}  {'' if size == name else f'of size {size}, '}{note}")
    rows = [(s.name, s.type, s.role, s.distribution, s.note) for s in p.sites]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for row in rows:
        text = "  ".join(cell.ljust(w) for cell, w in zip(row, [*widths, 0], strict=True))
        lines.append(f"Site   {text}".rstrip())
    return "\n".join(line if len(line) <= WIDTH else line[: WIDTH - 3] + "..." for line in lines)


def _section(title: str) -> list[Stmt]:
    return [Blank(), Blank(), Comment(f"{title} ".ljust(WIDTH - 4, "-")), Blank(), Blank()]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)
