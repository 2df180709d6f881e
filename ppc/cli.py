"""The command `ppc`. Each command imports what it needs when it runs: `ppc --version` is quick."""

from __future__ import annotations

import atexit
import gc
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from ppc import __version__
from ppc.diagnostics import InternalError, PpcError

if TYPE_CHECKING:
    from ppc.compiler import Compilation, Observer
    from ppc.roles import Asked, File, Roles

_Command = TypeVar("_Command", bound=Callable[..., Any])
_INTERNAL = 70  # EX_SOFTWARE of sysexits.h


class _Group(click.Group):
    """Commands whose errors are shown as ppc renders them, without a traceback."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        collecting = gc.isenabled()
        gc.disable()  # a tenth of the time of a short process, which frees all when it ends:
        atexit.register(gc.freeze)  # and then there is nothing to look through either
        try:
            return super().main(*args, **kwargs)
        finally:
            if collecting:
                gc.enable()

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except InternalError as error:
            _complain(str(error))
            ctx.exit(_INTERNAL)
        except PpcError as error:
            _complain(str(error))
            ctx.exit(1)
        except (click.ClickException, click.Abort, click.exceptions.Exit, OSError):
            raise  # click shows these; a pipe that is closed is one
        except Exception as error:  # noqa: BLE001  # whatever it is, it is a bug and said to be one
            import traceback

            _complain(str(InternalError(repr(error), traceback.format_exc())))
            ctx.exit(_INTERNAL)


class _BatchSize(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases only
    """A number of rows, one for each of several plates, or `full`."""

    name = "N|PLATE=N,...|full"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | dict[str, int] | Literal["full"]:
        if value == "full":
            return "full"
        if isinstance(value, str) and value.isdecimal() and int(value):
            return int(value)
        parts = [part.partition("=") for part in str(value).split(",")]
        sizes = {name.strip(): size.strip() for name, _, size in parts}
        if all(name and size.isdecimal() and int(size) for name, size in sizes.items()):
            return {name: int(size) for name, size in sizes.items()}
        self.fail(f"{value!r} is neither a positive number of rows nor full", param, ctx)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ppc", message="%(prog)s %(version)s")
def main() -> None:
    """Compile probabilistic models in Python files, which are read and never run."""


def _model(command: _Command) -> _Command:
    """The argument and options that say what a file means."""
    for decorate in reversed(
        (
            click.argument("model", metavar="MODEL.py[:NAME]"),
            click.option("--guide", metavar="NAME|meanfield", help="The guide of the model."),
            click.option(
                "--observe", metavar="X,Y", multiple=True, help="The sites that are data."
            ),
            click.option(
                "--set", "settings", metavar="K=2", multiple=True, help="Fix a hyperparameter."
            ),
            click.option(
                "--batch-size",
                type=_BatchSize(),
                metavar="N|PLATE=N,...|full",
                help="Rows that a step sees (default: as in the file's SVI(...), else all).",
            ),
            click.option(
                "--verify/--no-verify", default=True, help="Check graphs after each pass."
            ),
        )
    ):
        command = decorate(command)
    return command


@main.command()
@_model
@click.option("--backend", metavar="NAME|all", help="jax, or another one that is installed.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Write the program to a file; of all backends to a folder, or to 'fit_{backend}.py'.",
)
@click.option("--cross-check", is_flag=True, help="Compare with the reference, and all backends.")
@click.option("--data", metavar="FILE", help="The data of --cross-check (default: drawn).")
@click.option("--print-ir-after", metavar="PASS|all", multiple=True, help="Show graphs on stderr.")
@click.option("--print-ir-diff", is_flag=True, help="Show what each pass changed on stderr.")
def emit(
    backend: str | None,
    output: str | None,
    cross_check: bool,
    data: str | None,
    print_ir_after: tuple[str, ...],
    print_ir_diff: bool,
    **options: Any,
) -> None:
    """Print the program that fits a model: a file that stands alone.

    With --cross-check, loss and gradients of the programs are compared with a reference instead,
    and with each other; the exit code is 1 where they differ by more than rounding.
    """
    from ppc.commands import every, graphs
    from ppc.commands.output import show
    from ppc.diagnostics import KindError
    from ppc.diagnostics.command import NoPlaceForAll
    from ppc.emit.program import assemble

    if data is not None and not cross_check:
        raise click.UsageError("--data is what --cross-check compares on")
    found = every.targets(backend)
    if backend == every.ALL and not cross_check and output in (None, "-"):
        raise KindError(NoPlaceForAll(output=None))
    shown = graphs.passes(print_ir_after or (("all",) if print_ir_diff else ()))
    file, asked = _read(options)
    observers = [graphs.printer(shown, _complain, diff=print_ir_diff)] if shown else []
    compilation = _compiled(_roles(file, asked), observers)
    program = assemble(compilation)
    if backend == every.ALL and output is not None:
        for path in every.written(found, program, output, file.source.path):
            click.echo(path)
    elif output is not None and output != "-":
        from ppc.emit.saving import write

        write(output, found[0].emit(program), file.source.path)
    elif not cross_check:
        show(found[0].emit(program))
    if cross_check:
        differences = every.differences(compilation, found, data)
        show(every.table(differences))
        every.complain(differences)


@main.command()
@_model
@click.option("--data", metavar="FILE", required=True, help="The data, npz or csv.")
@click.option("--backends", metavar="A,B", help="Which backends (default: all installed).")
@click.option("--devices", metavar="cpu,gpu", help="Which devices (default: the best there is).")
@click.option("--steps", type=click.IntRange(1), default=2000, help="Of a round (default: 2000).")
@click.option("--rounds", type=click.IntRange(1), default=9, help="How many (default: 9).")
@click.option("--plot", metavar="FILE.png", help="Draw a picture.")
@click.option("--json", "saved", metavar="FILE", help="Write the figures.")
def bench(
    data: str,
    backends: str | None,
    devices: str | None,
    steps: int,
    rounds: int,
    plot: str | None,
    saved: str | None,
    **options: Any,
) -> None:
    """Measure the programs of several backends side by side."""
    from ppc.commands import bench
    from ppc.commands.every import ALL, targets
    from ppc.commands.output import show
    from ppc.emit.program import assemble

    found = [each for name in _listed(backends or ALL) for each in targets(name)]
    bench.ready(found, plot=plot, data=data)
    file, asked = _read(options)
    program = assemble(_compiled(_roles(file, asked), []))
    kinds = _listed(devices or "")
    measured = bench.measure(program, found, data, devices=kinds, steps=steps, rounds=rounds)
    show(bench.table(measured))
    if saved is not None:
        bench.save(saved, measured)
    if plot is not None:
        bench.plot(plot, measured, f"{program.name}: {rounds} rounds of {measured[0].steps} steps")


@main.command()
@_model
@click.option("--pedantic", is_flag=True, help="Warn of what is suspicious, too.")
def check(pedantic: bool, **options: Any) -> None:
    """Show every mistake in the models of a file.

    A comment `# ppc: ignore[code]` silences a warning with that code in its line.
    """
    from ppc.commands.check import mistakes, summary
    from ppc.diagnostics.render import render_all

    file, asked = _read(options)
    found = mistakes(file, asked, pedantic=pedantic)
    if found:
        _complain(render_all(found) + "\n")
    click.echo(summary(file, found))
    if any(mistake.severity == "error" for mistake in found):
        click.get_current_context().exit(1)


@main.command()
@_model
@click.option("--after", metavar="PASS|all", multiple=True, help="The graphs that it changed.")
@click.option("--diff", is_flag=True, help="What it changed only.")
def ir(after: tuple[str, ...], diff: bool, **options: Any) -> None:
    """Print graphs in their text form: as they are read, or after passes."""
    from ppc.commands import graphs
    from ppc.commands.output import show

    shown = graphs.passes(after or (("all",) if diff else ()))
    file, asked = _read(options)
    if shown:
        _compiled(_roles(file, asked), [graphs.printer(shown, show, diff=diff)])
        return
    for name in file.chosen(asked):
        show(graphs.titled(f"{name} as it is read", file.graph(name)))


@main.command()
@_model
def explain(**options: Any) -> None:
    """Say what becomes of each site of a model, and why."""
    from ppc.commands.output import show
    from ppc.explain import explained

    file, asked = _read(options)
    roles = _roles(file, asked)
    show(explained(_compiled(roles, [])))


@main.command()
def backends() -> None:
    """List the installed backends."""
    from ppc.commands.backends import lines

    for line in lines():
        click.echo(line)


def _read(options: dict[str, Any]) -> tuple[File, Asked]:
    """The file and what the options say of it."""
    from ppc.roles import Asked, File

    path, name = _place(options["model"])
    listed = [name for text in options["observe"] for name in _listed(text)]
    asked = Asked(
        path=path,
        model=name,
        guide=options["guide"],
        observed=tuple(dict.fromkeys(listed)) if options["observe"] else None,
        batch_size=options["batch_size"],
        verify=options["verify"],
    )
    return File.read(path, options["settings"]), asked


def _listed(text: str) -> list[str]:
    """The names between commas, each once."""
    return list(dict.fromkeys(filter(None, map(str.strip, text.split(",")))))


def _place(text: str) -> tuple[str, str | None]:
    """`model.py:name` as path and name; a file whose own name has a colon is that file."""
    path, colon, name = text.rpartition(":")
    if colon and name.isidentifier() and not os.path.exists(text):
        return path, name
    return text, None


def _roles(file: File, asked: Asked) -> Roles:
    """What is compiled; warnings are shown."""
    from ppc.diagnostics.render import render_all
    from ppc.roles import resolve

    roles = resolve(file, asked)
    if roles.warnings:
        _complain(render_all(roles.warnings) + "\n")
    return roles


def _compiled(roles: Roles, observers: list[Observer]) -> Compilation:
    from ppc.compiler import compile_loss

    guide = roles.guide.graph if roles.guide else None
    notes = (*roles.model.notes, *(roles.guide.notes if roles.guide else ()))
    return compile_loss(roles.model.graph, guide, roles.options, observers=observers, notes=notes)


def _complain(text: str) -> None:
    click.echo(text, err=True)


if __name__ == "__main__":
    main(prog_name="ppc")
