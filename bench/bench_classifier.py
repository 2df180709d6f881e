"""The digit classifier: the program over a careful person's, per step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import programs
import pytest
from compare import interleave, ratio
from conftest import Record
from pytest_benchmark.fixture import BenchmarkFixture
from reference import classifier

BATCH = 100
SHORT = 1  # epochs of the fits whose time is taken off those of a file's


@pytest.mark.parametrize(("copies", "epochs"), [(1, 300), (20, 15)])
def test_classifier(
    benchmark: BenchmarkFixture,
    request: pytest.FixtureRequest,
    record: Record,
    tmp_path: Path,
    copies: int,
    epochs: int,
) -> None:
    program = programs.load("digit_classifier")
    x, y = map(jnp.asarray, programs.digits(copies))
    data, key = program.prepare(x=x, y=y), jr.key(0)
    batches = -(-len(x) // BATCH)
    steps = batches * epochs
    first = program.fit(key, data, epochs=1, batch_size=BATCH)
    carry = classifier.fit(key, x, y, epochs=1, batch_size=BATCH)[0]

    def ours() -> None:
        done = program.fit(key, data, epochs=epochs + 1, batch_size=BATCH, resume=first)
        jax.block_until_ready(done.params)

    def theirs() -> None:
        begin = jax.tree.map(jnp.copy, carry)  # the reference gives its input away
        done, _ = classifier.fit(key, x, y, epochs=epochs, batch_size=BATCH, carry=begin)
        jax.block_until_ready(done)

    runs = {"ours": ours, "theirs": theirs}
    if file := request.config.getoption("--classifier"):
        jax.config.update("jax_compilation_cache_dir", str(tmp_path))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        fit = fit_of(Path(file), np.asarray(x), np.asarray(y))
        runs["file"] = lambda: fit(epochs + SHORT)
        runs["start of file"] = lambda: fit(SHORT)
    times = interleave(runs, rounds=request.config.getoption("--rounds"))
    contenders = {"classifier": ("a hand-written program", times["theirs"])}
    if file:
        pairs = zip(times["file"], times["start of file"], strict=True)
        own = [long - short for long, short in pairs]
        contenders["classifier_file"] = ("the file given", own)
    for name, (what, other) in contenders.items():
        result = ratio(times["ours"], other)
        record(
            f"{name}_{len(x)}",
            f"classifier, N = {len(x)}: step over that of {what}",
            value=result.value,
            low=result.low,
            high=result.high,
            unit="ratio",
            limit=1.05,
            ours_us=result.ours / steps * 1e6,
            theirs_us=result.theirs / steps * 1e6,
        )
    benchmark.pedantic(ours, rounds=3)


def fit_of(file: Path, x: np.ndarray, y: np.ndarray) -> Callable[[int], None]:
    """Fits a hand-written program for so many epochs, and waits.

    Such a program may compile its loop in each fit, which JAX's cache makes short, and the start of
    a fit is taken off: what is left is the time of the steps between.
    """
    module = programs.imported(file, "classifier_of_a_file")
    data = module.Data(jnp.asarray(x), jnp.asarray(y))

    def fit(epochs: int) -> None:
        jax.block_until_ready(module.fit(jr.key(0), data, epochs=epochs, batch_size=BATCH))

    return fit
