"""Graphs as statements: small goldens, read by eye."""

from __future__ import annotations

import ast

import pytest
from ppc_jax import BACKEND
from ppc_jax.expressions import TABLE

from ppc.diagnostics import InternalError
from ppc.emit.function import emit_body, provenance
from ppc.emit.host import TABLE as HOST
from ppc.emit.imports import sorted_imports
from ppc.emit.names import Names
from ppc.emit.printer import print_expression, print_statements
from ppc.emit.table import size_expr
from ppc.emit.tree import Import, ImportFrom, Name, dotted
from ppc.ir import ops
from ppc.ir.build import Builder
from ppc.ir.nodes import Graph
from ppc.ir.primitives import NAMED_AXIS_PRIMITIVES, PRIMITIVES
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor
from ppc.spans import Source, Span

SOURCE = Source(
    "models/digit.py",
    "k = 2\noutput = encoder(x)\nqz_scale = tf.nn.softplus(output[:, k:]) + 0.01\n",
)
K, N = Size.of("k"), Size.of("N")


def line(number: int) -> Span:
    return Span(SOURCE, number, 1, number, 5)


def emit(graph: Graph, **inputs: str) -> str:
    """The statements and the outputs of a graph, as text."""
    body, outputs = emit_body(
        graph,
        table=TABLE,
        inputs={name: dotted(path) for name, path in inputs.items()},
        sizes={"k": Name("k"), "N": Name("n")},
        names=Names(["params", "batch", "k", "n"]),
    )
    lines = [print_statements(body)] if body else []
    return "\n".join(lines + [f"{key} = {print_expression(e)}" for key, e in outputs.items()])


def encoder() -> Graph:
    b = Builder("encoder", "function", hypers=[("k", None), ("N", None)])
    x = b.data("x", Tensor("f32", (), (N, K * 2)))
    kernel = b.data("kernel", Tensor("f32", (), (K * 2, K * 2)))
    b.span = line(2)
    output = b.op("relu", x @ kernel, name="output")
    b.span = line(3)
    upper = b.op("slice", output, axis=-1, start=K, stop=K * 2, step=1)
    scale = b.op("add", ops.softplus(upper), 0.01, name="qz_scale")
    lower = b.op("slice", output, axis=-1, start=Size.of(0), stop=K, step=1)
    total = ops.log(scale) + ops.log1mexp(scale)
    b.output("value", ops.sum_all(total * total * lower))
    b.output("half", ops.sum_(b.op("square", scale)) * 0.5)
    return b.build()


def test_statements_stand_below_the_lines_they_come_from() -> None:
    assert (
        emit(encoder(), x="batch.x", kernel="params.encoder_0.kernel")
        == """\
# digit.py:2  output = encoder(x)
output = jax.nn.relu(batch.x @ params.encoder_0.kernel)
# digit.py:3  qz_scale = tf.nn.softplus(output[:, k:]) + 0.01
qz_scale = jax.nn.softplus(output[:, k:]) + 0.01
total = jnp.log(qz_scale) + _log1mexp(qz_scale)
value = (total * total * output[:, :k]).sum()
half = (qz_scale**2).sum(-1) * 0.5"""
    )


def test_shapes() -> None:
    b = Builder("shapes", "function", hypers=[("k", None), ("N", None), ("m", 4)])
    x = b.data("x", Tensor("f32", (), (N, K, K)))
    y = b.data("y class", Tensor("i32", (), (N,)))
    v = b.data("v", Tensor("f32", (), (N, K)))
    b.output("wide", ops.expand_dims(v, -2) * x)
    b.output("row", b.op("index", x, axis=-1, at=K - 1))
    b.output("first", b.op("index", x, axis=-3, at=Size.of(0)))
    b.output("flat", b.op("reshape", x, shape=(N * K, K)))
    b.output("picked", ops.take_along(v, y))
    b.output("turned", b.op("transpose", v, perm=(-1, -2)))
    b.output("both", ops.sum_(x, (-1, -2)))
    b.output("some", b.op("slice", x, axis=-1, start=Size.of(0), stop=K, step=2))
    b.output("rows", b.cast(b.dim(N * 2 + 1), "f32") / 2.0)
    b.output("ones", b.full(1.0, v.type))
    b.output("hot", ops.one_hot(y, Size.of("m")))
    assert (
        emit(b.build(), x="x", v="v", **{"y class": "y"})
        == """\
wide = v[:, None] * x
row = x[..., k - 1]
first = x[0]
flat = x.reshape(n * k, k)
picked = jnp.take_along_axis(v, y[:, None], axis=-1)[:, 0]
turned = v.T
both = x.sum((-2, -1))
some = x[..., ::2]
rows = float(2 * n + 1) / 2.0
ones = jnp.ones((n, k))
hot = jax.nn.one_hot(y, 4)"""
    )


