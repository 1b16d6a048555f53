"""What the forms of a file cost, measured on a sample of the clip.

Each part of the sample is encoded and decoded as a file of its own. The bytes of the whole clip follow from
the bytes of key frames and of other frames, of scene samples, of audio and of tables.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.base import FrameContent
from cssv.carriers.prepared import ClipSample, PreparedCarrier
from cssv.container import Reader
from cssv.errors import CarrierError, FrameError, OptionError
from cssv.pipeline.annotate import TrackAnnotator
from cssv.pipeline.clip_parts import PartPlan, choose_places
from cssv.pipeline.clip_plan import ClipPlan
from cssv.pipeline.config import EncoderConfig
from cssv.pipeline.forms import FORMS, Form, FormChoice, form_of
from cssv.pipeline.preparation import USUAL
from cssv.pipeline.second_pass import write_clip
from cssv.pipeline.segments import ClipContent
from cssv.pipeline.stego_coding import GROUP_S
from cssv.scene import Ranges, Scene
from cssv.video import Span, gop_length, open_clip
from cssv.view.picture_difference import PictureDifference, undrawn_pixels

#: Bytes of a file without its samples: of any file, and for each frame.
_FIXED_BYTES, _FRAME_BYTES = 2200, 30
#: Frames from which the costs of other forms follow after an encoding: one of so many, with these bounds, and
#: at most so many pixels.
_FRAMES_OF_ONE, _FEWEST_FRAMES, _MOST_FRAMES, _MOST_PIXELS = 50, 4, 16, 32_000_000
#: One frame of so many is compared with the clip: comparing takes longer than coding.
_COMPARED = 4
#: Seconds of audio from which its bytes for the whole clip follow.
_AUDIO_S = 20


@dataclass(frozen=True, slots=True)
class FormCost:
    """What one form of a file would cost.

    Attributes:
        form: its name.
        arguments: the arguments of :func:`cssv.encode` that choose it.
        is_chosen: whether it is the form of the arguments given.
        bytes: expected size of the file; None if the clip cannot have this form.
        times_source: the same as a multiple of the clip's file; None for a part of a clip.
        rgb_psnr_db: PSNR over R, G and B between the clip and the decoded file; infinite for equal pictures.
        median_de: median colour difference CIEDE2000 of a pixel.
        undrawn_psnr_db, undrawn_median_de: the same where no object is drawn; None if everything is drawn.
        problem: why the clip cannot have this form; else None.
    """

    form: str
    arguments: Mapping[str, str | bool]
    is_chosen: bool = False
    bytes: int | None = None
    times_source: float | None = None
    rgb_psnr_db: float | None = None
    median_de: float | None = None
    undrawn_psnr_db: float | None = None
    undrawn_median_de: float | None = None
    problem: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the values as plain JSON types; an infinite PSNR is the text ``"infinite"``."""
        values = {name: getattr(self, name) for name in self.__slots__}
        numbers = {key: "infinite" if value == math.inf else value for key, value in values.items()}
        return numbers | {"arguments": dict(self.arguments)}


@dataclass(frozen=True, slots=True)
class SampledPart:
    """A part of a clip, and the objects in it.

    Attributes:
        plan: the part.
        annotator: gives its objects, by the numbers of its frames.
    """

    plan: PartPlan
    annotator: TrackAnnotator

    def undrawn(self, scene: Scene, ranges: Ranges) -> list[NDArray[np.bool_]]:
        """(H, W) bool of each frame that is compared: the pixels on which no object is drawn."""
        masks = []
        for frame in self.plan.frames[::_COMPARED]:
            objects = self.annotator.annotate(frame.number, frame.time).objects
            content = FrameContent(frame.number, frame.pts, frame.time_base, objects, ranges, scene)
            outlines = [drawing.outline for drawing in content.draw(frame)]
            masks.append(undrawn_pixels(outlines, frame.width, frame.height))
        return masks


