"""The verifier: a broken graph for each rule, the errors written where they are shown."""

from __future__ import annotations

import pytest

from ppc.diagnostics import InternalError
from ppc.ir.nodes import Const, Graph
from ppc.ir.sizes import Size
from ppc.ir.text import parse_graph, print_graph
from ppc.ir.types import Tensor
from ppc.ir.verify import annotate, check, verify

MODEL = """\
model classifier(k=2, d)
plate N = N subsampled
time T = 2*N
equal k == 2
c: f32[] = const 0.5
lr: f32[] = hyper
u: f32[k, d] = noise uniform site="w"
mul: f32[k, d] = mul(u, c)
w: f32[k, d] = param init=mul support=interval(-1.0, c)
covariate: f32[N | rows, k] = data argument
z: f32[N | k] = sample Normal(loc=c, scale=c) latent
z3: f32[N | 3, k] = sample Normal(loc=c, scale=z) latent
matmul: f32[N | d] = matmul(z, w)
reduce_axis: f32[d] = reduce_axis(matmul; op="sum", axes=("N",))
sum: f32[] = sum(reduce_axis; axes=(-1,))
first: f32[N | rows] = index(covariate; axis=-1, at=size(0))
x: f32[N | d] = sample Normal(loc=matmul, scale=c) observed
out sum = sum"""

LOSS = """\
loss classifier(d)
draw: f32[d] = data argument
g: f32[d] = noise draw log_gamma(draw) site="g"
total: f32[] = sum(g; axes=(-1,))
moment: f32[] = state init=total update=next
next: f32[] = region cond(total) output=out
  function body()
  total: f32[] = data argument
  double: f32[] = add(total, total)
  out out = double
out g = next"""


@pytest.mark.parametrize("text", [MODEL, LOSS], ids=["model", "loss"])
def test_what_is_right_passes(text: str) -> None:
    graph = parse_graph(text)
    assert verify(graph) == []
    check(graph)


