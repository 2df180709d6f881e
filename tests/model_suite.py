"""The models of tests/models, each as its own file says that it is fitted.

A file has a function `model`, perhaps a guide, and one call of `fit`, all of which are read and
never run: the call says which sites are observed, which guide is used, and whether a step sees a
batch of the rows (SVI) or all of them (VI).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from ppc_frontend.api import compile_file
from ppc_frontend.filecalls import file_calls

from ppc.compiler import PIPELINE, Compilation, Observer, Options, Step, changed, compile_loss
from ppc.ir.nodes import Graph
from ppc.passes import batches

FOLDER = Path(__file__).parent / "models"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.py")))


@dataclass(frozen=True, slots=True)
class Case:
    """A model with its guide (None: inferred) and what it is asked for."""

    name: str
    model: Graph
    guide: Graph | None
    options: Options


@functools.cache
def case(name: str) -> Case:
    """A model of the suite, read from its file."""
    path = FOLDER / f"{name}.py"
    fit = file_calls(path).fit
    assert fit is not None and fit.observed is not None and fit.inference is not None
    model = compile_file(path, fit.model.model, settings=fit.model.settings)
    called = fit.inference.guide
    assert not isinstance(called, str)
    guide = called and compile_file(path, called.model, settings=called.settings)
    plates: tuple[str, ...] = ()
    if fit.inference.method == "SVI":
        asked = fit.inference.arguments.get("batch_size")
        plates = batches.plates(model, fit.observed, asked if isinstance(asked, dict) else None)
    return Case(name, model, guide, Options(fit.observed, plates))


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of the pipeline with what stood before it and after it."""

    step: Step
    before: Compilation
    after: Compilation


@functools.cache
def stages(name: str) -> tuple[Stage, ...]:
    """Every step of the compilation of a model of the suite."""
    seen: list[Stage] = []

    def keep(step: Step, before: Compilation, after: Compilation) -> None:
        seen.append(Stage(step, before, after))

    compiled(name, keep)
    return tuple(seen)


def compiled(name: str, *observers: Observer) -> Compilation:
    """The finished compilation of a model of the suite."""
    it = case(name)
    return compile_loss(it.model, it.guide, it.options, observers=observers)


def after(name: str, step: str) -> Compilation:
    """The compilation of a model of the suite as a step leaves it."""
    return next(stage.after for stage in stages(name) if stage.step.name == step)


def loss_after(name: str, step: str) -> Graph:
    """The loss graph of a model as a step leaves it."""
    return after(name, step).graphs["loss"]


__all__ = ["NAMES", "PIPELINE", "after", "case", "changed", "compiled", "loss_after", "stages"]
