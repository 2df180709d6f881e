"""Fills the generated blocks of the pages: graphs, programs and tables are never typed by hand.

    python docs/fill.py          write them anew
    python docs/fill.py --check  say which pages are not current, and exit with 1

A block stands between two comments, of which the first says what is in it:

    <!-- ppc: ir docs/models/growth.py:growth --after cse # loss -->
    <!-- ppc end -->

Commands of `ppc` are run as they are, and `source` is a file. After ` # ` stands what is kept: the
graphs of `ir`, the definitions of `emit` and `source` (`header` is the docstring, `imports` what is
imported). The other words are tables of this module.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path

from click.testing import CliRunner
from ppc_frontend import vocabulary
from ppc_frontend.kinds import KINDS

from ppc.backend import Backend
from ppc.cli import main as ppc
from ppc.compiler import PIPELINE
from ppc.distributions import DISTRIBUTIONS, MEAN_FIELD
from ppc.distributions.base import Distribution, Parameter
from ppc.distributions.kl import KL
from ppc.distributions.supports import SUPPORTS
from ppc.ir.nodes import Support
from ppc.ir.primitives import NAMED_AXIS_PRIMITIVES, PRIMITIVES
from ppc.registry import backend

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", *(f"docs/{p.name}" for p in sorted(Path(__file__).parent.glob("*.md"))))

_BLOCK = re.compile(r"(<!-- ppc: (.+?) -->\n).*?(<!-- ppc end -->)", re.DOTALL)


def filled(text: str) -> str:
    """A page with its blocks as they should be."""
    return _BLOCK.sub(lambda m: f"{m[1]}{_content(m[2])}{m[3]}", text)


def _content(words: str) -> str:
    command, _, kept = words.partition(" # ")
    name, _, rest = command.partition(" ")
    if name in _TABLES:
        return _TABLES[name]()
    if name == "source":
        path = ROOT / rest.strip()
        text = path.read_text("utf-8")
        language = "toml" if path.suffix == ".toml" else "python"
        return _fenced(language, _definitions(text, kept.split()) if kept else text)
    output = _run(command)
    if name == "ir":
        return _fenced("text", _graphs(output, kept))
    if name == "emit":
        return _fenced("python", _definitions(output, kept.split()))
    return _fenced("text", f"$ ppc {command}\n{output}")


def _run(command: str) -> str:
    """What `ppc` prints, with paths seen from the root of the repository."""
    words = [str(ROOT / word) if "/" in word else word for word in shlex.split(command)]
    result = CliRunner().invoke(ppc, words, catch_exceptions=False)
    if result.exit_code:
        raise SystemExit(f"ppc {command}\n{result.output}")
    return result.stdout.replace(f"{ROOT}/", "")


def _graphs(text: str, kept: str) -> str:
    """The graphs whose title starts with one of these words; all, if there are none."""
    graphs = re.split(r"^(?=# )", text, flags=re.MULTILINE)
    return "".join(g for g in graphs if not kept or g[2:].split()[:1] == [kept])


def _definitions(program: str, names: list[str]) -> str:
    """Top-level definitions of a program, by name, as they stand in it."""
    lines = program.splitlines()
    body = ast.parse(program).body
    used = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    places = {"header": (0, body[0].end_lineno)}
    if used:
        places["imports"] = (used[0].lineno - 1, used[-1].end_lineno)
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            places[node.name] = (first - 1, node.end_lineno)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            places[node.targets[0].id] = (node.lineno - 1, node.end_lineno)
    return "\n\n\n".join("\n".join(lines[slice(*places[name])]) for name in names) + "\n"


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```\n"


# --- tables --------------------------------------------------------------------------------------


def _table(head: str, rows: list[tuple[str, ...]]) -> str:
    names = head.split(" | ")
    lines = [names, ["---"] * len(names), *map(list, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _pipeline() -> str:
    return _table("pass | why it stands there", [(f"`{s.name}`", s.reason) for s in PIPELINE])


def _distributions() -> str:
    return "\n".join(_distribution(d) for d in DISTRIBUTIONS.values())


def _distribution(d: Distribution) -> str:
    parameters = "; ".join(map(_parameter, d.parameters))
    groups = {p.group for p in d.parameters if p.group}
    alternatives = [" or ".join(f"`{p.name}`" for p in d.parameters if p.group == g)
                    for g in sorted(groups)]  # fmt: skip
    if alternatives:
        parameters += f"; exactly one of {', '.join(alternatives)}"
    lines = [
        f"### {d.name}\n",
        f"- Parameters: {parameters}",
        f"- Support: {_words(d.support)}; draws are {d.dtype}",
        f"- Source: {d.source}",
        f"- Draws: {_draws(d)}",
        f"- In closed form: {_closed(d)}",
        f"- Closed-form divergence KL({d.name} || ·) to: {_partners(d.name)}",
    ]
    return "\n".join(lines) + "\n"


def _parameter(p: Parameter) -> str:
    rank = ", the last axis belongs to one draw" if p.event_rank else ""
    default = f", by default {p.default:g}" if p.default is not None else ""
    return f"`{p.name}`, {_words(p.constraint)}{rank}{default}"


def _words(support: Support) -> str:
    return SUPPORTS[support.kind].describe(*(f"`{b}`" if isinstance(b, str) else f"{b:g}"
                                             for b in support.bounds))  # fmt: skip


def _draws(d: Distribution) -> str:
    if d.draw is None:
        return "none"
    return "reparameterised" if d.reparameterised else "without derivatives to the parameters"


def _closed(d: Distribution) -> str:
    names = ("mean", "variance", "entropy", "cdf")
    return ", ".join(n for n in names if getattr(d, n) is not None) or "nothing"


def _partners(name: str) -> str:
    return ", ".join(p for q, p in KL if q == name) or "none"


def _mean_field() -> str:
    rows = []
    for kind, family in MEAN_FIELD.items():
        bounds = ("a bound",) if SUPPORTS[kind].bounds == 1 else ("one bound", "another")
        rows.append((SUPPORTS[kind].describe(*bounds), f"`{family}`"))
    return _table("support of the latent | factor of the guide", rows)


def _vocabulary() -> str:
    parts = []
    for library in vocabulary.LIBRARIES:
        groups: dict[str, list[str]] = {}
        for name in sorted(vocabulary.names(library)):
            owner, _, last = name.rpartition(".")
            groups.setdefault(owner, []).append(last)
        for owner, names in groups.items():
            text = f"**`{owner}`**: {' '.join(f'`{n}`' for n in names)}"
            parts.append(textwrap.fill(text, 100, break_on_hyphens=False) + "\n")
    return "\n".join(parts)


def _layers() -> str:
    names = " ".join(f"`{name}`" for name in sorted(KINDS))
    return textwrap.fill(f"**`tensorflow.keras.layers`**: {names}", 100) + "\n"


def _benchmarks() -> str:
    """The recorded figures."""
    rows = []
    for path in sorted((ROOT / "bench" / "results").glob("*.json")):
        result = json.loads(path.read_text("utf-8"))
        unit = result["unit"]
        interval = [
            _figure(result[end], unit) for end in ("low", "high") if result[end] is not None
        ]
        rows.append((result["title"], _figure(result["value"], unit), " to ".join(interval)))
    return _table("what | figure | interval", rows)


def _figure(value: float, unit: str) -> str:
    return f"{value:.2f}" if unit == "ratio" else f"{value:.3g} {unit}"


def _agreement() -> str:
    """The kept differences, the largest of each kind for each model."""
    kept = json.loads((ROOT / "tests" / "agreement.json").read_text("utf-8"))
    rows = []
    for name, pairs in kept.items():
        cells = [f"`{name}`"]
        for dtype, figure in (
            ("float64", "relative"),
            ("float32", "relative"),
            ("float32", "share"),
        ):
            for reference in (True, False):
                found = [row[dtype][figure] for pair, row in pairs.items()
                         if pair.endswith(" reference") == reference]  # fmt: skip
                cells.append(f"{max(found):.1e}")
        rows.append(tuple(cells))
    what = ("float64, reference", "float64, backends", "float32, reference", "float32, backends",
            "of the bound, reference", "of the bound, backends")  # fmt: skip
    return _table(" | ".join(("model", *what)), rows)


PLAIN = ROOT / "tests" / "backends" / "ppc_plain"  # the backend of the page on adding one


def _backends() -> str:
    """What each backend has."""
    sys.path.insert(0, str(PLAIN))
    try:
        found = [backend("jax"), backend("tensorflow"), import_module("ppc_plain").BACKEND]
    finally:
        sys.path.remove(str(PLAIN))
    rows = [(what, *(has(each) for each in found)) for what, has in _PARTS.items()]
    return _table(" | ".join(("", *(f"`{each.name}`" for each in found))), rows)


def _primitives(each: Backend) -> str:
    known = [name for name in PRIMITIVES if name not in NAMED_AXIS_PRIMITIVES]
    own = [name for name in known if each.dialect().table.covers(name)]
    return f"all {len(known)}" if own == known else f"{len(own)} of {len(known)}: {_code(own)}"


def _code(names: Iterable[str]) -> str:
    return " ".join(f"`{name}`" for name in names) or "none"


def _form(name: str) -> Callable[[Backend], str]:
    return lambda each: _yes(getattr(each.dialect().fitting, name) is not None)


def _yes(has: bool) -> str:
    return "yes" if has else "no"


# What may be left out, in words, and what a backend has of it.
_PARTS: Mapping[str, Callable[[Backend], str]] = {
    "primitives (`Table.rows`)": _primitives,
    "loops whose rounds read earlier ones (`Table.scan`)": lambda b: _yes(
        b.dialect().table.scan is not None
    ),
    "noise (`standard`)": lambda b: _code(b.dialect().standard),
    "samplers (`drawn`)": lambda b: _code(b.dialect().drawn),
    "fits (`loop`)": lambda b: _yes(b.dialect().loop is not None),
    "batches of the rows (`Loop.batches`)": _form("batches"),
    "parameters with a row for each datum (`Loop.rowwise`)": _form("rowwise"),
    "small parameters in one vector (`Loop.packed`)": _form("packed"),
    "precision (`floats`)": lambda b: _code(b.dialect().floats),
    "`--device` (`devices`)": lambda b: _code(b.dialect().devices),
    "gradients (`Runner.pulled`)": lambda b: _yes(b.has("pulled")),
    "optimisers of a user (`Runner.optimizer`)": lambda b: _yes(b.has("optimizer")),
    "MCMC (`Runner.sample_chains`)": lambda b: _yes(b.has("sample_chains")),
}

_TABLES: Mapping[str, Callable[[], str]] = {
    "pipeline": _pipeline,
    "distributions": _distributions,
    "mean-field": _mean_field,
    "vocabulary": _vocabulary,
    "layers": _layers,
    "benchmarks": _benchmarks,
    "agreement": _agreement,
    "backends": _backends,
}


def main() -> None:
    """Write the pages, or check them."""
    stale = []
    for name in PAGES:
        page = ROOT / name
        text = page.read_text("utf-8")
        if filled(text) != text:
            stale.append(name)
            if "--check" not in sys.argv[1:]:
                page.write_text(filled(text), "utf-8")
    print(f"{'not current' if '--check' in sys.argv[1:] else 'written'}: {', '.join(stale)}"
          if stale else "all pages are current")  # fmt: skip
    if stale and "--check" in sys.argv[1:]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
