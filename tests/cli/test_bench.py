"""`ppc bench`: programs of several backends side by side, each in its own process."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from ppc_command import ROOT, ppc

from ppc.commands.bench import Measured, ratio, table

SCHOOLS = str(ROOT / "examples" / "eight_schools.py")


@pytest.fixture
def data(tmp_path: Path) -> str:
    y, sigma = [28.0, 8, -3, 7, -1, 1, 18, 12], [15.0, 10, 16, 11, 9, 11, 10, 18]
    np.savez(tmp_path / "schools.npz", y=y, sigma=sigma)
    return str(tmp_path / "schools.npz")


def measured(name: str, *seconds: float) -> Measured:
    return Measured(name, 2.0, 1.0, 10, seconds, 3 * 2**20, 5.0)


def test_both_backends_are_measured(data: str, tmp_path: Path) -> None:
    import tensorflow  # noqa: F401  # which the command runs on, and tells of in words alone

    pytest.importorskip("matplotlib")
    saved, picture = tmp_path / "figures.json", tmp_path / "picture.png"
    asked = ("--steps", "300", "--rounds", "3", "--json", str(saved), "--plot", str(picture))
    result = ppc("bench", SCHOOLS, "--data", data, "--backends", "jax,tensorflow", *asked)
    assert result.exit_code == 0, result.output
    head, _, *lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["jax", "tensorflow"]
    assert "first step" in head
    assert "peak memory" in head
    found = json.loads(saved.read_text("utf-8"))
    assert [len(one["seconds"]) for one in found] == [3, 3]
    assert all(one["steps"] == 300 and one["first_step"] > one["compile"] for one in found)
    assert found[0]["ratio"] == 1
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_ratio_is_taken_within_a_round() -> None:
    first, slow = measured("a", 1.0, 10.0, 1.0), measured("b", 2.0, 20.0, 2.0)
    assert ratio(slow, first) == 2
    assert "(2.00)" in table([first, slow]).splitlines()[-1]


def test_a_device_that_is_not_there_is_refused_by_name(data: str) -> None:
    result = ppc("bench", SCHOOLS, "--data", data, "--backends", "jax", "--devices", "tpu")
    assert result.exit_code == 1
    assert "jax on tpu cannot be measured: JAX finds no tpu" in result.stderr


def test_data_that_do_not_fit_are_reported_without_a_traceback(tmp_path: Path) -> None:
    np.savez(tmp_path / "short.npz", y=[1.0])
    data = str(tmp_path / "short.npz")
    result = ppc("bench", SCHOOLS, "--data", data, "--backends", "jax")
    assert result.exit_code == 1
    assert "the data have no array sigma" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_file_that_is_not_there_is_reported() -> None:
    result = ppc("bench", SCHOOLS, "--data", "nowhere.npz", "--backends", "jax")
    assert result.exit_code == 1
    assert "there is no file nowhere.npz" in result.stderr


def test_a_process_that_dies_is_reported(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    result = ppc("bench", SCHOOLS, "--data", data, "--backends", "jax")
    assert result.exit_code == 1
    assert "jax cannot be measured: its process ended with 1" in result.stderr


def test_a_backend_that_is_not_there_is_named(data: str) -> None:
    result = ppc("bench", SCHOOLS, "--data", data, "--backends", "jax,torch")
    assert result.exit_code == 1
    assert "there is no backend 'torch'" in result.stderr