# Each graph is shown as `check` shows it: with the errors in place.
BROKEN = {
    "name twice": """
        function f()
        c: f32[] = const 1.0
        c: f32[] = const 2.0
        ^ the name c is taken by an earlier node
        """,
    "operand missing": """
        function f()
        y: f32[] = add(x, x)
        ^ there is no node x
        """,
    "not in topological order": """
        function f()
        y: f32[] = neg(x)
        ^ x stands later
        x: f32[] = data argument
        """,
    "unknown primitive": """
        function f()
        x: f32[] = data argument
        y: f32[] = nge(x)
        ^ there is no primitive nge
        """,
    "another type": """
        function f(k)
        x: f32[k] = data argument
        y: f32[] = neg(x)
        ^ the type is f32[k], not f32[]
        z: bool[k] = neg(x)
        ^ the type is f32[k], not bool[k]
        """,
    "operands that do not fit": """
        function f(k, d)
        x: f32[k] = data argument
        y: f32[d] = data argument
        z: f32[k] = add(x, y)
        ^ shapes (k,) and (d,) do not broadcast
        """,
    "attributes": """
        function f(k)
        x: f32[k] = data argument
        a: f32[] = sum(x)
        ^ sum needs axes
        b: f32[] = sum(x; axes=(-2,))
        ^ axis -2 is out of range for 1 dimensions
        c: f32[] = sum(x; axes=-1)
        ^ attributes of the wrong kind (AssertionError: )
        d: f32[] = sum(x; axes=(-1,), axes=())
        ^ attribute axes is given twice
        ^ the type is f32[k], not f32[]
        """,
    "an equality that is not recorded": """
        function f(k=3, d=3)
        x: f32[k] = data argument
        y: f32[d] = data argument
        z: f32[d] = add(x, y)
        ^ needs k == d, which the graph does not record
        """,
    "undeclared axis": """
        function f()
        plate N = N
        x: f32[M |] = data argument
        ^ axis M is not declared
        """,
    "order of axes": """
        function f()
        plate N = N
        plate M = M
        x: f32[M, N |] = data argument
        ^ axes M, N are not in the declared order
        """,
    "axis twice": """
        function f()
        ^ axis N is declared twice
        plate N = N
        plate N = M
        """,
    "undeclared size": """
        function f(k)
        n: i32[] = dim(size=2*j)
        ^ size j is not declared
        y: f32[i + k] = noise normal site="y"
        ^ size i is not declared
        """,
    "undeclared size in an equality, size twice": """
        function f(k, k)
        ^ size k is declared twice
        ^ size j is not declared
        equal k == j
        """,
    "first value of a parameter": """
        model f(k)
        plate N = N
        c: f32[] = const 1.0
        i: i32[] = const 1
        n: f32[N |] = data argument
        good: f32[N |] = param init=c
        a: f32[k] = param init=c
        ^ the first value, c, is f32[], not f32[k]
        b: f32[] = param init=i
        ^ the first value, i, is i32[], not f32[]
        d: f32[] = param init=n
        ^ the first value, n, is f32[N |], not f32[]
        """,
    "bound of a support": """
        model f()
        c: f32[] = const 1.0
        a: f32[] = param init=c support=interval(0.0, hi)
        ^ there is no node hi
        """,
    "first value from a random variable": """
        model f()
        c: f32[] = const 1.0
        z: f32[] = sample Normal(loc=c, scale=c) latent
        ^ a first value is computed from a random variable
        a: f32[] = param init=z
        """,
    "next value of a state": """
        loss f(k)
        c: f32[] = const 1.0
        v: f32[k] = data argument
        a: f32[] = state init=c update=v
        ^ the next value, v, is f32[k], not f32[]
        b: f32[] = state init=c update=w
        ^ there is no node w
        """,
    "constants": """
        function f()
        a: f32[2] = const (1.0, 2.0, 3.0)
        ^ the type is f32[3], not f32[2]
        b: f32[] = const 1
        ^ a constant of dtype f32 holds int
        d: i32[] = const True
        ^ a constant of dtype i32 holds bool
        e: f32[2, 2] = const ((1.0, 2.0), (3.0,))
        ^ the rows of the constant differ in length
        """,
    "hyperparameter": """
        function f(k)
        a: f32[k] = hyper
        ^ a hyperparameter is a number, not f32[k]
        """,
    "noise": """
        function f()
        x: f32[] = data argument
        a: i32[] = noise normal site="a"
        ^ noise is f32, not i32
        b: f32[] = noise normal log_gamma(x) site="b"
        ^ noise of kind normal has no sampler and no parameters
        c: f32[] = noise draw site="c"
        ^ there is no sampler (none)
        d: f32[] = noise draw log_gamma(x, x) site="d"
        ^ log_gamma takes 1 parameters, not 2
        """,
    "distributions": """
        model f(k, d)
        c: f32[] = const 1.0
        x: f32[k] = data argument
        y: f32[d] = data argument
        a: f32[] = sample Normla(loc=c, scale=c) latent
        ^ there is no distribution Normla
        b: f32[] = sample Normal(loc=c, rate=c) latent
        ^ Normal has no parameter rate
        ^ Normal needs scale
        e: f32[] = sample Normal(loc=c, scale=c, scale=c) latent
        ^ parameter scale is given twice
        g: f32[] = sample Normal(loc=x, scale=c) latent
        ^ draws are f32[k], not f32[]
        h: f32[k] = sample Normal(loc=x, scale=y) latent
        ^ shapes (k,) and (d,) do not broadcast
        i: i32[] = sample Normal(loc=c, scale=c) latent
        ^ draws are f32[], not i32[]
        """,
    "plates of a random variable": """
        model f()
        plate N = N
        c: f32[] = const 1.0
        x: f32[N |] = data argument
        a: f32[] = sample Normal(loc=x, scale=c) latent
        ^ draws are f32[N |], not f32[]
        """,
    "outputs": """
        loss f(k)
        plate N = N
        x: f32[N | k] = data argument
        y: f32[] = const 1.0
        out x = x
        ^ a result of a loss is a number, not f32[N | k]
        out y = y
        ^ result y is given twice
        out y = z
        ^ result y is given twice
        ^ there is no node z
        """,
    "legal in a model": """
        model f()
        c: f32[] = const 1.0
        s: f32[] = state init=c update=c
        ^ State is not legal in a model
        a: f32[] = noise normal site="a"
        ^ noise in a model may only make first values
        b: f32[] = noise normal site="b"
        ^ noise that reaches no first value
        d: f32[] = noise normal site="d"
        p: f32[] = param init=d
        z: f32[] = sample Normal(loc=a, scale=p) latent
        """,
    "legal in a loss": """
        loss f()
        c: f32[] = const 1.0
        z: f32[] = sample Normal(loc=c, scale=c) latent
        ^ Sample is not legal in a loss
        """,
    "a lag": """
        model f()
        plate t = 3
        c: i32[] = const 1
        z: f32[t |] = lag of=x init=(c) axis=t by=0
        ^ 0 rounds earlier is not earlier
        ^ c is i32[], not an element of f32[t |]
        x: f32[t |] = exp(z)
        y: f32[] = lag of=x axis=t by=1
        ^ it does not vary along t
        ^ x is f32[t |], not f32[]
        w: f32[t |] = lag of=u axis=t by=1
        ^ there is no node u
        """,
    "a region": """
        function f(k)
        x: f32[] = data argument
        r: f32[] = region scan(x) carry=(a=b) output=c
        ^ the body has 0 inputs, not 1
        ^ the body has no input a
        ^ the body has no result b
        ^ the body has no result c
          function body()
          n: i32[] = dim(size=k)
          y: f32[] = neg(x)
          ^ there is no node x
        z: f32[] = neg(r, r)
        ^ neg takes 1 operands, not 2
        """,
}


