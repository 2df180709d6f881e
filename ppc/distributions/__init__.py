"""The registry of distributions: one definition each, read by everyone."""

from __future__ import annotations

from collections.abc import Mapping

from ppc.distributions.base import Distribution as Distribution
from ppc.distributions.base import NoiseSource as NoiseSource
from ppc.distributions.base import Parameter as Parameter
from ppc.distributions.base import draw_type as draw_type
from ppc.distributions.base import support_of as support_of
from ppc.distributions.location_scale import NORMAL

DISTRIBUTIONS: Mapping[str, Distribution] = {row.name: row for row in (NORMAL,)}
