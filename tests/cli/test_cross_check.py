"""`ppc emit --backend all`, and `--cross-check`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ppc_command import ROOT, ppc

from ppc import registry
from ppc.testing import agreement

SCHOOLS = str(ROOT / "examples" / "eight_schools.py")


@pytest.fixture
def data(tmp_path: Path) -> str:
    y, sigma = [28.0, 8, -3, 7, -1, 1, 18, 12], [15.0, 10, 16, 11, 9, 11, 10, 18]
    np.savez(tmp_path / "schools.npz", y=y, sigma=sigma, other=1)
    return str(tmp_path / "schools.npz")


def test_a_folder_gets_a_program_of_each_backend(tmp_path: Path) -> None:
    result = ppc("emit", SCHOOLS, "--backend", "all", "-o", str(tmp_path))
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == len(registry.names())
    for line in result.stdout.splitlines():
        backend = Path(line).stem.removeprefix("eight_schools_svi_")
        assert Path(line).read_text("utf-8") == ppc("emit", SCHOOLS, "--backend", backend).stdout


def test_a_pattern_says_where_each_goes(tmp_path: Path) -> None:
    assert ppc("emit", SCHOOLS, "--backend", "all", "-o", f"{tmp_path}/a_{{backend}}.py").output
    assert {f.name for f in tmp_path.iterdir()} == {f"a_{name}.py" for name in registry.names()}


@pytest.mark.parametrize("output", [(), ("-o", "-"), ("-o", "one.py")])
def test_one_place_is_too_few(output: tuple[str, ...]) -> None:
    result = ppc("emit", SCHOOLS, "--backend", "all", *output)
    assert result.exit_code == 1
    assert "error[one-file]" in result.stderr
    assert "fit_{backend}.py" in result.stderr


def test_data_without_a_check_are_wrong_usage() -> None:
    assert ppc("emit", SCHOOLS, "--data", "x.npz").exit_code == 2


def test_the_backends_agree_on_the_users_data(data: str) -> None:
    import tensorflow  # noqa: F401  # which the command runs on, and tells of in words alone

    result = ppc("emit", SCHOOLS, "--backend", "all", "--cross-check", "--data", data)
    assert result.exit_code == 0, result.output
    pairs = len(registry.names()) * (len(registry.names()) + 1) // 2
    assert len(result.stdout.splitlines()) == 2 + 2 * pairs
    assert "NO" not in result.stdout


def test_the_point_is_the_users(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[agreement.Point] = []

    def none(backends: Any, subject: Any, at: agreement.Point) -> list[agreement.Difference]:
        seen.append(at)
        return []

    monkeypatch.setattr(agreement, "differences", none)
    assert ppc("emit", SCHOOLS, "--cross-check", "--data", data).exit_code == 0
    assert seen[0].inputs["y"].tolist() == [28, 8, -3, 7, -1, 1, 18, 12]


def test_a_disagreement_is_an_error_that_names_the_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    right = agreement.on

    def wrong(*args: Any) -> agreement.Results:
        found = right(*args)
        found["gradient in theta_loc"] = found["gradient in theta_loc"] + np.eye(3)[1]
        return found

    monkeypatch.setattr(agreement, "on", wrong)
    result = ppc("emit", SCHOOLS, "--backend", "jax", "--cross-check")
    assert result.exit_code == 1
    assert "error[disagreement]" in result.stderr
    assert "jax and reference differ in float64: the gradient in theta_loc[1]" in result.stderr


@pytest.mark.parametrize(
    "arrays, words",
    [
        ({"y": [1.0, 2.0]}, "error[data-missing]"),
        ({"y": [1.0, 2.0], "sigma": [1.0, np.nan]}, "sigma"),
        ({"y": [1.0, 2.0], "sigma": [1.0, 2.0, 3.0]}, "sigma"),
        (None, "error[data-file]"),
    ],
)
def test_data_that_do_not_fit_are_reported(
    arrays: dict[str, list[float]] | None, words: str, tmp_path: Path
) -> None:
    if arrays is not None:
        np.savez(tmp_path / "data.npz", **arrays)
    data = str(tmp_path / "data.npz")
    result = ppc("emit", SCHOOLS, "--cross-check", "--data", data, "--backend", "jax")
    assert result.exit_code == 1
    assert words in result.stderr
