"""Measure the artefacts of a vision transformer on one picture."""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from cssv.errors import InputError, OptionError, OptionTypeError
from cssv.files.atomic import check_output
from cssv.files.inputs import check_regular
from cssv.files.paths import Path_, check_distinct, check_path
from cssv.frames import U8, Frame
from cssv.perception.detectors.colour import to_bgr
from cssv.perception.transformer import Transformer, VisionTransformer, load_transformer
from cssv.perception.transformer.features import SIDE_PX, fit, working_size
from cssv.perception.transformer.meter import Artefacts, measure
from cssv.perception.transformer.plot import draw_norms, require_matplotlib
from cssv.perception.transformer.registers import HealedTransformer
from cssv.perception.transformer.registers import heal as heal_model
from cssv.pipeline.calls import checked_call
from cssv.video import write_picture


@checked_call
def artefacts(
    image: Path_ | Frame | U8,
    *,
    weights: Path_,
    plot: Path_ | None = None,
    side: int = SIDE_PX,
    heal: bool = False,
    overwrite: bool = False,
) -> Artefacts:
    """Measure the lengths of a vision transformer's tokens on a picture, block by block.

    Models without registers give a few patches of plain background tokens ten times as long as the others. A
    detector that searches among the patches finds those instead of objects.

    Args:
        image: a picture file, a frame, or a (H, W, 3) uint8 RGB array.
        weights: a local file: safetensors of DINO v1 or DINOv2, or an export to ``.onnx`` that gives
            ``hidden_states.1`` and so on. Nothing is downloaded.
        plot: a ``.png`` to write: histograms of all blocks, and the places of the outliers.
        side: long side in pixels to which the picture is scaled for the model, 64 to 2048.
        overwrite: replace an existing plot.
        heal: also find the register neurons, add a test-time register to the model and measure again.

    Raises:
        InputError: the picture cannot be read.
        ModelError: the weights cannot be used, or an export does not give the tokens after each block.
        OptionError: a side out of range, a plot that is not a ``.png``, an export with ``heal``, or a value
            that is not a path.
        MissingExtraError: a plot without matplotlib.
        OutputError: the plot exists or cannot be written.
    """
    if plot is not None:
        _check_plot(plot, image, weights)
        check_output(plot, overwrite=overwrite)
    picture = read_picture(image)
    model = load_transformer(weights)
    height, width = picture.shape[:2]
    small = fit(picture, working_size(width, height, model.patch_px, side))
    done = measure(model, small, (width, height))
    # A model without outliers has nothing to heal.
    if heal and (healed := _healed(model, small)) is not None:
        again = measure(healed, small, (width, height))
        done = replace(done, neurons=healed.neurons, healed=again)
    if plot is not None:
        done = replace(done, plot=Path(plot))
        write_picture(
            Path(plot), Frame(draw_norms(picture, done), "rgb24", 0, Fraction(1)), overwrite=overwrite
        )
    return done


def read_picture(image: Path_ | Frame | U8) -> U8:
    """Any kind of picture as (H, W, 3) uint8 RGB.

    Raises:
        InputError: a file that cannot be read or is not a picture, an array of another shape.
    """
    if isinstance(image, Frame):
        return np.ascontiguousarray(to_bgr(image)[..., ::-1])
    if isinstance(image, np.ndarray):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            found = f"{image.shape} {image.dtype}"
            raise InputError("a picture has another shape", found=found, bound="(H, W, 3) uint8")
        return image
    if not isinstance(image, str | os.PathLike):
        raise OptionTypeError(
            "not a picture", found=type(image).__name__, bound="a path, a frame or an array"
        )
    check_path("image", image)
    check_regular(image, InputError, "the picture")
    try:
        raw = Path(image).read_bytes()
        decoded = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR) if raw else None
    except OSError as error:
        raise InputError(f"picture {image} cannot be read", found=error.strerror) from error
    except cv2.error as error:
        raise InputError(f"picture {image} cannot be read", found=str(error.err)) from error
    if decoded is None:
        raise InputError(f"{image} is not a picture", remedy="Give a PNG, JPEG or another still picture.")
    return np.ascontiguousarray(np.asarray(decoded, dtype=np.uint8)[..., ::-1])


def _healed(model: Transformer, small: U8) -> HealedTransformer | None:
    if not isinstance(model, VisionTransformer):
        raise OptionError("an exported model cannot be healed", remedy="Give its weights as safetensors.")
    return heal_model(model, [small])


def _check_plot(plot: Path_, image: object, weights: Path_) -> None:
    if not isinstance(plot, str | os.PathLike) or Path(plot).suffix.lower() != ".png":
        raise OptionError("unknown kind of plot", found=str(plot), bound="the path of a .png")
    for given in (image, weights):
        if isinstance(given, str | os.PathLike):
            check_distinct(given, plot)
    # Found out before the model runs, which may take minutes.
    require_matplotlib()
