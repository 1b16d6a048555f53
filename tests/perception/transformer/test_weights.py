"""Reading safetensors: what is whole is read, what is not is refused by name."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssv.errors import ModelError
from cssv.perception.transformer.weights import LARGEST_HEADER, read_weights
from tests.perception.transformer.tensor_files import coded, needed, pack, save

TENSORS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3) / 4, "b.c": np.array(-1.5, np.float32)}


@pytest.mark.parametrize("dtype", ["F64", "F32", "F16", "BF16"])
def test_tensors_come_back(tmp_path, dtype):
    path = save(tmp_path / "x.safetensors", TENSORS, dtype)
    weights = read_weights(path)
    assert set(weights.tensors) == set(TENSORS)
    for name, array in TENSORS.items():
        read = weights.get(name)
        assert read.dtype == np.float32
        np.testing.assert_array_equal(read, array)
    assert weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert weights.path == path


@given(st.integers(0, 2**16 - 1))
def test_every_bfloat16_is_the_float32_of_its_bits(bits):
    with tempfile.TemporaryDirectory() as folder:
        header = {"a": {"dtype": "BF16", "shape": [], "data_offsets": [0, 2]}}
        path = Path(folder) / "x.safetensors"
        path.write_bytes(pack(header, bits.to_bytes(2, "little")))
        expected = np.array([bits << 16], "<u4").view("<f4")[0]
        weights = read_weights(path)
        if np.isfinite(expected):
            assert weights.get("a") == expected
        else:
            with pytest.raises(ModelError, match="not finite"):
                weights.get("a")


def entry(first, last, dtype="F32", shape=(1,)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [first, last]}


FOUR = coded(np.zeros(1), "F32")
BROKEN = {
    "empty": b"",
    "seven bytes": b"\0" * 7,
    "no header": pack(b""),
    "header longer than the file": (10**6).to_bytes(8, "little") + b"{}",
    "header longer than allowed": (LARGEST_HEADER + 1).to_bytes(8, "little") + b"{}",
    "no json": pack(b"{no}", FOUR),
    "deep json": pack(b"[" * 100_000, FOUR),
    "a list": pack([1], FOUR),
    "no tensors": pack({}, FOUR),
    "no data": pack({"a": entry(0, 4)}),
    "truncated": pack({"a": entry(0, 8, shape=(2,))}, FOUR),
    "gap": pack({"a": entry(0, 4), "b": entry(8, 12)}, FOUR * 3),
    "overlap": pack({"a": entry(0, 4), "b": entry(0, 4)}, FOUR),
    "bytes behind": pack({"a": entry(0, 4)}, FOUR * 2),
    "wrong size": pack({"a": entry(0, 4, shape=(2,))}, FOUR),
    "negative": pack({"a": entry(0, 4, shape=(-1, -1))}, FOUR),
    "backwards": pack({"a": entry(4, 0)}, FOUR),
    "half an element": pack({"a": entry(0, 4, shape=(1.0,))}, FOUR),
    "true": pack({"a": entry(0, 4, shape=(True,))}, FOUR),
    "no dtype": pack({"a": {"shape": [1], "data_offsets": [0, 4]}}, FOUR),
    "odd dtype": pack({"a": entry(0, 4, dtype="F8_E4M3", shape=(4,))}, FOUR),
    "list as dtype": pack({"a": entry(0, 4, dtype=["F32"])}, FOUR),
    "three offsets": pack({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 4]}}, FOUR),
    "no entry": pack({"a": 3}, FOUR),
    "65 dimensions": pack({"a": entry(0, 4, shape=(1,) * 65)}, FOUR),
    "65 dimensions of nothing": pack({"a": entry(0, 4), "b": entry(4, 4, shape=(0,) * 65)}, FOUR),
    "sides of 2^62": pack({"a": entry(0, 4), "b": entry(4, 4, shape=(0, 2**62, 2**62))}, FOUR),
    "a side of 2^70": pack({"a": entry(0, 4), "b": entry(4, 4, shape=(0, 2**70))}, FOUR),
    "large sides of nothing": pack({"a": entry(0, 4), "b": entry(4, 4, shape=(0, 2**40, 2**40))}, FOUR),
    "a side of 4,000 digits": pack(
        b'{"a": {"dtype": "F32", "shape": [1' + b"0" * 4000 + b'], "data_offsets": [0, 4]}}', FOUR
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused(tmp_path, name):
    path = tmp_path / "x.safetensors"
    path.write_bytes(BROKEN[name])
    with pytest.raises(ModelError, match="is not a whole safetensors file") as raised:
        read_weights(path)
    assert str(path) in str(raised.value)
    assert len(str(raised.value)) < 1000


def test_every_truncation_is_noticed(tmp_path):
    whole = save(tmp_path / "whole", TENSORS).read_bytes()
    path = tmp_path / "x.safetensors"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError):
            read_weights(path)


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\x80\x02"])
def test_a_torch_file_is_told_from_safetensors(tmp_path, start):
    path = tmp_path / "dino.pth"
    path.write_bytes(start + b"\0" * 100)
    with pytest.raises(ModelError, match=r"torch\.save.*save_file"):
        read_weights(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        read_weights(tmp_path / "none.safetensors")
    with pytest.raises(ModelError, match="cannot be read"):
        read_weights(tmp_path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(tmp_path, value):
    weights = read_weights(save(tmp_path / "x", {"a": np.array([1, value], np.float32)}))
    with pytest.raises(ModelError, match="tensor a holds values that are not finite"):
        weights.get("a")


def test_a_double_beyond_single_precision(tmp_path):
    """NumPy's warning of the overflow went to the terminal; here every warning fails the test."""
    weights = read_weights(save(tmp_path / "x", {"a": np.array([1, -1e300])}, "F64"))
    with pytest.raises(ModelError, match="tensor a holds values that are not finite"):
        weights.get("a")


HEADER = {"a": entry(0, 24, shape=(2, 3)), "b.c": entry(24, 28, shape=())}
number = st.one_of(st.integers(-2, 40), st.just(1.5), st.none())


@settings(max_examples=150)
@given(
    st.dictionaries(
        st.sampled_from(["a", "b.c", "d"]),
        st.fixed_dictionaries(
            {
                "dtype": st.sampled_from(["F32", "F16", "BF16", "I64", "BOOL", "F99"]),
                "shape": st.lists(number, max_size=3),
                "data_offsets": st.lists(number, min_size=1, max_size=3),
            }
        ),
        max_size=3,
    ),
    st.booleans(),
    st.integers(0, 40),
)
def test_what_is_read_the_format_s_own_package_reads_too(header, is_mostly_right, size):
    safetensors = needed("safetensors")
    raw = pack(HEADER | header if is_mostly_right else header, bytes(range(size)))
    try:
        theirs = dict(safetensors.deserialize(raw))
    except safetensors.SafetensorError:
        theirs = None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(raw)
        try:
            ours = read_weights(path)
        except ModelError:
            # An empty file, and dtypes that no weights have, are good format but of no use.
            assert not theirs or size == 0
            return
    assert theirs is not None
    for name, array in ours.tensors.items():
        assert list(array.shape) == theirs[name]["shape"]
        assert array.tobytes() == bytes(theirs[name]["data"])


def test_header_keys_of_other_people_do_no_harm(tmp_path):
    header = {"__metadata__": {"any": "thing"}, "a": entry(0, 4), "n": entry(4, 12, "I64")}
    path = tmp_path / "x"
    path.write_bytes(pack(json.dumps(header).encode() + b"   ", FOUR * 3))
    assert list(read_weights(path).tensors) == ["a"]
