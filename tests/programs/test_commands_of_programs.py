"""An emitted program as a command, in an interpreter that has JAX and cannot import ppc."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from emitted_programs import emitted

# Runs the program once for each list of arguments; what it prints and its status go to a file.
DRIVER = """
import contextlib, importlib.util, io, json, os, runpy, sys
program, runs, report = sys.argv[1:]
sys.path[:] = [p for p in sys.path if not os.path.isdir(os.path.join(p, "ppc"))]
sys.path[:] = [p for p in sys.path if not os.path.isdir(os.path.join(p, "ppc_jax"))]
sys.meta_path[:] = [f for f in sys.meta_path if "editable" not in repr(f)]
assert importlib.util.find_spec("ppc") is None
assert importlib.util.find_spec("ppc_jax") is None
done = []
for arguments in json.loads(runs):
    sys.argv[:] = [program, *arguments]
    out, err, status = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_path(program, run_name="__main__")
        except SystemExit as stopped:
            status = stopped.code or 0
    done.append([status, out.getvalue(), err.getvalue()])
with open(report, "w") as file:
    json.dump(done, file)
assert not any(name.partition(".")[0].startswith("ppc") for name in sys.modules)
"""


def run(folder: Path, program: str, *runs: list[str]) -> list[tuple[int, str, str]]:
    """Status, output and complaints of each run, all of one process."""
    report = folder / "report.json"
    done = subprocess.run(
        [sys.executable, "-I", "-c", DRIVER, program, json.dumps(runs), str(report)],
        cwd=folder, capture_output=True, encoding="utf-8", check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [tuple(entry) for entry in json.loads(report.read_text())]


def write_csv(path: Path, x: np.ndarray, y: np.ndarray) -> None:
    lines = ["label,x_1,x_0,y,x_2,x_3"]
    for i, (a, b, c, d) in enumerate(x):
        lines.append(f"row {i},{b!r},{a!r},{y[i]},{c!r},{d!r}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.xdist_group("program")
def test_a_program_needs_no_ppc_and_resumes_bit_for_bit(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(emitted("poster").text, encoding="utf-8")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(21, 4)).tolist(), rng.integers(0, 3, 21)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    write_csv(tmp_path / "data.csv", np.array(x).tolist(), y)
    rest = ["--batch-size", "8", "--learning-rate", "0.01", "--seed", "5"]
    first = run(
        tmp_path,
        "program.py",
        ["data.npz", "--epochs", "6", "--out", "whole.npz", *rest],
        ["data.csv", "--epochs", "3", "--out", "half.npz", *rest],
    )
    for status, out, err in first:
        assert (status, err) == (0, "") and out.startswith("loss ")
    second = run(
        tmp_path,
        "program.py",
        ["data.csv", "--epochs", "6", "--resume", "half.npz", "--out", "resumed.npz"],
        ["data.npz", "--epochs", "1", "--float64", "--device", "cpu", "--out", "double.npz"],
        ["data.npz", "--resume", "half.npz", "--seed", "6"],
        ["nothing.npz"],
        ["--help"],
    )
    assert [status for status, *_ in second] == [0, 0, 1, 1, 0]
    whole, resumed, double = (
        dict(np.load(tmp_path / f"{name}.npz")) for name in ("whole", "resumed", "double")
    )
    assert set(whole) == set(resumed) and len(whole["losses"]) == 18  # 6 times ceil(21 / 8)
    for name, array in whole.items():
        np.testing.assert_array_equal(resumed[name], array, err_msg=name)
    assert {whole["params.nn1_0.kernel"].dtype, whole["losses"].dtype} == {np.dtype("float32")}
    assert {double["params.nn1_0.kernel"].dtype, double["losses"].dtype} == {np.dtype("float64")}
    assert second[2][2] == "program.py: --seed 6, but half.npz was fitted with 5\n"
    assert second[3][2].startswith("program.py: cannot read nothing.npz as npz: ")
    shown = " ".join(second[4][1].split())
    assert (
        "an npz with x f32[N, dx], y i32[N]; or a csv with the columns x_0, x_1, ..., y." in shown
    )


# --- csv, read by the functions of a program ------------------------------------------------------


def table(tmp_path: Path, text: str) -> dict[str, np.ndarray]:
    path = tmp_path / "data.csv"
    path.write_text(text, encoding="utf-8")
    found: dict[str, np.ndarray] = emitted("poster").module.read_data(str(path), {"x": 2, "y": 1})
    return found


@pytest.mark.parametrize("titles", [
    "x_0,x_1,y", "x_1,x_2,y", "x.0,x.1,y", "x[0],x[1],y", ' x_0 , "x_1" , y ', "\ufeffx_0,x_1,y",
])  # fmt: skip
def test_columns_are_found_by_their_names(titles: str, tmp_path: Path) -> None:
    found = table(tmp_path, f'{titles}\r\n1.5,-2e3,0\r\n\r\n"3", 4,2\r\n')
    np.testing.assert_array_equal(found["x"], [[1.5, -2000.0], [3.0, 4.0]])
    np.testing.assert_array_equal(found["y"], [0, 2])


def test_the_order_and_other_columns_do_not_matter(tmp_path: Path) -> None:
    head = ",".join(["name", "y", *(f"x_{i}" for i in reversed(range(11))), "x", "xy_0"])
    row = ",".join(["someone", "1", *(str(i) for i in reversed(range(11))), "7", "no number"])
    found = table(tmp_path, head.replace(",x,", ",z,") + "\n" + row + "\n")
    np.testing.assert_array_equal(found["x"], [np.arange(11.0)])
    one = table(tmp_path, "x,y\n5,1\n")
    np.testing.assert_array_equal(one["x"], [[5.0]])


@pytest.mark.parametrize("text, message", [
    ("x_0,x_1\n1,2\n", r"needs one column y"),
    ("", r"needs the columns x_0, x_1, ..., each once"),
    ("y,x_0,x_2\n1,2,3\n", r"needs the columns x_0, x_1, ..., each once"),
    ("y,x_0,x.0\n1,2,3\n", r"needs the columns x_0, x_1, ..., each once"),
    ("y,y,x_0\n1,2,3\n", r"needs one column y"),
    ("y,x_2,x_3\n1,2,3\n", r"needs the columns x_0, x_1, ..., each once"),
    ("y,x_0\n1,2\n1,2,3\n", r"data.csv, line 3: 3 values, but 2 columns"),
    ("y,x_0\n1,2\n\n1,high\n", r"data.csv, line 4: x_0 is 'high', no number"),
    ("y,x_0\n1,\n", r"data.csv, line 2: x_0 is '', no number"),
])  # fmt: skip
def test_what_is_wrong_with_a_csv_is_said_with_its_line(
    text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        table(tmp_path, text)


def test_a_csv_is_checked_as_an_npz_is(tmp_path: Path) -> None:
    module = emitted("poster").module
    path = tmp_path / "data.CSV"
    for text, message in [
        ("y,x_0,x_1\n0,1,2\n3,1,2\n", r"y must be whole numbers from 0 to .*; it is not in row 1"),
        ("y,x_0,x_1\n0,1,2\n0.5,1,2\n", r"y must be whole numbers; it is not in row 1"),
        ("y,x_0,x_1\n0,1,2\n1,nan,2\n", r"x must be finite numbers; it is not in row 1"),
        ("y,x_0,x_1\n", r"x is empty"),
    ]:
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=message):
            module.load_data(str(path))
    path.write_bytes(b"y,x_0\n\xff\xfe,1\n")
    with pytest.raises(ValueError, match=r"cannot read .*data.CSV as csv"):
        module.load_data(str(path))


def test_what_a_table_cannot_hold_is_read_from_npz_only() -> None:
    assert "csv" not in emitted("ranks_of_products").text
