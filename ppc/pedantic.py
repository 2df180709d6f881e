"""What `ppc check --pedantic` warns of, found in the graph of a model or a guide.

Each finding has a code, and `# ppc: ignore[code]` in a line that it shows silences it there. The
list follows the pedantic mode of Stan's compiler
(https://mc-stan.org/docs/stan-users-guide/using-stanc.html#pedantic-mode).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal

from ppc.diagnostics import Mistake
from ppc.diagnostics.pedantic import (
    HardConstraint,
    OutsideConstraint,
    PriorScale,
    RowParameter,
    SoftmaxScale,
    Unused,
)
from ppc.distributions import find
from ppc.distributions.supports import SUPPORTS
from ppc.ir.nodes import Const, Graph, Node, Op, Param, Sample, operands
from ppc.ir.reach import reached
from ppc.objective.support import in_words
from ppc.passes import guards, plates

Sign = Literal["real", "positive", "nonnegative", "unit", "unknown"]
WIDE, NARROW = 100.0, 0.01  # scales of priors beyond which they are called so


def warnings(graph: Graph, observed: Collection[str] | None) -> list[Mistake]:
    """What is suspicious in a graph.

    `observed` are its sites that are data; None where that is not known, as in a guide: then what
    nothing depends on may be.
    """
    found: list[Mistake] = list(_row_parameters(graph))  # which the plates pass would hide
    graph = guards.run(plates.run(graph))
    nodes = graph.by_name()
    if observed is None:
        read = {name for node in graph.nodes for name in operands(node)}
        observed = [site.name for site in graph.samples if site.name not in read]
    found += _unused(graph, observed)
    for site in graph.samples:
        found += _arguments(nodes, site)
        found += _hard(graph, nodes, site)
        if site.role == "latent" and site.name not in observed:
            found += _scale(nodes, site)
    return found


def kept(found: Iterable[Mistake]) -> list[Mistake]:
    """The mistakes that no comment in their lines silences; errors stay."""
    return [mistake for mistake in found if mistake.severity == "error" or not _ignored(mistake)]


_IGNORE = re.compile(r"#\s*ppc:\s*ignore\[([^\]]*)\]")


def _ignored(mistake: Mistake) -> bool:
    span = mistake.span
    if span is None:
        return False
    lines = span.source.text.splitlines()[span.line - 1 : span.end_line]
    codes = (code.strip() for line in lines for part in _IGNORE.findall(line)
             for code in part.split(","))  # fmt: skip
    return mistake.code in codes


# --- findings ------------------------------------------------------------------------------------


def _unused(graph: Graph, observed: Collection[str]) -> Iterator[Mistake]:
    """Latents and parameters that nothing observed depends on; nothing where nothing is."""
    ends = [s.name for s in graph.sites if s.role in ("observed", "factor") or s.name in observed]
    ends += [name for _, name in graph.outputs]  # the values of `inf.observe`
    if not ends:
        return
    used = reached(graph, ends, samples=False)
    for node in graph.nodes:
        if node.name in used or not isinstance(node, Sample | Param):
            continue
        if isinstance(node, Param):
            yield Unused(what="parameter", name=node.name, span=node.span)
        elif node.role == "latent":
            yield Unused(what="latent", name=node.name, span=node.span)


def _arguments(nodes: Mapping[str, Node], site: Sample) -> Iterator[Mistake]:
    """Arguments that can leave their constraint, and softmaxes as scales."""
    for parameter in find(site.distribution).parameters:
        given = dict(site.args).get(parameter.name)
        kind = parameter.constraint.kind
        if given is None or kind not in _ALLOWED:
            continue
        node = _source(nodes, given)
        span = nodes[given].span or site.span
        if kind != "unit_interval" and isinstance(node, Op) and node.primitive == "softmax":
            yield SoftmaxScale(distribution=site.distribution, parameter=parameter.name, span=span)
        elif _sign(nodes, given) not in _ALLOWED[kind]:
            named = isinstance(node, Sample | Param)
            yield OutsideConstraint(
                distribution=site.distribution, parameter=parameter.name,
                constraint=SUPPORTS[kind].describe(), name=node.name if named else "",
                span=site.span,
            )  # fmt: skip


_ALLOWED: Mapping[str, tuple[Sign, ...]] = {
    "positive": ("positive", "nonnegative", "unit", "unknown"),
    "nonnegative": ("positive", "nonnegative", "unit", "unknown"),
    "unit_interval": ("unit", "unknown"),
}


def _hard(graph: Graph, nodes: Mapping[str, Node], site: Sample) -> Iterator[Mistake]:
    """A variable or parameter that is observed to have a distribution on a part of its domain."""
    given = dict(graph.outputs).get(site.name)  # the value of `inf.observe`
    if given is None:
        return
    node = _source(nodes, given)
    if not isinstance(node, Sample | Param) or node.name == site.name:
        return
    support = find(site.distribution).support
    allowed = _SIGNS.get(support.kind, "unknown")
    if allowed == "unknown" and SUPPORTS[support.kind].bounds:
        allowed = "unit"  # an interval: what is not known to be inside can leave it
    inside: Mapping[Sign, tuple[Sign, ...]] = {
        "positive": ("positive", "nonnegative", "unit"), "unit": ("unit",),
        "nonnegative": ("positive", "nonnegative", "unit"),
    }  # fmt: skip
    if allowed in inside and _sign(nodes, node.name) not in (*inside[allowed], "unknown"):
        yield HardConstraint(
            name=node.name, domain=in_words(graph, node), distribution=site.distribution,
            support=in_words(graph, site), span=site.span,
        )  # fmt: skip


def _scale(nodes: Mapping[str, Node], site: Sample) -> Iterator[Mistake]:
    """A prior whose scale is a number far from 1."""
    for parameter, given in site.args:
        node = _source(nodes, given)
        if parameter != "scale" or not isinstance(node, Const):
            continue
        value = node.value
        if isinstance(value, int | float) and (value > WIDE or 0 < value < NARROW):
            yield PriorScale(
                name=site.name, parameter=parameter, value=float(value), wide=value > WIDE,
                span=site.span,
            )  # fmt: skip


def _row_parameters(graph: Graph) -> Iterator[Mistake]:
    nodes = graph.by_name()
    for node in graph.nodes:
        if isinstance(node, Op) and node.primitive == "to_axis":
            source, axis = nodes[node.args[0]], graph.axis(str(dict(node.attrs)["axis"]))
            open_ = axis.kind == "plate" and axis.size.value is None
            if isinstance(source, Param) and open_:
                yield RowParameter(name=source.name, plate=axis.name, span=source.span)


# --- where values are ----------------------------------------------------------------------------


def _source(nodes: Mapping[str, Node], name: str) -> Node:
    """What a node is before it was moved or repeated."""
    node = nodes[name]
    while isinstance(node, Op) and node.primitive in _MOVES:
        node = nodes[node.args[0]]
    return node


_MOVES = frozenset(
    "broadcast_to expand_dims squeeze reshape transpose index slice take take_axis to_axis "
    "from_axis flip cast".split()
)
_SIGNS: Mapping[str, Sign] = {
    "real": "real", "real_vector": "real", "positive": "positive", "nonnegative": "nonnegative",
    "unit_interval": "unit", "simplex": "unit",
}  # fmt: skip
_RESULTS: Mapping[str, Sign] = {
    **dict.fromkeys(("exp", "softplus"), "positive"),
    **dict.fromkeys(("square", "abs", "sqrt", "relu"), "nonnegative"),
    **dict.fromkeys(("sigmoid", "softmax", "ndtr"), "unit"),
    **dict.fromkeys(("log", "tanh", "sin", "cos", "arctan", "log_softmax", "sign"), "real"),
}  # fmt: skip


def _sign(nodes: Mapping[str, Node], name: str) -> Sign:
    """Where the values of a node are: `real` if they are known to take both signs."""
    node = _source(nodes, name)
    match node:
        case Const(value=int() | float() as value) if not isinstance(value, bool):
            return "unit" if 0 <= value <= 1 else "positive" if value > 0 else "unknown"
        case Sample():
            return _SIGNS.get(find(node.distribution).support.kind, "unknown")
        case Param():
            return _SIGNS.get(node.support.kind, "unknown")
        case Op(primitive=primitive) if primitive in _RESULTS:
            return _RESULTS[primitive]
        case Op(primitive="mul", args=(a, b)) if a == b:
            return "nonnegative"
        case Op(primitive="add" | "sub" | "mul" | "div" | "matmul" | "neg" | "where" as primitive):
            args = node.args[1:] if primitive == "where" else node.args
            return _combined(primitive, [_sign(nodes, arg) for arg in args])
        case Op(primitive="sum", args=(a,)):
            return "positive" if (own := _sign(nodes, a)) == "unit" else own
    return "unknown"


def _combined(primitive: str, signs: list[Sign]) -> Sign:
    if "real" in signs:
        return "real"
    if "unknown" in signs:
        return "unknown"
    if primitive in ("sub", "neg"):
        return "real"
    if primitive in ("mul", "where") and set(signs) == {"unit"}:
        return "unit"
    return "nonnegative" if "nonnegative" in signs else "positive"
