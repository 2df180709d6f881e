"""Write ``docs/benchmarks.md`` from ``bench/results``: ``python bench/report.py``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TARGET = HERE.parent / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `bench/report.py` from `bench/results`. Measure anew with
`pytest bench/bench_*.py` and then `python bench/report.py`. With
`pytest bench/bench_classifier.py --classifier FILE` the classifier is measured against a
hand-written program of yours too.

Two programs are compared in interleaved rounds. A figure is the median of the ratios
within a round; the interval is that median's 95 % bootstrap interval.

| What | Figure | Interval | Limit | Met |
|---|---|---|---|---|
"""


def number(value: float | None, unit: str) -> str:
    """A figure as the table shows it."""
    if value is None:
        return ""
    return f"{value:.3f}" if unit == "ratio" else f"{value:.3g} {unit}"


def met(result: dict[str, Any]) -> str:
    """Whether the figure, or the lower end of its interval, is within the limit."""
    if result["limit"] is None:
        return ""
    low = result["value"] if result["low"] is None else result["low"]
    return "yes" if low <= result["limit"] else "no"


def row(result: dict[str, Any]) -> str:
    """A line of the table."""
    unit = result["unit"]
    value, limit = number(result["value"], unit), number(result["limit"], unit)
    interval = ""
    if result["low"] is not None:
        interval = f"{number(result['low'], unit)} to {number(result['high'], unit)}"
    return f"| {result['title']} | {value} | {interval} | {limit} | {met(result)} |"


def details(result: dict[str, Any]) -> str:
    """A line of what else was measured."""
    pairs = (
        f"{name.replace('_', ' ')} {value:.3g}"
        if isinstance(value, float)
        else f"{name.replace('_', ' ')} {value}"
        for name, value in result["details"].items()
    )
    return f"- {result['title']}: {', '.join(pairs)}."


def main() -> None:
    results = [json.loads(f.read_text()) for f in sorted(HERE.glob("results/*.json"))]
    machines = {json.dumps(result["machine"], sort_keys=True) for result in results}
    lines = [row(result) for result in results]
    lines += ["", "Details:", ""] + [details(result) for result in results]
    lines += ["", "Measured on:", ""]
    for machine in sorted(map(json.loads, machines), key=str):
        lines.append("- " + ", ".join(f"{k} {v}" for k, v in sorted(machine.items())))
    TARGET.write_text(HEAD + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
