"""Dead code.

What: nodes that no output, sample or state update reaches are dropped.
Before: `a = exp(x); b = log(x); out = b`.  After: `b = log(x); out = b`.
When not: Sample nodes stay (they are the model), and so does what they use.
"""

from __future__ import annotations

from dataclasses import replace

from ppc.ir.nodes import Graph
from ppc.ir.reach import reached


def run(graph: Graph) -> Graph:
    """The graph without the nodes that nothing needs."""
    kept = reached(graph, [name for _, name in graph.outputs])
    return replace(graph, nodes=tuple(n for n in graph.nodes if n.name in kept))
