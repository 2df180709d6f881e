"""How long a model takes before its first step, against what is written in it.

A model of many statements through the frontend and the passes; a loop and a plate of many rounds
through tracing, XLA and a step.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import numpy as np
from conftest import Record
from ppc_frontend.api import compile_source

from ppc import registry
from ppc.compiler import Options, compile_loss
from ppc.emit.program import assemble
from ppc.ir.nodes import Graph
from ppc.spans import Source

HEAD = "import numpy as np\nimport ppc as inf\n\n\n@inf.probmodel\n"
STATEMENTS = (250, 500, 1000)
ROUNDS = (10, 100, 1000, 10_000)
LOOP = """def m(N):
    mu = inf.Normal(0.0, 1.0)
    for i in range(N):
        z[i] = inf.Normal(mu, 1.0)
    for i in range(N):
        y[i] = inf.Normal(z[i], 0.5)
"""
PLATE = """def m():
    mu = inf.Normal(0.0, 1.0)
    with inf.datamodel():
        z = inf.Normal(mu, 1.0)
        y = inf.Normal(z, 0.5)
"""


def statements(n: int) -> str:
    """A model of n statements: operations, and a random variable in each twenty."""
    lines = ["def m():", "    a0 = inf.Normal(0.0, 1.0)"]
    for i in range(1, n // 2 - 1):
        lines.append(f"    b{i} = np.exp(0.01 * a{i - 1}) + {i}.0")
        made = f"inf.Normal(b{i}, 1.0)" if i % 10 == 0 else f"np.tanh(b{i} * 0.5)"
        lines.append(f"    a{i} = {made}")
    lines += ["    with inf.datamodel():", f"        y = inf.Normal(a{n // 2 - 2}, 1.0)"]
    return "\n".join(lines) + "\n"


def read(body: str) -> Graph:
    return compile_source(Source("m.py", HEAD + body), "m").graph


def least(run: Callable[[], object], rounds: int = 3) -> float:
    """The least processor time of some runs, in seconds."""
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        run()
        times.append(time.process_time() - begin)
    return min(times)


def test_statements(record: Record) -> None:
    def compiled(n: int) -> Callable[[], object]:
        text = statements(n)
        return lambda: compile_loss(read(text), None, Options(("y",), ("N",)))

    compiled(10)()
    seconds = {n: least(compiled(n)) for n in STATEMENTS}
    record(
        "statements", "frontend and passes, 1000 statements", value=seconds[1000], unit="s",
        limit=2.0, seconds={str(n): s for n, s in seconds.items()},
    )  # fmt: skip
    assert seconds[1000] < 2.0
    assert seconds[1000] < 2.6 * seconds[500], "more than in proportion"


def whole(body: str, n: int, name: str) -> Callable[[], object]:
    """A fit of one step on n rows, from the source on; nothing of it is compiled before."""
    backend = registry.backend("jax")
    y = np.random.default_rng(0).normal(size=n)
    number = itertools.count()

    def run() -> object:
        program = assemble(compile_loss(read(body), None, Options(("y",), ("N",))))
        module = backend.load(backend.emit(program), f"bench_{name}_{n}_{next(number)}")
        with backend.runner.precision(module, np.float32):
            data = module.prepare(y)
            return module.fit(backend.runner.key(0), data, epochs=1, batch_size=n)

    return run


def test_rounds(record: Record) -> None:
    """A loop costs what a plate does, however many rounds it has: both are one batch."""
    whole(PLATE, 5, "first")()
    seconds = {
        name: {str(n): least(whole(body, n, name)) for n in ROUNDS}
        for name, body in (("loop", LOOP), ("plate", PLATE))
    }
    most = max(seconds["loop"].values()) / min(seconds["loop"].values())
    record(
        "rounds", "from source to first step, a loop of 10 to 10,000 rounds: the longest against "
        "the shortest", value=most, unit="ratio", limit=1.5, seconds=seconds,
    )  # fmt: skip
    for n in ROUNDS:
        assert seconds["loop"][str(n)] < 1.3 * seconds["plate"][str(n)], n
    assert most < 1.5
