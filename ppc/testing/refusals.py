"""What a backend does not have is refused by name, before anything is printed, with the way out.

Each check takes something from the tables of the backend and asks for a program that needs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ppc.backend import Backend
from ppc.diagnostics import CompileError
from ppc.emit.module.dialect import Dialect
from ppc.testing import models
from ppc.testing.checks import PASSED, Check


def checks(backend: Backend) -> Iterator[Check]:
    """The checks of refusals."""
    for what, model in (
        ("the function exp", "line"),
        ("normal noise", "mean"),
        ("the sampler log_gamma", "counts"),
        ("batches of the rows", "line"),
        ("a row of parameters for each row of the data", "factors"),
    ):
        yield Check(f"refusal/{what}", partial(refuses, backend, what, model))


def refuses(backend: Backend, what: str, model: str) -> str:
    """A backend without this says so."""
    program = models.program(model)
    dialect = _without(backend.dialect(), what)
    try:
        replace(backend, dialect=lambda: dialect).emit(program)
    except CompileError as error:
        said = [f"{mistake.message()}. {mistake.help()}" for mistake in error.mistakes]
    else:
        raise AssertionError(f"a program is printed that needs {what}")
    assert any(what in words for words in said), f"{what} is not named in {said}"
    assert all("--backend" in words for words in said), f"the other way is not named in {said}"
    return PASSED


def _without(dialect: Dialect, what: str) -> Dialect:
    def rest(table: Mapping[str, Any], name: str) -> dict[str, Any]:
        return {key: value for key, value in table.items() if key != name}

    match what.split():
        case ["the", "function", name]:
            table = replace(dialect.table, rows=rest(dialect.table.rows, name))
            return replace(dialect, table=table)
        case ["the", "sampler", name]:
            return replace(dialect, drawn=rest(dialect.drawn, name))
        case [kind, "noise"]:
            return replace(dialect, standard=rest(dialect.standard, kind))
        case ["batches", *_]:
            return replace(dialect, templates=rest(dialect.templates, "rows"))
        case _:
            return replace(dialect, templates=rest(dialect.templates, "update_rows"))
