"""The table of differences between backends: `python tests/agreement.py` finds it anew.

It writes agreement.json, from which the page docs/comparing.md is filled. A minute or four.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ppc import registry
from ppc.testing.agreement import Difference, Subject, differences, point

KEPT = Path(__file__).with_name("agreement.json")


def figures(found: Iterable[Difference]) -> dict[str, dict[str, Any]]:
    """By pair and precision: the largest relative difference, its share of the bound, and where."""
    made: dict[str, dict[str, Any]] = {}
    for d in found:
        figure = {"relative": float(f"{d.relative:.2g}"), "share": float(f"{d.share:.2g}")}
        made.setdefault(" and ".join(d.pair), {})[d.dtype] = figure
    return made


def main() -> None:
    from model_suite import NAMES, compiled

    backends = [registry.backend(name) for name in ("jax", "tensorflow")]
    kept = {}
    for name in NAMES:
        subject = Subject.of(compiled(name))
        kept[name] = figures(differences(backends, subject, point(subject, 0)))
        print(name, flush=True)
    KEPT.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
