"""Whole models: sites, types, plates, hyperparameters, inlining."""

from __future__ import annotations

from textwrap import dedent

import pytest
from ppc_frontend.api import compile_file, models_in
from programs import body, compiled, graph, mistakes, types

from ppc.ir.nodes import Const, Data, Hyper, Op, Param, Sample
from ppc.ir.sizes import Size
from ppc.ir.text import print_graph
from ppc.spans import Source

CLASSIFIER = """
@inf.probmodel
def digit_classifier(k, d0, dx, dy):
    with inf.datamodel():
        z = inf.Normal(tf.ones(k) * 0.1, 1., name="z")
        nn1 = tf.keras.Sequential([tf.keras.layers.Dense(d0, tf.nn.relu),
                                   tf.keras.layers.Dense(dx)])
        nn2 = tf.keras.Sequential([tf.keras.layers.Dense(dy)])
        x = inf.Normal(nn1(z), 1., name="x")
        y = inf.Categorical(logits=nn2(z), name="y")

@inf.probmodel
def qmodel(k, d0, dx):
    with inf.datamodel():
        x = inf.Normal(tf.ones(dx), 1, name="x")
        encoder = tf.keras.Sequential([tf.keras.layers.Dense(d0, activation=tf.nn.relu),
                                       tf.keras.layers.Dense(2 * k)])
        output = encoder(x)
        qz_loc = output[:, :k]
        qz_scale = tf.nn.softplus(output[:, k:]) + 0.01
        qz = inf.Normal(qz_loc, qz_scale, name="z")
"""


def test_the_classifier() -> None:
    found = graph(CLASSIFIER, "digit_classifier")
    sites = {s.name: (s.distribution, str(s.type)) for s in found.samples}
    assert sites == {
        "z": ("Normal", "f32[N | k]"),
        "x": ("Normal", "f32[N | dx]"),
        "y": ("Categorical", "i32[N |]"),
    }
    assert {p.name: str(p.type) for p in found.params} == {
        "nn1_0.kernel": "f32[k, d0]", "nn1_0.bias": "f32[d0]",
        "nn1_1.kernel": "f32[d0, dx]", "nn1_1.bias": "f32[dx]",
        "nn2_0.kernel": "f32[k, dy]", "nn2_0.bias": "f32[dy]",
    }  # fmt: skip
    assert dict(found.hypers) == dict.fromkeys(("k", "d0", "dx", "dy"))
    assert [(axis.name, axis.kind, str(axis.size)) for axis in found.axes] == [("N", "plate", "N")]


def test_its_guide() -> None:
    found = graph(CLASSIFIER, "qmodel", k=2)
    seen = types(found)
    assert seen["output"] == "f32[N | 2*k]"
    assert seen["qz_loc"] == seen["qz_scale"] == seen["z"] == "f32[N | k]"
    site = next(s for s in found.samples if s.name == "z")
    assert dict(site.args) == {"loc": "qz_loc", "scale": "qz_scale"}
    assert dict(found.hypers) == {"k": 2, "d0": None, "dx": None}


def test_sizes_stay_names_and_fixed_values_are_kept() -> None:
    found = body("x = inf.Normal(np.zeros((k, 2 * k + 1)), 1.)", "k=3, *, j=4")
    assert types(found)["x"] == "f32[k, 2*k + 1]"
    assert found.sizes["k"] == 3


def test_a_name_and_a_number_unify_when_the_name_is_fixed() -> None:
    found = body("x = inf.Normal(np.zeros(J), np.array([1., 2., 3.]))", "J=3")
    assert found.equalities == ((Size.of("J"), Size.of(3)),)


def test_a_hyperparameter_that_decides_structure_is_a_constant_everywhere() -> None:
    lines = """
    x = inf.Normal(np.zeros(k), 1.)
    for i in range(k):
        inf.Normal(0., 1., name=f"t_{i}")
    """
    found = body(lines, "k", k=2)
    assert [s.name for s in found.samples] == ["x", "t_0", "t_1"]
    assert types(found)["x"] == "f32[2]"
    assert found.hypers == ()


