"""Models that every backend is tried on, in the text form of graphs.

Between them: noise that is standard and drawn; parameters of guide and model, with a row for each
datum and shared, scalar, vectors and matrices; batches and none; labels, counts and reals; data
computed once before the loop; sizes that the data fix and that they do not.
"""

from __future__ import annotations

from dataclasses import dataclass

from ppc.compiler import Options
from ppc.ir.nodes import Graph
from ppc.ir.text import parse_graph


@dataclass(frozen=True, slots=True)
class Model:
    """A model with its guide (None: inferred) and what it is asked for."""

    name: str
    model: Graph
    guide: Graph | None
    options: Options


REGRESSION = """
model regression()
plate N = N
c: f32[] = const 0.0
c_1: f32[] = const 1.0
c_2: f32[] = const 2.0
x: f32[N |] = data argument
log_x: f32[N |] = log(x)
slope: f32[] = sample Normal(loc=c, scale=c_2) latent
error: f32[] = param init=c_1 support=positive
mean: f32[N |] = mul(log_x, slope)
y: f32[N |] = sample Normal(loc=mean, scale=error) latent
"""

COUNTS = """
model counts()
plate N = N
c: f32[] = const 2.0
c_1: f32[] = const 1.5
rate: f32[] = sample Gamma(concentration=c, rate=c_1) latent
y: f32[N |] = sample Poisson(rate=rate) latent
"""

COUNTS_GUIDE = """
model guide()
c: f32[] = const 2.0
a: f32[] = param init=c support=positive
c_1: f32[] = const 1.0
b: f32[] = param init=c_1 support=positive
rate: f32[] = sample Gamma(concentration=a, rate=b) latent
"""

FACTORS = """
model factors(k=2, d=3)
plate N = N
c: f32[] = const 0.0
c_1: f32[] = const 1.0
zeros: f32[k, d] = broadcast_to(c; shape=[k, d])
w: f32[k, d] = sample Normal(loc=zeros, scale=c_1) latent
zeros_k: f32[k] = broadcast_to(c; shape=[k])
z: f32[N | k] = sample Normal(loc=zeros_k, scale=c_1) latent
error: f32[] = sample HalfNormal(scale=c_1) latent
loc: f32[N | d] = matmul(z, w)
x: f32[N | d] = sample Normal(loc=loc, scale=error) latent
"""

CLASSES = """
model classes(k=2)
plate N = N
c: f32[] = const 0.0
c_1: f32[] = const 1.0
half: f32[] = const 0.5
zeros: f32[k] = broadcast_to(c; shape=[k])
z: f32[N | k] = sample Normal(loc=zeros, scale=c_1) latent
start: f32[k, 3] = broadcast_to(half; shape=[k, 3])
weights: f32[k, 3] = param init=start
logits: f32[N | 3] = matmul(z, weights)
label: i32[N |] = sample Categorical(logits=logits) latent
"""

CLASSES_GUIDE = """
model encoder(k=2)
plate N = N
c: f32[] = const 0.0
c_1: f32[] = const 1.0
zeros: f32[k] = broadcast_to(c; shape=[k])
start: f32[3, k] = broadcast_to(c; shape=[3, k])
shift: f32[3, k] = param init=start
scale: f32[k] = param init=zeros
logits: f32[3] = broadcast_to(c; shape=[3])
label: i32[N |] = sample Categorical(logits=logits) latent
one_hot: f32[N | 3] = one_hot(label; depth=size(3))
loc: f32[N | k] = matmul(one_hot, shift)
softplus: f32[k] = softplus(scale)
z: f32[N | k] = sample Normal(loc=loc, scale=softplus) latent
"""


def models() -> tuple[Model, ...]:
    """The models of the kit."""
    return (
        Model("regression", parse_graph(REGRESSION), None, Options(("y",))),
        _batched("counts", COUNTS, COUNTS_GUIDE, "y"),
        _batched("factors", FACTORS, None, "x"),
        _batched("classes", CLASSES, CLASSES_GUIDE, "label"),
    )


def _batched(name: str, model: str, guide: str | None, observed: str) -> Model:
    options = Options((observed,), ("N",))
    return Model(name, parse_graph(model), (guide and parse_graph(guide)) or None, options)
