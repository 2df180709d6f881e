"""Small programs as strings, compiled without being run."""

from __future__ import annotations

import textwrap
from typing import Any

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


def mistakes(lines: str, parameters: str = "", **settings: Any) -> CompileError:
    """What a model with this body is refused with."""
    try:
        body(lines, parameters, **settings)
    except CompileError as error:
        return error
    raise AssertionError("the program was accepted")