def test_a_number_is_a_number_and_never_a_size() -> None:
    found = body("x = inf.Normal(0., sigma)", "sigma")
    assert isinstance(found.by_name()["sigma"], Hyper)
    assert found.hypers == ()
    fixed = body("x = inf.Normal(0., sigma)", "sigma", sigma=3)
    (site,) = fixed.samples
    scale = fixed.by_name()[dict(site.args)["scale"]]
    assert isinstance(scale, Const) and scale.value == 3.0
    assert fixed.hypers == ()


def test_a_size_used_as_a_number_too() -> None:
    found = body("x = inf.Normal(np.zeros(k), 1. / k)", "k")
    (site,) = found.samples
    scale = found.by_name()[dict(site.args)["scale"]]
    assert isinstance(scale, Op) and scale.primitive == "div"
    assert any(isinstance(n, Op) and n.primitive == "dim" for n in found)


@pytest.mark.parametrize(
    ("size", "text"),
    [("k + k", "2*k"), ("k // 2", "k//2"), ("2 * k // 2", "k"), ("28 * 28", "784"),
     ("k * d - k", "d*k - k"), ("k ** 2", "k*k"), ("(2 * k * d) // d", "2*k"), ("int(k)", "k"),
     ("max(2, 3)", "3"), ("len([1, 2]) + k", "k + 2")],
)  # fmt: skip
def test_arithmetic_on_sizes(size: str, text: str) -> None:
    found = body(f"x = inf.Normal(np.zeros(({size}, d)), 1.)", "k, d")
    assert types(found)["x"] == f"f32[{text}, d]"


def test_globals_and_rows() -> None:
    lines = """
    w = inf.Normal(np.zeros((d, e)), 1.)
    with inf.datamodel():
        y = inf.Normal(x @ w, 1.)
        z = inf.Normal(0., 1.)
        u = inf.Normal(z[:, None] * np.ones(d), y.sum(axis=1)[:, None] ** 2)
    """
    found = body(lines, 'd, e, x: Float[Array, "N d"]')
    seen = types(found)
    assert (seen["x"], seen["w"]) == ("f32[N | d]", "f32[d, e]")
    assert (seen["y"], seen["z"], seen["u"]) == ("f32[N | e]", "f32[N |]", "f32[N | d]")
    assert found.data[0].origin == "argument"


def test_an_array_outside_its_plate_has_all_its_dimensions() -> None:
    lines = """
    centre = x.mean(axis=0)
    with inf.datamodel():
        y = inf.Normal(x - centre, 1.)
    """
    seen = types(body(lines, 'x: Float[Array, "N d"]'))
    assert (seen["x"], seen["from_axis"], seen["centre"]) == ("f32[N | d]", "f32[N, d]", "f32[d]")
    assert seen["y"] == "f32[N | d]"


def test_without_a_plate_arrays_are_positional() -> None:
    found = body("y = inf.Normal(x @ np.ones(d), 1.)", 'x: Float[Array, "N d"], d')
    assert types(found)["y"] == "f32[N]"
    assert found.axes == ()
    assert dict(found.hypers) == {"N": None, "d": None}


@pytest.mark.parametrize(
    ("parameters", "size", "axis", "length"),
    [("", "", "N", "N"), ("N", "", "rows", "rows"), ("n", "n", "n", "n"), ("", "7", "N", "7"),
     ("n", "2 * n", "N", "2*n"), ('x: Float[Array, "M 2"]', "x.shape[0]", "M", "M")],
)  # fmt: skip
def test_the_name_of_the_plate(parameters: str, size: str, axis: str, length: str) -> None:
    lines = f"with inf.datamodel({size}):\n    y = inf.Normal(0., 1.)"
    found = body(lines, parameters)
    assert [(a.name, str(a.size)) for a in found.axes] == [(axis, length)]
    assert types(found)["y"] == f"f32[{axis} |]"


