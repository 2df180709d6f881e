"""Loaders and frames: what they read, what they refuse, and that a fit takes them."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from ppc_frontend.api import compile_file

import ppc as inf
from ppc.data import CsvLoader, DataLoader, SampleDictLoader, digits, mnist
from ppc.data.loaders import as_mapping, build_data_loader, build_sample_dict
from ppc.diagnostics import DataError, KindError
from ppc.inference.data import check


def written(tmp_path: Path, name: str, text: str) -> str:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return str(path)


def test_a_csv_has_an_index_column_a_header_and_a_type_for_each_variable(tmp_path: Path):
    path = written(tmp_path, "a.csv", "id,x,y\n0,1.5,3\n1,,4\n\n")
    loader = CsvLoader(path)
    assert (loader.size, loader.variables, loader.has_header) == (2, ("x", "y"), True)
    arrays = loader.to_dict()
    assert arrays["x"].dtype == np.float32 and arrays["y"].dtype == np.int32
    np.testing.assert_array_equal(arrays["x"], [[1.5], [np.nan]])
    np.testing.assert_array_equal(arrays["y"], [[3], [4]])


def test_variables_take_several_columns_of_several_files(tmp_path: Path):
    first = written(tmp_path, "a.csv", "0,1,2,0\n1,3,4,1\n")
    second = written(tmp_path, "b.csv", "2,5,6,0\n")
    loader = CsvLoader([first, second], var_dict={"x": range(2), "y": [2]})
    assert loader.has_header is False and loader.size == 3
    np.testing.assert_array_equal(loader.to_dict()["x"], [[1, 2], [3, 4], [5, 6]])
    assert CsvLoader(first).variables == ("0", "1", "2")
    assert CsvLoader(first, index_column=False).variables == ("0", "1", "2", "3")


@pytest.mark.parametrize(
    "texts, arguments, says",
    [
        (["i,x\n0,1\n", "i,y\n0,1\n"], {}, "must be the same"),
        (["i,x\n0,1\n1,2,3\n"], {}, "line 3 .* 3 cells"),
        (["i,x\n0,1\n1,two\n"], {}, "line 3 .*'two'"),
        (["i,x\n0,1\n"], {"var_dict": {"x": [1]}}, "column 1"),
    ],
)
def test_a_csv_that_cannot_be_read_is_refused_with_its_line(
    tmp_path: Path, texts: list[str], arguments: dict[str, object], says: str
):
    paths = [written(tmp_path, f"{i}.csv", text) for i, text in enumerate(texts)]
    with pytest.raises(DataError, match=says):
        CsvLoader(paths, **arguments).to_dict()  # type: ignore[arg-type]  # from a table


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(ValueError, match=r"nowhere\.csv"):
        CsvLoader(tmp_path / "nowhere.csv")


def test_a_loader_of_arrays_has_their_rows():
    arrays = {"x": np.zeros((4, 2)), "y": [1, 2, 3, 4]}
    loader = SampleDictLoader(arrays)
    assert (loader.size, loader.variables) == (4, ("x", "y"))
    assert build_sample_dict(loader) == arrays and build_data_loader(loader) is loader
    assert build_data_loader(arrays).size == 4
    with pytest.raises(ValueError, match="same length"):
        SampleDictLoader({"x": [1], "y": [1, 2]})
    with pytest.raises(ValueError, match="at least 1"):
        SampleDictLoader({})
    with pytest.raises(KindError, match="dict"):
        SampleDictLoader([1, 2])  # type: ignore[arg-type]  # the mistake that is tested
    with pytest.raises(NotImplementedError):
        DataLoader().to_dict()


def test_rows_come_as_a_dataset_of_tensorflow():
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    batches = list(SampleDictLoader({"x": np.arange(5.0)}).to_tfdataset(2))
    assert [batch["x"].shape[0] for batch in batches] == [2, 2, 1]


MODEL = """\
import ppc as inf

@inf.probmodel
def model():
    mu = inf.Normal(0.0, 10.0, name="mu")
    with inf.datamodel():
        inf.Normal(mu, 1.0, name="x")
