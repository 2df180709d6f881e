"""The rule of every primitive of `ppc.ir.primitives`."""

from __future__ import annotations

from collections.abc import Mapping

from ppc_numpy.axes import AXES
from ppc_numpy.elementwise import ELEMENTWISE
from ppc_numpy.linear import LINEAR
from ppc_numpy.reductions import REDUCTIONS
from ppc_numpy.rules import Rule
from ppc_numpy.shape import SHAPE

PRIMITIVES: Mapping[str, Rule] = {**ELEMENTWISE, **REDUCTIONS, **SHAPE, **LINEAR, **AXES}
