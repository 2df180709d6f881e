"""Calls outside models are read, never run."""

from __future__ import annotations

from pathlib import Path

import pytest
from ppc_frontend import FileCalls, ModelCall, compile_file, file_calls
from ppc_frontend.values import NameOf, Ref
from programs import source

from ppc.ir.nodes import Op

MODELS = """
from ppc.inference import SVI as Fit
import ppc.inference as inference
SIZE = 28

@inf.probmodel
def p(k, d=3, *, act=None): ...

@inf.probmodel
def q(k): ...
"""


def read(text: str) -> FileCalls:
    return file_calls(source(MODELS + text))


def guide(calls: FileCalls) -> object:
    assert calls.fit is not None and calls.fit.inference is not None
    found = calls.fit.inference.guide
    return found.model if isinstance(found, ModelCall) else found


PLACES = {
    "top": "m = p(k=2)\nm.fit({'x': x, 'y': y}, inf.inference.SVI(q(2), epochs=3))\n",
    "names": (
        "m, guide = p(2), q(2)\ns = Fit(guide, epochs=3)\n"
        "data = {'x': 1, 'y': 2}\nm.fit(data, s)\n"
    ),
    "main": (
        "def main(n: int):\n    k = 2\n    m = p(k)\n    s = inference.SVI(q(k=k), epochs=3)\n"
        "    m.fit(dict(x=n, y=n), s)\n\nif __name__ == '__main__':\n    main(3)\n"
    ),
    "guarded": (
        "if __name__ == '__main__':\n    with open('f') as f:\n        m = p(2)\n"
        "        losses = m.fit(data={'x': f, 'y': f}, "
        "inference_method=inf.inference.SVI(qmodel=q(2), epochs=3))\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_the_fit_of_a_file(place: str) -> None:
    calls = read(PLACES[place])
    assert calls.fit is not None
    assert calls.fit.model.model == "p"
    assert calls.fit.observed == ("x", "y")
    assert guide(calls) == "q"
    assert calls.guides == ("q",)
    assert calls.settings("p") == calls.settings("q") == {"k": 2}
    assert calls.fit.inference is not None
    assert dict(calls.fit.inference.arguments) == {"epochs": 3}
    assert calls.fit.inference.method == "SVI"


def test_settings_that_are_literals() -> None:
    calls = read("def f(z): ...\nm = p(SIZE * SIZE, d=[1, 2.5], act=f)\nn = q(k=tf.nn.relu)\n")
    assert calls.settings("p") == {"k": 784, "d": [1, 2.5], "act": NameOf("f")}
    assert calls.settings("q") == {"k": Ref("tensorflow.nn.relu")}


def test_what_is_no_literal_is_left_out() -> None:
    calls = read(
        "m = p(args.k, d=load(), act=x_train)\nm.fit(load(), Fit('meanfield', epochs=n))\n"
    )
    assert calls.models[0].unread == ("k", "d", "act")
    assert calls.settings("p") == {}
    assert calls.fit is not None and calls.fit.observed is None
    assert guide(calls) == "meanfield"
    assert calls.fit.inference is not None and not calls.fit.inference.arguments


def test_calls_that_disagree() -> None:
    calls = read(
        "a, b = p(k=2, d=1), p(k=3, d=1)\na.fit({'x': 1}, Fit(q))\nb.fit({'y': 1}, Fit(q))\n"
    )
    assert calls.settings("p") == {"d": 1}
    assert calls.fit is None and len(calls.fits) == 2


def test_a_chained_fit_and_a_guide_by_its_name() -> None:
    calls = read("p(k=2).fit({'x': 1}, inf.inference.VI(q))\n")
    assert calls.fit is not None and calls.fit.inference is not None
    assert guide(calls) == "q" and calls.fit.inference.method == "VI"


def test_files_beside_the_model_are_read(tmp_path: Path) -> None:
    (tmp_path / "helpers.py").write_text(
        "import numpy as np\nWIDTH = 4\nraise RuntimeError('run')\n"
        "def squash(x):\n    return np.tanh(x) * WIDTH\n"
    )
    model = tmp_path / "model.py"
    model.write_text(
        "import helpers\nimport ppc as inf\nfrom helpers import WIDTH, squash as s\n"
        "raise RuntimeError('run')\n"
        "@inf.probmodel\ndef m():\n"
        "    x = inf.Normal(s(helpers.squash(inf.Normal(0., WIDTH, name='z'))), 1.)\n"
    )
    found = compile_file(model)
    assert [n.primitive for n in found if isinstance(n, Op)] == ["tanh", "mul", "tanh", "mul"]
    spans = [n.span for n in found if isinstance(n, Op)]
    assert {span.source.path for span in spans if span} == {str(tmp_path / "helpers.py")}