def test_names_of_sites() -> None:
    lines = """
    a = inf.Normal(0., 1.)
    b = inf.Normal(0., 1., name="c")
    d, e = inf.Normal(0., 1.), inf.Normal(0., 1.)
    f = [inf.Normal(0., 1.) for _ in range(2)]
    g = {}
    g["h"] = inf.Normal(0., 1.)
    i = [0.] * 2
    for j in range(2):
        i[j] = inf.Normal(0., 1.)
        k = inf.Normal(0., 1.)
    l = inf.Normal(0., 1., name=f"l_{2 + 1}")
    inf.Normal(inf.Normal(0., 1.), 1.)
    """
    names = [site.name for site in body(lines).samples]
    assert names == ("a c d e f g_h i k l_3 randvar_0 randvar_1".split())


def test_sites_keep_their_names_before_other_nodes() -> None:
    lines = """
    x = np.exp(inf.Normal(0., 1., name="y"))
    inf.Normal(x, 1., name="x")
    """
    found = body(lines)
    assert [s.name for s in found.samples] == ["y", "x"]
    (op,) = (n for n in found if isinstance(n, Op))
    assert op.name == "x_1"


def test_functions_are_inlined() -> None:
    text = """
    scale = 2.0

    def twice(x, times=scale):
        return x * times

    def apply(f, *args, **named):
        return f(*args, **named)

    @inf.probmodel
    def m(k, act=np.tanh):
        shift = 1.0
        add = lambda v: v + shift
        def both(v):
            return add(v), twice(v)
        a, b = both(inf.Normal(np.zeros(k), 1., name="z"))
        shift = 3.0
        c = apply(twice, act(a), times=4.0)
        x = inf.Normal(c + b, 1.)
    """
    found = graph(text)
    constants = {n.value for n in found if isinstance(n, Const)}
    assert constants == {0.0, 1.0, 2.0, 4.0}
    assert [n.primitive for n in found if isinstance(n, Op)] == (
        ["broadcast_to", "add", "mul", "tanh", "mul", "add"]
    )


def test_a_function_given_as_an_argument() -> None:
    text = """
    def decoder(z, d):
        return tf.keras.layers.Dense(d)(z)

    @inf.probmodel
    def m(k, d, decoder):
        with inf.datamodel():
            z = inf.Normal(tf.ones(k), 1.)
            x = inf.Normal(decoder(z, d), 1.)
    """
    from ppc_frontend import file_calls
    from programs import source

    calls = file_calls(source(text + "\n    p = m(2, 3, decoder)\n"))
    found = graph(text, **calls.settings("m"))
    assert [p.name for p in found.params] == ["dense.kernel", "dense.bias"]


def test_decisions_on_known_values_are_made_now() -> None:
    lines = """
    if deep and k > 1:
        x = inf.Normal(np.zeros(k), 1.)
    elif deep:
        x = inf.Laplace(0., 1.)
    else:
        x = inf.Cauchy(0., 1.)
    y = inf.Normal(0., 1.) if not deep else inf.Cauchy(0., 1.)
    for i, s in enumerate(["a", "b", "c"]):
        if s == "b":
            continue
        if i == 2:
            break
        z = inf.Normal(0., 1., name=s)
    """
    dists = [(s.name, s.distribution) for s in body(lines, "k, deep=True", k=2).samples]
    assert dists == [("x", "Normal"), ("y", "Cauchy"), ("a", "Normal")]
    other = body(lines, "k, deep=True", k=1).samples
    assert other[0].distribution == "Laplace"


def test_a_conditional_expression_on_tensors_selects() -> None:
    lines = """
    x = inf.Normal(0., 1.)
    y = inf.Normal(x if 0. < x < 1. else -x, 1.)
    """
    ops = [n.primitive for n in body(lines) if isinstance(n, Op)]
    assert ops == ["lt", "lt", "logical_and", "neg", "where"]


