"""Faults that an emitted program meets as a command: one line, no traceback, nothing lost."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import ppc as inf

Command = Callable[..., tuple[int, str]]


@inf.probmodel
def model():
    w = inf.Normal(np.zeros(2), 1.0, name="w")
    with inf.datamodel():
        inf.Normal(w, 0.5, name="x")


@pytest.fixture(scope="module")
def program() -> ModuleType:
    text = model().emit(inf.inference.SVI(epochs=2, batch_size=5), ["x"])
    module = ModuleType("emitted")
    exec(compile(text, "emitted.py", "exec"), module.__dict__)  # noqa: S102  # the program under test
    return module


@pytest.fixture
def command(program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs the program on `data.npz`, or another file; the exit status and what it complains."""
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", x=np.zeros((10, 2)))

    def run(*options: str, data: str = "data.npz") -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["emitted.py", data, *options])
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            try:
                program.main()
            except SystemExit as left:
                return int(left.code or 0), said.getvalue().strip().splitlines()[-1]
        return 0, ""

    return run


def test_the_file_of_the_data_is_never_written(command: Command) -> None:
    before = Path("data.npz").read_bytes()
    assert command("--out", "data.npz") == (1, "emitted.py: --out data.npz is the file of the data")
    Path("linked.npz").symlink_to("data.npz")
    assert command("--out", "linked.npz")[0] == 1
    assert Path("data.npz").read_bytes() == before


def test_a_fit_that_cannot_be_written_is_not_begun(
    command: Command, program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "fit", lambda *_, **__: pytest.fail("the fit was begun"))
    assert "No such file or directory" in command("--out", "no/fit.npz")[1]
    Path("folder").mkdir()
    assert command("--out", "folder") == (1, "emitted.py: --out folder is a folder")
    assert sorted(path.name for path in Path().iterdir()) == ["data.npz", "folder"]


def test_an_earlier_fit_survives_one_that_diverges(command: Command) -> None:
    assert command() == (0, "")
    before = Path("fit.npz").read_bytes()
    status, said = command("--learning-rate", "1e30", "--epochs", "20")
    assert status == 1 and "step 1: the" in said and "of site w is not finite" in said
    assert Path("fit.npz").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04", b"PK\x05\x06" + bytes(18)])
def test_files_that_are_no_npz(command: Command, content: bytes) -> None:
    Path("bad.npz").write_bytes(content)
    status, said = command(data="bad.npz")
    assert status == 1 and ("cannot read bad.npz as npz" in said or "no array x" in said)
    status, said = command("--resume", "bad.npz")
    assert status == 1 and "bad.npz" in said


def test_a_damaged_compressed_file(command: Command) -> None:
    np.savez_compressed("bad.npz", x=np.random.default_rng(0).normal(size=(50, 2)))
    content = bytearray(Path("bad.npz").read_bytes())
    for at in range(100, 400, 7):
        content[at] ^= 0xFF
    Path("bad.npz").write_bytes(content)
    status, said = command(data="bad.npz")
    assert status == 1 and "cannot read bad.npz as npz" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--epochs", "x"], "x is not a positive whole number"),
        (["--epochs", "0"], "0 is not a positive whole number"),
        (["--batch-size", "11"], "a batch of 11 rows, but the data have 10"),
        (["--learning-rate", "nan"], "nan is not a positive number"),
        (["--learning-rate", "-1"], "-1 is not a positive number"),
        (["--seed", "-1"], "-1 is no whole number below 2**63"),
        (["--seed", str(2**63)], "is no whole number below 2**63"),
        (["--d", "3"], "unrecognized arguments: --d 3"),
        (["--resume", "data.npz"], "data.npz has no array"),
    ],
)
def test_options_that_make_no_sense(command: Command, options: list[str], words: str) -> None:
    status, said = command(*options)
    assert status in (1, 2) and words in said


def test_an_interrupted_fit_says_so(
    command: Command, program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "fit", interrupted)
    assert command() == (130, "emitted.py: interrupted")
