"""Files and functions stay short enough to be read at once; tables are excepted by name."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest
from packages import ROOT, Module, modules

FILE_LINES = 500
FUNCTION_LINES = 60
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS = {
    "ppc.ir.primitives._rows": "the table itself",
    "ppc.testing.arrays.cases": "a table too",
}


def lines_of(module: Module) -> int:
    return module.path.read_text(encoding="utf-8").count("\n")


def functions_of(module: Module) -> dict[str, int]:
    """Qualified name to the number of lines of the body, without the docstring."""
    found = {}

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                body = child.body[1:] if ast.get_docstring(child) else child.body
                length = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                found[f"{prefix}.{child.name}"] = length
            named = isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            visit(child, f"{prefix}.{child.name}" if named else prefix)

    visit(module.tree, module.name)
    return found


@pytest.mark.parametrize("module", modules(), ids=str)
def test_files_are_short(module: Module) -> None:
    assert lines_of(module) <= FILE_LINES or module.name in LONG_FILES


@pytest.mark.parametrize("module", modules(), ids=str)
def test_functions_are_short(module: Module) -> None:
    long = {n: k for n, k in functions_of(module).items() if k > FUNCTION_LINES}
    assert set(long) <= set(LONG_FUNCTIONS), long


def test_no_exception_is_left_over() -> None:
    by_name = {module.name: module for module in modules()}
    assert all(lines_of(by_name[name]) > FILE_LINES for name in LONG_FILES)
    lengths = {name: n for m in by_name.values() for name, n in functions_of(m).items()}
    assert all(lengths[name] > FUNCTION_LINES for name in LONG_FUNCTIONS)


def test_nothing_unfinished_and_no_machine_is_in_the_repository() -> None:
    words = ["TO" + "DO", "FIX" + "ME", "X" * 3, "/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/"]
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout: there is no list of the project's files")
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".txt", ""} and path.is_file():
            assert not _found(path, words), name


def _found(path: Path, words: list[str]) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return [word for word in words if word in text]
