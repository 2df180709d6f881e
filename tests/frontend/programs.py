"""Small programs as strings, compiled without being run."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from ppc_frontend import Compiled, compile_source
from round_trip import assert_round_trip

from ppc.diagnostics import CompileError
from ppc.ir.nodes import Graph
from ppc.ir.verify import check
from ppc.spans import Source

HEAD = """\
import math

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special as sps
import tensorflow as tf
from jax.scipy import special
from jaxtyping import Array, Bool, Float, Int

import ppc as inf
"""


def source(text: str, *, head: str = HEAD, path: str = "model.py") -> Source:
    """The text of a file: imports, then the dedented text."""
    return Source(path, head + textwrap.dedent(text))


def compiled(text: str, name: str | None = None, **settings: Any) -> Compiled:
    """The compiled model of a text; its graph is verified."""
    result = compile_source(source(text), name, settings=settings)
    check(result.graph)
    assert_round_trip(result.graph)
    return result


def graph(text: str, name: str | None = None, **settings: Any) -> Graph:
    """The graph of a text."""
    return compiled(text, name, **settings).graph


def body(lines: str, parameters: str = "", **settings: Any) -> Graph:
    """The graph of a model with this body."""
    inner = textwrap.indent(textwrap.dedent(lines).strip("\n"), "    ")
    return graph(f"@inf.probmodel\ndef m({parameters}):\n{inner}\n", **settings)


def types(found: Graph) -> dict[str, str]:
    """The type of each node, as text."""
    return {node.name: str(node.type) for node in found}


def assert_slopes(
    function: Callable[[dict[str, Any]], float],
    given: Mapping[str, Any],
    gradient: Mapping[str, Any],
) -> None:
    """A gradient is that of a function of arrays, by central differences."""
    step = 1e-5  # errors of order step**2 and of eps / step, each near 1e-10 of the density
    for one, slopes in gradient.items():
        for index in np.ndindex(given[one].shape):
            ends = [given[one].copy(), given[one].copy()]
            ends[0][index] -= step
            ends[1][index] += step
            low, high = (function({**given, one: end}) for end in ends)
            expected = (high - low) / (2 * step)
            np.testing.assert_allclose(np.asarray(slopes)[index], expected, rtol=1e-6, atol=1e-7)


def mistakes(lines: str, parameters: str = "", **settings: Any) -> CompileError:
    """What a model with this body is refused with."""
    try:
        body(lines, parameters, **settings)
    except CompileError as error:
        return error
    raise AssertionError("the program was accepted")
