"""ppc: probabilistic models as Python functions, compiled to standalone programs.

    import ppc as inf

    @inf.probmodel
    def model(...):
        with inf.datamodel():
            z = inf.Normal(0., 1., name="z")

Functions with `@inf.probmodel` are read, never run. Importing ppc loads no framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ppc import data as data
    from ppc import inference as inference
    from ppc import layers as layers
    from ppc import models as models
    from ppc import tf as tf
    from ppc import tfp as tfp
    from ppc.api import ModelFunction as ModelFunction
    from ppc.api import Parameter as Parameter
    from ppc.api import ProbModel as ProbModel
    from ppc.api import datamodel as datamodel
    from ppc.api import deterministic as deterministic
    from ppc.api import factor as factor
    from ppc.api import mask as mask
    from ppc.api import observe as observe
    from ppc.api import plate as plate
    from ppc.api import probmodel as probmodel
    from ppc.compiled import CompiledProgram as CompiledProgram
    from ppc.compiled import compile as compile
    from ppc.sessions import clear_session as clear_session
    from ppc.sessions import floatx as floatx
    from ppc.sessions import get_session as get_session
    from ppc.sessions import init_uninit_vars as init_uninit_vars
    from ppc.sessions import new_session as new_session
    from ppc.sessions import set_floatx as set_floatx
    from ppc.sessions import set_session as set_session
    from ppc.sessions import set_tf_run as set_tf_run
    from ppc.sessions import swap_session as swap_session

_MODULES = ("data", "inference", "layers", "models", "tf", "tfp")
_COMPILED = ("CompiledProgram", "compile")
_SESSIONS = (
    "clear_session", "floatx", "get_session", "init_uninit_vars", "new_session", "set_floatx",
    "set_session", "set_tf_run", "swap_session",
)  # fmt: skip
_API = (
    "ModelFunction", "Parameter", "ProbModel", "datamodel", "deterministic", "factor", "mask",
    "observe", "plate", "probmodel",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    # The API and the distributions load on first use, so that `import ppc` is quick.
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"ppc.{name}")
    if name in _COMPILED:
        return getattr(import_module("ppc.compiled"), name)
    if name in _SESSIONS:
        return getattr(import_module("ppc.sessions"), name)
    api = import_module("ppc.api")
    if name in _API:
        return getattr(api, name)
    if not name.startswith("_"):
        found = api.distribution(name)
        if found is not None:
            return found
    raise AttributeError(f"module 'ppc' has no attribute {name!r}")


def __dir__() -> list[str]:
    from ppc.distributions import COMPOSED, DISTRIBUTIONS, SHORTHANDS

    lazy = {*_API, *_COMPILED, *_SESSIONS, *_MODULES, *DISTRIBUTIONS, *COMPOSED, *SHORTHANDS}
    return sorted({*globals(), *lazy})
