"""The grammar at the top of nodes.py says what the classes are, and nothing else."""

from __future__ import annotations

import dataclasses
import re
from typing import get_args

import pytest

from ppc.ir import nodes, types

IMPLIED = {"span"}  # every node has one; `type` too, which Graph and Support lack
CLASSES = {c.__name__: c for c in (nodes.Graph, nodes.Support, types.Tensor, *get_args(nodes.Node))}


def grammar() -> dict[str, tuple[list[str], str]]:
    """Class name to its fields and the remark behind them."""
    assert nodes.__doc__ is not None
    # A list of kinds may go on in a line of its own: `| kind`.
    rule = re.compile(
        r"^ +(?:\w+ +=|\|) *(\w+)\(([\w, ]*)\) *(.*(?:\n +\| [\w ]+$)?)", re.MULTILINE
    )
    found = rule.findall(nodes.__doc__)
    return {name: (fields.split(", "), " ".join(remark.split())) for name, fields, remark in found}


def test_the_grammar_names_every_class() -> None:
    assert set(grammar()) == set(CLASSES)


def test_the_grammar_names_every_field() -> None:
    for name, (fields, _) in grammar().items():
        implied = IMPLIED | {"type"} if CLASSES[name] in get_args(nodes.Node) else IMPLIED
        actual = [f.name for f in dataclasses.fields(CLASSES[name]) if f.name not in implied]
        assert sorted(fields) == sorted(actual), name


def test_the_grammar_lists_the_kinds() -> None:
    kinds = {
        "Noise": get_args(nodes.NoiseKind),
        "Sample": get_args(nodes.Role),
        "Region": get_args(nodes.RegionKind),
    }
    for name, words in kinds.items():
        assert grammar()[name][1].split(":")[0].split(" | ") == list(words)


def test_nodes_are_frozen_slotted_and_keep_their_span_out_of_equality() -> None:
    for cls in get_args(nodes.Node):
        assert "__slots__" in vars(cls)
        with pytest.raises(dataclasses.FrozenInstanceError):
            cls.__new__(cls).name = "x"
        assert cls.__bases__ == (object,)
        fields = {f.name: f for f in dataclasses.fields(cls)}
        assert list(fields)[:2] == ["name", "type"]
        assert not fields["span"].compare
