"""`ppc emit`: what it prints, where it writes, and what it loads."""

from __future__ import annotations

import ast
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from ppc_command import DIGITS, ENCODER, FACTORS, HEAD, ROOT, SCHOOLS, ppc, process


def functions_of(text: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(text)
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_examples_need_no_option() -> None:
    schools = ppc("emit", str(ROOT / "examples" / "eight_schools.py"))
    assert (schools.exit_code, schools.stderr) == (0, "")
    assert "for `eight_schools` with guide `meanfield`" in schools.stdout
    done = ppc("emit", DIGITS)
    assert done.exit_code == 0
    assert done.stderr == ""
    assert "batch_size" in {a.arg for a in functions_of(done.stdout)["fit"].args.kwonlyargs}
    assert (
        "Site   z  f32[N, k]   latent    Normal       guide Normal, closed-form KL" in done.stdout
    )


def test_without_a_word_on_batches_the_program_takes_a_batch_size() -> None:
    done = ppc("emit", SCHOOLS, "--observe", "y")
    arguments = {a.arg for a in functions_of(done.stdout)["fit"].args.kwonlyargs}
    assert {"epochs", "batch_size"} <= arguments


def test_batch_sizes_by_option() -> None:
    whole = ppc("emit", DIGITS, "--batch-size", "full").stdout
    assert "batch_size" not in whole
    assert "batch_size" in ppc("emit", SCHOOLS, "--observe", "y", "--batch-size", "4").stdout


def test_defaults_of_the_program_come_from_the_file(tmp_path: Path) -> None:
    model = tmp_path / "model.py"
    method = "inf.inference.SVI(epochs=7, batch_size=30, learning_rate=0.25)"
    model.write_text(f"{HEAD}{FACTORS}\nfactors(2, 4).fit({{'x': x}}, {method})\n")
    text = ppc("emit", str(model)).stdout
    assert 'add("--epochs", type=_positive, default=7, help="in all (default: 7)")' in text
    assert 'help="rows of a batch (default: 30)"' in text
    assert 'help="of Adam (default: 0.25)"' in text
    keywords = functions_of(text)["fit"].args
    defaults = dict(zip([a.arg for a in keywords.kwonlyargs], keywords.kw_defaults, strict=True))
    shown = {name: ast.unparse(node) for name, node in defaults.items() if node is not None}
    assert (shown["batch_size"], shown["learning_rate"]) == ("30", "0.25")


def test_sizes_that_nothing_fixes_are_asked_for_by_the_program(tmp_path: Path) -> None:
    model = tmp_path / "model.py"
    model.write_text(HEAD + FACTORS)
    text = ppc("emit", str(model), "--observe", "x", "--guide", "meanfield").stdout
    sizes = next(n for n in ast.parse(text).body if isinstance(n, ast.ClassDef))
    assert ast.unparse(sizes) == "class Sizes(NamedTuple):\n    k: int"  # d is read from x
    fixed = ppc("emit", str(model), "--observe", "x", "--set", "k=2", "--guide", "meanfield").stdout
    assert "k: int = 2" in fixed


@pytest.mark.parametrize("arguments", [(DIGITS,), (SCHOOLS, "--observe", "y")])
def test_programs_are_as_ruff_wants_them(arguments: tuple[str, ...], tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    assert ppc("emit", *arguments, "-o", str(program)).exit_code == 0
    ruff = [sys.executable, "-m", "ruff"]
    width = ["--isolated", "--line-length", "88", str(program)]
    subprocess.run([*ruff, "check", "--select", "E,F,I,UP,B", *width], check=True)
    subprocess.run([*ruff, "format", "--check", *width], check=True)
    compile(program.read_text(encoding="utf-8"), str(program), "exec")


def test_processes_print_the_same_bytes_and_load_no_framework() -> None:
    loaded = "print(*sys.modules, file=sys.stderr)"
    first = process("emit", DIGITS, code=loaded, PYTHONHASHSEED="1")
    second = process("emit", DIGITS, PYTHONHASHSEED="2")
    assert first.returncode == second.returncode == 0
    assert first.stdout == second.stdout == ppc("emit", DIGITS).stdout
    modules = {name.partition(".")[0] for name in first.stderr.split()}
    assert "libcst" in modules
    assert modules.isdisjoint({"jax", "jaxlib", "optax", "tensorflow", "scipy", "numpy", "rich"})


def test_the_users_file_is_not_run(tmp_path: Path) -> None:
    model = tmp_path / "model.py"
    trace = tmp_path / "trace"
    model.write_text(f"{HEAD}open({str(trace)!r}, 'w').close()\n{FACTORS}")
    assert ppc("emit", str(model), "--observe", "x").exit_code == 0
    assert not trace.exists()


def test_output_is_what_is_printed(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    done = ppc("emit", SCHOOLS, "--observe", "y", "-o", str(program))
    assert done.output == ""
    assert program.read_text(encoding="utf-8") == ppc("emit", SCHOOLS, "--observe", "y").stdout
    assert list(tmp_path.iterdir()) == [program]


def test_an_error_leaves_the_earlier_file(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("mine")
    assert ppc("emit", SCHOOLS, "-o", str(program)).exit_code == 1
    assert program.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [program]


def test_a_failing_disk_leaves_the_earlier_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program.py"
    program.write_text("mine")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    done = ppc("emit", SCHOOLS, "--observe", "y", "-o", str(program))
    assert done.exit_code == 1
    assert done.stderr == (f"error[file]: {program} cannot be written: No space left on device\n")
    assert program.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [program]


@pytest.mark.skipif(os.name != "posix", reason="permissions and links as in POSIX")
def test_permissions_and_links_stay(tmp_path: Path) -> None:
    program, link = tmp_path / "program.py", tmp_path / "link.py"
    program.write_text("old")
    program.chmod(0o750)
    link.symlink_to(program)
    assert ppc("emit", SCHOOLS, "--observe", "y", "-o", str(link)).exit_code == 0
    assert link.is_symlink()
    assert stat.S_IMODE(program.stat().st_mode) == 0o750
    assert program.read_text() != "old"


def test_the_models_own_file_is_not_written_over(tmp_path: Path) -> None:
    model = tmp_path / "model.py"
    model.write_text(HEAD + FACTORS)
    done = ppc("emit", str(model), "--observe", "x", "-o", str(model))
    assert done.exit_code == 1
    assert f"{model} is the file with the model" in done.stderr
    assert model.read_text() == HEAD + FACTORS


@pytest.mark.skipif(os.name != "posix", reason="a device of POSIX")
def test_devices_are_written_to() -> None:
    done = process("emit", SCHOOLS, "--observe", "y", "-o", "/dev/stdout")
    assert done.stdout == ppc("emit", SCHOOLS, "--observe", "y").stdout


@pytest.mark.parametrize("place", [".", "missing/program.py"])
def test_places_that_cannot_be_written(place: str, tmp_path: Path) -> None:
    done = ppc("emit", SCHOOLS, "--observe", "y", "-o", str(tmp_path / place))
    assert done.exit_code == 1
    assert "cannot be written" in done.stderr


def test_graphs_go_to_standard_error() -> None:
    done = ppc("emit", SCHOOLS, "--observe", "y", "--print-ir-after", "split")
    titles = [line for line in done.stderr.splitlines() if line.startswith("# ")]
    assert titles == ["# loss after split", "# init after split"]
    assert done.stdout == ppc("emit", SCHOOLS, "--observe", "y").stdout
    changes = ppc("emit", SCHOOLS, "--observe", "y", "--print-ir-diff").stderr
    assert "--- loss before fold\n+++ loss after fold\n" in changes


def test_a_closed_pipe_is_quiet() -> None:
    code = "from ppc.cli import main; main(prog_name='ppc')"
    path = os.pathsep.join(str(ROOT / folder) for folder in ("", "frontend", "backends"))
    with subprocess.Popen(
        [sys.executable, "-c", code, "ir", DIGITS, "--after", "all"],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""


def test_non_ascii_names_survive_any_terminal(tmp_path: Path) -> None:
    model = tmp_path / "modell.py"
    text = (HEAD + FACTORS + ENCODER).replace("factors", "größen")
    model.write_text(text, encoding="utf-8")
    done = process("emit", str(model), "--observe", "x", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert "größen" in done.stdout