def test_parameters() -> None:
    lines = """
    a = inf.Parameter(1., support="positive")
    b = inf.Parameter(np.zeros(k), name="beta")
    c = inf.Parameter(tf.random.normal([k], stddev=0.1), support=inf.positive)
    with inf.datamodel():
        d = inf.Parameter(np.ones(k))
        x = inf.Normal(d + b, a)
    """
    found = body(lines, "k")
    params = {p.name: (str(p.type), str(p.support)) for p in found.params}
    assert params == {
        "a": ("f32[]", "positive"), "beta": ("f32[k]", "real"), "c": ("f32[k]", "positive"),
        "d": ("f32[N | k]", "real"),
    }  # fmt: skip


def test_observe_gives_a_site_its_value() -> None:
    lines = """
    mu = inf.Normal(0., 1.)
    with inf.datamodel():
        inf.observe(inf.Normal(mu, 1., name="obs"), y)
    """
    found = body(lines, 'y: Float[Array, "N"]')
    assert [(s.name, s.role) for s in found.samples] == [("mu", "latent"), ("obs", "observed")]
    assert found.outputs == (("obs", "y"),)
    lines = "with inf.datamodel():\n    z = inf.observe(inf.Normal(0., 1.), y)\n"
    lines += "    inf.observe(inf.Normal(0., 1.), y)"
    other = body(lines, 'y: Float[Array, "N"]')
    assert other.outputs == (("z", "y"), ("y_obs", "y"))


def test_sample_shape() -> None:
    seen = types(body("x = inf.Normal(np.zeros(3), 1., sample_shape=(k, 2))", "k"))
    assert seen["x"] == "f32[k, 2, 3]"
    lines = "with inf.datamodel():\n    x = inf.Normal(0., 1., sample_shape=3)"
    inside = compiled(
        "@inf.probmodel\ndef m():\n" + "".join(f"    {s}\n" for s in lines.split("\n"))
    )
    assert types(inside.graph)["x"] == "f32[N |]"
    assert [w.code for w in inside.warnings] == ["sample-shape"]


def test_event_dimensions_do_not_broadcast_with_rows() -> None:
    lines = """
    with inf.datamodel():
        z = inf.MultivariateNormalDiag(np.zeros(3), np.ones(3))
        i = inf.Categorical(probs=np.array([0.25, 0.75]))
        y = inf.Categorical(logits=z)
        x = inf.Normal(np.array([1., 2.])[i], 1.)
    """
    seen = types(body(lines))
    assert (seen["z"], seen["y"], seen["x"]) == ("f32[N | 3]", "i32[N |]", "f32[N |]")


def test_parameters_of_distributions_bind_as_in_tfp() -> None:
    lines = """
    a = inf.Normal(loc=0., scale=1., validate_args=True)
    b = inf.Bernoulli(0.3, name="b")
    c = inf.Bernoulli(probs=0.3, dtype=tf.float32)
    d = inf.Gamma(2., rate=3.)
    e = inf.StudentT(4., 0., 1.)
    f = inf.Uniform()
    g = inf.Bernoulli(None, 0.3)
    """
    found = {s.name: s for s in body(lines).samples}
    names = {name: [p for p, _ in site.args] for name, site in found.items()}
    assert names["b"] == ["logits"] and names["c"] == names["g"] == ["probs"]
    assert names["d"] == ["concentration", "rate"] and names["e"] == ["df", "loc", "scale"]
    assert names["f"] == ["low", "high"]
    assert str(found["c"].type) == "f32[]"


def test_imports_under_any_name() -> None:
    text = """
    import inferpy as i
    import numpy as n, jax.numpy as j
    from inferpy import Normal as Nm, datamodel
    from jax import nn
    from tensorflow.keras.layers import Dense as D
    from tensorflow import keras
    from ppc import tf as t

    @i.probmodel
    def m(k):
        import math as ma
        from jax.numpy import tanh
        with datamodel():
            z = Nm(n.zeros(k), ma.sqrt(4.))
            h = keras.Sequential([D(3, "relu"), D(2, nn.softplus)])(j.exp(tanh(z)))
            x = i.Normal(t.reduce_sum(h, axis=-1), t.math.exp(0.))
    """
    found = graph(text, "m")
    ops = [n.primitive for n in found if isinstance(n, Op) and not n.name.startswith("cast")]
    assert {"tanh", "exp", "relu", "softplus", "sum"} <= set(ops)
    assert [s.name for s in found.samples] == ["z", "x"]


