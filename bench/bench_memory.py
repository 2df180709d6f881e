"""The memory of a fit: its peak above that of the process with the data loaded (Linux)."""

from __future__ import annotations

import subprocess
import sys

import programs
from conftest import Record
from pytest_benchmark.fixture import BenchmarkFixture

# A process of its own, so that the peak is that of the fit and of nothing before it.
FIT = """
import gc, sys
sys.path.insert(0, sys.argv[1])
import jax, jax.numpy as jnp, jax.random as jr, programs
program = programs.load("digit_classifier")
data = program.prepare(*programs.digits(100))
jax.block_until_ready(data)
def status(name):
    text = open("/proc/self/status").read()
    return int(text.split(name + ":")[1].split()[0]) / 1024
gc.collect()
open("/proc/self/clear_refs", "w").write("5")  # forget the peak so far
before = status("VmRSS")
program.fit(jr.key(0), data, epochs=1)
print(data.x.nbytes / 2**20, before, status("VmHWM"))
"""


def measure() -> tuple[float, float, float]:
    """MiB of the data, and the peak of the process before and after the fit."""
    command = [sys.executable, "-c", FIT, str(programs.HERE)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    data, before, after = map(float, out.split())
    return data, before, after


def test_memory(benchmark: BenchmarkFixture, record: Record) -> None:
    data, before, after = benchmark.pedantic(measure, rounds=1)
    record(
        "memory",
        "classifier, N = 53,700: peak memory of a fit above that with the data loaded",
        value=after - before,
        unit="MiB",
        data_mib=data,
        before_mib=before,
    )
