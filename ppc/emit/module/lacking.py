"""What a program needs and a dialect does not have: told before anything is printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ppc.diagnostics import CompileError
from ppc.diagnostics.command import NotInBackend
from ppc.emit.module.dialect import Dialect
from ppc.emit.program import Program
from ppc.ir.nodes import Graph, Noise, Op
from ppc.ir.reach import reached


def refuse(dialect: Dialect, graphs: Mapping[str, Graph]) -> None:
    """Raise CompileError with all that these graphs need and the dialect lacks, each once.

    `graphs` has words for each graph: "the loss".
    """
    found: dict[str, NotInBackend] = {}
    for why, graph in graphs.items():
        for what, node in _lacking(dialect, graph):
            mistake = NotInBackend(backend=dialect.name, what=what, why=why, span=node.span)
            found.setdefault(what, mistake)
    if found:
        raise CompileError(tuple(found.values()))


def refuse_program(dialect: Dialect, program: Program) -> None:
    """Raise CompileError with all that a program needs and the dialect lacks."""
    graphs = {"the loss": program.loss, "the start": program.init}
    graphs |= {f"`{name}`": graph for name, graph in program.functions.items()}
    refuse(dialect, graphs)
    forms = {
        "batches of the rows": ("rows", program.batch is not None),
        "a row of parameters for each row of the data": ("update_rows", program.rowwise),
    }
    for what, (template, needed) in forms.items():
        if needed and template not in dialect.templates:
            raise CompileError(NotInBackend(backend=dialect.name, what=what, why="the loop"))


def _lacking(dialect: Dialect, graph: Graph) -> Iterator[tuple[str, Op | Noise]]:
    needed = reached(graph, [name for _, name in graph.outputs], samples=False)
    for node in graph.nodes:
        if node.name not in needed:
            continue
        match node:
            case Op(primitive=primitive) if not dialect.table.covers(primitive):
                yield f"the function {primitive}", node
            case Noise(kind="draw", sampler=sampler) if sampler not in dialect.drawn:
                yield f"the sampler {sampler}", node
            case Noise(kind=kind) if kind != "draw" and kind not in dialect.standard:
                yield f"{kind} noise", node
