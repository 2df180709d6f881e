"""What holds of every bound: batches add up, the order of rows is nothing, rows count once."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from model_suite import NAMES, after, case, loss_after
from ppc_frontend.api import compile_file
from ppc_numpy import evaluate, random_inputs, value_and_gradient

from ppc.compiler import Options, compile_loss
from ppc.diagnostics import CompileError
from ppc.ir.nodes import Graph
from ppc.objective.functions import Query, query

N = 7  # rows: no multiple of a batch
SUBSAMPLED = [name for name in NAMES if case(name).options.subsample]
# Where a row's number is part of the model, rows cannot change places.
NUMBERED = ("trend_loops",)
# A row that reads the rows before it is scored from the data, in any order, and drawn in theirs.
SEQUENCES = ("ar2",)


def plates_of(graph: Graph) -> list[str]:
    """The plates of which a step sees a batch."""
    return [axis.name for axis in graph.axes if axis.subsampled]


def full_point(name: str) -> tuple[Graph, dict[str, np.ndarray], dict[str, int]]:
    """A loss, inputs of it for all rows, each of weight 1, and its named sizes.

    What a batch cannot compute of itself, such as the numbers of its rows, is prepared from all.
    """
    graphs = after(name, "stage").graphs
    loss, raw = graphs["loss"], loss_after(name, "objective")
    plates = plates_of(loss)
    known = {plate: N - i for i, plate in enumerate(plates)}
    sizes = {loss.axis(plate).size.name or "": n for plate, n in known.items()}
    rng = np.random.default_rng(0)
    whole = random_inputs(raw, rng, sizes=sizes, axis_sizes=known)
    data = {node.name for node in raw.data}
    given = {n: whole[n] for n in loss.by_name() if n in data & set(whole)}
    point = random_inputs(loss, rng, sizes=sizes, axis_sizes=known, given=given)
    if "prepare" in graphs:
        needed = {node.name: whole[node.name] for node in graphs["prepare"].data}
        point |= evaluate(graphs["prepare"], needed, sizes=sizes, axis_sizes=known)
    return loss, {**point, **{f"{p}_weight": np.ones(n) for p, n in known.items()}}, sizes


Rows = Mapping[str, np.ndarray]


def rows_of(graph: Graph, point: dict[str, np.ndarray], rows: Rows) -> dict[str, np.ndarray]:
    """The inputs of these rows of each plate: data, noise, and parameters with rows."""
    types = {node.name: node.type for node in graph.nodes}
    picked = dict(point)
    for plate, own in rows.items():
        for name, x in picked.items():
            if plate in types[name].axes:
                picked[name] = np.take(x, own, axis=types[name].axes.index(plate))
    return picked


@pytest.mark.parametrize("name", SUBSAMPLED)
def test_the_mean_over_the_batches_of_an_epoch_is_the_full_loss(name: str) -> None:
    graph, point, sizes = full_point(name)
    whole = evaluate(graph, point, sizes=sizes)
    rng = np.random.default_rng(1)
    orders = [rng.permutation(len(point[f"{plate}_weight"])) for plate in plates_of(graph)]
    means = dict.fromkeys(whole, 0.0)
    numbers = [range(3 + i) for i in range(len(orders))]  # of the batches of each plate
    every = list(itertools.product(*numbers))
    for at in every:
        rows, weights = {}, {}
        for plate, order, i, all_ in zip(plates_of(graph), orders, at, numbers, strict=True):
            own = order[i :: len(all_)]
            width = -(-len(order) // len(all_))
            rows[plate] = np.resize(own, width)
            weights[f"{plate}_weight"] = np.where(np.arange(width) < len(own), len(all_), 0.0)
        batch = rows_of(graph, point, rows) | weights
        for site, term in evaluate(graph, batch, sizes=sizes).items():
            means[site] += float(term) / len(every)
    for site, term in whole.items():
        np.testing.assert_allclose(means[site], term, rtol=1e-12, atol=1e-12, err_msg=site)


@pytest.mark.parametrize("name", SUBSAMPLED)
def test_the_order_of_the_rows_is_that_of_what_is_local_and_nothing_else(name: str) -> None:
    graph, point, sizes = full_point(name)
    rng, orders = np.random.default_rng(3), {}
    for plate in plates_of(graph):
        n = len(point[f"{plate}_weight"])
        point[f"{plate}_weight"] = rng.uniform(size=n)
        orders[plate] = rng.permutation(n)
    moved = rows_of(graph, point, orders)
    floats = {node.name for node in graph.nodes if node.type.is_float}
    wrt = [n for n in point if n in floats]  # parameters, noise, data, weights
    for site, _ in graph.outputs:
        then, slopes = value_and_gradient(graph, point, site, wrt, sizes=sizes)
        now, others = value_and_gradient(graph, moved, site, wrt, sizes=sizes)
        np.testing.assert_allclose(now, then, rtol=1e-12, atol=1e-12, err_msg=site)
        for input_, slope in rows_of(graph, slopes, orders).items():
            scale = np.abs(slope).max(initial=1.0)
            what = f"{site} by {input_}"
            np.testing.assert_allclose(
                others[input_], slope, rtol=1e-9, atol=1e-11 * scale, err_msg=what
            )


@pytest.mark.parametrize("name", [n for n in SUBSAMPLED if n not in NUMBERED + SEQUENCES])
def test_a_result_has_the_order_of_its_rows(name: str) -> None:
    """Draws of the posterior and of predictions follow their rows; shared ones do not move."""
    c = after(name, "layout")
    model, guide = c.graphs["model"], c.graphs["guide"]
    latents = tuple(s.name for s in model.samples if s.role == "latent")
    observed = tuple(s.name for s in model.samples if s.role == "observed")
    inputs = tuple(s.name for s in guide.samples if s.role == "observed")
    for targets in (latents, observed):
        if not targets:
            continue
        wants = ("sample", "log_prob")
        asked = Query(targets, inputs, wants, guided_rows=True)
        graph = query(model, guide, asked)
        known = {plate: N - i for i, plate in enumerate(plates_of(model))}
        sizes = {model.axis(p).size.name or "": n for p, n in known.items()} | {"draws": 2}
        lengths = {**known, "draws": 2}
        point = random_inputs(graph, np.random.default_rng(4), sizes=sizes, axis_sizes=lengths)
        rng = np.random.default_rng(5)
        orders = {plate: rng.permutation(n) for plate, n in known.items()}
        then = evaluate(graph, point, sizes=sizes, axis_sizes=lengths)
        moved = rows_of(graph, point, orders)
        now = evaluate(graph, moved, sizes=sizes, axis_sizes=lengths)
        nodes = dict(graph.outputs)
        kept = rows_of(graph, {nodes[r]: x for r, x in then.items()}, orders)
        for result, node in nodes.items():
            np.testing.assert_allclose(
                now[result], kept[node], rtol=1e-9, atol=1e-9, err_msg=result
            )


def compiled(tmp_path: Path, text: str, observed: tuple[str, ...], *, guide: bool = False,
             subsample: tuple[str, ...] = ("N",)):  # fmt: skip
    file = tmp_path / "model.py"
    head = "import numpy as np\nimport ppc as inf\n\n"
    file.write_text(head + text)
    q = compile_file(file, "guide") if guide else None
    return compile_loss(compile_file(file, "model"), q, Options(observed, subsample), observers=[])


def test_a_term_that_is_the_same_in_every_row_counts_once_a_row(tmp_path: Path) -> None:
    """z has a prior and factor without a row's data; its observed child has."""
    text = """
@inf.probmodel
def model():
    m = inf.Normal(0.0, 1.0, name="m")
    with inf.datamodel():
        z = inf.Normal(0.5, 2.0, name="z")
        inf.Normal(m + z, 1.0, name="x")

@inf.probmodel
def guide():
    s = inf.Parameter(0.3, name="s", support="positive")
    inf.Normal(0.0, s, name="m")
    with inf.datamodel():
        inf.Normal(0.0, s, name="z")
"""
    kl = np.log(2.0 / 0.3) + (0.3**2 + 0.25) / 8 - 0.5
    for subsample in (("N",), ()):
        c = compiled(tmp_path, text, ("x",), guide=True, subsample=subsample)
        graph = loss_graph(c)
        point = random_inputs(graph, np.random.default_rng(0), sizes={"N": 5}, axis_sizes={"N": 5})
        point["log_s"] = np.log(0.3)
        if subsample:
            point["N_weight"] = np.array([2.0, 2.0, 2.0, 0.0, 0.0])
        terms = evaluate(graph, point, sizes={"N": 5})
        np.testing.assert_allclose(terms["z"], (6 if subsample else 5) * kl, rtol=1e-12)


