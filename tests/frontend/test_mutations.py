"""Programs with a token dropped, doubled or replaced: understood, or refused with a place.

Whatever is wrong with a program, the frontend gives a graph that the verifier passes or a
CompileError that can be shown; no other exception, and no word of ppc's own objects.
"""

from __future__ import annotations

import io
import random
import tokenize
from pathlib import Path

import pytest
from ppc_frontend import compile_source, file_calls, models_in
from round_trip import assert_round_trip

from ppc.diagnostics import CompileError
from ppc.ir.verify import check
from ppc.spans import Source

MODELS = sorted((Path(__file__).parents[1] / "models").glob("*.py"))
ROUNDS = 12  # mutations of each model
KINDS = (tokenize.NAME, tokenize.NUMBER, tokenize.OP, tokenize.STRING)
OTHERS = """
0 -1 1.5 None True 'x' [] () {} ... np inf lambda:1 : * ** // @ < == in not and is , . = += if else
for return del with class while yield 10**400 np.nan b'x' 1j _ range(3) k[0] name='z' name=None -k
k/2 k**k ~ enumerate inf.Parameter(0.) inf.datamodel() axis=0 z.T z.shape z[0] [z,z] *z **z {z:1}
""".split()


def mutated(text: str, rng: random.Random) -> str:
    """The text with one token changed."""
    tokens = [t for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type in KINDS]
    chosen = rng.choice(tokens)
    others = [t.string for t in tokens if t.type == chosen.type]
    new = rng.choice(["", f"{chosen.string} {chosen.string}", *OTHERS, *rng.choices(others, k=30)])
    lines = text.splitlines(keepends=True)
    line, start = chosen.start[0] - 1, chosen.start[1]
    end = start + len(chosen.string)
    lines[line] = lines[line][:start] + new + lines[line][end:]
    return "".join(lines)


def shown(error: CompileError) -> None:
    """Every mistake has its place, and words that a user knows."""
    text = str(error)
    assert any(mistake.severity == "error" for mistake in error.mistakes)
    assert all(mistake.span or mistake.code == "no-model" for mistake in error.mistakes)
    for word in ("object at 0x", "libcst", "ppc_frontend", "Value(", "Size(", "Ref(", "Given("):
        assert word not in text


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_changed_program_is_understood_or_refused(path: Path) -> None:
    rng = random.Random(path.stem)
    text = path.read_text(encoding="utf-8")
    for _ in range(ROUNDS):
        source = Source("model.py", mutated(text, rng))
        try:
            for info in models_in(source):
                try:
                    graph = compile_source(source, info.name).graph
                except CompileError as error:
                    shown(error)
                else:
                    check(graph)
                    assert_round_trip(graph)
            file_calls(source)
        except CompileError as error:
            shown(error)
