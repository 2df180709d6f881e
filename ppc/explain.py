"""What becomes of a model, in words: for each plate, site and parameter, and why."""

from __future__ import annotations

from collections.abc import Iterator

from ppc.compiler import Compilation
from ppc.diagnostics.notes import (
    LoopCarries,
    LoopUnrolled,
    LoopVectorised,
    NotBatched,
    Note,
    Prepared,
)
from ppc.ir.nodes import Graph, Param, Sample, is_random, mask_node
from ppc.ir.types import Axis
from ppc.objective.support import in_words


def explained(c: Compilation) -> str:
    """The text of `ppc explain`, for a finished compilation."""
    model, guide = c.graphs["model"], c.graphs["guide"]
    blocks = [[f"model {model.name}, guide {guide.name}"]]
    if loops := [n for n in c.notes if isinstance(n, LoopVectorised | LoopUnrolled | LoopCarries)]:
        blocks.append(["loops", *map(_line, loops)])
    blocks += [_plate(axis, c) for axis in model.axes if axis.kind == "plate"]
    blocks += [_site(site, c) if is_random(site) else _quantity(site) for site in model.sites]
    if parameters := [*_parameters(guide), *_parameters(model)]:
        blocks.append(["parameters", *_columns(parameters)])
    if prepared := [note for note in c.notes if isinstance(note, Prepared)]:
        title = "computed from the data once, before the loop"
        blocks.append([title, *(_line(note) for note in prepared)])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _plate(axis: Axis, c: Compilation) -> list[str]:
    size = "" if str(axis.size) == axis.name else f" of size {axis.size}"
    if axis.subsampled:
        rows = c.options.batch_sizes[axis.name]
        return [f"plate {axis.name}{size}", f"  a step sees a batch of at most {rows} rows"]
    notes = [n for n in c.notes if isinstance(n, NotBatched) and n.about == axis.name]
    return [f"plate {axis.name}{size}", "  a step sees all rows", *map(_note, notes)]


def _site(site: Sample, c: Compilation) -> list[str]:
    model, guide = c.graphs["model"], c.graphs["guide"]
    place = f"   {site.span}" if site.span else ""
    lines = [
        f"site {site.name}, {site.role}{place}",
        f"  model   {site.distribution}, {site.type}, on the {in_words(model, site)}",
    ]
    if mask_node(site):
        lines.append("  counts  where the condition holds that it stands under")
    own = next((q for q in guide.samples if q.name == site.name), None)
    if site.role == "observed":
        if own is not None:
            lines.append("  guide   reads it; its density there is not in the loss")
        function = c.options.loss
        term = f"in the loss {function.name}" if function else "minus its log density"
        return [*lines, f"  term    {term}"]
    assert own is not None  # the guide was matched with the model
    lines.append(f"  guide   {own.distribution}, on the {in_words(guide, own)}")
    reasons = [n.message() for n in c.notes if n.about == site.name and n.code in _ESTIMATES]
    why = f": {'; '.join(reasons)}" if reasons else ""
    return [*lines, f"  term    {c.estimators[site.name]}{why}"]


def _quantity(site: Sample) -> list[str]:
    place = f"   {site.span}" if site.span else ""
    said = {
        "factor": "  term    minus its value",
        "deterministic": "  recorded: in the results, not in the loss",
    }
    counts = ["  counts  where the condition holds that it stands under"] if mask_node(site) else []
    return [f"{site.role} {site.name}, {site.type}{place}", *counts, said[site.role]]


_ESTIMATES = ("exact-kl", "drawn-no-closed-form", "drawn-own-noise")


def _parameters(graph: Graph) -> Iterator[tuple[str, ...]]:
    for param in graph.params:
        yield param.name, str(param.type), in_words(graph, param), _rows(param), f"of {graph.stage}"


def _rows(param: Param) -> str:
    return f"a row for each of {', '.join(param.type.axes)}" if param.type.axes else ""


def _columns(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width)
        yield "  " + "  ".join(cells).rstrip()


def _note(note: Note) -> str:
    way = f" ({note.help()})" if note.help() else ""
    return f"  note: {note.message()}{way}"


def _line(note: Note) -> str:
    place = f"   {note.span}" if note.span else ""
    return f"  {note.message()}{place}"
