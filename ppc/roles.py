"""Roles: which function of a file is the model, which its guide, what is observed, what is fixed.

Each is taken from the first of these that says it: the options; the calls outside the models,
which are read and never run (`p = m(k=2)`, `SVI(q(...))`, `p.fit({"x": ...}, SVI)`); the models
themselves, where they leave one possibility. Else an error lists the possibilities.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ppc.compiler import MEANFIELD, FitDefaults, Options
from ppc.diagnostics import CompileError, Mistake
from ppc.diagnostics.command import (
    AmbiguousGuide,
    BadSetting,
    CallsDisagree,
    SettingsIgnored,
    UnfixedNumber,
    UnknownGuide,
    UnknownHyperparameter,
)
from ppc.diagnostics.model import nearest
from ppc.diagnostics.model_language import NoModel
from ppc.ir.nodes import Graph, Hyper, operands
from ppc.passes import batches
from ppc.records import dataclass

if TYPE_CHECKING:
    from ppc_frontend.api import Compiled
    from ppc_frontend.filecalls import FileCalls, FitCall, InferenceCall, ModelCall

    from ppc.objective.own import LossFunction
    from ppc.spans import Source

_T = TypeVar("_T")
FULL: Literal["full"] = "full"
_BATCH = 100  # of SVI(...) without `batch_size=`
_CALLED_EPOCHS = 1000  # of SVI(...) and VI(...) without `epochs=`, as in Python


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the options say. None is what they do not say."""

    path: str
    model: str | None = None
    guide: str | None = None  # a function's name, or `meanfield`
    observed: tuple[str, ...] | None = None
    batch_size: int | Mapping[str, int] | Literal["full"] | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Roles:
    """What is to be compiled."""

    model: Compiled
    guide: Compiled | None  # None: a mean field, inferred from the model
    options: Options
    warnings: tuple[Mistake, ...] = ()


@dataclass(slots=True)
class File:
    """A file with models: read once, never run. Raises CompileError."""

    source: Source
    models: tuple[str, ...]
    calls: FileCalls
    parameters: Mapping[str, tuple[str, ...]]  # by model
    settings: Mapping[str, Any]  # of --set
    _compiled: dict[tuple[str, str], Compiled] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str, settings: Iterable[str] = ()) -> File:
        """Read a file. Raises CompileError where it has no models."""
        from ppc_frontend import api
        from ppc_frontend.filecalls import file_calls

        source = api.as_source(path)
        infos = api.models_in(source)
        parameters = {info.name: info.parameters for info in infos}
        file = cls(source, tuple(parameters), file_calls(source), parameters, _read(settings))
        known = tuple(dict.fromkeys(p for names in parameters.values() for p in names))
        unknown = [name for name in file.settings if name not in known]
        if unknown and parameters:
            raise CompileError([UnknownHyperparameter(name=n, known=known) for n in unknown])
        return file

    def chosen(self, asked: Asked) -> tuple[str, ...]:
        """The model that is asked for by name, else all. Raises CompileError."""
        if asked.model is None and self.models:
            return self.models
        if asked.model in self.models:
            return (asked.model,)
        name = asked.model or ""
        near = nearest(name, self.models) or ""
        raise CompileError(NoModel(path=self.source.path, name=name, found=self.models, near=near))

    def compiled(self, name: str, call: ModelCall | None = None) -> Compiled:
        """A model under `--set`, then the settings of its call, or those that all calls share."""
        from ppc_frontend import api

        own = self.calls.settings(name) if call is None else call.settings
        fixed = {n: v for n, v in self.settings.items() if n in self.parameters[name]}
        settings = {**own, **fixed}
        key = (name, repr(sorted(settings.items())))
        if key not in self._compiled:
            self._compiled[key] = api.compile_source(self.source, name, settings=settings)
        return self._compiled[key]

    def graph(self, name: str) -> Graph:
        """The graph of a model."""
        graph: Graph = self.compiled(name).graph
        return graph


def resolve(file: File, asked: Asked, fits: Collection[FitCall] | None = None) -> Roles:
    """What the options and the file mean, with all its fits or these. Raises CompileError."""
    names = file.chosen(asked)
    name = names[0] if len(names) == 1 else _model_name(file, asked)
    if fits is None:
        fits = [fit for fit in file.calls.fits if fit.model.model == name]
    calls = [fit.model for fit in fits]
    model = file.compiled(name, _agreed(calls, lambda call: call.settings))
    observed = _observed(fits, asked)
    inferences = _inferences(file, fits)
    own = tuple(s.name for s in model.graph.samples if s.role == "observed")
    guide = _guide(file, asked, model.graph, {*observed, *own}, inferences)
    _check_numbers(model.graph, *([guide.graph] if guide else []))
    batched, defaults = _fit(inferences, asked)
    plates: tuple[str, ...] = ()
    if batched:
        size = defaults.batch_size
        plates = batches.plates(model.graph, observed, None if isinstance(size, int) else size)
        if not isinstance(size, int):
            size = batches.sizes_of(model.graph, plates, size)
            defaults = FitDefaults(defaults.epochs, size, defaults.learning_rate)
    warnings = [*model.warnings, *(guide.warnings if guide else ()), *_unread(inferences)]
    options = Options(observed, plates, asked.verify, _loss(file, inferences), defaults)
    return Roles(model, guide, options, tuple(warnings))


