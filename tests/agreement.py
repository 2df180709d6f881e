"""The table of differences between backends: `python tests/agreement.py` finds it anew.

It writes agreement.json, from which the page docs/comparing.md is filled. A minute or four, or a
few seconds for some models: `python tests/agreement.py NAME ...`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
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


def main(chosen: Sequence[str]) -> None:
    """Find the figures of the chosen models, or of all; those of models that are gone go."""
    from model_suite import NAMES, compiled

    backends = [registry.backend(name) for name in ("jax", "tensorflow")]
    before = json.loads(KEPT.read_text("utf-8"))
    kept = {}
    for name in NAMES:
        if chosen and name not in chosen and name in before:
            kept[name] = before[name]
            continue
        subject = Subject.of(compiled(name))
        kept[name] = figures(differences(backends, subject, point(subject, 0)))
        print(name, flush=True)
    KEPT.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
