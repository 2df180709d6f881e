"""The printer: Python reads back what it prints, and ruff leaves it as it is."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import fields, is_dataclass
from inspect import cleandoc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import Trees

import ppc
from ppc.emit import read
from ppc.emit.layout import Break, Group, Indent, render
from ppc.emit.printer import print_expression, print_module
from ppc.emit.tree import (
    Assign,
    Blank,
    Comment,
    Constant,
    FString,
    Interpolated,
    Module,
    Name,
    Stmt,
    number,
)


def ruff(folder: Path, *arguments: str) -> str:
    """What ruff says of a folder, with its own defaults."""
    result = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments, str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return result.stdout if result.returncode else ""


FORMAT = ("format", "--isolated", "--target-version=py311", "--diff", "--no-cache")


@pytest.mark.parametrize("part", range(10))
def test_an_expression_reads_back(part: int) -> None:
    for seed in range(100 * part, 100 * part + 100):
        expr = Trees(seed).expr()
        text = "(" + print_expression(expr) + "\n)"
        assert read.Reader(text, read.Filler()).expr(ast.parse(text, mode="eval").body) == expr


@pytest.mark.parametrize("part", range(6))
def test_a_program_reads_back_and_is_a_fixed_point(tmp_path: Path, part: int) -> None:
    for seed in range(100 * part, 100 * part + 100):
        stmt = Trees(seed).stmt()
        text = print_module(Module((stmt,)))
        again = read.module(text)
        assert print_module(again) == text
        assert _without_comments(again.body) == _without_comments((stmt,))
        (tmp_path / f"seed_{seed}.py").write_text(text, encoding="utf-8")
    assert ruff(tmp_path, *FORMAT) == ""


def _without_comments(body: tuple[Stmt, ...]) -> list[object]:
    """The statements as they are read back, whatever comments and blank lines stand about."""
    return [_bare(stmt) for stmt in body if not isinstance(stmt, (Comment, Blank))]


def _bare(node: object) -> object:
    if isinstance(node, tuple):
        return [_bare(item) for item in node if not isinstance(item, (Comment, Blank))]
    if not is_dataclass(node):
        return node
    values = {f.name: _bare(getattr(node, f.name)) for f in fields(node)}
    values.pop("comment", None)
    if "docstring" in values:
        values["docstring"] = cleandoc(str(values["docstring"]))
    return type(node), values


def test_real_programs_are_fixed_points(tmp_path: Path) -> None:
    """This package, read into the tree and printed in lines of 88 columns."""
    count = 0
    for i, path in enumerate(sorted(Path(ppc.__file__).parent.rglob("*.py"))):
        source = path.read_text(encoding="utf-8")
        body = ast.parse(source).body
        for j, node in enumerate(body):
            part = ast.get_source_segment(source, node) or ""
            try:
                text = print_module(read.module(part + "\n"))
            except ValueError:  # match statements, `raise` without a value, ...
                continue
            count += 1
            (tmp_path / f"part_{i}_{j}.py").write_text(text, encoding="utf-8")
    assert count > 100
    assert ruff(tmp_path, *FORMAT) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5"), (1e16, "1e16"), (1e-5, "1e-05"), (-0.0, "-0.0"), (-3, "-3"),
        (float("inf"), "math.inf"), (float("-inf"), "-math.inf"), (float("nan"), "math.nan"),
        (True, "True"), (0.1 + 0.2, "0.30000000000000004"),
    ],
)  # fmt: skip
def test_numbers_are_exact(value: float, text: str) -> None:
    assert print_expression(number(value)) == text


def test_a_negative_number_is_no_literal() -> None:
    with pytest.raises(ValueError, match="no literal"):
        Constant(-1)


@given(st.text())
def test_no_text_leaves_its_string_or_its_comment(text: str) -> None:
    module = Module((Comment(text), Assign(Name("x"), Constant(text)), Comment("end")))
    printed = print_module(module)
    assert printed.isprintable() or printed.replace("\n", "").isprintable()
    assert len(printed.splitlines()) == 3
    (node,) = ast.parse(printed).body
    assert isinstance(node, ast.Assign) and ast.literal_eval(node.value) == text


@given(st.text())
def test_no_text_leaves_its_docstring(text: str) -> None:
    printed = print_module(Module((Assign(Name("x"), Constant(1)),), docstring=text))
    body = ast.parse(printed).body
    assert isinstance(body[-1], ast.Assign) and len(body) <= 2


def test_a_formatted_string_refuses_what_it_cannot_hold() -> None:
    assert print_expression(FString(("loss ", Interpolated(Name("x"), ".1f"), "{}"))) == (
        'f"loss {x:.1f}{{}}"'
    )
    with pytest.raises(ValueError, match="assign it to a name"):
        print_expression(FString((Interpolated(Constant("a")),)))


def test_blank_lines() -> None:
    text = '''"""A program."""

import math


def f(x):
    """Twice."""
    # on its own
    y = 2 * x  # trailing

    return y


# a constant
K = 2
'''
    assert print_module(read.module(text)) == text
    assert print_module(Module((Blank(), Blank(), Assign(Name("x"), Constant(1))))) == "x = 1\n"


def test_layout_breaks_outer_groups_first() -> None:
    inner = Group(("(", Indent((Break.SOFT, "bbbb")), Break.SOFT, ")"))
    outer = Group(("a(", Indent((Break.SOFT, inner)), Break.SOFT, ")"))
    assert render(outer, limit=12) == "a((bbbb))"
    assert render(outer, limit=10) == "a((bbbb))"
    assert render(outer, limit=8) == "a(\n    (\n        bbbb\n    )\n)"
