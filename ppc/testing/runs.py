"""Positional graphs run on a backend: values and gradients, in either precision."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.backend import Backend
from ppc.ir.nodes import Data, Graph, Noise

Array = NDArray[Any]
Sizes = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Run:
    """Runs graphs on a backend, through the text that it prints for them."""

    backend: Backend

    def value(
        self,
        graph: Graph,
        inputs: Mapping[str, Array],
        dtype: type,
        *,
        sizes: Sizes | None = None,
        seed: int = 0,
    ) -> dict[str, Array]:
        """The outputs by name. Noise is drawn from the seed."""
        runner, made = self.backend.runner, self._query(graph, dtype, sizes)
        with self.backend.precision(made.module, dtype):
            given = {name: runner.array(np.asarray(inputs[name])) for name in made.module.INPUTS}
            found = made.compiled(runner.key(seed), given)
            return {name: runner.numpy(x) for name, x in found.items()}

    def pulled(
        self,
        graph: Graph,
        inputs: Mapping[str, Array],
        wrt: Sequence[str],
        dtype: type,
        *,
        cotangents: Mapping[str, Array],
        sizes: Sizes | None = None,
        seed: int = 0,
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """The outputs, all floats, and the gradient of their sum times the cotangents.

        No gradient where the backend has none.
        """
        if not self.backend.has("pulled"):
            return self.value(graph, inputs, dtype, sizes=sizes, seed=seed), {}
        runner, made = self.backend.runner, self._query(graph, dtype, sizes)
        with self.backend.precision(made.module, dtype):
            given = {name: runner.array(np.asarray(inputs[name])) for name in made.module.INPUTS}
            moving = {name: given.pop(name) for name in wrt if name in given}
            key = runner.key(seed)
            values, slopes = runner.pulled(
                lambda moving: made.query(key, {**given, **moving}), moving, cotangents
            )
            found = {name: runner.numpy(x) for name, x in slopes.items()}
            y = {name: runner.numpy(x) for name, x in values.items()}
        # What the graph has no use for is not among the inputs of its function.
        return y, {name: found.get(name, np.zeros_like(inputs[name], dtype)) for name in wrt}

    def _query(self, graph: Graph, dtype: type, sizes: Sizes | None) -> _Query:
        text = self.backend.emit_function(graph)
        known = tuple((sizes or {}).items())
        return _query(self.backend, text, f"{graph.name}_{dtype.__name__}", known)


@dataclass(frozen=True, slots=True)
class _Query:
    module: ModuleType
    query: Callable[..., dict[str, Any]]
    compiled: Callable[..., dict[str, Any]]


@functools.lru_cache(maxsize=8)
def _query(backend: Backend, text: str, name: str, sizes: tuple[tuple[str, int], ...]) -> _Query:
    # A module of its own for each width, which may be a constant of it.
    module = backend.load(text, name)
    known = {name: size for name, size in sizes if name in module.SIZES}
    query = functools.partial(module.query, **known)
    return _Query(module, query, backend.runner.compiled(query))


def with_noise_given(graph: Graph) -> Graph:
    """The graph with its noise among the data, under the same names."""
    nodes = tuple(
        Data(name=node.name, type=node.type, origin="argument", span=node.span)
        if isinstance(node, Noise)
        else node
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes)
