"""Location-scale families on the real line."""

from __future__ import annotations

import math

from ppc.distributions.base import Distribution, NoiseSource, Parameter, Params
from ppc.ir import ops
from ppc.ir.build import Value
from ppc.ir.nodes import REAL, Support

POSITIVE = Support("positive")


def _normal_log_density(x: Value, p: Params) -> Value:
    z = (x - p["loc"]) / p["scale"]
    return -0.5 * z**2 - ops.log(p["scale"]) - 0.5 * math.log(2 * math.pi)


def _normal_draw(noise: NoiseSource, p: Params) -> Value:
    return p["loc"] + p["scale"] * noise.standard("normal")


NORMAL = Distribution(
    name="Normal",
    parameters=(Parameter("loc"), Parameter("scale", POSITIVE)),
    support=REAL,
    log_density=_normal_log_density,
    draw=_normal_draw,
    reparameterised=True,
    mean=lambda p: p["loc"],
    variance=lambda p: p["scale"] ** 2,
    entropy=lambda p: ops.log(p["scale"]) + 0.5 * math.log(2 * math.pi * math.e),
    cdf=lambda x, p: ops.ndtr((x - p["loc"]) / p["scale"]),
    source="loc = mean, scale = standard deviation (Johnson, Kotz and Balakrishnan 1994, ch. 13)",
)
