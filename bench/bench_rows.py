"""A latent for each row: a step with a million rows over one with a thousand."""

from __future__ import annotations

import jax
import jax.random as jr
import programs
from compare import Run, interleave, ratio
from conftest import Record
from pytest_benchmark.fixture import BenchmarkFixture

SMALL, LARGE, BLOCKS = 1_000, 1_000_000, 16


def steps_of(n: int) -> tuple[Run, int]:
    """A run of whole blocks on n rows, and its number of steps."""
    program = programs.load("factors")
    data, key = program.prepare(programs.factors(n)), jr.key(0)
    plan = program.Plan(program._adam(1e-3), n, n // 100, program.SIZES)
    state = program.State(*program.start_fit(key, data, plan)[:2])

    length = program.block_steps(data, plan)

    def run() -> None:
        nonlocal state
        for block in range(BLOCKS):
            begin = block * length
            state, losses = program.run_block(state, data, key, begin, begin + length, plan=plan)
        jax.block_until_ready(losses)

    return run, BLOCKS * length


def test_rows(benchmark: BenchmarkFixture, record: Record) -> None:
    (small, steps), (large, steps_large) = steps_of(SMALL), steps_of(LARGE)
    assert steps == steps_large
    times = interleave({"large": large, "small": small}, rounds=15)
    result = ratio(times["large"], times["small"])
    record(
        "rows",
        "a latent for each row: step with N = 1,000,000 over N = 1,000",
        value=result.value,
        low=result.low,
        high=result.high,
        unit="ratio",
        large_us=result.ours / steps * 1e6,
        small_us=result.theirs / steps * 1e6,
    )
    benchmark.pedantic(large, rounds=3)
