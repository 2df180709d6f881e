"""Random variables as a loss of the user sees them: `p.log_prob(p.value)`, `q.loc`."""

from __future__ import annotations

from typing import Any, NoReturn

from ppc.distributions.kl import kl_divergence
from ppc.ir.build import Value
from ppc.records import dataclass
from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.tensors import describe, tensor
from ppc_frontend.values import DTypeValue, Elements, Method

METHODS = {  # with their signatures
    "entropy": "", "kl_divergence": "other", "log_prob": "value", "mean": "", "prob": "value",
    "variance": "",
}  # fmt: skip
ATTRIBUTES = ("distribution", "dtype", "is_datamodel", "is_observed", "name", "parameters",
              "shape", "value")  # fmt: skip


@dataclass(slots=True, eq=False)
class SiteVariable(Elements):
    """A random variable of P or Q; as a tensor it is its value."""

    variable: Any  # a `Variable` of `ppc.objective.own`
    described = "a random variable"

    @property
    def is_list(self) -> bool:
        """It is no list."""
        return False

    def tensor(self, ctx: Context) -> Value:
        """Its value."""
        value: Value = self.variable.value
        return value

    def stacked(self, ctx: Context) -> Value:
        """Its value."""
        return self.tensor(ctx)

    def refuse(self, ctx: Context, what: str) -> NoReturn:
        """Refuse a use of it as a list."""
        ctx.refuse(wrong.NotATensor(span=ctx.span, what=self.described))


def attribute(ctx: Context, owner: SiteVariable, name: str) -> Any:
    """`variable.name`."""
    variable = owner.variable
    site = variable.site
    match name:
        case "value":
            return variable.value
        case "name":
            return site.name
        case "distribution" | "var":
            return owner
        case "is_observed":
            return site.role == "observed"
        case "is_datamodel":
            return variable.batched
        case "dtype":
            return DTypeValue(site.type.dtype)
        case "shape":
            return tuple(s if s.value is None else s.value for s in ctx.visible(variable.value))
        case "parameters":
            return dict(variable.args)
    if name in variable.args:
        return variable.args[name]
    if name in METHODS:
        return Method(owner, name, ctx.span)
    near = wrong.nearest(name, [*ATTRIBUTES, *METHODS, *variable.args])
    kind = "attribute of a random variable"
    ctx.refuse(wrong.UnknownName(span=ctx.span, kind=kind, name=name, near=near))


def call(
    ctx: Context, owner: SiteVariable, name: str, *, value: Any = None, other: Any = None
) -> Value:
    """`variable.name(...)`: a number for each element, of its plates and batch shape."""
    variable = owner.variable
    if name in ("log_prob", "prob"):
        density: Value = variable.log_prob(tensor(ctx, value, variable.site.type.dtype))
        return density if name == "log_prob" else ctx.op("exp", density)
    if name == "kl_divergence":
        return _divergence(ctx, owner, other)
    known = getattr(variable.distribution, name)
    if known is None:
        what = f"the {name} of {variable.distribution.name}, which is not known in closed form,"
        ctx.refuse(wrong.Unsupported(span=ctx.span, what=what))
    result: Value = variable.on_batch(known(variable.args))
    return result


def _divergence(ctx: Context, owner: SiteVariable, other: Any) -> Value:
    """KL(owner || other) in closed form."""
    if not isinstance(other, SiteVariable):
        what = describe(other)
        ctx.refuse(wrong.NotKnown(span=ctx.span, what="a random variable", found=what))
    q, p = owner.variable, other.variable
    found = kl_divergence(q.distribution.name, q.args, p.distribution.name, p.args)
    if found is None:
        what = f"KL({q.distribution.name} || {p.distribution.name}), not known in closed form,"
        ctx.refuse(wrong.Unsupported(span=ctx.span, what=what))
    result: Value = q.on_batch(found)
    return result
