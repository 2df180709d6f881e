"""Runs the command, and models for it to read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from ppc.cli import main

ROOT = Path(__file__).parents[2]
DIGITS = str(ROOT / "examples" / "digit_classifier.py")
SCHOOLS = str(Path(__file__).with_name("schools_without_calls.py"))

HEAD = """\
import numpy as np
import ppc as inf
"""
FACTORS = """

@inf.probmodel
def factors(k, d):
    with inf.datamodel():
        z = inf.Normal(np.zeros(k), 1.0, name="z")
        x = inf.Normal(np.zeros(d) + z[:, :1], 1.0, name="x")
"""
ENCODER = """

@inf.probmodel
def encoder(k, d):
    a = inf.Parameter(np.zeros(k), name="a")
    with inf.datamodel():
        x = inf.Normal(np.ones(d), 1.0, name="x")
        z = inf.Normal(a + x[:, :1], 1.0, name="z")
"""


def ppc(*arguments: str) -> Result:
    """A run of the command in this process."""
    result = CliRunner().invoke(main, arguments, prog_name="ppc")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def process(*arguments: str, code: str = "", **environment: str) -> subprocess.CompletedProcess:
    """A run of the command as a process of its own; `code` runs after it."""
    program = (
        "import sys\n"
        "from ppc.cli import main\n"
        "try:\n    main(prog_name='ppc')\n"
        f"finally:\n    pass\n    {code}\n"
    )
    path = os.pathsep.join(str(ROOT / folder) for folder in ("", "frontend", "backends"))
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