"""


def test_frames_are_data(tmp_path: Path):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    graph = compile_file(written(tmp_path, "m.py", MODEL))
    frame = pandas.DataFrame({"x": [1.0, 2.0, 3.0]})
    np.testing.assert_array_equal(check(graph, as_mapping(frame)).arrays["x"], [1, 2, 3])
    missing = pandas.DataFrame({"x": pandas.array([1, None, 3], dtype="Int64")})
    with pytest.raises(DataError, match="row"):
        check(graph, as_mapping(missing))
    text = pandas.DataFrame({"x": ["a", "b"]})
    with pytest.raises(DataError, match=r"objects|strings"):
        check(graph, as_mapping(text))


def test_frames_of_polars_and_datasets_of_xarray_are_data():
    polars = pytest.importorskip("polars", reason="Polars is not installed")
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    frame = as_mapping(polars.DataFrame({"x": [1.0, 2.0], "n": [1, 2]}))
    np.testing.assert_array_equal(frame["x"], [1.0, 2.0])
    data = as_mapping(xarray.Dataset({"x": ("row", [1.0, 2.0])}, coords={"row": [5, 6]}))
    assert list(data) == ["x"]


@pytest.mark.slow
def test_a_fit_and_a_query_take_a_loader(tmp_path: Path):
    import importlib.util

    pytest.importorskip("jax", reason="JAX is not installed")
    spec = importlib.util.spec_from_file_location("m", written(tmp_path, "m.py", MODEL))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.model()
    rows = "".join(f"{i},{value}\n" for i, value in enumerate([2.0, 3.0, 4.0]))
    loader = CsvLoader(written(tmp_path, "x.csv", "i,x\n" + rows))
    model.fit(loader, inf.inference.VI(epochs=2000, learning_rate=0.01), seed=0)
    # The exact posterior: precision 3 + 1/100, mean 9 / 3.01; Adam's last steps are about 0.01.
    assert model.posterior("mu").parameters()["mu"]["loc"] == pytest.approx(9 / 3.01, abs=0.1)
    assert model.posterior_predictive("x", data=loader).sample()["x"].shape == (3,)


# --- digits --------------------------------------------------------------------------------------


def test_bundled_digits_have_inferpys_signature():
    (x, y), (x_test, y_test) = digits.load_data(num_instances=50, digits=[0, 1, 2])
    assert x.shape == (50, 784) and x.dtype == np.float32 and 0 <= x.min() < x.max() == 255
    assert y.dtype == np.uint8 and set(y) == {0, 1, 2} and len(x_test) == len(y_test) > 0
    (images, _), _ = digits.load_data(vectorize=False, side=8)
    assert images.shape == (1400, 8, 8) and images.dtype == np.uint8
    with pytest.raises(DataError, match="num_instances is 5000"):
        digits.load_data(num_instances=5000)


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(np.uint8).tobytes()


def test_standard_files_of_mnist_are_read_from_disk(tmp_path: Path):
    rng = np.random.default_rng(0)
    parts = {}
    for part, n in (("train", 6), ("t10k", 4)):
        images, labels = rng.integers(0, 256, (n, 28, 28)), np.arange(n) % 3
        parts[part] = images, labels
        packed = tmp_path / f"{part}-images-idx3-ubyte.gz"
        packed.write_bytes(gzip.compress(idx(images)))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    (x, y), (x_test, _) = mnist.load_data(path=tmp_path, digits=[0, 1])
    kept = parts["train"][1] < 2
    np.testing.assert_array_equal(x, parts["train"][0][kept].reshape(-1, 784))
    np.testing.assert_array_equal(y, parts["train"][1][kept])
    assert x_test.shape == (3, 784)
    np.savez(
        tmp_path / "mnist.npz",
        x_train=parts["train"][0], y_train=parts["train"][1],
        x_test=parts["t10k"][0], y_test=parts["t10k"][1],
    )  # fmt: skip
    (again, _), _ = mnist.load_data(path=tmp_path / "mnist.npz", digits=[0, 1])
    np.testing.assert_array_equal(again, x)


@pytest.mark.parametrize("content", [None, b"", b"\0\0\x0d\x01\0\0\0\x01x"])
def test_files_that_are_not_mnist_are_refused(tmp_path: Path, content: bytes | None):
    if content is not None:
        (tmp_path / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(DataError, match="train-images"):
        mnist.load_data(path=tmp_path)
    with pytest.raises(DataError, match=r"nowhere\.npz"):
        mnist.load_data(path=tmp_path / "nowhere.npz")


def test_digits_are_drawn(tmp_path: Path):
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    (x, _), _ = digits.load_data(num_instances=5)
    digits.plot_digits(x, grid=[2, 3])
    assert len(plt.gcf().axes) == 6
    plt.close("all")
