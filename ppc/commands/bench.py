"""Programs of several backends, measured side by side.

Each runs in a process of its own. They start one after another; then each does a fit a round, in
an order drawn anew, so that what else the machine does meets all of them. Ratios are to the first,
taken within a round where there are rounds, and the median of these is shown.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, Self

from ppc.diagnostics import KindError, StateError
from ppc.diagnostics.command import MissingPlot, NotMeasured, NotWritten

if TYPE_CHECKING:
    from ppc.backend import Backend
    from ppc.emit.program import Program


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of one program."""

    name: str  # "jax", or "jax on cpu"
    first_step: float  # seconds from the start of the process to the end of the first epoch
    compile: float  # seconds that the first fit of an epoch took above the second
    steps: int  # of a round
    seconds: tuple[float, ...]  # by round
    memory: int  # bytes, the most that the process had; 0 where that is not known
    loss: float  # mean of the last tenth of the steps, at least an epoch

    @property
    def per_step(self) -> tuple[float, ...]:
        """Seconds of a step, by round."""
        return tuple(s / self.steps for s in self.seconds)


def measure(
    program: Program,
    backends: Sequence[Backend],
    data: str,
    *,
    devices: Sequence[str] = (),
    steps: int = 2000,
    rounds: int = 9,
    batch_size: int | None = None,
) -> list[Measured]:
    """Measure the program of each backend on each device, by default on the best there is.

    Raises StateError for what a process could not do: a device that is not there, data that do not
    fit; CompileError where a backend lacks what the model needs.
    """
    texts = {each.name: each.emit(program) for each in backends}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ppc-bench-")))
        running = []
        for each in backends:
            path = folder / f"{each.name}.py"
            path.write_text(texts[each.name], "utf-8")
            for device in devices or ("",):
                asked = _asked(program, each, str(path), data, device, steps, batch_size)
                running.append(stack.enter_context(_Contender(asked)))
        order = list(running)
        shuffle = random.Random(0).shuffle
        for _ in range(rounds):
            shuffle(order)
            for contender in order:
                contender.round()
        return [contender.measured() for contender in running]


def _asked(
    program: Program,
    target: Backend,
    path: str,
    data: str,
    device: str,
    steps: int,
    batch_size: int | None,
) -> dict[str, Any]:
    """What a process is asked to do."""
    from ppc.emit.module.interface import Interface

    columns = Interface(program, target.dialect()).columns
    rows = [
        next((columns[c.name], c.rows[plate]) for c in program.columns if plate in c.rows)
        for plate in program.batches
    ]
    return {
        "backend": target.name, "device": device, "program": path, "data": data, "steps": steps,
        "sizes": {name: value for name, value in program.hypers.items() if value is not None},
        "batch_size": [batch_size or size for size in program.batch_sizes.values()], "rows": rows,
    }  # fmt: skip


