"""A program that is measured, in a process of its own: `python -m ppc.commands.contender`.

The first line of its input says what to run, and each further line asks for a round. It answers
with a line of JSON each: first what starting took, then the seconds of a round. What libraries
print goes to standard error.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TextIO

from ppc.diagnostics import PpcError


def main() -> None:
    """Answer each line; an error is an answer too, and the last."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        for answer in _answers(json.loads(sys.stdin.readline()), sys.stdin):
            print(json.dumps(answer), file=answers, flush=True)
    except Exception as error:  # noqa: BLE001  # it is reported by the process that asked
        mistakes = error.mistakes if isinstance(error, PpcError) else ()
        words = mistakes[0].message() if mistakes else str(error) or type(error).__name__
        print(json.dumps({"error": words}), file=answers, flush=True)


def _answers(asked: dict[str, Any], rounds: TextIO) -> Iterator[dict[str, Any]]:
    import numpy as np

    from ppc.emit.load import load
    from ppc.registry import backend

    found = backend(asked["backend"])
    found.runner.start()
    with open(asked["program"], encoding="utf-8") as file:
        module = load(file.read(), "program")
    with ExitStack() as stack:
        if asked["device"]:
            stack.enter_context(found.device(asked["device"]))
        fit, batches = _fit(module, found.runner.key(0), asked)
        begin = time.perf_counter()
        fit(1)
        first = time.perf_counter()
        fit(1)
        again = time.perf_counter() - first
        steps = batches * -(-asked["steps"] // batches)
        yield {"compile": max(first - begin - again, 0.0), "second": again, "steps": steps}
        for _ in rounds:
            begin = time.perf_counter()
            losses = np.asarray(fit(steps // batches).losses)
            seconds = time.perf_counter() - begin
            # A loss is one draw, and of one batch.
            loss = float(losses[-max(batches, steps // 10) :].mean(dtype=np.float64))
            yield {"seconds": seconds, "loss": loss, "memory": _memory()}


def _fit(module: Any, key: Any, asked: dict[str, Any]) -> tuple[Callable[[int], Any], int]:
    """A fit of so many epochs, and the steps in each."""
    taken = inspect.signature(module.fit).parameters
    options: dict[str, Any] = {}
    if "sizes" in taken:
        options["sizes"] = module.Sizes(**asked["sizes"])
    data = module.load_data(asked["data"], **options)
    batches = 1
    if "batch_size" in taken:
        sizes = []
        for (column, axis), most in zip(asked["rows"], asked["batch_size"], strict=True):
            rows = data[module.Data._fields.index(column)].shape[axis]
            sizes.append(min(most, rows))
            batches *= -(-rows // sizes[-1])
        options["batch_size"] = sizes[0] if len(sizes) == 1 else module.Plates(*sizes)
    return lambda epochs: module.fit(key, data, epochs=epochs, **options), batches


def _memory() -> int:
    """The most memory that this process has had, in bytes; 0 where that is not known."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


if __name__ == "__main__":
    main()