def test_models_in_functions_see_the_names_around_them() -> None:
    text = """
    def main():
        k = 3
        from numpy import zeros as nought
        def helper(x):
            return x + k
        @inf.probmodel
        def inner():
            x = inf.Normal(helper(nought(k)), 1.)
        return inner
    """
    assert types(graph(text))["x"] == "f32[3]"


def test_docstrings_prints_and_assertions_that_hold_do_nothing() -> None:
    text = '''
    @inf.probmodel
    def m():
        """What it is."""
        assert len([1, 2]) == 2, "holds"
        print("hello", undefined := 3) if False else None
        print("seen")
        pass
        x: float = inf.Normal(0., 1.)
        assert x > 0
        return x
    '''
    found = compiled(text)
    assert [s.name for s in found.graph.samples] == ["x"]
    assert [w.code for w in found.warnings] == ["print", "assert-ignored"]


def test_data_and_constants_are_typed() -> None:
    found = body(
        "x = inf.Normal(np.where(c, i, 1.5), 1.)", 'c: Bool[Array, "k"], i: Int[Array, "k"]'
    )
    assert {d.name: str(d.type) for d in found if isinstance(d, Data)} == {
        "c": "bool[k]", "i": "i32[k]"
    }  # fmt: skip
    assert all(isinstance(p, Param | Sample | Op | Const | Data) for p in found)


def test_parts_of_symbolic_sizes() -> None:
    found = body(
        """
        with inf.datamodel():
            h = tf.keras.layers.Dense(2 * k)(x)
            loc, raw = tf.split(h, 2, axis=-1)
            one, rest, three = tf.split(x, [1, -1, 3], axis=1)
            first, second = tf.unstack(tf.zeros([2, k]))
            inf.Normal(loc + first, tf.nn.softplus(raw), name="z")
            inf.Normal(rest, 1., name="y")
        """,
        'x: Float[Array, "N d"], k, d',
    )
    seen = types(found)
    assert (seen["loc"], seen["raw"], seen["rest"]) == (
        "f32[N | k]",
        "f32[N | k]",
        "f32[N | d - 4]",
    )
    for call in ("tf.split(tf.ones(k), 2)", "tf.split(tf.ones(5), 2)", "tf.unstack(tf.ones(k))"):
        assert mistakes(f"inf.Normal({call}[0], 1.)", "k").mistakes


PROBABILITIES = {
    "p": True, "p[0]": True, "q": True, "1.0 - q": True, "w": True, "r": False, "p * 2.0": False,
    "logits=p[0]": False, "probs=p[0]": False, "np.log(p[0])": False, "0.5": False,
}  # fmt: skip


@pytest.mark.parametrize("argument", PROBABILITIES)
def test_probabilities_in_the_place_of_logits_are_warned_of(argument: str) -> None:
    found = compiled(f"""
@inf.probmodel
def model():
    p = inf.Beta([1., 1.], 1.)
    q = tf.nn.sigmoid(inf.Normal(0., 1., name="u"))
    w = inf.Uniform(0., 1.)
    r = inf.Uniform(0., 2.)
    with inf.datamodel():
        y = inf.Bernoulli({argument})
""")
    assert [w.code for w in found.warnings] == ["logits"] * PROBABILITIES[argument]


def test_models_in_classes_are_found_and_see_no_names_of_the_class() -> None:
    source = """
        import ppc as inf

        s = 2.0

        class Models:
            s = 5.0

            @staticmethod
            def helper(): ...

            @inf.probmodel
            def within():
                z = inf.Normal(0.0, s)
    """
    assert [info.name for info in models_in(Source("m.py", dedent(source)))] == ["within"]
    graph = compile_file(Source("m.py", dedent(source)), "within")
    assert "const 2.0" in print_graph(graph)
