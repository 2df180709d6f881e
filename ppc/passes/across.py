"""Operations across a plate of which a step sees some of the rows.

What: finds the nodes that read all rows of a subsampled plate, or their numbers. What depends on
the data alone is computed once, before the loop (`stage`); of anything else a step has only the
rows of its batch, so that it is refused here.
Before: `mean = from_axis(theta; axis="N")` of a latent, `plate N subsampled`.  After: a mistake.
When not: without batches every row is at hand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ppc.diagnostics import CompileError, Mistake
from ppc.diagnostics.model import AcrossBatch
from ppc.ir.nodes import Const, Data, Graph, Hyper, Lag, Node, Op, Param, Sample, later, operands
from ppc.ir.reach import reached
from ppc.spans import Span

_CROSSING = frozenset(("take_axis", "from_axis", "to_axis", "reduce_axis", "axis_index"))


def crossed(node: Node, subsampled: Collection[str]) -> str:
    """The subsampled plate across whose rows a node reads; empty where there is none."""
    if isinstance(node, Lag):
        return node.axis if node.axis in subsampled else ""
    if not isinstance(node, Op) or node.primitive not in _CROSSING:
        return ""
    attrs = dict(node.attrs)
    axes = attrs.get("axes", (attrs.get("axis"),))
    assert isinstance(axes, tuple)
    return next((str(axis) for axis in axes if axis in subsampled), "")


def check(*graphs: Graph) -> None:
    """Raise CompileError for what no batch has: rows of latents and parameters beyond it.

    The roles of sites are set, and plates are marked.
    """
    mistakes = [mistake for graph in graphs for mistake in found(graph)]
    if mistakes:
        raise CompileError(mistakes)


def found(graph: Graph) -> Iterator[Mistake]:
    """The mistakes of one graph."""
    subsampled = {axis.name for axis in graph.axes if axis.subsampled}
    nodes = graph.by_name()
    known: set[str] = set()
    # What only is recorded is computed when it is asked for, of all rows.
    terms = reached(graph, [s.name for s in graph.sites if s.role != "deterministic"],
                    samples=False)  # fmt: skip
    for node in graph.nodes:
        if _is_known(node, known, nodes):
            known.add(node.name)
        elif node.name not in terms:
            continue
        elif plate := crossed(node, subsampled):
            source = _source(nodes, node, known)
            yield AcrossBatch(
                plate=plate, name=source.name, what=_WORDS.get(type(source), "a value"),
                gathers=isinstance(node, Op) and node.primitive == "take_axis",
                spread=isinstance(node, Op) and node.primitive == "to_axis",
                span=node.span, others=_places(graph, source, plate),
            )  # fmt: skip


_WORDS: dict[type[Node], str] = {Sample: "the variable", Param: "the parameter"}


def _is_known(node: Node, known: set[str], nodes: Mapping[str, Node]) -> bool:
    """Whether a node depends on the data alone."""
    if isinstance(node, Lag):
        of = nodes[node.of]
        return isinstance(of, Sample) and of.role == "observed" and known.issuperset(node.init)
    if isinstance(node, Sample) and node.role != "deterministic":
        return node.role == "observed"
    return isinstance(node, Const | Data | Hyper) or (
        isinstance(node, Op | Sample) and known.issuperset(operands(node))
    )


def _source(nodes: dict[str, Node], node: Node, known: set[str]) -> Node:
    """The nearest latent or parameter that a node reads."""
    todo = [*operands(node), *later(node)]
    for name in todo:
        found = nodes[name]
        if isinstance(found, Sample) and found.role == "deterministic":
            todo.extend(operands(found))
        elif isinstance(found, Sample | Param) and name not in known:
            return found
        todo.extend(name for name in operands(found) if name not in todo)
    return node


def _places(graph: Graph, found: Node, plate: str) -> tuple[tuple[Span, str], ...]:
    places = [(found.span, f"{found.name} is made here")]
    inside = next((site for site in graph.samples if plate in site.type.axes), None)
    if inside is not None and inside.name != found.name:
        places.append((inside.span, f"{inside.name} is in the plate {plate}"))
    return tuple((span, text) for span, text in places if span is not None)
