"""Functions of libraries mean what the libraries do: each expression is run by its own library.

The graph is evaluated by the reference evaluator in float64; the expression itself by NumPy,
SciPy or JAX. In a plate the same expression is run on all rows at once: what code in a plate
sees is what NumPy does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special as sps
from ppc_numpy import evaluate_nodes
from programs import body

from ppc.ir.nodes import Sample


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


RNG = np.random.default_rng(7)
ARRAYS: dict[str, Any] = {
    "a": RNG.uniform(0.2, 0.8, (5, 3)),
    "b": RNG.uniform(0.2, 0.8, (5, 3)),
    "s": RNG.uniform(0.2, 0.8, 5),
    "v": RNG.uniform(0.2, 0.8, 3),
    "w": RNG.uniform(-1, 1, (3, 4)),
    "t": RNG.uniform(-1, 1, (5, 2, 3)),
    "i": np.array([2, 0, 1, 1, 2]),
    "c": np.array([True, False, True, True, False]),
}
ROWS = (
    'a: Float[Array, "N 3"], b: Float[Array, "N 3"], s: Float[Array, "N"], v: Float[Array, "3"], '
    'w: Float[Array, "3 4"], t: Float[Array, "N 2 3"], i: Int[Array, "N"], c: Bool[Array, "N"]'
)
NAMES = {"np": np, "jnp": jnp, "jax": jax, "sps": sps, "math": math, "special": jax.scipy.special}

# Every operand is used for its size, so that the evaluator knows N where an expression is global.
ELEMENTWISE = """
np.exp(a) np.expm1(a) np.log(a) np.log1p(a) np.log2(a) np.log10(a) np.sqrt(a) np.square(a)
np.abs(-a) np.absolute(-a) np.sign(a-0.5) np.sin(a) np.cos(a) np.tan(a) np.arcsin(a) np.arccos(a)
np.arctan(a) np.sinh(a) np.cosh(a) np.tanh(a) np.arcsinh(a) np.arccosh(a+1) np.arctanh(a)
np.floor(3*a) np.ceil(3*a) np.round(3*a) np.rint(3*a) np.negative(a) np.reciprocal(a) np.add(a,b)
np.subtract(a,b) np.multiply(a,b) np.divide(a,b) np.power(a,b) np.maximum(a,b) np.minimum(a,v)
np.arctan2(a,b) np.logaddexp(a,b) np.mod(3*a,b) np.floor_divide(3*a,b) np.clip(a,0.3,0.6)
np.where(a>b,a,b) np.where(c,s,-s) np.logical_and(a>0.5,b>0.5) np.logical_not(a>0.5)
np.isfinite(a) np.less(a,b) np.greater_equal(a,b) np.equal(i,1) a+b a-b a*b a/b a**b a**2 a**0.5
2**a -a +a a//b a%b abs(-a) a<b a<=b a>b a>=b i==2 i!=2 a+v v+a a*2+1 1-a 1/a s*2 a*v-b
(a>0.3)&(b<0.7) (a>0.3)|(b<0.7) ~(a>0.5) 0.3<s jax.nn.relu(a-0.5) jax.nn.elu(a-0.5)
jax.nn.selu(a-0.5) jax.nn.gelu(a-0.5) jax.nn.silu(a) jax.nn.gelu(a-0.5,approximate=False)
jax.nn.leaky_relu(a-0.5) jax.nn.softplus(a) jax.nn.sigmoid(a) jax.nn.log_sigmoid(a)
jax.nn.soft_sign(a) jax.nn.relu6(9*a) jax.nn.hard_tanh(3*a-1) jax.nn.swish(a) sps.gammaln(a)
sps.digamma(a) sps.erf(a) sps.erfc(a) sps.expit(a) sps.logit(a) sps.xlogy(a,b) sps.ndtr(a)
sps.log_ndtr(a) sps.ndtri(a) sps.erfinv(a) sps.betaln(a,b) special.gammaln(a) jnp.exp(a)
jnp.where(c,s,0.0) jnp.logaddexp(a,b) jax.nn.tanh(a)
""".split()  # fmt: skip

ALONG = """
np.sum(a,axis=1) np.sum(a,axis=-1) a.sum(1) a.sum(axis=-1) np.sum(a,axis=1,keepdims=True)
np.mean(a,axis=1) a.mean(-1) np.mean(a,axis=1,keepdims=True) np.prod(a,axis=1) np.max(a,axis=1)
np.min(a,axis=-1) np.var(a,axis=1) np.std(a,axis=1) np.var(a,axis=1,ddof=1) np.argmax(a,axis=1)
np.argmin(a,axis=1) np.any(a>0.5,axis=1) np.all(a>0.1,axis=1) np.cumsum(a,axis=1)
np.sum(t,axis=(1,2)) np.sum(t,axis=2) np.sum(t,axis=1) np.mean(t,axis=(-1,-2))
np.linalg.norm(a,axis=1) sps.logsumexp(a,axis=1) sps.softmax(a,axis=1) sps.log_softmax(a,axis=1)
jax.nn.softmax(a) jax.nn.log_softmax(a,axis=-1) jax.nn.logsumexp(a,axis=1) jax.nn.one_hot(i,3) a@w
a@w+v[0] np.matmul(a,w) np.dot(a,w) a@v np.dot(a,v) t@w t@v np.tensordot(a,w,axes=1)
np.tensordot(t,w,axes=[[2],[0]]) np.einsum("ij,jk->ik",a,w) np.einsum("ij,ij->i",a,b)
np.einsum("ij,ik->ijk",a,b) (a*b).sum(-1) a[:,0] a[:,-1] a[:,:2] a[:,1:] a[:,::2] a[:,::-1]
a[:,None] a[:,:,None] a[...,0] a[...,None] s[:,None] t[:,0] t[:,0,1] t[:,:,1] t[:,1,:2] t[...,1]
a[:] v[0] v[:2] v[-1] w[1] w[:,2] w[0,1] v[::-1] np.reshape(a,(-1,3,1)) a.reshape(-1,3,1)
a.reshape((-1,1,3)) t.reshape(-1,6) t.reshape(-1,3,2) np.expand_dims(a,1) np.expand_dims(a,-1)
np.squeeze(a[:,None],axis=1) np.transpose(t,(0,2,1)) np.swapaxes(t,1,2)
np.concatenate([a,b],axis=1) np.concatenate([a,b],axis=-1) np.stack([s,s],axis=1)
np.stack([a,b],axis=-1) np.stack([a,b],axis=1) np.concatenate([a,s[:,None]],axis=1) np.take(v,i)
np.take(w,i,axis=0) w[i] v[i] np.ones_like(a) np.zeros_like(a) np.full_like(a,2.5) v.sum()
jax.scipy.linalg.cholesky(w@w.T) jax.scipy.linalg.cholesky(w@w.T,lower=True)
jax.scipy.linalg.solve_triangular(w@w.T,v) jax.scipy.linalg.solve_triangular(w@w.T,w,lower=True)
jax.scipy.linalg.solve_triangular(w@w.T,w,trans=1) np.trace(w@w.T)
np.sum(w) np.mean(w,axis=0) w.T w.mean() np.outer(v,v) v@v np.diag(v) np.sum(w,axis=0) np.eye(3)
np.identity(2) np.arange(4) np.arange(1,7,2) np.arange(0.5,2.5,0.5) np.linspace(0.0,1.0,6)
np.ones((2,3)) np.zeros(3) np.full((2,),1.5) np.array([1.0,2.0]) np.array([[v[0],1.0],[2.0,v[1]]])
np.ones(3,dtype=int) np.broadcast_to(v,(2,3)) np.squeeze(w[None]) np.ravel(w) w.flatten()
np.prod([2,3]) len(v) a.shape[1] a.ndim w.size math.sqrt(2.0) math.pi np.e sum([1,2]) max(2,3)
np.linspace(2.0,3.0,1) np.split(a,3,axis=1)[1] np.split(w,[1,3],axis=1)[1] np.split(w,[1,3],-1)[2]
np.split(w,3)[2] jnp.split(t,2,axis=1)[0] jnp.unstack(w,axis=1)[3] jnp.unstack(a,axis=-1)[0]
math.exp(v[0]) np.pi*v [(x)for(x)in[1,2]] (1,2)[0] {"k":2}["k"] (3)if(True)else(4) 3<4<5
""".split()  # fmt: skip


def laid_out(text: str, *, plate: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    """The value of an expression in the graph: plate axis first, float64."""
    lines = f"inf.Normal(({text}), 1.0)"
    if plate:
        lines = f"with inf.datamodel():\n    {lines}"
    found = body(lines, ROWS)
    (site,) = (node for node in found if isinstance(node, Sample))
    name = dict(site.args)["loc"]
    types = {node.name: node.type for node in found}
    inputs = {d.name: ARRAYS[d.name] for d in found.data}
    values = evaluate_nodes(found, inputs, [name], axis_sizes={"N": 5} if plate else {})
    return np.asarray(values[name], float), types[name].axes


def reference(text: str) -> np.ndarray:
    return np.asarray(eval(text, {**NAMES, **ARRAYS}), float)


@pytest.mark.parametrize("text", ELEMENTWISE + ALONG)
def test_an_expression_is_what_its_library_computes(text: str) -> None:
    found, axes = laid_out(text, plate=False)
    assert axes == ()
    np.testing.assert_allclose(found, reference(text), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("text", ELEMENTWISE + ALONG)
def test_in_a_plate_code_sees_the_rows_as_the_leading_axis(text: str) -> None:
    found, axes = laid_out(text, plate=True)
    wanted = reference(text)
    assert found.shape == wanted.shape
    assert bool(axes) == (wanted.shape[:1] == (5,))
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)
