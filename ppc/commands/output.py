"""Where the commands write to: standard output as UTF-8."""

from __future__ import annotations


def show(text: str) -> None:
    """Write text to standard output, in UTF-8 whatever the terminal says: programs are UTF-8."""
    import click

    click.echo(text.encode("utf-8", "backslashreplace"), nl=not text.endswith("\n"))
