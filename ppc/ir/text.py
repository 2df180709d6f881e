"""The text form of graphs: one node a line, and exactly the graph again when it is read.

    model digits(k=2, d)
    plate N = N subsampled
    equal k == d
    c: f32[] = const 0.1
    w: f32[k, d] = param init=mul support=interval(0.0, hi)
    x: f32[N | d] = data site
    eps: f32[N | k] = noise normal site="z"
    z: f32[N | k] = sample Normal(loc=c, scale=c) latent
    h: f32[N | d] = matmul(z, w)
    s: f32[N | 1] = slice(h; axis=-1, start=size(0), stop=size(1), step=1)
    r: f32[] = region scan(h) carry=(a=b) output=total
      function body(k=2)
      ...
    p: f32[t |] = lag of=z init=(c) axis=t by=1
    out loss = s

In attributes `2` is an integer, `size(2)` a size that is one, `2*k` a size, `[2, k]` a tuple of
sizes, `(2, "a")` any other tuple. Names that are not words, or that mean something else where
they stand, are quoted. `#` starts a comment. Spans are not part of the text.
"""

from __future__ import annotations

import json
import keyword
import re
import unicodedata
from collections.abc import Iterable, Iterator

from ppc.ir.nodes import (
    REAL,
    Attr,
    Const,
    Data,
    Graph,
    Hyper,
    Lag,
    Node,
    Noise,
    Op,
    Param,
    Region,
    Sample,
    State,
    Support,
)
from ppc.ir.parse import KEYWORDS, VALUES
from ppc.ir.parse import TextError as TextError
from ppc.ir.parse import parse_graph as parse_graph
from ppc.ir.sizes import Size
from ppc.ir.types import AXIS_WORDS, Tensor

_WORD = re.compile(r"[^\W\d]\w*(?:\.\w+)*")


def print_graph(graph: Graph) -> str:
    """The graph as text, without a newline at the end."""
    return "\n".join(_graph_lines(graph))


def print_node(node: Node) -> str:
    """One node as text; a region takes several lines."""
    return "\n".join(_node_lines(node))


def _graph_lines(graph: Graph) -> Iterator[str]:
    hypers = (_name(n) if v is None else f"{_name(n)}={v}" for n, v in graph.hypers)
    yield f"{graph.stage} {_name(graph.name)}({', '.join(hypers)})"
    for axis in graph.axes:
        marks = "".join(f" {word}" for word in AXIS_WORDS if getattr(axis, word))
        yield f"{axis.kind} {_name(axis.name)} = {_size(axis.size)}{marks}"
    for left, right in graph.equalities:
        yield f"equal {_size(left)} == {_size(right)}"
    for node in graph.nodes:
        yield from _node_lines(node)
    for result, name in graph.outputs:
        yield f"out {_name(result)} = {_name(name)}"


def _node_lines(node: Node) -> Iterator[str]:
    yield f"{_name(node.name)}: {_type(node.type)} = {_body(node)}"
    if isinstance(node, Region):
        for line in _graph_lines(node.body):
            yield f"  {line}"


def _body(node: Node) -> str:
    match node:
        case Hyper():
            return "hyper"
        case Data():
            return f"data {node.origin}"
        case Const():
            return f"const {_attr(node.value)}"
        case Param():
            support = "" if node.support == REAL else f" support={_support(node.support)}"
            free = f" free={_name(node.free)}" if node.free else ""
            return f"param init={_name(node.init)}{support}{free}"
        case State():
            return f"state init={_name(node.init)} update={_name(node.update)}"
        case Noise():
            made = node.sampler or node.args
            by = f" {_name(node.sampler)}({_names(node.args)})" if made else ""
            return f"noise {node.kind}{by} site={_quoted(node.site)}"
        case Sample():
            args = ", ".join(f"{_name(p)}={_name(v)}" for p, v in node.args)
            inside = f"{args}; {_attrs(node.attrs)}" if node.attrs else args
            return f"sample {_name(node.distribution)}({inside}) {node.role}"
        case Op():
            primitive = _name(node.primitive, KEYWORDS)
            between = "; " if node.args and node.attrs else ""
            return f"{primitive}({_names(node.args)}{between}{_attrs(node.attrs)})"
        case Region():
            carry = ", ".join(f"{_name(a)}={_name(b)}" for a, b in node.carry)
            carried = f" carry=({carry})" if carry else ""
            return f"region {node.kind}({_names(node.args)}){carried} output={_name(node.output)}"
        case Lag():
            init = f" init=({_names(node.init)})" if node.init else ""
            return f"lag of={_name(node.of)}{init} axis={_name(node.axis)} by={node.by}"


def _type(tensor: Tensor) -> str:
    shape = ", ".join(map(_size, tensor.shape))
    axes = f"{', '.join(map(_name, tensor.axes))} |" if tensor.axes else ""
    return f"{tensor.dtype}[{axes}{' ' if axes and shape else ''}{shape}]"


def _support(support: Support) -> str:
    bounds = ", ".join(_name(b) if isinstance(b, str) else repr(b) for b in support.bounds)
    return f"{_name(support.kind)}({bounds})" if bounds else _name(support.kind)


def _attrs(attrs: Iterable[tuple[str, Attr]]) -> str:
    return ", ".join(f"{_name(name)}={_attr(value)}" for name, value in attrs)


def _attr(value: Attr) -> str:
    if isinstance(value, Size):
        bare = bool(value.names) and all(map(_bare_size, value.names))
        return str(value) if bare else f"size({_size(value)})"
    if isinstance(value, tuple):
        if value and all(isinstance(item, Size) for item in value):
            return f"[{', '.join(_size(item) for item in value if isinstance(item, Size))}]"
        return f"({', '.join(map(_attr, value))}{',' if len(value) == 1 else ''})"
    return _quoted(value) if isinstance(value, str) else repr(value)


def _size(size: Size) -> str:
    odd = {name: _quoted(name) for name in size.names if not _bare_size(name)}
    return str(size.substitute(odd))


def _bare_size(name: str) -> bool:
    # Sizes are read as Python expressions, and Python normalises identifiers.
    identifier = name.isidentifier() and unicodedata.normalize("NFKC", name) == name
    reserved = keyword.iskeyword(name) or name in VALUES or name in AXIS_WORDS
    return identifier and not reserved


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(_name, names))


def _name(name: str, taken: frozenset[str] = frozenset()) -> str:
    plain = _WORD.fullmatch(name) and name not in VALUES and name not in taken
    return name if plain else _quoted(name)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=not text.isprintable())
