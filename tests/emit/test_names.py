"""Identifiers for any text."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppc.emit.names import Names, identifier


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("qz_loc", "qz_loc"), ("_private", "private"), ("a b", "a_b"), ("theta/1", "theta_1"),
        ("class", "class"), ("1st", "x_1st"), ("", "x"), ("θ", "theta"), ("Σ_x", "Sigma_x"),
        ("größe", "grosse"), ("x²", "x2"), ("中", "u4e2d"), ("nn1_0.kernel", "nn1_0_kernel"),
        ("a\nimport os", "a_import_os"), ("()", "x"),
    ],
)  # fmt: skip
def test_spelling(text: str, name: str) -> None:
    assert identifier(text) == name


def test_what_python_or_the_program_has_taken() -> None:
    names = Names(["loss"])
    assert [names.fresh(h) for h in ("x", "x", "x", "class", "jnp", "sum", "loss", "sum")] == [
        "x", "x_2", "x_3", "class_", "jnp_", "sum_", "loss_2", "sum_2",
    ]  # fmt: skip
    inner = names.nested()
    assert inner.fresh("y") == "y" and names.fresh("y") == "y"
    assert inner.fresh("x") == "x_4"


@given(st.lists(st.text(), unique=True))
def test_names_are_legal_and_differ(texts: list[str]) -> None:
    names = Names().all(texts)
    assert len(set(names.values())) == len(texts)
    assert all(n.isidentifier() and n.isascii() for n in names.values())
    assert not any(keyword.iskeyword(n) for n in names.values())
    assert names == Names().all(texts)