def dedented(text: str) -> str:
    lines = text.strip("\n").split("\n")
    indent = len(lines[0]) - len(lines[0].lstrip())
    return "\n".join(line[indent:] for line in lines).rstrip()


def without_marks(text: str) -> str:
    return "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("^"))


@pytest.mark.parametrize("rule", BROKEN)
def test_each_rule_shows_its_error_in_place(rule: str) -> None:
    shown = dedented(BROKEN[rule])
    graph = parse_graph(without_marks(shown))
    assert annotate(graph, verify(graph)) == shown


POSITIONAL = """
    function f(k)
    plate N = N
    x: f32[N | k] = data argument
    ^ named axis N after the layout pass
    c: f32[] = const 1.0
    y: f32[k] = reduce_axis(x; op="sum", axes=("N",))
    ^ reduce_axis after the layout pass
    """


def test_no_named_axis_after_the_layout_pass() -> None:
    shown = dedented(POSITIONAL)
    graph = parse_graph(without_marks(shown))
    assert verify(graph) == []
    assert annotate(graph, verify(graph, positional=True)) == shown


def test_no_random_variable_after_the_layout_pass() -> None:
    graph = parse_graph("""
        model f()
        c: f32[] = const 1.0
        z: f32[] = sample Normal(loc=c, scale=c) latent
    """)
    (problem,) = verify(graph, positional=True)
    assert (problem.line, problem.name) == (3, "z")
    assert problem.message == "Sample is not legal in a positional graph"


def test_equal_sizes_under_fixed_values_are_one_type() -> None:
    graph = parse_graph("""
        function f(k=3, d=3)
        equal k == d
        x: f32[k] = data argument
        y: f32[d] = neg(x)
    """)
    assert verify(graph) == []


def test_check_says_that_it_is_a_bug_and_shows_the_graph() -> None:
    nodes = (
        Const(name="c", type=Tensor("f32", (), (Size.of(2),)), value=1.0),
        Const(name="c", type=Tensor(), value=1.0),
    )
    graph = Graph("f", "function", nodes)
    with pytest.raises(InternalError) as caught:
        check(graph, after="fold")
    assert (
        str(caught.value)
        == """\
internal error: the graph `f` has 2 errors after fold
  This is a bug in ppc, not a mistake in your model.
  help: please report it, with this text, the model's source and ppc's version
function f()
c: f32[2] = const 1.0
^ the type is f32[], not f32[2]
c: f32[] = const 1.0
^ the name c is taken by an earlier node"""
    )


def test_every_problem_is_on_a_line_of_the_printed_graph() -> None:
    graph = parse_graph(without_marks(dedented(BROKEN["a region"])))
    lines = print_graph(graph).split("\n")
    for problem in verify(graph):
        assert lines[problem.line - 1].lstrip().startswith(f"{problem.name}:")
