"""What holds of every bound: batches add up, the order of rows is nothing, rows count once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from model_suite import NAMES, after, case, loss_after
from ppc_frontend.api import compile_file
from ppc_numpy import evaluate, random_inputs

from ppc.compiler import Options, compile_loss
from ppc.diagnostics import CompileError
from ppc.ir.nodes import Graph

N = 7  # rows: no multiple of a batch
SUBSAMPLED = [name for name in NAMES if case(name).options.subsample]


def full_point(name: str) -> tuple[Graph, dict[str, np.ndarray]]:
    """A loss, and inputs of it for all rows, each of weight 1.

    What a batch cannot compute of itself, such as the numbers of its rows, is prepared from all.
    """
    rng, known = np.random.default_rng(0), {"N": N}
    graphs = after(name, "stage").graphs
    whole = random_inputs(loss_after(name, "objective"), rng, sizes=known, axis_sizes=known)
    data = {node.name for node in loss_after(name, "objective").data}
    given = {n: whole[n] for n in graphs["loss"].by_name() if n in data & set(whole)}
    point = random_inputs(graphs["loss"], rng, sizes=known, axis_sizes=known, given=given)
    if "prepare" in graphs:
        needed = {node.name: whole[node.name] for node in graphs["prepare"].data}
        point |= evaluate(graphs["prepare"], needed, sizes=known, axis_sizes=known)
    return graphs["loss"], {**point, "N_weight": np.ones(N)}


def rows_of(graph: Graph, point: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    """The inputs of these rows: data, noise, and parameters with a row for each datum."""
    types = {node.name: node.type for node in graph.nodes}
    return {
        name: np.take(x, rows, axis=types[name].axes.index("N")) if "N" in types[name].axes else x
        for name, x in point.items()
    }


@pytest.mark.parametrize("name", SUBSAMPLED)
def test_the_mean_over_the_batches_of_an_epoch_is_the_full_loss(name: str) -> None:
    graph, point = full_point(name)
    whole = evaluate(graph, point, sizes={"N": N})
    order = np.random.default_rng(1).permutation(N)
    batches = [order[i::3] for i in range(3)]  # of 3, 2 and 2 rows
    means = dict.fromkeys(whole, 0.0)
    for rows in batches:
        padded = np.resize(rows, 3)
        weight = np.where(np.arange(3) < len(rows), 3.0, 0.0)
        batch = {**rows_of(graph, point, padded), "N_weight": weight}
        for site, term in evaluate(graph, batch, sizes={"N": N}).items():
            means[site] += float(term) / 3
    for site, term in whole.items():
        np.testing.assert_allclose(means[site], term, rtol=1e-12, atol=1e-12, err_msg=site)


@pytest.mark.parametrize("name", SUBSAMPLED)
def test_the_order_of_the_rows_changes_nothing(name: str) -> None:
    graph, point = full_point(name)
    point["N_weight"] = np.random.default_rng(2).uniform(size=N)
    moved = rows_of(graph, point, np.random.default_rng(3).permutation(N))
    then, now = (evaluate(graph, p, sizes={"N": N}) for p in (point, moved))
    for site, term in then.items():
        np.testing.assert_allclose(now[site], term, rtol=1e-12, atol=1e-12, err_msg=site)


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
