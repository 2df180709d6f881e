"""Operations across a plate of which a step sees some of the rows.

What: finds the nodes that read all rows of a subsampled plate, or their numbers. What depends on
the data alone is computed once, before the loop (`stage`); of anything else a step has only the
rows of its batch, so that it is refused here.
Before: `mean = from_axis(theta; axis="N")` of a latent, `plate N subsampled`.  After: a mistake.
When not: without batches every row is at hand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ppc.diagnostics import CompileError, Mistake
from ppc.diagnostics.model import AcrossBatch
from ppc.ir.nodes import Const, Data, Graph, Hyper, Node, Op, Param, Sample, operands
from ppc.ir.reach import reached
from ppc.spans import Span

_CROSSING = frozenset(("take_axis", "from_axis", "to_axis", "reduce_axis", "axis_index"))


def crossed(node: Node, subsampled: Collection[str]) -> str:
    """The subsampled plate across whose rows a node reads; empty where there is none."""
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
    mistakes = [mistake for graph in graphs for mistake in _mistakes(graph)]
    if mistakes:
        raise CompileError(mistakes)


def _mistakes(graph: Graph) -> Iterator[Mistake]:
    subsampled = {axis.name for axis in graph.axes if axis.subsampled}
    nodes = graph.by_name()
    known: set[str] = set()
    # What only is recorded is computed when it is asked for, of all rows.
    terms = reached(graph, [s.name for s in graph.sites if s.role != "deterministic"],
                    samples=False)  # fmt: skip
    for node in graph.nodes:
        if _is_known(node, known):
            known.add(node.name)
        elif node.name not in terms:
            continue
        elif plate := crossed(node, subsampled):
            found = _source(nodes, node, known)
            yield AcrossBatch(
                plate=plate, name=found.name, what=_WORDS.get(type(found), "a value"),
                gathers=isinstance(node, Op) and node.primitive == "take_axis",
                spread=isinstance(node, Op) and node.primitive == "to_axis",
                span=node.span, others=_places(graph, found, plate),
            )  # fmt: skip


_WORDS: dict[type[Node], str] = {Sample: "the variable", Param: "the parameter"}


def _is_known(node: Node, known: set[str]) -> bool:
    """Whether a node depends on the data alone."""
    if isinstance(node, Sample) and node.role != "deterministic":
        return node.role == "observed"
    return isinstance(node, Const | Data | Hyper) or (
        isinstance(node, Op | Sample) and known.issuperset(operands(node))
    )


def _source(nodes: dict[str, Node], node: Node, known: set[str]) -> Node:
    """The nearest latent or parameter that a node reads."""
    todo = list(operands(node))
    for name in todo:
        found = nodes[name]
        if isinstance(found, Sample) and found.role == "deterministic":
            todo.extend(operands(found))
        elif isinstance(found, Sample | Param) and name not in known:
            return found
        todo.extend(operands(found))
    return node


def _places(graph: Graph, found: Node, plate: str) -> tuple[tuple[Span, str], ...]:
    places = [(found.span, f"{found.name} is made here")]
    inside = next((site for site in graph.samples if plate in site.type.axes), None)
    if inside is not None and inside.name != found.name:
        places.append((inside.span, f"{inside.name} is in the plate {plate}"))
    return tuple((span, text) for span, text in places if span is not None)
