"""Programs of every backend: files of them, and whether they agree."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ppc.diagnostics import DataError, KindError, StateError
from ppc.diagnostics.command import BackendsDisagree, NoPlaceForAll
from ppc.diagnostics.files import NotData
from ppc.emit.program import Program, assemble
from ppc.emit.saving import write
from ppc.registry import backend, names

if TYPE_CHECKING:
    from ppc.backend import Backend
    from ppc.compiler import Compilation
    from ppc.inference.data import Checked
    from ppc.testing.agreement import Difference

ALL = "all"
PLACE = "{backend}"


def targets(name: str | None) -> list[Backend]:
    """The backend of that name, or every one that is installed. Raises KindError."""
    return [backend(each) for each in names()] if name == ALL else [backend(name)]


def written(found: Sequence[Backend], program: Program, output: str, source: str) -> Iterator[str]:
    """Write the program of each backend; gives the files.

    `output` is a folder, or a path with `{backend}` in it. Raises KindError, and CompileError
    before anything is written where a backend lacks what the model needs.
    """
    if output.endswith(("/", os.sep)) or os.path.isdir(output):
        output = os.path.join(output, f"{program.name}_svi_{PLACE}.py")
    elif PLACE not in output:
        raise KindError(NoPlaceForAll(output=output))
    texts = {output.replace(PLACE, each.name): each.emit(program) for each in found}
    for path, text in texts.items():
        write(path, text, source)
        yield path


def differences(
    compilation: Compilation, found: Sequence[Backend], data: str | None
) -> list[Difference]:
    """How far the backends are from the reference and from each other.

    `data` is a file, of which the first rows are compared on; None: they are drawn from the prior.

    Raises StateError where a framework is not installed, DataError with every mistake in the data.
    """
    from ppc.testing import agreement

    subject = agreement.Subject.of(compilation)
    given = None if data is None else read(compilation, found[0], data)
    at = agreement.point(subject, 0, given, rows=compilation.options.batch_sizes)
    return list(agreement.differences(found, subject, at))


def read(compilation: Compilation, target: Backend, path: str) -> Checked:
    """The data of a file as the emitted programs read them. Raises DataError."""
    from ppc.inference.data import check, entries

    program, model = assemble(compilation), compilation.graphs["model"]
    known = entries(model)
    wanted = {c.name: len(c.shape) for c in program.columns if c.given}
    module = target.load(target.emit(program), f"data_{program.name}")
    try:
        arrays: dict[str, Any] = module.read_data(path, wanted)
    except (ValueError, OSError) as error:
        raise DataError(NotData(reason=str(error))) from None
    used = {name: x for name, x in arrays.items() if name in known}
    return check(model, used, required=tuple(wanted))


def table(found: Sequence[Difference]) -> str:
    """The differences, a line for each pair and precision."""
    from ppc.commands.output import table as drawn

    rows = [
        (
            " and ".join(d.pair), d.dtype, f"{d.relative:.1e}", f"{d.share:.1e}",
            "yes" if d.agrees else "NO", d.worst,
        )
        for d in found
    ]  # fmt: skip
    head = ("compared", "in", "difference", "of its bound", "agree", "largest in")
    return drawn(head, rows)


def complain(found: Sequence[Difference]) -> None:
    """Raise StateError with each disagreement."""
    wrong = [d for d in found if not d.agrees]
    if wrong:
        raise StateError([
            BackendsDisagree(pair=d.pair, dtype=d.dtype, worst=d.worst, share=d.share)
            for d in wrong
        ])  # fmt: skip
