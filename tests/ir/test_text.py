"""The text form: random graphs, built graphs, and what is refused."""

from __future__ import annotations

import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from round_trip import assert_round_trip, comparable

from ppc.ir import nodes
from ppc.ir.build import Builder
from ppc.ir.nodes import (
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
)
from ppc.ir.primitives import PRIMITIVES
from ppc.ir.sizes import Size
from ppc.ir.text import TextError, parse_graph, print_graph, print_node
from ppc.ir.types import DTYPES, Axis, AxisKind, Tensor

WORDS = ["x", "nn1_0.kernel", "k", "N", "out", "plate", "equal", "size", "init", "a.1"]
ODD = ["", "a b", "1st", "True", "inf", "const", "region", "lambda", "subsampled", "scan"]
STRANGE = [
    'say "x"',
    "back\\slash",
    "two\nlines",
    "tab\t",
    "n//2",
    "ﬁ",
    "é",
    "日本",
    "#1",
    "\u2028",
]
names = st.sampled_from(WORDS + ODD + STRANGE)
size_names = st.sampled_from(["k", "d0", "N", "size", *ODD[1:], "ﬁ", 'say "x"'])


@st.composite
def sizes(draw: st.DrawFn) -> Size:
    """Polynomials with floor divisions, a few operations deep."""
    size = Size.of(draw(size_names | st.integers(-3, 7)))
    for _ in range(draw(st.integers(0, 4))):
        other = Size.of(draw(size_names | st.integers(-3, 7)))
        size = draw(st.sampled_from([size + other, size - other, other - size, size * other]))
        if draw(st.booleans()):
            size = size // draw(st.integers(1, 5))
    return size


numbers = st.booleans() | st.integers() | st.floats()
values = st.recursive(
    numbers | st.text() | st.none() | sizes(),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.lists(sizes(), max_size=3).map(tuple),
    max_leaves=6,
)
attrs = st.lists(st.tuples(names, values), max_size=3).map(tuple)
many_names = st.lists(names, max_size=3).map(tuple)
pairs = st.lists(st.tuples(names, names), max_size=3).map(tuple)
constants = st.recursive(numbers, lambda inner: st.lists(inner, max_size=3).map(tuple))
types = st.builds(
    Tensor, st.sampled_from(DTYPES), many_names, st.lists(sizes(), max_size=3).map(tuple)
)
supports = st.builds(
    nodes.Support, names, st.lists(st.floats() | st.integers() | names, max_size=2).map(tuple)
)


def one_of(literal: object) -> st.SearchStrategy[str]:
    return st.sampled_from(get_args(literal))


def any_node(bodies: st.SearchStrategy[Graph] | None) -> st.SearchStrategy[Node]:
    common = {"name": names, "type": types}
    simple: list[st.SearchStrategy[Node]] = [
        st.builds(Hyper, **common),
        st.builds(Data, **common, origin=one_of(nodes.Origin)),
        st.builds(Const, **common, value=constants),
        st.builds(Param, **common, init=names, support=supports, free=names),
        st.builds(State, **common, init=names, update=names),
        st.builds(
            Noise,
            **common,
            kind=one_of(nodes.NoiseKind),
            site=st.text(),
            args=many_names,
            sampler=names,
        ),
        st.builds(
            Sample,
            **common,
            distribution=names,
            args=pairs,
            attrs=attrs,
            role=one_of(nodes.Role),
        ),
        st.builds(Lag, **common, of=names, axis=names, by=st.integers(), init=many_names),
        st.builds(
            Op,
            **common,
            primitive=names | st.sampled_from(sorted(PRIMITIVES)),
            args=many_names,
            attrs=attrs,
        ),
    ]
    if bodies is not None:
        kind = one_of(nodes.RegionKind)
        region = st.builds(
            Region, **common, kind=kind, args=many_names, carry=pairs, body=bodies, output=names
        )
        simple.append(region)
    return st.one_of(simple)


def graphs(bodies: st.SearchStrategy[Graph] | None = None) -> st.SearchStrategy[Graph]:
    axis = st.builds(Axis, names, one_of(AxisKind), sizes(), st.booleans())
    return st.builds(
        Graph,
        name=names,
        stage=one_of(nodes.Stage),
        nodes=st.lists(any_node(bodies), max_size=4).map(tuple),
        outputs=pairs,
        axes=st.lists(axis, max_size=2).map(tuple),
        hypers=st.lists(st.tuples(names, st.none() | st.integers()), max_size=3).map(tuple),
        equalities=st.lists(st.tuples(sizes(), sizes()), max_size=2).map(tuple),
    )


@given(graphs(graphs(graphs())))
def test_any_graph_is_read_back_exactly(graph: Graph) -> None:
    # Nothing here is well-formed but by chance: the text form does not depend on the verifier.
    assert_round_trip(graph)


@given(sizes())
def test_sizes_are_read_back(size: Size) -> None:
    assert_round_trip(Graph("g", "function", equalities=((size, Size.of(0)),)))