def loss_graph(c) -> Graph:
    return c.graphs["typed"]


PAIR = """
@inf.probmodel
def model():
    s = inf.HalfNormal(1.0, name="s")
    with inf.datamodel():
        z = inf.Normal(np.zeros(2), s, name="z")
        inf.Normal(z, 1.0, name="x")

@inf.probmodel
def guide():
    {s}
    with inf.datamodel():
        {z}
"""
GOOD_S = 'inf.LogNormal(0.0, 1.0, name="s")'
GOOD_Z = 'inf.Normal(np.zeros(2), 1.0, name="z")'


def mismatch(tmp_path: Path, s: str = GOOD_S, z: str = GOOD_Z) -> str:
    with pytest.raises(CompileError) as caught:
        compiled(tmp_path, PAIR.format(s=s, z=z), ("x",), guide=True)
    return "\n".join(
        line for line in str(caught.value).replace(str(tmp_path) + "/", "").split("\n")
    )


def test_the_pair_itself_fits(tmp_path: Path) -> None:
    compiled(tmp_path, PAIR.format(s=GOOD_S, z=GOOD_Z), ("x",), guide=True)


def test_mismatches_of_a_guide_are_told_as_in_the_golden_file(tmp_path: Path) -> None:
    told = [
        mismatch(tmp_path, 'inf.Normal(0.0, 1.0, name="s")', 'inf.Normal(0.0, 1.0, name="w")'),
        mismatch(tmp_path, z='inf.Normal(np.zeros(3), 1.0, name="z")'),
        mismatch(tmp_path, s='inf.Poisson(2.0, name="s")'),
        mismatch(tmp_path, z='pass\n    inf.Normal(np.zeros(2), 1.0, name="z")'),
    ]
    golden = Path(__file__).with_name("guide_mismatches.txt")
    assert f"\n{'-' * 80}\n".join(told) + "\n" == golden.read_text()


def test_a_discrete_latent_is_refused_with_and_without_a_guide(tmp_path: Path) -> None:
    text = """
@inf.probmodel
def model():
    k = inf.Poisson(3.0, name="k")
    with inf.datamodel():
        inf.Normal(k, 1.0, name="x")

@inf.probmodel
def guide():
    inf.Poisson(2.0, name="k")
"""
    with pytest.raises(CompileError, match="no mean-field factor is known for 'k'"):
        compiled(tmp_path, text, ("x",))
    with pytest.raises(CompileError, match="draws of 'k' from Poisson carry no derivative"):
        compiled(tmp_path, text, ("x",), guide=True)
