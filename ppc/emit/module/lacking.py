"""What a program needs and a dialect does not have: known before anything is printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ppc.emit.module.dialect import Dialect
from ppc.emit.program import Program
from ppc.ir.nodes import Graph, Node, Noise, Op, Region
from ppc.ir.reach import reached
from ppc.records import dataclass
from ppc.spans import Span


@dataclass(frozen=True, slots=True)
class Need:
    """What something needs of a backend."""

    what: str  # "the function lgamma"
    why: str  # "the loss", "`predict`": who needs it
    site: str  # for which site; empty where that is not known
    span: Span | None  # where the model asks for it
    way: str = ""  # how to do without it


_WHOLE = "let each step see all rows: --batch-size full, or VI in place of SVI"


def in_graphs(dialect: Dialect, graphs: Mapping[str, Graph]) -> dict[str, Need]:
    """What these graphs need and the dialect lacks, by what it is, each once.

    `graphs` has words for each graph: "the loss".
    """
    found: dict[str, Need] = {}
    for why, graph in graphs.items():
        for what, node in _lacking(dialect, graph):
            if what not in found:
                found[what] = Need(what, why, _site(graph, node), node.span)
    return found


def in_program(dialect: Dialect, program: Program) -> dict[str, Need]:
    """What a program needs and the dialect lacks."""
    graphs = {"the loss": program.loss, "the start": program.init}
    graphs |= {f"`{name}`": graph for name, graph in program.functions.items()}
    found = in_graphs(dialect, graphs)
    loop = dialect.loop
    batched = {c.name for c in program.columns if c.rows}
    rowwise = {p.name for p in program.parameters if p.rows}
    forms = {
        "a loop that fits": (loop is None, {d.name for d in program.loss.data}),
        "batches of the rows": (loop is not None and loop.batches is None, batched),
        "a row of parameters for each row of the data": (
            loop is not None and loop.rowwise is None,
            rowwise,
        ),
    }
    for what, (absent, inputs) in forms.items():
        node = next((d for d in program.loss.data if d.name in inputs), None)
        if absent and inputs:
            site = node.name if node is not None and node.origin == "site" else ""
            span = node.span if node is not None else None
            found[what] = Need(what, "`fit`", site, span, "" if loop is None else _WHOLE)
    return found


def _lacking(dialect: Dialect, graph: Graph) -> Iterator[tuple[str, Node]]:
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
            case Region():
                if dialect.table.scan is None:
                    yield "loops whose rounds read earlier ones", node
                yield from ((what, node) for what, _ in _lacking(dialect, node.body))


def _site(graph: Graph, node: Node) -> str:
    """The site that a node is for: that of the noise, or of the first result that needs it."""
    if isinstance(node, Noise):
        return node.site
    for output, root in graph.outputs:
        if output != graph.name and node.name in reached(graph, [root], samples=False):
            return output.partition(".")[0]
    return ""