@given(values)
def test_attributes_keep_their_types(value: nodes.Attr) -> None:
    op = Op(name="x", type=Tensor(), primitive="sum", attrs=(("a", value),))
    (again,) = parse_graph(f"function g()\n{print_node(op)}").nodes
    assert isinstance(again, Op)
    assert comparable(again.attrs) == comparable(op.attrs)


CLASSIFIER = """\
model digit_classifier(k=2, d0=100, dx, dy)
plate N = N subsampled
time "t 1" = (T - 3)//2 + 1
equal k == dx
c: f32[] = const 0.1
c_1: f32[2, 1] = const ((1.0,), (-inf,))
u: f32[k, d0] = noise uniform site="nn1_0.kernel"
nn1_0.kernel: f32[k, d0] = param init=u support=interval(0.0, c)
z: f32[N | k] = sample Normal(loc=c, scale=c) latent
x: f32[N |] = data site
g: f32[N | k] = noise draw log_gamma(z, c) site="g.r"
moments: f32[] = state init=c update=total
s: f32[N | 1] = slice(z; axis=-1, start=size(0), stop=k, step=1)
sum: f32[N |] = sum(s; axes=(-1,))
"const": i32[] = dim(size=k)
rows: f32[N | 2, k] = broadcast_to(z; shape=[2, k], mixed=(2, size(2)), note="a \\"b\\"", no=None)
total: f32[] = region scan(z, x) carry=(sum=next) output=next
  function body(k=2)
  z: f32[k] = data argument
  next: f32[] = region cond(z) output=out
    loss inner()
    out out = z
  out next = next
out loss = total"""


def test_the_look_of_a_graph() -> None:
    graph = parse_graph(CLASSIFIER)
    assert print_graph(graph) == CLASSIFIER.replace('"const":', "const:")
    assert_round_trip(graph)
    start, stop, step = (dict(graph.by_name()["s"].attrs)[a] for a in ("start", "stop", "step"))
    assert (start, stop, step) == (Size.of(0), Size.of("k"), 1)
    assert type(step) is int
    assert graph.axes[1] == Axis("t 1", "time", (Size.of("T") - 3) // 2 + 1)
    assert graph.hypers == (("k", 2), ("d0", 100), ("dx", None), ("dy", None))


def test_built_graphs_print_one_node_a_line() -> None:
    builder = Builder("g", "function", axes=[Axis("N", size=Size.of("N"))], hypers=[("k", 3)])
    x = builder.data("x", Tensor("f32", ("N",), (Size.of("k"),)))
    y = -0.0 * x + math.inf
    builder.output("y", y)
    assert print_graph(builder.build()).split("\n") == [
        "function g(k=3)",
        "plate N = N",
        "x: f32[N | k] = data argument",
        "c: f32[] = const -0.0",
        "mul: f32[N | k] = mul(c, x)",
        "c_1: f32[] = const inf",
        "add: f32[N | k] = add(mul, c_1)",
        "out y = add",
    ]


def test_indentation_and_comments_are_ignored() -> None:
    graph = parse_graph("""
        # a graph
        model m()  # no sizes

        c: f32[] = const 1.0  # "quoted" # twice
    """)
    assert print_graph(graph) == "model m()\nc: f32[] = const 1.0"


@pytest.mark.parametrize(
    "text, line, expected",
    [
        ("", 1, "expected a graph"),
        ("modle m()", 1, "expected a stage (model, guide, loss, function) but found 'modle'"),
        ("model m(k=x)", 1, "expected an integer before this but found ')'"),
        ("model m()\nplate N = ", 2, "expected a size or a value but found the line's end"),
        ("model m()\nfoo N = N", 2, "expected a node (`name: type = ...`), `out`, `equal` or"),
        ("model m()\n\nx: f64[] = hyper", 3, "expected a dtype (bool, i32, f32) but found 'f64'"),
        ("model m()\nx: f32[k = hyper", 2, "expected ',' but found '='"),
        ("model m()\nx: f32[] = data row", 2, "expected an origin (site, "),
        ("model m()\nx: f32[] = neg(y", 2, "expected ',' but found the line's end"),
        ("model m()\nx: f32[] = neg(y) z", 2, "expected the line's end but found 'z'"),
        ("model m()\nx: f32[] = param", 2, "expected 'init' but found the line's end"),
        ('model m()\nx: f32[] = const "1"', 2, "expected only numbers"),
        ("model m()\nx: f32[] = f(y; a=k +)", 2, "expected a size or a value but found 'k'"),
        ("model m()\nx: f32[] = 3", 2, "expected a primitive, or a kind of node, but found '3'"),
        ("model m()\n  out x = y", 2, "expected no deeper indentation outside a region"),
        ("  model m()\nout x = y", 2, "expected a line at the indentation of the graph"),
        ("model m()\nx: f32[] = region scan() output=y\nout x = y", 2, "an indented body under it"),
        ("model m()\nx: f32[] = const $", 2, "cannot read '$'"),
        ('model m()\nx: f32[] = noise normal site="a', 2, "cannot read '\"a'"),
    ],
)
def test_errors_name_the_line(text: str, line: int, expected: str) -> None:
    with pytest.raises(TextError) as caught:
        parse_graph(text)
    assert str(caught.value).startswith(f"line {line}: ")
    assert expected in str(caught.value)
