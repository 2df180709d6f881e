"""Emitted programs as they are read: real files in `goldens/`.

`pytest tests/programs/test_goldens.py --update-goldens` writes them anew; read what changed.
One is a whole program; of the others there is what the model changes, up to the fit.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from emitted_programs import emitted
from model_suite import NAMES

GOLDENS = Path(__file__).parent / "goldens"
WHOLE = ("poster",)
PARTS = ("schools_noncentred", "factor_analysis", "gamma_poisson")
END = "\n\n# The fit -"
RUFF = (sys.executable, "-m", "ruff")
AT_88 = ("--isolated", "--line-length", "88", "--target-version", "py311")
RULES = "E,F,I,UP,B"


def ruff(*arguments: str, text: str | None = None) -> None:
    done = subprocess.run(
        [*RUFF, *arguments, *AT_88, *(["-"] if text is not None else [])],
        input=text, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", WHOLE + PARTS)
def test_an_emitted_program_is_as_it_was_read(name: str, request: pytest.FixtureRequest) -> None:
    text = emitted(name).text
    if name in PARTS:
        text = text[: text.index(END)].rstrip() + "\n"
    golden = GOLDENS / f"{name}.py"
    if request.config.getoption("--update-goldens"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_there_is_no_other_golden() -> None:
    assert {path.stem for path in GOLDENS.iterdir()} == {*WHOLE, *PARTS}


def test_goldens_are_as_ruff_wants_them() -> None:
    ruff("format", "--check", str(GOLDENS))
    ruff("check", "--select", RULES, *(str(GOLDENS / f"{name}.py") for name in WHOLE))
    # A part lacks some of what it calls, and what uses some of its imports.
    parts = [str(GOLDENS / f"{name}.py") for name in PARTS]
    ruff("check", "--select", RULES, "--ignore", "F401,F821", *parts)


@pytest.mark.parametrize("name", NAMES)
def test_every_program_is_as_ruff_wants_it(name: str) -> None:
    text = emitted(name).text
    ruff("check", "--select", RULES, text=text)
    ruff("format", "--check", text=text)
