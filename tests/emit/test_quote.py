"""Templates with holes."""

from __future__ import annotations

import pytest

from ppc.emit.printer import print_expression, print_statements
from ppc.emit.quote import expression, statements
from ppc.emit.tree import Assign, Constant, Name, Param, Return, call


def test_every_kind_of_hole() -> None:
    body = statements(
        '''
        def __name__x__():
            pass


        def __function__(params, __noise__, *, __rows__=1):
            """The loss of __site__."""
            # from __site__
            a = f(*__args__, **__keywords__)  # of __site__
            __body__
            if __keep__:
                # kept
                b = 1
            else:
                b = 2

            return a.__field__ + __value__ + "__site__"
        ''',
        name__x="g", function="loss", noise=[Param("z"), Param("w")], rows="rows_2",
        site='x"""\nimport os', args=[Name("p"), Name("q")], keywords={"k": Constant(2)},
        body=[Assign(Name("t"), Name("u"))], keep=True, field="kernel",
        value=call("jnp.sum", Name("p")),
    )  # fmt: skip
    assert (
        print_statements(body)
        == '''\
def g():
    pass


def loss(params, z, w, *, rows_2=1):
    """The loss of x\\"\\"\\"
    import os.
    """
    # from x"""\\nimport os
    a = f(p, q, k=2)  # of x"""\\nimport os
    t = u
    # kept
    b = 1

    return a.kernel + jnp.sum(p) + 'x"""\\nimport os\''''
    )


def test_a_dropped_branch_takes_its_comments_along() -> None:
    template = """
    a = 1
    if __extra__:
        # extra
        b = 2
    # last
    c = 3
    """
    assert print_statements(statements(template, extra=False)) == "a = 1\n# last\nc = 3"
    assert print_statements(statements(template, extra=True)) == (
        "a = 1\n# extra\nb = 2\n# last\nc = 3"
    )


def test_comments_of_branches_stay_where_they_are() -> None:
    text = """\
if a:
    x = 1
    # end of the first
elif b:
    # start of the second
    x = 2
else:
    # start of the third
    x = 3
# after
y = 4"""
    assert print_statements(statements(text)) == text


@pytest.mark.parametrize(
    ("template", "holes", "message"),
    [
        ("x = __y__", {}, "not filled"),
        ("x = 1", {"y": Name("z")}, "no hole y"),
        ("x = __y__", {"y": "import os"}, "not an identifier"),
        ("x = __y__", {"y": "class"}, "not an identifier"),
        ("x = __y__", {"y": [Name("a")]}, "does not take"),
        ("__y__", {"y": [Name("a")]}, "does not take"),
        ("f(*__y__)", {"y": [Return()]}, "does not take"),
        ("x.__y__ = 1", {"y": "a b"}, "not an identifier"),
        ("f(**__y__)", {"y": {"a b": Name("a")}}, "not an identifier"),
    ],
)
def test_a_hole_takes_only_what_fits(template: str, holes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        statements(template, **holes)


def test_an_expression() -> None:
    filled = expression("__x__.sum(-1) ** 0x1A17", x=call("jnp.exp", Name("y")))
    assert print_expression(filled) == "jnp.exp(y).sum(-1) ** 0x1A17"


def test_dunder_names_of_python_are_no_holes() -> None:
    text = 'if __name__ == "__main__":\n    main()'
    assert print_statements(statements(text)) == text
