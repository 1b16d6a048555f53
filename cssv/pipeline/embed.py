"""Frames to stego frames: the objects of a frame become content for the carrier and a scene sample."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cssv.carriers.base import Carrier, Embedded, FrameContent
from cssv.frames import Frame
from cssv.pipeline.frame_objects import FrameObjects
from cssv.pipeline.scene_track import SceneSample, write_sample
from cssv.scene import Ranges, Scene
from cssv.scene.thermal import Calibration
from cssv.template.drawing import Outline, OutlineKey


@dataclass(frozen=True, slots=True)
class FrameEmbedder:
    """Embeds the objects of single frames.

    It has no state: a result depends on the arguments alone, so that the frames of a clip can be
    embedded in any order and in several processes.

    Attributes:
        carrier: the way to hide the heat map.
        scene: of the clip.
        ranges: values at the bottom and top of each ring.
    """

    carrier: Carrier
    scene: Scene
    ranges: Ranges

    def content(
        self, frame: Frame, objects: FrameObjects, outlines: Mapping[OutlineKey, Outline] | None = None
    ) -> FrameContent:
        """What the carrier hides in a frame; ``outlines`` that are known are not searched again."""
        return FrameContent(
            frame.number, frame.pts, frame.time_base, objects.objects, self.ranges, self.scene, outlines or {}
        )

    def embed(
        self,
        frame: Frame,
        objects: FrameObjects,
        calibration: Calibration | None = None,
        outlines: Mapping[OutlineKey, Outline] | None = None,
    ) -> tuple[Frame, bytes]:
        """Embed the objects of a frame.

        Args:
            frame: the cover.
            objects: of the frame.
            calibration: of the thermal camera whose readings the objects have; None if they have none.
            outlines: outlines that are known, by track and box.

        Returns:
            The stego frame and its scene sample.
        """
        embedded = self.carrier.embed(frame, self.content(frame, objects, outlines))
        # Carriers know pixels and numbers, and not how long a frame is shown.
        stego = dataclasses.replace(embedded.stego, duration=frame.duration)
        return stego, self.sample(frame.number, objects, embedded.unmarked, calibration)

    def replace(
        self,
        stego: Frame,
        objects: FrameObjects,
        cover: Frame | None = None,
        unmarked: Sequence[Outline] = (),
    ) -> Embedded:
        """Embed other objects in a stego frame, see :meth:`cssv.carriers.base.Carrier.replace`."""
        return self.carrier.replace(stego, self.content(stego, objects), cover, unmarked)

    def sample(
        self,
        number: int,
        objects: FrameObjects,
        unmarked: tuple[Outline, ...],
        calibration: Calibration | None = None,
    ) -> bytes:
        """The scene sample of a frame; the first one also holds the scene, ranges and calibration."""
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
        return write_sample(sample)
