"""Whatever is written, the answer is a verified graph or a CompileError, no other exception."""

from __future__ import annotations

import random

import pytest
from ppc_frontend import compile_source, vocabulary
from programs import source

from ppc.diagnostics import CompileError
from ppc.ir.verify import check

ATOMS = (
    "x s k d v w z 3 0 -1 2.5 None True 'a' [1,2] [x,v] (k,2) {} np np.exp inf.Normal i c ... "
    "f'{k}' np.zeros(k) inf slice range(3) tf.nn.relu np.float32 [] () {'a':1} inf.positive"
).split()
NUMPY = [name.removeprefix("numpy.") for name in vocabulary.names("numpy")]
TENSORFLOW = [name.removeprefix("tensorflow.") for name in vocabulary.names("tensorflow")]
SITES = "Normal Categorical Bernoulli MultivariateNormalDiag Uniform datamodel".split()
NAMES = "shape T sum mean reshape append size ndim dtype name astype get join".split()
BUILTINS = "int float str list tuple max min sum abs len zip enumerate dict bool range".split()
OPERATORS = "+ - * / // % ** @ < == & | and or in is".split()
FORMS = (
    "({0} {op} {1})", "{0}[{1}]", "{0}[:, {1}]", "{0}[{1}:{2}]",
    "np.{np}({0})", "np.{np}({0}, {1})",
    "np.{np}({0}, axis={1})", "tf.{tf}({0}, {1})", "inf.{site}({0}, {1})",
    "inf.{site}({0}, {1}, name={2}, sample_shape={3})", "inf.Parameter({0}, support={1})",
    "inf.observe({0}, {1})", "({0} if {1} else {2})", "[{0} for i in {1}]", "({0})({1})",
    "({0}).{name}", "({0}).{name}({1})", "-{0}", "not {0}", "{builtin}({0})",
    "helper({0}, *{1}, **{2})", "tf.keras.Sequential({0})({1})",
    "tf.keras.layers.Dense({0}, {1})({2})",
)  # fmt: skip
HEADER = """
def helper(u, *rest, **named):
    return u

@inf.probmodel
def m(k, d=3, x: Float[Array, "N 3"]=None, s: Float[Array, "N"]=None, v: Float[Array, "3"]=None,
      w: Float[Array, "3 4"]=None, i: Int[Array, "N"]=None, c: Bool[Array, "N"]=None):
    z = inf.Normal(0., 1.)
"""


def expression(rng: random.Random, depth: int) -> str:
    if not depth:
        return rng.choice(ATOMS)
    return rng.choice(FORMS).format(
        *(expression(rng, depth - 1) for _ in range(4)),
        op=rng.choice(OPERATORS), np=rng.choice(NUMPY), tf=rng.choice(TENSORFLOW),
        site=rng.choice(SITES), name=rng.choice(NAMES), builtin=rng.choice(BUILTINS),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_wild_programs(seed: int) -> None:
    rng = random.Random(seed)
    accepted = 0
    for _ in range(60):
        depth = rng.choice((1, 1, 2))
        line = f"a {rng.choice(['=', '+='])} {expression(rng, depth)}"
        size = rng.choice(["", "k", "d", "3", "x.shape[0]"])
        plate = f"    with inf.datamodel({size}):\n        {line}\n"
        try:
            result = compile_source(source(HEADER + rng.choice([plate, f"    {line}\n"])))
        except CompileError as error:
            str(error)  # every mistake can be rendered
        else:
            check(result.graph)
            accepted += 1
    assert accepted