def _read(settings: Iterable[str]) -> dict[str, Any]:
    """The values of `--set`: literals, or names of functions of the file."""
    from ppc_frontend.values import NameOf

    found: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    for text in settings:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (equals and name.isidentifier() and value):
            mistakes.append(BadSetting(text=text))
        elif value.isidentifier() and value not in ("None", "True", "False"):
            found[name] = NameOf(value)
        else:
            try:
                found[name] = ast.literal_eval(value)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                mistakes.append(BadSetting(text=text))
    if mistakes:
        raise CompileError(mistakes)
    return found


def _model_name(file: File, asked: Asked) -> str:
    """The only model that can be meant. Raises CompileError."""
    fitted = tuple(dict.fromkeys(fit.model.model for fit in file.calls.fits))
    if len(fitted) == 1:
        return fitted[0]
    left = fitted or file.models
    left = tuple(n for n in left if n not in file.calls.guides and n != asked.guide)
    if len(left) > 1:
        left = _not_guides(file, left, asked)
    if len(left) == 1:
        return left[0]
    raise CompileError(NoModel(path=file.source.path, found=left or file.models))


def _not_guides(file: File, names: tuple[str, ...], asked: Asked) -> tuple[str, ...]:
    """The models that are no guide of another one."""
    graphs = {name: file.graph(name) for name in names}

    def guides(q: Graph, p: Graph) -> bool:
        if asked.observed is None:
            return _sites(q) < _sites(p)
        observed = set(asked.observed)
        return observed <= _sites(p) and _can_guide(q, p, observed)

    return tuple(
        name
        for name, q in graphs.items()
        if not any(guides(q, p) for other, p in graphs.items() if other != name)
    )


def _sites(graph: Graph) -> set[str]:
    return {site.name for site in graph.samples}


def _can_guide(q: Graph, p: Graph, observed: Collection[str]) -> bool:
    """Whether Q draws latents of P, and no observed site of P is anything but an input of Q."""
    sites, latents = _sites(p), _sites(p).difference(observed)
    reached = _sites(q) & latents
    if not reached:
        return False
    for node in q.nodes:
        if reached.intersection(operands(node)):
            reached.add(node.name)
    return not any(site.name in reached for site in q.samples if site.name in sites - latents)


def _observed(fits: Iterable[FitCall], asked: Asked) -> tuple[str, ...]:
    if asked.observed is not None:
        return asked.observed
    read = [fit for fit in fits if fit.observed is not None]
    if not read:
        return ()  # what the model itself observes may be all
    _disagree(read, lambda fit: ", ".join(fit.observed or ()), "what is observed", "--observe")
    return read[0].observed or ()


def _inferences(file: File, fits: Iterable[FitCall]) -> list[InferenceCall]:
    """The inference methods of the model's fits, or where none can be read, those of the file."""
    own = [fit.inference for fit in fits if fit.inference is not None]
    return own or list(file.calls.inferences)


def _guide(
    file: File,
    asked: Asked,
    model: Graph,
    observed: Collection[str],
    inferences: list[InferenceCall],
) -> Compiled | None:
    """The guide; None for a mean field. Raises CompileError."""
    if asked.guide is not None:
        if asked.guide not in (MEANFIELD, *file.models):
            raise CompileError(UnknownGuide(name=asked.guide, known=file.models))
        return None if asked.guide == MEANFIELD else file.compiled(asked.guide)
    read = [i for i in inferences if "qmodel" not in i.unread]
    if read:
        _disagree(read, _guide_name, "the guide", "--guide")
        guide = read[0].guide
        if guide is None or guide == MEANFIELD:
            return None
        if isinstance(guide, str):
            raise CompileError(UnknownGuide(name=guide, known=file.models, span=read[0].span))
        called = _agreed([i.guide for i in read], lambda g: getattr(g, "settings", None))
        return file.compiled(guide.model, called if not isinstance(called, str) else None)
    others = [name for name in file.models if name != model.name]
    found = [name for name in others if _can_guide(file.graph(name), model, observed)]
    if len(found) > 1:
        raise CompileError(AmbiguousGuide(model=model.name, known=tuple(found)))
    return file.compiled(found[0]) if found else None