def test_long_expressions_get_names() -> None:
    b = Builder("long", "function", hypers=[("k", None)])
    x = b.data("a_rather_long_name_of_array", Tensor("f32", (), (K,)))
    b.output("value", ops.sum_all(ops.exp(x * x) * ops.log(x + 1.0) - ops.sin(x) * ops.cos(x)))
    name = "a_rather_long_name_of_array"
    assert (
        emit(b.build(), **{name: name})
        == f"""\
product = {name} * {name}
product_2 = jnp.exp(product) * jnp.log({name} + 1.0)
product_3 = jnp.sin({name}) * jnp.cos({name})
value = (product_2 - product_3).sum()"""
    )


def test_only_what_outputs_need_is_computed() -> None:
    b = Builder("dead", "function")
    x = b.data("x", Tensor("f32"))
    b.data("missing", Tensor("f32"))
    b.op("exp", x, name="unused")
    b.output("y", -x)
    assert emit(b.build(), x="x") == "y = -x"


def test_a_missing_input_is_an_internal_error() -> None:
    b = Builder("lacking", "function")
    b.output("y", -b.data("x", Tensor("f32")))
    with pytest.raises(InternalError, match="x, which is not given"):
        emit(b.build())
    b = Builder("sizeless", "function")
    b.output("y", b.dim("unknown"))
    with pytest.raises(InternalError, match="the size 'unknown'"):
        emit(b.build())


def test_nothing_a_file_contains_becomes_code() -> None:
    evil = "x = 1  # \r\nimport os; os.system('true')\x0b\u2028\x1b]8;;"
    source = Source('evil"""\n\nimport os\n.py', evil)
    b = Builder('"""\nimport os', "function")
    x = b.data('x"]\nimport os  #', Tensor("f32"))
    b.span = Span(source, 1, 1, 1, 2)
    y = b.op("exp", x, name="y = 1\nimport os")
    b.output('y"}\nimport os', y * y)
    names = {
        node.id
        for node in ast.walk(ast.parse(BACKEND.emit_function(b.build())))
        if isinstance(node, ast.Name)
    }
    imports = [
        alias.name
        for node in ast.walk(ast.parse(BACKEND.emit_function(b.build())))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    ]
    assert "os" not in names and set(imports) <= {"jax", "jax.numpy", "Array"}


@pytest.mark.parametrize("width", [40, 60, 84])
def test_provenance_is_one_short_line(width: int) -> None:
    source = Source("C:\\models\\a.py", "\tz = " + "é + " * 40)
    text = provenance(Span(source, 1, 1, 1, 2), width)
    assert text.startswith("a.py:1  z = ") and text.endswith("...")
    assert len(text) + 2 <= width


@pytest.mark.parametrize(
    "size", ["0", "7", "k", "2*k + 1", "k*k - 3", "-k + 4", "(n - 3)//2 + 1", "2*((k + 1)//3)"]
)
def test_sizes_print_as_they_compute(size: str) -> None:
    expr = print_expression(size_expr(Size.parse(size), {"k": Name("k"), "n": Name("n")}))
    values = {"k": 5, "n": 12}
    assert eval(expr, {}, values) == eval(size, {}, values) == Size.parse(size).evaluate(values)


def test_the_table_of_jax_is_complete() -> None:
    assert set(TABLE.rows) == set(PRIMITIVES) - NAMED_AXIS_PRIMITIVES


def test_the_host_lacks_only_what_numpy_and_scipy_lack() -> None:
    lacking = set(PRIMITIVES) - NAMED_AXIS_PRIMITIVES - set(HOST.rows)
    # SciPy's betaln loses digits beside a large argument, its rel_entr where the two are close, and
    # its triangular solutions are of one matrix.
    others = {"poisson_deviance", "binomial_deviance", "solve_triangular"}
    assert lacking == {"implicit", "lbeta", "log1mexp", "log1pmx"} | others


def test_imports_are_sorted_as_linters_want() -> None:
    imports = [
        ImportFrom("jax", (("lax", None), ("Array", None))), Import("optax"), Import("math"),
        ImportFrom("collections.abc", (("Iterator", None),)), Import("jax.numpy", "jnp"),
        Import("jax"), Import("math"), ImportFrom("typing", (("NamedTuple", None),)),
    ]  # fmt: skip
    assert (
        print_statements(sorted_imports(imports))
        == """\
import math
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array, lax"""
    )
