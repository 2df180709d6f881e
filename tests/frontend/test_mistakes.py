"""What a refused program is answered with: each file in `mistakes/` is a program and its errors.

`python tests/frontend/test_mistakes.py` writes them anew; read what changed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ppc_frontend import compile_source, models_in

from ppc.diagnostics import CompileError
from ppc.spans import Source

FOLDER = Path(__file__).parent / "mistakes"
RULE = "\n" + "-" * 80 + "\n"
CASES = sorted(FOLDER.glob("*.txt"))


def answer(program: str) -> str:
    """Every mistake of every model in a program, as a user reads them."""
    source = Source("model.py", program)
    texts = []
    try:
        names = [info.name for info in models_in(source)]
        for name in names or [None]:
            try:
                compile_source(source, name)
            except CompileError as error:
                texts.append(str(error))
    except CompileError as error:
        texts.append(str(error))
    return "\n\n".join(texts) + "\n"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_answer_to_a_mistake(path: Path) -> None:
    program, _, golden = path.read_text(encoding="utf-8").partition(RULE)
    assert answer(program) == golden


def test_there_are_cases() -> None:
    assert len(CASES) > 25


if __name__ == "__main__":
    for case in CASES:
        text = case.read_text(encoding="utf-8").partition(RULE)[0]
        case.write_text(text + RULE + answer(text), encoding="utf-8")
    sys.exit(0)
