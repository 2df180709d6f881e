"""Every pass on every model of the suite: the graph stays legal and computes the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from model_suite import NAMES, changed, loss_after, stages
from ppc_numpy import evaluate, random_inputs, validate
from ppc_numpy.machine import Machine

from ppc.diagnostics import InternalError
from ppc.emit import host
from ppc.ir.nodes import Graph, Noise, Op, rename_operands
from ppc.ir.verify import check
from ppc.passes import constrain, cse, dce, fold, layout, split, stage

# What a change of order may not change. Layout is for the end: it takes away what others read.
PASSES: Mapping[str, Callable[[Graph], Graph]] = {
    "constrain": constrain.run,
    "fold": fold.run,
    "cse": cse.run,
    "dce": dce.run,
    "stage": lambda graph: stage.run(graph, host.covers).loss,
    "split": lambda graph: split.run(graph)[1],
    "layout": layout.run,
}
ORDERS = (
    "dce cse fold constrain split stage layout",
    "constrain split fold stage cse dce layout",
    "cse constrain cse fold fold stage dce split layout cse fold dce",
    "stage constrain dce split fold cse layout fold",
)


@pytest.mark.parametrize("name", NAMES)
def test_every_step_of_the_pipeline_is_legal_and_keeps_what_is_computed(name: str) -> None:
    for at, step in enumerate(stages(name)):
        for which, before, after in changed(step.before, step.after):
            positional = step.step.name == "layout" and which != "typed"
            check(after, after=step.step.name, positional=positional)
            if before is not None and after.stage in ("loss", "function"):
                validate(before, after, np.random.default_rng(at))


@pytest.mark.parametrize("alone", PASSES)
@pytest.mark.parametrize("name", NAMES)
def test_each_pass_alone_keeps_what_is_computed(name: str, alone: str) -> None:
    raw = loss_after(name, "objective")
    if alone == "layout":  # rows beyond a batch are at hand before the loop only
        raw = PASSES["stage"](raw)
    after = PASSES[alone](raw)
    check(after, after=alone, positional=alone == "layout")
    validate(raw, after, np.random.default_rng(3))


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", NAMES)
def test_passes_keep_what_is_computed_in_other_orders(name: str, order: str) -> None:
    graph = loss_after(name, "objective")
    positional = False
    for one in order.split():
        before, graph = graph, PASSES[one](graph)
        positional = positional or one == "layout"
        check(graph, after=one, positional=positional)
        validate(before, graph, np.random.default_rng(4))


@pytest.mark.parametrize("again", ["cse", "dce", "stage"])
@pytest.mark.parametrize("name", NAMES)
def test_a_pass_finds_nothing_more_when_it_runs_again(name: str, again: str) -> None:
    once = PASSES[again](loss_after(name, "objective"))
    assert PASSES[again](once) == once


@pytest.mark.parametrize("name", NAMES)
def test_prepare_computes_what_the_loss_takes_from_it(name: str) -> None:
    found = {s.step.name: s for s in stages(name)}["stage"]
    prepare = found.after.graphs.get("prepare")
    if prepare is None:
        assert not any(node.origin == "prepared" for node in found.after.graphs["loss"].data)
        return
    whole = {axis.size.name: 4 for axis in prepare.axes if axis.size.name}
    before = found.before.graphs["loss"]
    pairs = dict(prepare.outputs)
    assert set(pairs) == {n.name for n in found.after.graphs["loss"].data if n.origin == "prepared"}
    lengths = {axis.name: 4 for axis in prepare.axes if axis.size.name}
    validate(
        before, prepare, np.random.default_rng(5), sizes=whole, axis_sizes=lengths, outputs=pairs
    )


@pytest.mark.parametrize("name", NAMES)
def test_parameters_start_where_the_model_and_the_guide_say(name: str) -> None:
    raw = loss_after(name, "objective")
    on_reals = constrain.run(raw)
    init, _ = split.run(on_reals)
    env = Machine(raw, {}).env
    env.fill(raw)
    lengths = {axis.name: env.size(axis.size) for axis in raw.axes}
    given = random_inputs(init, np.random.default_rng(6), sizes=env.sizes)
    starts = evaluate(init, given, sizes=env.sizes)
    own = {n: x for n, x in given.items() if n in raw.by_name()}
    machine = Machine(raw, own, sizes=env.sizes, axis_sizes=lengths)
    forward = Machine(on_reals, starts, sizes=env.sizes, axis_sizes=lengths)
    for param in raw.params:
        machine.run([param.init])
        forward.run([param.name])
        expected = machine.values[param.init]
        shape = (*machine.env.shape(param.type),)
        np.testing.assert_allclose(forward.values[param.name], np.broadcast_to(expected, shape),
                                   rtol=1e-12, err_msg=param.name)  # fmt: skip


# --- the harness can fail ------------------------------------------------------------------------


def _each_op(graph: Graph, change: Callable[[Op], Op]) -> Graph:
    nodes = tuple(change(n) if isinstance(n, Op) else n for n in graph.nodes)
    return replace(graph, nodes=nodes)


def _swaps_a_difference(graph: Graph) -> Graph:
    return _each_op(graph, lambda n: replace(n, args=n.args[::-1]) if n.primitive == "sub" else n)


def _drops_the_weights(graph: Graph) -> Graph:
    weight = next(n.name for n in graph.data if n.origin == "weight")

    def keep(node: Op) -> Op:
        if node.primitive == "mul" and weight in node.args:
            other = next(a for a in node.args if a != weight)
            return replace(node, args=(other, other))
        return node

    return _each_op(graph, keep)


def _merges_slices_of_one_array(graph: Graph) -> Graph:
    first: dict[tuple[str, ...], str] = {}
    names: dict[str, str] = {}
    for node in graph.nodes:
        if isinstance(node, Op) and node.primitive == "slice":
            names[node.name] = first.setdefault(node.args, node.name)
    return replace(graph, nodes=tuple(rename_operands(n, names) for n in graph.nodes))


def _cuts_a_gradient(graph: Graph) -> Graph:
    return _each_op(
        graph,
        lambda n: replace(n, primitive="stop_gradient", attrs=()) if n.primitive == "neg" else n,
    )


def _reuses_noise(graph: Graph) -> Graph:
    first, *others = [n for n in graph.nodes if isinstance(n, Noise)]
    names = {n.name: first.name for n in others if n.type == first.type}
    return replace(graph, nodes=tuple(rename_operands(n, names) for n in graph.nodes))


def _rounds_a_constant(graph: Graph) -> Graph:
    def rounded(value: object) -> object:
        return float(np.float32(value)) if isinstance(value, float) else value

    nodes = tuple(
        replace(n, value=rounded(n.value)) if type(n).__name__ == "Const" else n  # type: ignore[call-arg]
        for n in graph.nodes
    )
    return replace(graph, nodes=nodes)


@pytest.mark.parametrize(
    "name, wrong",
    [
        ("poster", _swaps_a_difference),
        ("poster", _drops_the_weights),
        ("poster", _merges_slices_of_one_array),
        ("bounded", _cuts_a_gradient),
        ("schools_centred", _reuses_noise),
        ("poster", _rounds_a_constant),
    ],
)
def test_a_wrong_pass_is_found(name: str, wrong: Callable[[Graph], Graph]) -> None:
    raw = loss_after(name, "objective")
    after = wrong(raw)
    assert after != raw

    def examined() -> None:
        check(after)
        validate(raw, after, np.random.default_rng(7))

    with pytest.raises(InternalError):
        examined()


def test_a_node_that_stands_after_its_use_is_found() -> None:
    raw = loss_after("poster", "objective")
    with pytest.raises(InternalError, match=r"errors? after shuffle"):
        check(replace(raw, nodes=raw.nodes[::-1]), after="shuffle")
