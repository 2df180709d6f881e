"""Models compiled from Python: live globals, closures, arguments; source wherever it is kept."""

from __future__ import annotations

import functools
import linecache
import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest
from jax.nn import softplus
from jax.numpy import exp as e
from numpy import tanh
from ppc_frontend import compile_function
from programs import types

import ppc as inf
from ppc.diagnostics import CompileError
from ppc.ir.nodes import Const, Graph, Op
from ppc.ir.verify import check

SCALE = np.array([1.0, 2.0, 3.0])
WIDTH = 3
COUNTS = {"a": [1, 2], "b": np.int64(4)}


class Config(NamedTuple):
    depth: int
    name: str


class Network:
    gain = 2.0

    def __init__(self, width: int) -> None:
        self.width = width
        self.used = False

    def __call__(self, x: Any) -> Any:
        return x

    def forward(self, x: Any) -> Any:
        return tanh(x * self.gain) * np.ones(self.width)

    @property
    def never(self) -> float:
        raise AssertionError("a property was run")


def compiled(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Graph:
    found = compile_function(function, args, kwargs).graph
    check(found)
    return found


def primitives(found: Graph) -> list[str]:
    return [n.primitive for n in found if isinstance(n, Op)]


def raising() -> float:
    raise AssertionError("a helper was run")


def helper(x: Any, f: Callable[[Any], Any] = lambda v: v + 1.0) -> Any:
    return f(softplus(x))


def test_globals_closures_and_arguments() -> None:
    shift = 5.0

    @inf.probmodel
    def m(k: int, act: Any, *, net: Any) -> None:
        w = inf.Normal(jnp.zeros(k), SCALE)
        inf.Normal(helper(net.forward(act(w))) + shift + COUNTS["a"][1], 1.0, name="y")

    result = compile_function(m.builder, (np.int32(3), e), {"net": Network(WIDTH)})
    check(result.graph)
    assert types(result.graph)["broadcast_to"] == "f32[k]"
    assert result.graph.sizes == {"k": 3}
    assert primitives(result.graph) == (
        "broadcast_to exp mul tanh broadcast_to mul softplus add add add".split()
    )
    assert list(result.arrays) == ["SCALE"]
    assert result.arrays["SCALE"] is SCALE


def test_no_function_of_the_user_is_run() -> None:
    def m() -> None:
        inf.Normal(raising(), 1.0)

    with pytest.raises(CompileError) as error:
        compiled(m)
    assert [mistake.code for mistake in error.value.mistakes] == ["unsupported"]  # `raise`


def test_properties_are_refused() -> None:
    net = Network(2)

    def m() -> None:
        inf.Normal(net.never, 1.0)

    with pytest.raises(CompileError, match="the property `never`"):
        compiled(m)


def test_arrays_are_data_with_literal_sizes() -> None:
    def m(x: Any, rows: inf.Float[Any, "N d"], flags: Any) -> None:  # type: ignore  # noqa: F722
        with inf.datamodel():
            inf.Normal(rows @ np.ones((2, 3)), 1.0, name="y")
        inf.Normal(np.where(flags, x, 0), 1.0, name="z")

    result = compile_function(
        m, (np.arange(4), jnp.ones((5, 2)), np.array([True, False, True, True])), {}
    )
    seen = types(result.graph)
    assert (seen["x"], seen["rows"], seen["flags"]) == ("i32[4]", "f32[N | 2]", "bool[4]")
    assert (seen["y"], seen["z"]) == ("f32[N | 3]", "f32[4]")
    assert {name: array.shape for name, array in result.arrays.items()} == {
        "rows": (5, 2), "flags": (4,), "x": (4,)
    }  # fmt: skip


def test_arrays_are_held_to_their_annotations() -> None:
    def m(x: inf.Float[Any, "N 3"], w: inf.Float[Any, " d"], v: inf.Int[Any, " d"]) -> None:  # type: ignore  # noqa: F722
        inf.Normal(w + v, 1.0)

    x, w = np.ones((5, 3)), np.ones(2)
    assert [str(d.type) for d in compiled(m, x, w, np.ones(2)).data] == ["f32[2]", "i32[2]"]
    for args in ((np.ones((5, 2)), w, w), (np.ones(5), w, w), (x, w, np.ones(3))):
        with pytest.raises(CompileError, match="its annotation says") as error:
            compiled(m, *args)
        assert error.value.mistakes[0].code == "array-shape"


def test_lists_are_arrays_where_an_annotation_says_so() -> None:
    def m(x: inf.Float[Any, "N 2"], group: inf.Int[Any, " N"], start: Any) -> None:  # type: ignore  # noqa: F722
        with inf.datamodel():
            inf.Normal(x @ np.array(start) + group, 1.0, name="y")

    result = compiled(m, [[1, 2], [3, 4], [5, 6]], (0, 1, 1), [0.5, 1])
    assert types(result)["y"] == "f32[N |]"
    assert [str(d.type) for d in result.data] == ["f32[N | 2]", "i32[N |]"]
    with pytest.raises(CompileError, match="its annotation says"):
        compiled(m, [[1, 2], [3, 4]], [0, 1, 1], [0.5, 1])


def test_an_array_gives_a_size_that_is_not_given() -> None:
    def m(x: inf.Float[Any, "N d"], d: int, k: int = 3) -> None:  # type: ignore  # noqa: F722
        w = inf.Normal(np.zeros((d, k)), 1.0, name="w")
        with inf.datamodel():
            inf.Normal(x @ w, 1.0, name="y")

    for graph in (
        compiled(m, np.ones((5, 4))),
        compile_function(m, (), {"x": np.ones((5, 4))}).graph,
    ):
        assert dict(graph.hypers)["d"] == 4
    with pytest.raises(CompileError, match="inner sizes of the matrix product differ"):
        compiled(m, np.ones((5, 4)), 3)
    with pytest.raises(CompileError, match="needs the argument `d`"):
        compiled(m, 1.0)


def test_partials_methods_and_named_tuples() -> None:
    net = Network(2)
    act = functools.partial(helper, f=net.forward)
    config = Config(2, "s")

    def m(depth: int = config.depth) -> None:
        x = act(0.5)
        for i in range(config.depth + depth):
            x = inf.Normal(x, 1.0, name=f"{config.name}_{i}")

    found = compiled(m)
    assert [s.name for s in found.samples] == ["s_0", "s_1", "s_2", "s_3"]


def test_lambdas_on_one_line_are_told_apart() -> None:
    f, g = (lambda x: x + 1.0), (lambda x: np.exp(x))

    def m(a: Any, b: Any) -> None:
        inf.Normal(b(a(inf.Normal(0.0, 1.0, name="z"))), 1.0, name="x")

    assert primitives(compiled(m, f, g)) == ["add", "exp"]
    assert primitives(compiled(m, g, f)) == ["exp", "add"]


def test_a_wrong_call() -> None:
    def m(k: int, d: int = 2) -> None:
        inf.Normal(np.zeros((k, d)), 1.0)

    for args, kwargs, words in (
        ((), {}, "m needs the argument `k`"),
        ((1, 2, 3), {}, "m takes at most 2 positional arguments, and is given 3"),
        ((1,), {"e": 3}, "m takes no argument `e`"),
    ):
        with pytest.raises(CompileError, match=words):
            compile_function(m, args, kwargs)


def test_objects_that_cannot_be_used() -> None:
    def m(x: Any) -> None:
        inf.Normal(x, 1.0)

    with pytest.raises(CompileError, match="`x` is a builtins complex"):
        compile_function(m, (1j,), {})
    with pytest.raises(CompileError, match="has dtype complex128"):
        compile_function(m, (np.array([1j]),), {})
    with pytest.raises(CompileError, match="a model is a function defined by `def`"):
        compile_function(lambda: None)


CELL = """
import numpy as np
import ppc as inf
k = 3

@inf.probmodel
def m():
    x = inf.Normal(np.zeros(k), 1.)
"""


def test_a_notebook_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "/tmp/ipykernel_1/123.py"
    monkeypatch.setitem(linecache.cache, name, (len(CELL), None, CELL.splitlines(True), name))
    space: dict[str, Any] = {}
    exec(compile(CELL, name, "exec"), space)  # noqa: S102  # as a notebook does
    found = compiled(space["m"].builder)
    assert types(found)["x"] == "f32[3]"
    assert found.samples[0].span is not None
    assert str(found.samples[0].span) == f"{name}:8:9"


def test_without_source_there_is_a_clear_refusal() -> None:
    space: dict[str, Any] = {}
    exec(CELL, space)  # noqa: S102  # a string has no source that Python keeps
    with pytest.raises(CompileError) as error:
        compile_function(space["m"].builder)
    assert [mistake.code for mistake in error.value.mistakes] == ["no-source"]
    assert "define it in a file or a notebook cell" in str(error.value)


def test_a_file_that_has_changed(tmp_path: Any) -> None:
    path = tmp_path / "moving.py"
    path.write_text(CELL)
    space: dict[str, Any] = {}
    exec(compile(CELL, str(path), "exec"), space)  # noqa: S102
    path.write_text("\n\n" + CELL)
    with pytest.raises(CompileError, match="m is no longer where it was"):
        compile_function(space["m"].builder)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="Python keeps what is typed since 3.13")
