"""TensorFlow Probability's names inside models, whatever is installed: `from ppc import tfp`.

Its layers: `tfp.layers.DenseFlipout(...)`.
"""

from __future__ import annotations

from ppc.tf import TensorFlowName


def __getattr__(name: str) -> TensorFlowName:
    if name.startswith("_"):
        raise AttributeError(name)
    return TensorFlowName(f"tfp.{name}")
