"""Where the results of a benchmark go: ``results/NAME.json``, one file each."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest

RESULTS = Path(__file__).parent / "results"
Record = Callable[..., None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--classifier",
        metavar="FILE",
        help="measure the classifier against this program too, which has Data(x, y) and "
        "fit(key, data, *, epochs, batch_size), with parameters and losses as its result",
    )
    parser.addoption("--rounds", type=int, default=15, help="of the classifiers (default: 15)")


def tensorflow() -> str:
    """The distribution that TensorFlow is installed from."""
    return packages_distributions()["tensorflow"][0]


@pytest.fixture
def record() -> Record:
    """Write a result: its name, title, figure with limit, and whatever explains it."""

    def write(
        name: str,
        title: str,
        *,
        value: float,
        unit: str,
        limit: float | None = None,
        low: float | None = None,
        high: float | None = None,
        **details: object,
    ) -> None:
        machine = {
            "cores": os.cpu_count(),
            "system": platform.platform(terse=True),
            "python": platform.python_version(),
            "jax": version("jax"),
        }
        if name.startswith("backends_"):
            machine["tensorflow"] = version(tensorflow())
        result = {
            "title": title,
            "value": value,
            "unit": unit,
            "low": low,
            "high": high,
            "limit": limit,
            "details": details,
            "machine": machine,
        }
        RESULTS.mkdir(exist_ok=True)
        text = json.dumps(result, indent=2) + "\n"
        (RESULTS / f"{name}.json").write_text(text)

    return write
