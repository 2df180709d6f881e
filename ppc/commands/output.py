"""What the commands write: standard output as UTF-8, and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def show(text: str) -> None:
    """Write text to standard output, in UTF-8 whatever the terminal says: programs are UTF-8."""
    import click

    click.echo(text.encode("utf-8", "backslashreplace"), nl=not text.endswith("\n"))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as wide as what stands in it; no cell is cut."""
    from io import StringIO

    from rich import box
    from rich.console import Console
    from rich.table import Table

    drawn = Table(*head, box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for row in rows:
        drawn.add_row(*row)
    text = StringIO()
    Console(file=text, width=1000, no_color=True, highlight=False, markup=False).print(drawn)
    return "".join(line.rstrip() + "\n" for line in text.getvalue().splitlines())