class _Contender:
    """A process that is measured."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        self.name = asked["backend"] + (f" on {asked['device']}" if asked["device"] else "")
        self._asked = asked
        self._seconds: list[float] = []

    def __enter__(self) -> Self:
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")
        begin = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ppc.commands.contender"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            text=True, encoding="utf-8",
        )  # fmt: skip
        try:
            self._started = self._ask(json.dumps(self._asked))
        except BaseException:
            self.__exit__()
            raise
        # A second epoch, which tells compiling from running, was run too.
        self._first = time.perf_counter() - begin - self._started["second"]
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def round(self) -> None:
        """Run one fit."""
        self._last = self._ask("")
        self._seconds.append(self._last["seconds"])

    def measured(self) -> Measured:
        """What was found in all rounds."""
        return Measured(
            name=self.name, first_step=self._first, compile=self._started["compile"],
            steps=self._started["steps"], seconds=tuple(self._seconds),
            memory=self._last["memory"], loss=self._last["loss"],
        )  # fmt: skip

    def _ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            print(line, file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            code = self._process.wait()
            self._errors.seek(0)
            last = self._errors.read().strip().splitlines()[-1:]
            reason = ": ".join([f"its process ended with {code}", *last])
            raise StateError(NotMeasured(name=self.name, reason=reason))
        found: dict[str, Any] = json.loads(answer)
        if "error" in found:
            raise StateError(NotMeasured(name=self.name, reason=found["error"]))
        return found


def ratio(one: Measured, first: Measured) -> float:
    """The seconds of a step over those of the first: the median of the ratios in a round."""
    pairs = zip(one.per_step, first.per_step, strict=True)
    return median(a / b for a, b in pairs)


def table(found: Sequence[Measured]) -> str:
    """A line for each program; in brackets the ratio to the first."""
    from ppc.commands.output import table as drawn

    head = ("", "first step", "compile", "per step", "quartiles", "peak memory", "final loss")
    first, rows = found[0], []
    for one in found:
        low, _, high = quantiles(one.per_step, n=4) if len(one.seconds) > 1 else one.per_step * 3
        rows.append((
            one.name,
            _cell(f"{one.first_step:.2f} s", _over(one.first_step, first.first_step)),
            _cell(f"{one.compile:.2f} s", _over(one.compile, first.compile)),
            _cell(_time(median(one.per_step)), ratio(one, first)),
            f"{_time(low)} to {_time(high)}",
            _cell(f"{one.memory / 2**20:.0f} MiB", _over(one.memory, first.memory)),
            _cell(f"{one.loss:.6g}", _over(one.loss, first.loss)),
        ))  # fmt: skip
    return drawn(head, rows)


def _over(one: float, first: float) -> float | None:
    return one / first if first else None


def _cell(text: str, over: float | None) -> str:
    return text if over is None else f"{text} ({over:.2f})"


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def save(path: str, found: Sequence[Measured]) -> None:
    """Write what was measured as JSON, times in seconds. Raises KindError."""
    rows = [asdict(one) | {"ratio": ratio(one, found[0])} for one in found]
    try:
        Path(path).write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
    except OSError as error:
        raise KindError(NotWritten(path=path, reason=error.strerror or str(error))) from None


def plot(path: str, found: Sequence[Measured], title: str) -> None:
    """Draw the times of a step, and of starting.

    Raises StateError where there is no matplotlib, KindError where the file cannot be written.
    """
    figure_of = _figure()
    figure = figure_of(figsize=(9, 3.2), layout="constrained")
    steps, start = figure.subplots(1, 2)
    names = [one.name for one in found]
    scale, unit = (1e6, "µs") if median(found[0].per_step) < 1e-3 else (1e3, "ms")
    steps.boxplot(
        [[s * scale for s in one.per_step] for one in found],
        tick_labels=names, orientation="horizontal", whis=(0, 100),
    )  # fmt: skip
    steps.set(xlabel=f"a step, in {unit}, by round", xlim=(0, None))
    start.barh(names, [one.first_step - one.compile for one in found], label="start and data")
    start.barh(
        names, [one.compile for one in found],
        left=[one.first_step - one.compile for one in found], label="compile",
    )  # fmt: skip
    start.set(xlabel="to the first step, in s")
    start.legend()
    for axes in (steps, start):
        axes.invert_yaxis()
    figure.suptitle(title)
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:  # ValueError: a format that there is not
        reason = getattr(error, "strerror", None) or str(error)
        raise KindError(NotWritten(path=path, reason=reason)) from None


def _figure() -> Any:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise StateError(MissingPlot()) from None
    return Figure


def ready(backends: Sequence[Backend], *, plot: str | None, data: str) -> None:
    """Raise StateError for what is missing, before anything is run."""
    from importlib.util import find_spec

    from ppc.diagnostics.command import MissingFramework

    lacking = [
        MissingFramework(backend=each.name, package=package)
        for each in backends
        for package in each.requires
        if find_spec(package) is None
    ]
    if lacking:
        raise StateError(lacking)
    if plot is not None:
        _figure()
    if not os.path.exists(data):
        raise StateError(NotMeasured(name="", reason=f"there is no file {data}"))
