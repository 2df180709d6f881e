"""TensorFlow's program over JAX's, per step, as `ppc bench` measures them.

For these alone, and for the pages:

    python -m pytest bench/bench_backends.py; python bench/report.py; python docs/fill.py
"""

from __future__ import annotations

from pathlib import Path
from statistics import quantiles

import numpy as np
import programs
import pytest
from compare import ratio
from conftest import Record
from pytest_benchmark.fixture import BenchmarkFixture

from ppc.commands.bench import Measured, measure
from ppc.compiler import compile_loss
from ppc.emit.program import Program, assemble
from ppc.registry import backend
from ppc.roles import Asked, File, resolve

ROOT = Path(__file__).parents[1]
LIMIT = 1.5


def program(path: Path) -> Program:
    """The program of a model file, as its calls say."""
    roles = resolve(File.read(str(path), ()), Asked(path=str(path)))
    guide = roles.guide.graph if roles.guide else None
    return assemble(compile_loss(roles.model.graph, guide, roles.options))


def radon() -> dict[str, np.ndarray]:
    """floor, county and y f32[900] in three counties."""
    rng = np.random.default_rng(0)
    county, floor = rng.integers(0, 3, 900), rng.integers(0, 2, 900)
    y = np.array([1.0, 1.5, 2.0])[county] - 0.7 * floor + 0.8 * rng.normal(size=900)
    return {"floor": floor.astype(np.float32), "county": county, "y": y.astype(np.float32)}


def arrays(name: str) -> dict[str, np.ndarray]:
    """The data of a model of the set."""
    if name == "schools":
        return dict(zip(("sigma", "y"), programs.schools(), strict=True))
    if name == "digits":
        return dict(zip(("x", "y"), programs.digits(), strict=True))
    if name == "loops":
        return radon()
    return {"x": programs.factors(100_000 if name.endswith("100000") else 1_000)}


SET = {  # the file of the model, and the steps of a round
    "schools": ("examples/eight_schools.py", 100_000),
    "digits": ("examples/digit_classifier.py", 1_000),
    "factors_1000": ("examples/factors.py", 20_000),
    "factors_100000": ("examples/factors.py", 20_000),
    "loops": ("tests/models/radon_loops.py", 40_000),
}


@pytest.mark.parametrize("name", SET)
def test_backends(name: str, benchmark: BenchmarkFixture, record: Record, tmp_path: Path) -> None:
    path, steps = SET[name]
    data = tmp_path / "data.npz"
    np.savez(data, **arrays(name))
    backends = [backend("jax"), backend("tensorflow")]

    def run() -> list[Measured]:
        return measure(program(ROOT / path), backends, str(data), steps=steps, rounds=15)

    jax, tensorflow = benchmark.pedantic(run, rounds=1)
    result = ratio(tensorflow.per_step, jax.per_step)
    record(
        f"backends_{name}",
        f"TensorFlow over JAX, a step: {name.replace('_', ', N = ')}",
        value=result.value,
        low=result.low,
        high=result.high,
        unit="ratio",
        limit=LIMIT,
        jax_us=result.theirs * 1e6,
        tensorflow_us=result.ours * 1e6,
        jax_quartiles_us=[round(x * 1e6, 2) for x in quantiles(jax.per_step, n=4)],
        tensorflow_quartiles_us=[round(x * 1e6, 2) for x in quantiles(tensorflow.per_step, n=4)],
        jax_first_step_s=jax.first_step,
        tensorflow_first_step_s=tensorflow.first_step,
    )
