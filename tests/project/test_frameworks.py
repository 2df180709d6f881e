"""A backend whose framework is absent has its tests skipped, with the reason; CI skips none."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from frameworks import frameworks, in_ci
from packages import ROOT

# A plugin of pytest under which an interpreter does not find TensorFlow.
HIDING = """
from importlib.machinery import PathFinder

find = PathFinder.find_spec


def without_tensorflow(name, *args):
    return None if name.partition(".")[0] == "tensorflow" else find(name, *args)


PathFinder.find_spec = without_tensorflow
"""
NEEDING = """
import ppc
from ppc.registry import backend


def test_imports():
    import tensorflow


def test_runs():
    backend("tensorflow").load("import tensorflow", "program")


def test_needs_nothing():
    backend("tensorflow")


def test_fails_otherwise():
    import no_such_module
"""


@pytest.mark.skipif(not in_ci(), reason="outside CI a framework may be absent")
def test_ci_has_every_framework() -> None:
    assert {package for package in frameworks() if find_spec(package) is None} == set()


def outcome(tmp_path: Path, ci: str) -> str:
    """What pytest says of two modules of tests where there is no TensorFlow."""
    folder = ROOT / "tests"  # its conftest.py is what is tested
    files = {
        "conftest.py": f"exec(open({str(folder / 'conftest.py')!r}).read())",
        "hiding.py": HIDING,
        "test_needing.py": NEEDING,
        "test_needing_at_import.py": f"import tensorflow\n{NEEDING}",
    }
    for name, code in files.items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), str(folder)])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "hiding", "-p", "no:cacheprovider", "-rs", "-q"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": path, "CI": ci},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return done.stdout


def test_without_a_framework_its_tests_are_skipped(tmp_path: Path) -> None:
    said = outcome(tmp_path, ci="")
    assert "1 failed, 1 passed, 3 skipped" in said
    assert said.count("tensorflow is not installed") == said.count("SKIPPED") > 0


def test_in_ci_they_fail(tmp_path: Path) -> None:
    said = outcome(tmp_path, ci="true")
    assert "CI skips no backend" in said
    # What cannot be imported ends the run before it starts.
    assert "1 error" in said and "skipped" not in said
