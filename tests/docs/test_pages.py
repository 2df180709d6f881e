"""The pages of the documentation: generated parts are current, examples do what they say."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from ppc.cli import main
from ppc.diagnostics import PpcError
from ppc.distributions import DISTRIBUTIONS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]

BLOCK = re.compile(r"^```python ?(.*?)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: str) -> list[tuple[str, str]]:
    """What a page's Python blocks say of themselves, and their code."""
    return BLOCK.findall((ROOT / "docs" / page).read_text("utf-8"))


@pytest.fixture(scope="module")
def fill() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fill", ROOT / "docs" / "fill.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", [page.name for page in PAGES])
def test_generated_blocks_are_current(fill: ModuleType, page: str):
    path = next(p for p in PAGES if p.name == page)
    text = path.read_text("utf-8")
    assert fill.filled(text) == text, "run `python docs/fill.py`"
    assert text.count("<!-- ppc: ") == text.count("<!-- ppc end -->")


def test_every_distribution_is_on_its_page():
    text = (ROOT / "docs/distributions.md").read_text("utf-8")
    assert [line[4:] for line in text.splitlines() if line.startswith("### ")] == [*DISTRIBUTIONS]


def test_every_recorded_figure_is_in_the_readme(fill: ModuleType):
    results = [*(ROOT / "bench" / "results").glob("*.json")]
    table = re.search(r"<!-- ppc: benchmarks -->\n(.*?)<!-- ppc end -->",
                      (ROOT / "README.md").read_text("utf-8"), re.DOTALL)  # fmt: skip
    assert table is not None and results
    assert len(table[1].strip().splitlines()) == 2 + len(results)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), target


EXAMPLES = [*blocks("language.md"), *blocks("sequences.md")]
EXAMPLES += [block for block in blocks("plates.md") if block[0].startswith("refused ")]


@pytest.mark.parametrize("place", range(1, len(EXAMPLES)))
def test_examples_of_the_language(tmp_path: Path, place: int):
    (kind, preamble), (about, code) = EXAMPLES[0], EXAMPLES[place]
    assert kind == "preamble"
    path = tmp_path / "model.py"
    path.write_text(f"{preamble}\n\n{code}", "utf-8")
    result = CliRunner().invoke(main, ["check", str(path)])
    refused = about.removeprefix("refused ")
    if about:
        assert result.exit_code == 1
        assert re.findall(r"error\[(.*?)\]", result.stderr) == [refused]
    else:
        assert result.exit_code == 0, result.stderr


def program(page: str, folder: Path, more: str = "") -> ModuleType:
    """The code of a page as a module: a file, since a model is compiled from its text."""
    path = folder / "program_of_page.py"
    path.write_text("\n".join(code for _, code in blocks(page)) + more, "utf-8")
    spec = importlib.util.spec_from_file_location("program_of_page", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "page", [pytest.param("inference.md", marks=pytest.mark.slow), "outside-models.md", "plates.md"]
)
def test_programs_of_pages(tmp_path: Path, page: str):
    program(page, tmp_path)


def calls(page: str, title: str) -> list[tuple[str, str]]:
    """The calls in the table of a section, with what is said of each."""
    text = (ROOT / "docs" / page).read_text("utf-8").split(f"## {title}")[1].split("\n## ")[0]
    return re.findall(r"^\| `(.*?)` \| (.*?) ?\|$", text, re.MULTILINE)


@pytest.mark.filterwarnings("ignore:Fit was called before")
def test_what_the_page_of_inferpy_says_of_calls(tmp_path: Path):
    right, wrong = (calls("from-inferpy.md", title) for title in
                    ("Calls that mean what they meant", "What is refused"))  # fmt: skip
    functions = [f"def call_{i}():\n    return {code}\n" for i, (code, _) in
                 enumerate([*right, *wrong])]  # fmt: skip
    module = program("from-inferpy.md", tmp_path, "\n" + "\n".join(functions))
    assert len(right) > 20 and len(wrong) > 8
    for i, (code, said) in enumerate(right):
        result = getattr(module, f"call_{i}")()
        shape = re.match(r"`(\(.*?\))`", said)
        if shape:
            assert str(getattr(result, "shape", result)) == shape[1], code
    for i, (code, _) in enumerate(wrong, len(right)):
        with pytest.raises((ValueError, TypeError, RuntimeError)) as caught:
            getattr(module, f"call_{i}")()
        assert isinstance(caught.value, PpcError), code


def test_models_of_the_readme_fit_together(tmp_path: Path):
    text = (ROOT / "README.md").read_text("utf-8")
    code = next(code for _, code in BLOCK.findall(text) if "@inf.probmodel" in code)
    path = tmp_path / "model.py"
    path.write_text(code, "utf-8")
    options = "--guide qmodel --observe x,y --set k=2"
    result = CliRunner().invoke(main, ["check", f"{path}:digit_classifier", *options.split()])
    assert result.exit_code == 0, result.stderr
