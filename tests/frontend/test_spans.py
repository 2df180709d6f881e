"""Every node knows its exact place: line and columns, in every layout of the text."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
from ppc_frontend import compile_function, compile_source, models_in
from programs import HEAD, body

from ppc.ir.nodes import Graph, Op, Sample
from ppc.spans import Source, Span


def text_of(span: Span) -> str:
    """What a span covers, by Python's own idea of lines."""
    lines = span.source.text.replace("\r\n", "\n").split("\n")[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    return "\n".join(lines)


def covered(found: Graph) -> dict[str, str]:
    return {n.name: text_of(n.span) for n in found if n.span is not None}


def test_each_kind_of_node_covers_its_expression() -> None:
    lines = """
    w = inf.Parameter(np.ones(d) , name="w")
    with inf.datamodel():
        z = inf.Normal( -x , 1.)
        a = ( z * w ) + 2.5
        b = a[:, : d // 2]
        y = inf.Normal(
            nn(b),
            scale=tf.nn.softplus(s),
        )
    """
    lines = 'nn = tf.keras.layers.Dense(3, "relu", name="nn")\n' + textwrap.dedent(lines)
    seen = covered(body(lines, 'd, s, x: Float[Array, "N d"]'))
    assert seen["w"] == 'inf.Parameter(np.ones(d) , name="w")'
    assert seen["broadcast_to"] == "np.ones(d)"
    assert seen["x"] == "x" and seen["s"] == "s"
    assert seen["neg"] == "-x"
    assert seen["z"] == "inf.Normal( -x , 1.)"
    assert seen["mul"] == "z * w"
    assert seen["a"] == "( z * w ) + 2.5"
    assert seen["b"] == "a[:, : d // 2]"
    assert seen["matmul"] == seen["relu"] == "nn(b)"
    assert seen["nn.kernel"] == 'tf.keras.layers.Dense(3, "relu", name="nn")'
    assert seen["nn_kernel_noise"] == seen["nn.kernel"]
    assert seen["softplus"] == "tf.nn.softplus(s)"
    assert seen["y"].startswith("inf.Normal(\n") and seen["y"].endswith("\n        )")


def test_every_node_has_a_span() -> None:
    found = body("x = inf.Normal(np.zeros(k), np.arange(1, 3)[0] / k)", "k")
    assert all(node.span is not None for node in found)


LAYOUTS = {
    "plain": "@inf.probmodel\ndef m(k):\n    x = inf.Normal(np.exp(k), 1.)\n",
    "blank lines": "\n\n\n@inf.probmodel\n\n\ndef m(k):\n\n\n    x = inf.Normal(np.exp(k), 1.)\n",
    "comment": "# é\n@inf.probmodel\ndef m(k):\n  # ü\n  x = inf.Normal(np.exp(k), 1.)  # x\n",
    "nested": (
        "def f():\n    if True:\n        @inf.probmodel\n        def m(k):\n"
        "            x = inf.Normal(np.exp(k), 1.)\n        return m\n"
    ),
    "tabs": "@inf.probmodel\ndef m(k):\n\tif True:\n\t\tx = inf.Normal(np.exp(k), 1.)\n",
    "non-ASCII": '@inf.probmodel\ndef m(k):\n    é = "日本語"; x = inf.Normal(np.exp(k), 1.)\n',
    "decorator over lines": (
        "@(\n    inf.\n    probmodel\n)\ndef m(\n    k,\n):\n    x = inf.Normal(np.exp(k), 1.)\n"
    ),
    "one line": "@inf.probmodel\ndef m(k): x = inf.Normal(np.exp(k), 1.)\n",
    "continuation": "@inf.probmodel\ndef m(k):\n    x = \\\n      inf.Normal(np.exp(k), 1.)\n",
    "parentheses": "@inf.probmodel\ndef m(k):\n    x = (\n  (inf.Normal(np.exp(k), 1.)))\n",
    "form feed": "@inf.probmodel\ndef m(k):\n    a = '\\x0c'\n    x = inf.Normal(np.exp(k), 1.)\n",
    "line separator": (
        "@inf.probmodel\ndef m(k):\n    a = '\u2028\x1c'\n    x = inf.Normal(np.exp(k), 1.)\n"
    ),
    "long string": (
        '@inf.probmodel\ndef m(k):\n    """\n    é\n    """\n    x = inf.Normal(np.exp(k), 1.)\n'
    ),
}
IMPORTS = "import numpy as np\nimport ppc as inf\n"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_layouts(layout: str, end: str) -> None:
    text = IMPORTS + LAYOUTS[layout]
    found = compile_source(Source("m.py", text.replace("\n", end)), "m").graph
    check_places(found, text)


def check_places(found: Graph, text: str) -> None:
    """The places of a Normal and an exp, looked for in the text by hand."""
    (site,) = (n for n in found if isinstance(n, Sample))
    (op,) = (n for n in found if isinstance(n, Op) and n.primitive == "exp")
    for node, words in ((site, "inf.Normal(np.exp(k), 1.)"), (op, "np.exp(k)")):
        before = text[: text.index(words)]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        span = node.span
        assert span is not None
        assert (span.line, span.column) == (line, column)
        assert (span.end_line, span.end_column) == (line, column + len(words))


@pytest.mark.parametrize(
    ("encoding", "cookie"),
    [("utf-8", ""), ("utf-8-sig", ""), ("latin-1", "# -*- coding: latin-1 -*-\n"),
     ("utf-8-sig", "# coding: utf-8\n")],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_encodings_of_files(tmp_path: Path, encoding: str, cookie: str, end: str) -> None:
    text = (
        cookie + IMPORTS + '@inf.probmodel\ndef m(k):\n    é = "ü"; x = inf.Normal(np.exp(k), 1.)\n'
    )
    path = tmp_path / "model.py"
    path.write_bytes(text.replace("\n", end).encode(encoding))
    check_places(compile_source(path).graph, text)


def test_a_method_and_a_function_in_a_function() -> None:
    text = IMPORTS + textwrap.dedent(
        """
        class Models:
            scale = 2.0

            @inf.probmodel
            def m(
                self, k
            ):
                x = inf.Normal(np.exp(k), 1.)
        """
    )
    with pytest.MonkeyPatch.context() as patch:
        models: Any = run_live(text, patch)["Models"]
        check_places(compile_function(models.m.builder, (models(), 3.0)).graph, text)


def run_live(text: str, patch: pytest.MonkeyPatch) -> dict[str, object]:
    """Run a text as a notebook cell: its lines are in linecache under the cell's name."""
    import linecache

    name = "<ipython-input-7-abc>"
    patch.setitem(linecache.cache, name, (len(text), None, text.splitlines(True), name))
    space: dict[str, object] = {"__name__": "__main__"}
    exec(compile(text, name, "exec"), space)  # noqa: S102  # as a notebook does
    return space


def test_the_place_of_a_model_is_its_name() -> None:
    (info,) = models_in(Source("m.py", HEAD + "\n@inf.probmodel\ndef  model(a, *, b=2): ...\n"))
    assert (info.name, info.parameters, info.decorator) == ("model", ("a", "b"), "inf.probmodel")
    assert text_of(info.span) == "model"