@pytest.mark.slow
def test_the_prompt() -> None:
    typed = textwrap.dedent(CELL).strip() + "\n\n"
    typed += "from ppc_frontend import compile_function\n"
    typed += "print([str(s.type) for s in compile_function(m.builder).graph.samples])\n"
    done = subprocess.run(
        [sys.executable, "-i"], input=typed, capture_output=True, text=True, check=True
    )
    assert "['f32[3]']" in done.stdout, done.stderr


def test_further_arguments_are_those_of_the_call() -> None:
    def m(*locs: float, **others: Any) -> None:
        inf.Normal(locs[1], others["scale"], name="x")

    graph = compile_function(m, (1.0, 2.5), {"scale": 4.0}).graph
    assert {node.value for node in graph.nodes if isinstance(node, Const)} == {2.5, 4.0}


def twice(function: Any) -> Any:
    @functools.wraps(function)
    def changed(*args: Any) -> Any:
        return 2 * function(*args)

    return changed


def test_decorators_that_change_a_function_are_refused() -> None:
    @twice
    def decorated() -> None:
        inf.Normal(0.0, 1.0, name="x")

    @twice
    def helper(x: float) -> float:
        return x + 1.0

    def m() -> None:
        inf.Normal(helper(0.0), 1.0, name="x")

    for function, words in ((decorated, "a decorator besides"), (m, "the decorator of `helper`")):
        with pytest.raises(CompileError, match=words):
            compile_function(function)


def test_elements_of_an_array_of_the_module_are_not_assigned() -> None:
    series = np.zeros(3)

    def assigned(n=3):
        for i in range(n):
            series[i] = inf.Normal(0.0, 1.0)

    def declared(n=3):
        series = np.empty(n)
        for i in range(n):
            series[i] = inf.Normal(0.0, 1.0)

    with pytest.raises(CompileError, match=r"`series` is an array already") as raised:
        compile_function(assigned)
    assert "`series = np.empty(...)`" in str(raised.value)
    assert [s.name for s in compile_function(declared).graph.samples] == ["series"]
