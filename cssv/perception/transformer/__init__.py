"""Vision transformers without torch, from a local file: DINO v1, DINOv2, with and without registers."""

from __future__ import annotations

from os import PathLike

from cssv.perception.detectors.options import check_weights
from cssv.perception.transformer.features import Features, Transformer
from cssv.perception.transformer.network import VisionTransformer
from cssv.perception.transformer.onnx import OnnxTransformer
from cssv.perception.transformer.weights import read_weights

__all__ = ["Features", "Transformer", "VisionTransformer", "load_transformer"]


def load_transformer(path: str | PathLike[str]) -> Transformer:
    """Read a model from a local file; nothing is ever downloaded.

    ``.onnx`` is run by onnxruntime; any other file is read as safetensors and run in NumPy.

    Raises:
        ModelError: the file cannot be read, or does not contain a supported vision transformer.
        MissingExtraError: the file is .onnx, and onnxruntime is not installed.
    """
    # Safetensors has no signature; its reader reports other formats by their first bytes.
    known = check_weights(path)
    if known.suffix.lower() == ".onnx":
        return OnnxTransformer(known)
    return VisionTransformer(read_weights(known))
