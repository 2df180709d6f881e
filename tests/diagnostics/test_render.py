"""How mistakes look: the window, the caret, several places, and what cannot be shown."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

import ppc as inf
from ppc.diagnostics import CompileError, InternalError, Mistake
from ppc.diagnostics.render import WIDTH, render, render_all, window
from ppc.records import dataclass
from ppc.spans import Source, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd(Mistake):
    """A mistake to show."""

    code: ClassVar[str] = "odd"
    name: str
    way_out: str = ""

    def message(self) -> str:
        return f"{self.name} is odd"

    def help(self) -> str:
        return self.way_out


MODEL = Source(
    "model.py",
    """\
import ppc as inf

@inf.probmodel
def m(k):
    z = inf.Normal(0., 1., name="z")
    x = inf.Normall(z, 1., name="x")
    y = inf.Normal(z,
                   scale=
                     2.)
    return x
""",
)


def at(line: int, column: int, end_line: int, end_column: int, source: Source = MODEL) -> Span:
    return Span(source, line, column, end_line, end_column)


def shown(*lines: str) -> str:
    return "\n".join(lines)


def test_a_mistake_with_its_place_and_the_way_out() -> None:
    mistake = Odd(span=at(6, 9, 6, 20), name="Normall", way_out="did you mean Normal?")
    assert render(mistake) == shown(
        "model.py:6:9: error[odd]: Normall is odd",
        "  4 | def m(k):",
        '  5 |     z = inf.Normal(0., 1., name="z")',
        '  6 |     x = inf.Normall(z, 1., name="x")',
        "    |         ^^^^^^^^^^^",
        "  7 |     y = inf.Normal(z,",
        "  8 |                    scale=",
        "  help: did you mean Normal?",
    )


def test_a_place_over_several_lines_is_marked_on_each() -> None:
    assert window(at(7, 9, 9, 25)) == shown(
        '   5 |     z = inf.Normal(0., 1., name="z")',
        '   6 |     x = inf.Normall(z, 1., name="x")',
        "   7 |     y = inf.Normal(z,",
        "     |         ^^^^^^^^^^^^^",
        "   8 |                    scale=",
        "     |                    ^^^^^^",
        "   9 |                      2.)",
        "     |                      ^^^",
        "  10 |     return x",
    )


def test_a_long_place_is_marked_on_its_first_lines_only() -> None:
    source = Source("long.py", "\n".join(f"line{i}" for i in range(1, 21)))
    text = window(at(2, 1, 19, 7, source))
    assert text.count("^^^^^") == 5
    assert text.splitlines()[-1] == "  8 | line8"


def test_other_places_are_shown_with_their_labels() -> None:
    mistake = Odd(span=at(1, 1, 1, 7), name="x", others=((at(10, 5, 10, 13), "defined here"),))
    assert render(mistake) == shown(
        "model.py:1:1: error[odd]: x is odd",
        "  1 | import ppc as inf",
        "    | ^^^^^^",
        "  2 |",
        "  3 | @inf.probmodel",
        "model.py:10:5: defined here",
        "   8 |                    scale=",
        "   9 |                      2.)",
        "  10 |     return x",
        "     |     ^^^^^^^^",
    )


def test_tabs_are_spread_so_that_the_caret_stands_under_its_column() -> None:
    source = Source("tabs.py", "\tx\t= f(1)")
    assert window(at(1, 4, 1, 5, source)) == shown(
        "  1 |     x   = f(1)",
        "    |         ^",
    )
    assert window(at(1, 6, 1, 10, source)).splitlines()[1] == "    |           ^^^^"


def test_wide_characters_take_two_cells_and_marks_none() -> None:
    source = Source("wide.py", 'δ = "日本" + e\u0301 + bad')
    assert window(at(1, 17, 1, 20, source)) == shown(
        '  1 | δ = "日本" + e\u0301 + bad',
        "    |                  ^^^",
    )
    # The two wide characters themselves: four carets.
    assert window(at(1, 6, 1, 8, source)).splitlines()[1] == "    |      ^^^^"


def test_control_characters_do_not_reach_the_terminal() -> None:
    source = Source("control.py", "a\x0cb\x1b[31m = 1")
    assert window(at(1, 3, 1, 4, source)) == shown(
        "  1 | a\ufffdb\ufffd[31m = 1",
        "    |   ^",
    )


def test_a_long_line_is_cut_around_the_caret() -> None:
    left, right = "a" * 300, "b" * 300
    source = Source("long.py", f"{left}HERE{right}\nshort")
    lines = window(at(1, 301, 1, 305, source)).splitlines()
    assert lines[0] == f"  1 | ...{'a' * 47}HERE{'b' * 43}..."
    assert lines[1] == f"    | {' ' * 50}^^^^"
    assert len(lines[0]) == len("  1 | ") + WIDTH
    assert lines[2] == "  2 | ..."


def test_a_long_line_is_cut_at_its_end_only_where_the_caret_is_near_its_start() -> None:
    source = Source("long.py", f"HERE{'b' * 300}")
    lines = window(at(1, 1, 1, 5, source)).splitlines()
    assert lines == [f"  1 | HERE{'b' * 93}...", "    | ^^^^"]


def test_a_cut_through_a_wide_character_keeps_the_caret_in_place() -> None:
    source = Source("long.py", f"{'日' * 101}HERE{'日' * 100}")
    line, carets = window(at(1, 102, 1, 106, source)).splitlines()
    before = line[: line.index("HERE")]
    cells = sum(2 if c == "日" else 1 for c in before)
    assert cells == carets.index("^")


def test_a_place_at_the_end_of_a_line_or_file_gets_one_caret() -> None:
    assert window(at(10, 13, 10, 13)).splitlines()[-1] == "     |             ^"
    source = Source("empty.py", "x = (\n")
    assert window(at(1, 6, 2, 1, source)).splitlines()[:2] == ["  1 | x = (", "    |      ^"]


def test_a_missing_text_leaves_the_place_and_the_sentence() -> None:
    mistake = Odd(span=at(3, 1, 3, 4, Source("<stdin>", "")), name="x", way_out="one\ntwo")
    assert render(mistake) == shown(
        "<stdin>:3:1: error[odd]: x is odd", "  help: one", "        two"
    )
    assert render(Odd(name="x")) == "error[odd]: x is odd"


def test_all_mistakes_once_in_the_order_of_their_places() -> None:
    first, last = Odd(span=at(3, 1, 3, 2), name="b"), Odd(span=at(10, 5, 10, 6), name="a")
    text = render_all([last, first, last, Odd(name="nowhere")])
    heads = [line for line in text.splitlines() if "error[" in line]
    assert heads == [
        "error[odd]: nowhere is odd",
        "model.py:3:1: error[odd]: b is odd",
        "model.py:10:5: error[odd]: a is odd",
    ]
    assert str(CompileError([last, first])) == render_all([first, last])


def test_there_is_no_colour() -> None:
    assert "\x1b" not in render(Odd(span=at(6, 9, 6, 20), name="x"))


def test_lines_are_counted_as_python_counts_them() -> None:
    # A form feed or a line separator inside a line ends it for str.splitlines, not for Python.
    source = Source("old.py", "a\x0cb\r\nc\u2028d\re\n\n")
    assert source.lines == ["a\x0cb", "c\u2028d", "e", ""]


def test_an_internal_error_says_that_it_is_one() -> None:
    assert str(InternalError("x came out twice", "model m()")) == shown(
        "internal error: x came out twice",
        "  This is a bug in ppc, not a mistake in your model.",
        "  help: please report it, with this text, the model's source and ppc's version",
        "model m()",
    )
    assert str(InternalError("no")).count("\n") == 2


def test_notebooks_show_the_users_lines_and_the_message() -> None:
    """IPython shows what `_render_traceback_` gives, in place of the frames of ppc."""
    with pytest.raises(CompileError) as raised:
        inf.probmodel(lambda: inf.Normall(0.0, 1.0))()
    lines = raised.value._render_traceback_()
    places = [line for line in lines if line.startswith("  File ")]
    assert len(places) == 1 and Path(__file__).name in places[0]
    assert "inf.probmodel(lambda" in lines[1]
    assert lines[-1] == str(raised.value) and "not a lambda" in lines[-1]
