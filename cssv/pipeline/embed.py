"""Frames to stego frames: the objects of frames become content for the carrier and scene samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cssv.carriers.base import AnyCarrier, FrameContent, RegionCarrier, WindowSpan
from cssv.carriers.drawn_rings import rings_for
from cssv.carriers.keyed import key_of
from cssv.carriers.windows import WindowGrouping, window_codec
from cssv.frames import ExactContent, Frame
from cssv.payload.loss import Loss, merge_losses
from cssv.pipeline.frame_objects import FrameObjects
from cssv.pipeline.scene_track import SceneSample, write_sample
from cssv.pipeline.sealed_track import seal_sample
from cssv.scene import Ranges, Scene
from cssv.scene.thermal import Calibration
from cssv.template.drawing import Outline, OutlineKey, Rings


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A frame to embed, and what is to be hidden in it.

    Attributes:
        frame: the cover.
        objects: of the frame.
        calibration: of the thermal camera whose readings the objects have; None if they have none.
        outlines: outlines that are known, by track and box.
    """

    frame: Frame
    objects: FrameObjects
    calibration: Calibration | None = None
    outlines: Mapping[OutlineKey, Outline] | None = None


@dataclass(frozen=True, slots=True)
class EmbeddedFrame:
    """A frame that was embedded.

    Attributes:
        stego: it.
        sample: its scene sample.
        exact: what must decode exactly after lossy coding; None for nothing.
        begins_window: whether it is the first one of its window.
    """

    stego: Frame
    sample: bytes
    exact: ExactContent | None = None
    begins_window: bool = True


@dataclass(frozen=True, slots=True)
class EmbeddedWindow:
    """A window that was embedded.

    Attributes:
        frames: its frames.
        loss: what its payload does not tell; None if there is no payload.
    """

    frames: list[EmbeddedFrame]
    loss: Loss | None


@dataclass(frozen=True, slots=True)
class WindowEmbedder:
    """Embeds the objects of single windows.

    It has no state: a result depends on the arguments alone, so that the windows of a clip can be
    embedded in any order and in several processes.

    Attributes:
        carrier: the way to hide the heat map.
        scene: of the clip.
        ranges: values at the bottom and top of each ring.
        rings: the rings of attributes that are known in the clip (:func:`.known_rings.known_rings`). A frame
            with the calibration of a thermal camera also has the ring of the temperature.
    """

    carrier: AnyCarrier
    scene: Scene
    ranges: Ranges
    rings: Rings = Rings.ALL

    @property
    def drawn_rings(self) -> Rings:
        """The rings that the carrier draws."""
        return rings_for(self.carrier, self.rings)

    def content(
        self,
        frame: Frame,
        objects: FrameObjects,
        outlines: Mapping[OutlineKey, Outline] | None = None,
        calibration: Calibration | None = None,
    ) -> FrameContent:
        """What the carrier hides in a frame.

        Args:
            frame: the cover.
            objects: of the frame.
            outlines: outlines that are known; they are not searched again.
            calibration: of the thermal camera whose readings the objects have.
        """
        rings = self.drawn_rings
        # A thermal camera can start after the first frame of a stream.
        if calibration is not None:
            rings |= Rings.TEMPERATURE
        return FrameContent(
            number=frame.number,
            pts=frame.pts,
            time_base=frame.time_base,
            objects=objects.objects,
            ranges=self.ranges,
            scene=self.scene,
            outlines=outlines or {},
            rings=rings,
        )

    def embed(self, window: Sequence[Scheduled], number: int, *, is_last: bool = False) -> EmbeddedWindow:
        """Embed the frames of a window.

        Args:
            window: its frames.
            number: of the window in the clip, from 0.
            is_last: whether the clip ends with it.
        """
        known = (self.content(each.frame, each.objects, each.outlines, each.calibration) for each in window)
        contents = [dataclasses.replace(content, is_last=is_last) for content in known]
        covers = [each.frame for each in window]
        embedded = window_codec(self.carrier).embed_window(covers, contents, number)
        frames = [
            EmbeddedFrame(
                # Carriers know pixels and numbers, and not how long a frame is shown.
                dataclasses.replace(result.stego, duration=each.frame.duration),
                self.sample(each.frame.number, each.objects, result.unmarked, each.calibration),
                result.exact,
                begins_window=each is window[0],
            )
            for each, result in zip(window, embedded, strict=True)
        ]
        return EmbeddedWindow(frames, embedded[0].loss)

    def sample(
        self,
        number: int,
        objects: FrameObjects,
        unmarked: tuple[Outline, ...],
        calibration: Calibration | None = None,
    ) -> bytes:
        """The scene sample of a frame; the first one also holds the scene, ranges and calibration.

        It is sealed if the carrier has a key.
        """
        is_first = number == 0
        sample = SceneSample(
            number,
            objects.objects,
            self.scene if is_first else None,
            self.ranges if is_first else None,
            objects.replaced,
            unmarked,
            calibration if is_first else None,
        )
        data, key = write_sample(sample), key_of(self.carrier)
        return data if key is None else seal_sample(data, number, key)


class ClipEmbedder:
    """Embeds the frames of a clip in order; frames of a window wait for its last one.

    Args:
        embedder: of windows.
        first_window: number of the first window, for a part of a clip.
    """

    def __init__(self, embedder: WindowEmbedder, first_window: int = 0) -> None:
        self._embedder = embedder
        self._grouping: WindowGrouping | None = None
        self._span = WindowSpan(None, 1)
        self._window: list[Scheduled] = []
        self._number = first_window
        self._losses: list[Loss] = []

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What the payload of each window embedded so far does not tell."""
        return tuple(self._losses)

    @property
    def notes(self) -> tuple[str, ...]:
        """The same in sentences."""
        return loss_notes(self._embedder.carrier, self._losses)

    def add(self, scheduled: Scheduled) -> list[EmbeddedFrame]:
        """Take the next frame; returns the frames that are complete."""
        frame = scheduled.frame
        if self._grouping is None:
            codec = window_codec(self._embedder.carrier)
            self._span = codec.span(frame.layout, frame.width, frame.height)
            self._grouping = WindowGrouping(self._span)
        done = self._embed() if self._grouping.begins(frame.time) else []
        self._window.append(scheduled)
        # A full window is embedded at once: windows of one frame wait for nothing.
        return done + self._embed() if len(self._window) == self._span.frames else done

    def finish(self, *, is_last: bool = True) -> list[EmbeddedFrame]:
        """Embed the frames that wait, as a last window; of the whole clip if ``is_last``."""
        return self._embed(is_last=is_last)

    def _embed(self, *, is_last: bool = False) -> list[EmbeddedFrame]:
        if not self._window:
            return []
        window, self._window = self._window, []
        self._number += 1
        embedded = self._embedder.embed(window, self._number - 1, is_last=is_last)
        if embedded.loss is not None:
            self._losses.append(embedded.loss)
        return embedded.frames


def loss_notes(carrier: AnyCarrier, losses: Sequence[Loss]) -> tuple[str, ...]:
    """What the payloads of windows do not tell, one sentence each."""
    lost = merge_losses(losses).sentences()
    return carrier.copy_notes(lost) if isinstance(carrier, RegionCarrier) else lost
