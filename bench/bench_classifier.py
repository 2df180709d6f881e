"""The digit classifier: the program over a careful person's, per step."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import jax.random as jr
import programs
import pytest
from compare import interleave, ratio
from conftest import Record
from pytest_benchmark.fixture import BenchmarkFixture
from reference import classifier

BATCH = 100


@pytest.mark.parametrize(("copies", "epochs"), [(1, 300), (20, 15)])
def test_classifier(benchmark: BenchmarkFixture, record: Record, copies: int, epochs: int) -> None:
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

    times = interleave({"ours": ours, "theirs": theirs}, rounds=15)
    result = ratio(times["ours"], times["theirs"])
    record(
        f"classifier_{len(x)}",
        f"classifier, N = {len(x)}: step over that of a hand-written program",
        value=result.value,
        low=result.low,
        high=result.high,
        unit="ratio",
        limit=1.05,
        ours_us=result.ours / steps * 1e6,
        theirs_us=result.theirs / steps * 1e6,
    )
    benchmark.pedantic(ours, rounds=3)
