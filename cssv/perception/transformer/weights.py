"""Reader of safetensors files by memory mapping.

The format (huggingface/safetensors, "Format"): eight bytes with the length of a header, little endian; the
header, a JSON object of name -> dtype, shape and data_offsets; then the tensors' bytes, one after the other
without gaps. The package ``safetensors`` cannot return bfloat16 to NumPy, and the format has no other rules.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from cssv.errors import ModelError
from cssv.files.inputs import check_regular

F32 = NDArray[np.float32]

#: Largest size of a header, bytes; the bound of the format.
LARGEST_HEADER = 100_000_000
#: Dtypes of weights, with the NumPy dtype of their bytes; a bfloat16 is the upper half of a float32.
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
#: Bytes per element of the format's other dtypes; such tensors are not weights and are ignored.
OTHERS = {"BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "U16": 2, "I32": 4, "U32": 4, "I64": 8, "U64": 8}
#: Most dimensions of a tensor, and its largest side: weights have up to 5, and NumPy holds no larger array.
MOST_DIMENSIONS, LARGEST_SIDE = 8, 2**40
#: Characters of a name or value from a file that are quoted.
_QUOTED = 80
#: First bytes of files of torch.save (a zip archive or a pickle), often mistaken for safetensors.
_TORCH = (b"PK\x03\x04", b"\x80\x02")
_CONVERT = (
    "Convert it once, where torch is: "
    "safetensors.torch.save_file(torch.load(FILE, weights_only=True), 'model.safetensors')."
)


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The tensors of a safetensors file.

    Attributes:
        path: the file.
        sha256: its SHA-256, 64 hexadecimal digits.
        tensors: name -> mapped data of the file as an array of its shape; bfloat16 as uint16, other dtypes as
            such. :meth:`get` converts them to float32.
        metadata: further texts of the file, by name.
    """

    path: Path
    sha256: str
    tensors: Mapping[str, NDArray[np.generic]]
    metadata: Mapping[str, str]

    def get(self, name: str) -> F32:
        """Return a tensor in float32.

        Raises:
            ModelError: a value is not finite.
        """
        raw = self.tensors[name]
        if raw.dtype == np.uint16:
            values = (raw.astype(np.uint32) << 16).view(np.float32)
        else:
            # A double beyond single precision becomes infinite, which is an error below, not a warning.
            with np.errstate(over="ignore", invalid="ignore"):
                values = np.asarray(raw, dtype=np.float32)
        # One NaN spreads to every token, and the result would be empty without any error.
        if not np.isfinite(values).all():
            raise ModelError(f"{self.path} cannot be used: tensor {name} holds values that are not finite")
        return values


def read_weights(path: str | PathLike[str]) -> Weights:
    """Open a safetensors file; tensors are read from disk only on access.

    Raises:
        ModelError: the file cannot be read or breaks a rule of the format.
    """
    path = Path(path)
    digest = file_sha256(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if start.startswith(_TORCH):
            raise ModelError(f"{path} is a file of torch.save, not safetensors", remedy=_CONVERT)
        length = int.from_bytes(start, "little")
        # Checked before the header is read: a false length must not allocate memory.
        if len(start) < 8 or not 2 <= length <= min(LARGEST_HEADER, size - 8):
            raise _broken(path, f"a header of {length} bytes in a file of {size}")
        header = file.read(length)
    try:
        entries = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise _broken(path, f"a header that is not JSON ({error})") from error
    if not isinstance(entries, dict):
        raise _broken(path, "a header that is not a JSON object")
    metadata = entries.pop("__metadata__", None)
    metadata = metadata if isinstance(metadata, dict) else {}
    texts = {key: value for key, value in metadata.items() if isinstance(value, str)}
    if not entries or size == 8 + length:
        raise _broken(path, "no tensors")
    data = np.memmap(path, mode="r", offset=8 + length)
    return Weights(path, digest, _views(path, entries, data), texts)


def _views(path: Path, entries: dict[str, object], data: NDArray[np.uint8]) -> dict[str, NDArray[np.generic]]:
    spans = sorted((*_entry(path, name, entry), name) for name, entry in entries.items())
    tensors: dict[str, NDArray[np.generic]] = {}
    end = 0
    for first, last, dtype, shape, name in spans:
        # Gaps and overlaps are forbidden by the format; they show a damaged or forged header.
        if first != end or last > len(data):
            found = f"tensor {name[:_QUOTED]} at bytes {first} to {last} of {len(data)}, expected at {end}"
            raise _broken(path, found)
        end = last
        if dtype in DTYPES:
            try:
                tensors[name] = data[first:last].view(DTYPES[dtype]).reshape(shape)
            except ValueError as error:
                # Without any element, the sides can be larger than NumPy's largest array.
                raise _broken(path, f"tensor {name[:_QUOTED]} of shape {shape}") from error
    if end != len(data):
        raise _broken(path, f"{len(data) - end} bytes after the last tensor")
    return tensors


def _entry(path: Path, name: str, entry: object) -> tuple[int, int, str, tuple[int, ...]]:
    """Check the entry of a tensor: first byte, end, dtype and shape."""
    fields = entry if isinstance(entry, dict) else {}
    dtype, shape, offsets = (fields.get(key) for key in ("dtype", "shape", "data_offsets"))
    tensor, quoted = f"tensor {name[:_QUOTED]}", str(shape)[:_QUOTED]
    sizes = {key: np.dtype(kind).itemsize for key, kind in DTYPES.items()} | OTHERS
    if not isinstance(dtype, str) or dtype not in sizes:
        raise _broken(path, f"{tensor} of dtype {str(dtype)[:_QUOTED]!r}")
    if not _are_counts(shape) or not _are_counts(offsets) or len(offsets) != 2:
        raise _broken(path, f"{tensor} of shape {quoted} at {str(offsets)[:_QUOTED]}")
    if len(shape) > MOST_DIMENSIONS:
        raise _broken(path, f"{tensor} of {len(shape)} dimensions, which may be {MOST_DIMENSIONS} at most")
    first, last = offsets
    if last - first != math.prod(shape) * sizes[dtype]:
        raise _broken(path, f"{tensor} of shape {quoted} {dtype} in {last - first} bytes")
    return first, last, dtype, tuple(shape)


def _are_counts(value: object) -> TypeGuard[list[int]]:
    # ``type`` and not ``isinstance``, because a bool is an int.
    return isinstance(value, list) and all(type(each) is int and 0 <= each <= LARGEST_SIDE for each in value)


def _broken(path: Path, found: str) -> ModelError:
    remedy = "It may be another kind of file, or an incomplete download."
    return ModelError(f"{path} is not a whole safetensors file", found=found, remedy=remedy)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits.

    Raises:
        ModelError: the file cannot be read.
    """
    check_regular(path, ModelError, "the weights")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"weights {path} cannot be read",
            found=error.strerror,
            remedy="Give the path of a file; nothing is downloaded.",
        ) from error