@dataclass(slots=True)
class _Coded:
    """Samples of the files of all parts, summed."""

    keys: int = 0
    key_bytes: int = 0
    others: int = 0
    other_bytes: int = 0
    first_scene_bytes: int = 0
    scenes: int = 0
    scene_bytes: int = 0

    def add(self, path: Path) -> None:
        """Add a file."""
        with Reader(path) as reader:
            video, scenes = reader.video.table, reader.scene.table.sizes.astype(np.int64)
            sizes = video.sizes.astype(np.int64)
            is_key = np.full(len(sizes), video.syncs is None)
            if video.syncs is not None:
                is_key[video.syncs.astype(np.int64) - 1] = True
        self.keys += int(is_key.sum())
        self.key_bytes += int(sizes[is_key].sum())
        self.others += int((~is_key).sum())
        self.other_bytes += int(sizes[~is_key].sum())
        # The first sample holds the scene, once in the whole file.
        self.first_scene_bytes = max(self.first_scene_bytes, int(scenes[0]))
        self.scenes += len(scenes) - 1
        self.scene_bytes += int(scenes[1:].sum())

    def bytes_of(self, frames: int, gop: int) -> int:
        """Expected bytes of video and scene samples of so many frames."""
        key = self.key_bytes / max(self.keys, 1)
        other = self.other_bytes / self.others if self.others else key
        keys = -(-frames // gop)
        scene = self.scene_bytes / self.scenes if self.scenes else self.first_scene_bytes
        return round(keys * key + (frames - keys) * other + self.first_scene_bytes + (frames - 1) * scene)


@dataclass(slots=True)
class FormMeter:
    """Measures forms of a file on the same parts of a clip.

    Attributes:
        plan: the whole clip.
        parts: the sample.
        scene: of the clip.
        ranges: values at the bottom and top of each ring.
        folder: an empty folder, for one file at a time.
    """

    plan: ClipPlan
    parts: Sequence[SampledPart]
    scene: Scene
    ranges: Ranges
    folder: Path
    _masks: list[list[NDArray[np.bool_]]] | None = None
    _audio_bytes: int | None = None

    def measure(self, config: EncoderConfig) -> tuple[int, PictureDifference, PictureDifference]:
        """Expected bytes of the whole clip, and the difference of all pixels and of the undrawn ones.

        Raises:
            CarrierError, FrameError, OptionError: the clip cannot have this form.
            VideoError: the codec refuses.
        """
        if self._masks is None:
            self._masks = [part.undrawn(self.scene, self.ranges) for part in self.parts]
        coded, whole, undrawn = _Coded(), PictureDifference(), PictureDifference()
        config = self._prepared(config)
        for part, masks in zip(self.parts, self._masks, strict=True):
            path = self._write(part, config)
            coded.add(path)
            with open_clip(path) as reader:
                for cover, stego in zip(part.plan.frames, reader, strict=True):
                    if cover.number % _COMPARED == 0:
                        whole.add(cover, stego)
                        undrawn.add(cover, stego, masks[cover.number // _COMPARED])
        return self._bytes(config, coded), whole, undrawn

    def count_bytes(self, config: EncoderConfig) -> int:
        """The same without the differences, which takes less time."""
        coded, config = _Coded(), self._prepared(config)
        for part in self.parts:
            coded.add(self._write(part, config))
        return self._bytes(config, coded)

    def _prepared(self, config: EncoderConfig) -> EncoderConfig:
        """The configuration for the clip, with a carrier prepared by the sample."""
        carrier = config.carrier
        # Trial re-encodings take longer than all the rest. Lossless forms have none.
        if not isinstance(carrier, PreparedCarrier) or (carrier.sample_s and not carrier.needs_lossless):
            return config
        parts = [part.plan.frames for part in self.parts]
        sample = ClipSample(parts[0][0], self.scene, parts, self.plan.info.rate)
        return replace(config, carrier=carrier.prepared(sample, USUAL))

    def _write(self, part: SampledPart, config: EncoderConfig) -> Path:
        """The file of one part."""
        path = self.folder / "part.cssv"
        content = ClipContent(self.scene, config, part.annotator, None, self.ranges)
        write_clip(path, part.plan, content, (), 0, None, is_checked=False)
        return path

    def _bytes(self, config: EncoderConfig, coded: _Coded) -> int:
        frames = len(self.plan)
        rate = self.plan.info.rate
        gop = gop_length(config.settings, rate)
        if config.has_regions and config.crf is not None:
            gop = max(round(GROUP_S * rate), 1)
        tables = _FIXED_BYTES + frames * _FRAME_BYTES
        return coded.bytes_of(frames, gop) + self._audio() + tables

    def _audio(self) -> int:
        """Expected bytes of the audio, from its first seconds."""
        if self._audio_bytes is None:
            self._audio_bytes = audio_bytes(self.plan)
        return self._audio_bytes


def audio_bytes(plan: ClipPlan) -> int:
    """Expected bytes of the audio of a clip, from its first :data:`_AUDIO_S` seconds."""
    first = max(int(plan.part.pts[0]) * plan.info.time_base, Fraction(0))
    last = int(plan.part.pts[-1]) * plan.info.time_base
    heard = min(last, first + _AUDIO_S)
    if heard <= first:
        return 0
    audio = replace(plan, span=Span(first, heard)).audio()
    if audio is None:
        return 0
    found = sum(len(packet.data) for _, packet in audio)
    return round(found * (last - first) / (heard - first))


def count_others(
    plan: ClipPlan, content: ClipContent, choice: FormChoice, written_bytes: int, folder: Path
) -> dict[str, int]:
    """Expected bytes of the forms that a clip was not encoded in, by their names.

    It takes about a tenth of the time of the encoding: a few frames are encoded in each form, also in that
    of the file, whose true size corrects the others. Empty for a clip that is too short for this.

    Args:
        plan: the clip.
        content: what its frames share, and how it was encoded.
        choice: the arguments of the encoding.
        written_bytes: size of the file.
        folder: an empty folder, for one file at a time.
    """
    frames = min(len(plan) // _FRAMES_OF_ONE, _MOST_FRAMES)
    mine = form_of(content.config, choice)
    if frames < _FEWEST_FRAMES or mine is None or content.thermal is not None:
        return {}
    count = 1 if frames < 2 * _FEWEST_FRAMES else 2
    places = choose_places(plan, count, frames // count, _MOST_PIXELS, _FEWEST_FRAMES)
    parts = [PartPlan.cut(plan, place).loaded() for place in places]
    layout = parts[0].frames[0].layout
    sampled = [
        SampledPart(part, content.annotator.from_frame(place.start))
        for part, place in zip(parts, places, strict=True)
    ]
    meter = FormMeter(plan, sampled, content.scene, content.ranges, folder)
    # The same carrier as in the file: its strength was found by a trial.
    share = written_bytes / meter.count_bytes(content.config)
    found = {}
    for form in FORMS:
        if form is mine:
            continue
        with suppress(CarrierError, FrameError, OptionError):
            config = choice.for_sample().config(form)
            if layout in config.carrier.layouts:
                found[form.name] = round(share * meter.count_bytes(config))
    return found


def cost_of(
    form: Form, config: EncoderConfig, meter: FormMeter, source_bytes: int | None, *, is_chosen: bool
) -> FormCost:
    """Measure one form; a clip that cannot have it is told in :attr:`FormCost.problem`.

    ``source_bytes``: size of the clip's file; None if only a part of it is encoded.
    """
    known = FormCost(form.name, form.arguments, is_chosen)
    try:
        size, whole, undrawn = meter.measure(config)
    except (CarrierError, FrameError, OptionError) as error:
        return replace(known, problem=str(error))
    return replace(
        known,
        bytes=size,
        times_source=size / source_bytes if source_bytes else None,
        rgb_psnr_db=whole.psnr_db,
        median_de=whole.median_de,
        undrawn_psnr_db=undrawn.psnr_db,
        undrawn_median_de=undrawn.median_de,
    )
