"""Each code of the pedantic check: a program that is warned of, one that is not, a comment."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from ppc.cli import main
from ppc.diagnostics import Mistake, pedantic

PAGE = (Path(__file__).parents[2] / "docs" / "pedantic.md").read_text("utf-8")
PREAMBLE = re.search(r"```python preamble\n(.*?)```", PAGE, re.DOTALL)
SECTIONS = re.findall(
    r"^### (\S+)\n.*?```python wrong\n(.*?)```.*?```python right\n(.*?)```", PAGE,
    re.DOTALL | re.MULTILINE,
)  # fmt: skip
FOUND = re.compile(r"model\.py:(\d+):\d+: (?:warning|error)\[(.*?)\]")


def found(folder: Path, code: str) -> list[tuple[int, str]]:
    """The lines that are complained of, and the codes."""
    assert PREAMBLE is not None
    path = folder / "model.py"
    path.write_text(f"{PREAMBLE[1]}\n\n{code}", "utf-8")
    result = CliRunner().invoke(main, ["check", "--pedantic", str(path)])
    assert result.exit_code == 0, result.output
    return [(int(line), name) for line, name in FOUND.findall(result.stderr)]


@pytest.mark.parametrize(("code", "wrong", "right"), SECTIONS, ids=lambda text: text.split("\n")[0])
def test_each_code(code: str, wrong: str, right: str, tmp_path: Path) -> None:
    complaints = found(tmp_path, wrong)
    assert [name for _, name in complaints] == [code]
    assert found(tmp_path, right) == []
    lines = (tmp_path / "model.py").read_text("utf-8").count("\n") - right.count("\n")
    at = complaints[0][0] - lines - 1
    for comment, silent in (
        (f"# ppc: ignore[other, {code}]", True),
        ("# ppc: ignore[other]", False),
    ):
        own = wrong.split("\n")
        own[at] += f"  {comment}"
        assert (found(tmp_path, "\n".join(own)) == []) is silent


def test_every_code_is_on_the_page() -> None:
    kinds = [x for x in vars(pedantic).values() if isinstance(x, type) and issubclass(x, Mistake)]
    assert sorted(c for c, _, _ in SECTIONS) == sorted(kind.code for kind in kinds if kind.code)


def test_without_the_option_nothing_of_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    assert PREAMBLE is not None
    path.write_text(f"{PREAMBLE[1]}\n\n{SECTIONS[0][1]}", "utf-8")
    assert "warning" not in CliRunner().invoke(main, ["check", str(path)]).stderr
