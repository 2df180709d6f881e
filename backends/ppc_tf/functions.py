"""Positional graphs as Python functions that run on TensorFlow."""

from __future__ import annotations

import functools

from ppc.emit.module import functions
from ppc_tf.dialect import DIALECT

graph_source = functools.partial(functions.graph_source, DIALECT)
compile_graph = functools.partial(functions.compile_graph, DIALECT)