def _check_numbers(*graphs: Graph) -> None:
    """Raise CompileError for hyperparameters that are numbers, no sizes, and have no value."""
    mistakes = [
        UnfixedNumber(model=graph.name, name=node.name, span=node.span)
        for graph in graphs
        for node in graph.nodes
        if isinstance(node, Hyper) and node.name not in graph.sizes
    ]
    if mistakes:
        raise CompileError(mistakes)


def _guide_name(call: InferenceCall) -> str:
    if call.guide is None:
        return MEANFIELD
    return call.guide if isinstance(call.guide, str) else call.guide.model


def _fit(inferences: list[InferenceCall], asked: Asked) -> tuple[bool, FitDefaults]:
    """Whether steps see batches, and the defaults of the fit."""
    size = asked.batch_size
    defaults = FitDefaults()
    if inferences:
        epochs = _number(inferences, "epochs", _CALLED_EPOCHS)
        rate = _number(inferences, "learning_rate", defaults.learning_rate, kind=float)
        defaults = FitDefaults(int(epochs), defaults.batch_size, float(rate))
    if size is None and not inferences:
        size = defaults.batch_size
    if size is None:
        _disagree(inferences, lambda call: call.method, "the method", "--batch-size")
        if inferences[0].method == "SVI":
            size = _rows_of_batches(inferences)
    if size is None or size == FULL:
        return False, defaults
    return True, FitDefaults(defaults.epochs, size, defaults.learning_rate)


def _loss(file: File, inferences: list[InferenceCall]) -> LossFunction | None:
    """The loss that the methods are called with; None is the ELBO. Raises CompileError."""
    from ppc_frontend.losses import loss_in
    from ppc_frontend.values import NameOf

    _disagree(inferences, lambda call: str(call.arguments.get("loss", "ELBO")), "the loss",
              "one inference method in the file")  # fmt: skip
    for call in inferences:
        given = call.arguments.get("loss")
        if isinstance(given, NameOf):
            found: LossFunction = loss_in(file.source, given.name)
            return found
    return None


def _number(
    calls: list[InferenceCall], name: str, default: float, kind: type[int | float] = int
) -> float:
    """A number on which all calls agree, else the default. Raises CompileError."""
    for call in calls:
        value = call.arguments.get(name, default)
        good = isinstance(value, int | kind) and not isinstance(value, bool)
        if not (good and 0 < value < float("inf")):
            from ppc.diagnostics.data import BadNumber

            expected = "a positive number" if kind is float else "a positive integer"
            raise CompileError(
                BadNumber(argument=name, expected=expected, found=repr(value), span=call.span)
            )
    values = {call.arguments.get(name, default) for call in calls}
    number: float = values.pop() if len(values) == 1 else default
    return number


def _rows_of_batches(calls: list[InferenceCall]) -> int | Mapping[str, int]:
    """The rows of a batch, or those by plate, as the calls say. Raises CompileError."""
    given = [call.arguments.get("batch_size") for call in calls]
    if isinstance(given[0], dict) and all(size == given[0] for size in given):
        parts = [replace(calls[0], arguments={"batch_size": n}) for n in given[0].values()]
        sizes = [int(_number([part], "batch_size", 1)) for part in parts]
        return dict(zip(given[0], sizes, strict=True))
    return int(_number(calls, "batch_size", _BATCH))


def _unread(inferences: Iterable[InferenceCall]) -> list[Mistake]:
    """Warnings for settings of the fit that the emitted program does not take over."""
    found: list[Mistake] = []
    for call in inferences:
        names = [n for n in call.unread if n != "qmodel"]
        if call.arguments.get("optimizer") is not None:
            names.append("optimizer")
        if names:
            found.append(SettingsIgnored(method=call.method, names=tuple(names), span=call.span))
    return found


def _agreed(items: list[_T], fact: Callable[[_T], object]) -> _T | None:
    """The first item where all have the same fact, else None."""
    if not items or any(fact(item) != fact(items[0]) for item in items):
        return None
    return items[0]


def _disagree(calls: list[Any], fact: Callable[[Any], str], what: str, option: str) -> None:
    """Raise CompileError where calls differ in a fact."""
    facts = dict.fromkeys(fact(call) for call in calls)
    if len(facts) > 1:
        places = tuple((call.span, fact(call)) for call in calls[1:])
        raise CompileError(
            CallsDisagree(
                what=what, found=tuple(facts), option=option, span=calls[0].span, others=places
            )
        )
