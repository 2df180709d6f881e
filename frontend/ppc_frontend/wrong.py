"""The mistakes that the frontend reports, by name: `wrong.ShapeMismatch(...)`.

Their classes are many, and a program without mistakes needs none: they load at the first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ppc.diagnostics.branches import *  # noqa: F403  # every mistake is meant
    from ppc.diagnostics.composed import *  # noqa: F403
    from ppc.diagnostics.language import *  # noqa: F403
    from ppc.diagnostics.loops import *  # noqa: F403
    from ppc.diagnostics.losses import *  # noqa: F403
    from ppc.diagnostics.model_language import *  # noqa: F403


def __getattr__(name: str) -> Any:
    from ppc.diagnostics import branches, composed, language, loops, losses, model_language

    for module in (language, model_language, loops, branches, composed, losses):
        if hasattr(module, name):
            return getattr(module, name)
    raise AttributeError(name)
