"""Positional graphs as Python functions that run on JAX."""

from __future__ import annotations

import functools

from ppc.emit.module import functions
from ppc_jax.dialect import DIALECT

graph_source = functools.partial(functions.graph_source, DIALECT)
compile_graph = functools.partial(functions.compile_graph, DIALECT)
