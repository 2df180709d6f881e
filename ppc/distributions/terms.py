"""What stands among the sites of a model and is no random variable.

A node of role `factor` adds its value to the log density; one of role `deterministic` is a
quantity that results report. Both have a value for each element, and neither is ever drawn.
"""

from __future__ import annotations

from ppc.distributions.base import Distribution, Parameter
from ppc.ir.build import Value
from ppc.ir.nodes import REAL


def _nothing(x: Value, _: object) -> Value:
    return 0.0 * x


FACTOR = Distribution(
    name="Factor",
    parameters=(Parameter("value"),),
    support=REAL,
    log_density=lambda _, p: p["value"],
    source="log p gains `value` (Stan's `target +=`; `pyro.factor`)",
)

DETERMINISTIC = Distribution(
    name="Deterministic",
    parameters=(Parameter("value"),),
    support=REAL,
    log_density=_nothing,
    source="the value itself (`pyro.deterministic`)",
)
