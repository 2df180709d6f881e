"""Whole processes: ``import ppc``, and ``ppc emit``, over what they cannot do without."""

from __future__ import annotations

import compileall
import json
import os
import subprocess
import sys

import programs
import pytest
from compare import Run, difference, interleave, ratio
from conftest import Record
from pytest_benchmark.fixture import BenchmarkFixture

# The modules from outside ppc and the standard library that `import ppc` loads.
LOADED = """
import sys
before = set(sys.modules)
import ppc, json
own = {"ppc", "ppc_frontend", "ppc_jax", "ppc_numpy", "json"}
tops = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps(sorted(tops - own - set(sys.stdlib_module_names))))
"""


ROOT = programs.HERE.parent
FOLDERS = [ROOT, ROOT / "frontend", ROOT / "backends"]


@pytest.fixture(scope="module", autouse=True)
def byte_code() -> None:
    """What an installed wheel has, and a checkout need not: modules that are compiled already."""
    for folder in [ROOT / "ppc", *FOLDERS[1:]]:
        assert compileall.compile_dir(folder, quiet=1)


def process(*arguments: str) -> Run:
    """A run of this Python with these arguments, its output thrown away."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, FOLDERS))}

    def run() -> str:
        return subprocess.run(
            [sys.executable, *arguments],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    return run


def test_import(benchmark: BenchmarkFixture, record: Record) -> None:
    needed = json.loads(str(process("-c", LOADED)()))
    bare = process("-c", f"import {', '.join(needed)}" if needed else "pass")
    ours = process("-c", "import ppc")
    times = interleave({"ours": ours, "bare": bare}, rounds=25)
    record(
        "import",
        "`import ppc` above a bare interpreter with what it must import",
        value=difference(times["ours"], times["bare"]),
        unit="s",
        limit=0.05,
        needed=needed,
    )
    benchmark.pedantic(ours, rounds=5)


def test_emit(benchmark: BenchmarkFixture, record: Record) -> None:
    model = programs.HERE.parent / "examples" / "digit_classifier.py"
    ours = process("-m", "ppc.cli", "emit", str(model), "--backend", "jax")
    bare = process("-c", "import libcst, numpy")
    times = interleave({"ours": ours, "bare": bare}, rounds=15)
    result = ratio(times["ours"], times["bare"])
    record(
        "emit",
        "`ppc emit` over `import libcst, numpy`, whole processes",
        value=result.value,
        low=result.low,
        high=result.high,
        unit="ratio",
        limit=2.0,
        ours_s=result.ours,
        theirs_s=result.theirs,
    )
    benchmark.pedantic(ours, rounds=5)
