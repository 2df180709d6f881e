"""What goes across a subsampled plate: of the data it is computed before the loop, else refused."""

from __future__ import annotations

import numpy as np
import pytest
from ppc_frontend import compile_source
from ppc_numpy import evaluate, random_inputs

from ppc.compiler import Compilation, Options, compile_loss
from ppc.diagnostics import CompileError
from ppc.ir.parse import parse_graph
from ppc.spans import Source

MODEL = """model m()
plate users = users
plate N = N
user: i32[N |] = data argument
c: f32[] = const 0.0
one: f32[] = const 1.0
w: f32[] = sample Normal(loc=c, scale=one) latent
theta: f32[users |] = sample Normal(loc=w, scale=one) latent
x: f32[N |] = data argument
own: f32[N |] = take_axis(theta, user; axis="users")
row: i32[N |] = axis_index(axis="N")
trend: f32[N |] = cast(row; dtype="f32")
top: f32[] = reduce_axis(x; op="max", axes=("N",))
loc_1: f32[N |] = add(own, trend)
loc: f32[N |] = add(loc_1, top)
y: f32[N |] = sample Normal(loc=loc, scale=one) latent
z: f32[users |] = sample Normal(loc=theta, scale=one) latent
"""


def compiled(*subsample: str) -> Compilation:
    return compile_loss(parse_graph(MODEL), None, Options(("y", "z"), subsample))


def test_numbers_of_rows_and_reductions_of_data_are_those_of_all_rows() -> None:
    whole, batched = compiled(), compiled("N")
    rng = np.random.default_rng(0)
    sizes = {"N": 6, "users": 3}
    graph = whole.graphs["typed"]
    point = random_inputs(graph, rng, sizes=sizes, axis_sizes=sizes)
    point["user"] = np.array([0, 2, 1, 0, 2, 2])
    prepare = batched.graphs["prepare"]
    given = {n.name: point[n.name] for n in prepare.data}
    ready = evaluate(prepare, given, sizes=sizes)
    if "prepare" in whole.graphs:
        first = whole.graphs["prepare"]
        own = {n.name: point[n.name] for n in first.data}
        point = {**point, **evaluate(first, own, sizes=sizes)}
    full = evaluate(graph, {n: x for n, x in point.items() if n in graph.by_name()}, sizes=sizes)
    typed = batched.graphs["typed"]
    types = {node.name: node.type for node in typed.data}
    total = 0.0
    for rows in (np.array([4, 1, 0]), np.array([3, 5, 2])):
        batch = {
            name: x[rows] if types.get(name) and types[name].axes == ("N",) else x
            for name, x in {**point, **ready}.items()
            if name in typed.by_name()
        }
        terms = evaluate(typed, {**batch, "N_weight": np.full(3, 2.0)}, sizes=sizes)
        total += float(terms["y"]) / 2
    np.testing.assert_allclose(total, full["y"], rtol=1e-12)


def test_a_gather_across_a_subsampled_plate_is_refused() -> None:
    with pytest.raises(CompileError) as caught:
        compiled("users")
    assert caught.value.mistakes[0].message() == (
        "this picks rows of the variable 'theta', but of users a step of the fit sees only the "
        "rows of a batch"
    )


TEXT = """
import ppc as inf
from jaxtyping import Array, Float

@inf.probmodel
def model(x: Float[Array, "N"]):
    top = x.max()
    with inf.datamodel():
        z = inf.Normal(0.0, 1.0)
        y = inf.Normal(z + x - top, 1.0)
"""


def test_an_array_that_is_used_whole_outside_its_plate_is_whole_under_batches() -> None:
    model = compile_source(Source("model.py", TEXT)).graph
    c = compile_loss(model, None, Options(("y",), ("N",)))
    assert any(str(n.type) == "f32[]" for n in c.graphs["typed"].data if n.origin == "prepared")
