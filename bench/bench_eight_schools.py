"""Eight schools, mean field: the program over NumPyro's compiled scan, per step."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import jax.random as jr
import programs
from compare import interleave, ratio
from conftest import Record
from pytest_benchmark.fixture import BenchmarkFixture
from reference import eight_schools

STEPS = 10_000


def test_eight_schools(benchmark: BenchmarkFixture, record: Record) -> None:
    program = programs.load("eight_schools")
    sigma, y = map(jnp.asarray, programs.schools())
    data, key = program.prepare(y=y, sigma=sigma), jr.key(0)
    first = program.fit(key, data, epochs=1)

    def ours() -> None:
        done = program.fit(key, data, epochs=STEPS + 1, resume=first)
        jax.block_until_ready(done.params)

    theirs = eight_schools.Fit(key, sigma, y, STEPS).run
    times = interleave({"ours": ours, "theirs": theirs}, rounds=25)
    result = ratio(times["ours"], times["theirs"])
    record(
        "eight_schools",
        "eight schools, mean field: step over that of NumPyro's compiled scan",
        value=result.value,
        low=result.low,
        high=result.high,
        unit="ratio",
        limit=0.3,
        ours_us=result.ours / STEPS * 1e6,
        theirs_us=result.theirs / STEPS * 1e6,
    )
    benchmark.pedantic(ours, rounds=3)
