"""The programs that the benchmarks run, as `ppc emit` prints them, and their data."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np

HERE = Path(__file__).parent
EMITTED = HERE / "out"


@cache
def path(name: str) -> Path:
    """The file of the program of an example, emitted now."""
    source = HERE.parent / "examples" / f"{name}.py"
    EMITTED.mkdir(exist_ok=True)
    target = EMITTED / f"{name}.py"
    command = [sys.executable, "-m", "ppc.cli", "emit", str(source), "--backend", "jax"]
    subprocess.run([*command, "-o", str(target)], check=True)
    return target


@cache
def load(name: str) -> ModuleType:
    """Import the program of an example."""
    return imported(path(name), f"program_{name}")


def imported(file: Path, name: str) -> ModuleType:
    """The module that a file is."""
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def digits(copies: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """x f32[N, 784] in [0, 1] and y i32[N]: digits 0, 1, 2 of scikit-learn, enlarged."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    keep = bunch.target < 3
    pixel = np.arange(28) * 8 // 28
    x = bunch.images[keep][:, pixel][:, :, pixel] / 16
    x = x.reshape(-1, 784).astype(np.float32)
    return np.tile(x, (copies, 1)), np.tile(bunch.target[keep].astype(np.int32), copies)


def schools() -> tuple[np.ndarray, np.ndarray]:
    """sigma f32[8] and y f32[8] of Rubin (1981)."""
    y = np.array([28, 8, -3, 7, -1, 1, 18, 12], np.float32)
    return np.array([15, 10, 16, 11, 9, 11, 10, 18], np.float32), y


def factors(n: int) -> np.ndarray:
    """x f32[n, 20] of a factor model with two factors."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 2)) @ rng.normal(size=(2, 20)) + rng.normal(size=(n, 20))
    return x.astype(np.float32)
