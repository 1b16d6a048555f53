"""Frames to stego frames: draws the objects of a frame and embeds the drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cssv.carriers.nibble.carrier import FrameCarrier
from cssv.carriers.nibble.miniature import miniature
from cssv.carriers.nibble.tags import place_tags
from cssv.frames import Frame
from cssv.pipeline.config import EncoderConfig
from cssv.pipeline.frame_objects import FrameObjects
from cssv.pipeline.scene_track import SceneSample, write_sample
from cssv.scene import Ranges, Scene
from cssv.scene.thermal import Calibration
from cssv.template.drawing import Outline
from cssv.template.render import render
from cssv.template.state import Place, draw
from cssv.video import VideoInfo


@dataclass(slots=True)
class FrameEmbedder:
    """Turns frames and their objects into stego frames and scene samples, one after another.

    ``calibration`` is what the readings of a thermal camera were made with, if there are any.
    """

    scene: Scene
    ranges: Ranges
    carrier: FrameCarrier
    number: int = 0
    calibration: Calibration | None = None

    @classmethod
    def of(cls, scene: Scene, ranges: Ranges, info: VideoInfo, style: EncoderConfig) -> FrameEmbedder:
        """A painter for the frames that ``info`` describes."""
        small = miniature(scene, ranges, info).write()
        return cls(scene, ranges, FrameCarrier(info.layout, small, style.merge, style.fidelity))

    def paint(
        self, frame: Frame, shown: FrameObjects, known: Mapping[Place, Outline] | None = None
    ) -> tuple[Frame, bytes]:
        """The stego frame and its scene sample; outlines that are ``known`` are not looked for again."""
        luma = frame.luma()
        size = (frame.width, frame.height)
        drawn = (draw(state, self.ranges, luma, size, known) for state in shown.objects)
        drawings = [drawing for drawing in drawn if drawing is not None]
        template = render(drawings, luma, frame.layout)
        outlines = [drawing.outline for drawing in drawings]
        planes = self.carrier.embed(frame.planes, template, outlines, number=self.number, pts=frame.pts)
        stego = Frame(planes, frame.layout, frame.pts, frame.time_base, self.number)
        sample = self.sample(self.number, shown, untagged(outlines, size))
        self.number += 1
        return stego, write_sample(sample)

    def sample(self, number: int, shown: FrameObjects, outlines: tuple[Outline, ...]) -> SceneSample:
        """What the scene track says of a frame."""
        is_first = number == 0
        return SceneSample(
            number,
            shown.objects,
            self.scene if is_first else None,
            self.ranges if is_first else None,
            shown.replaced,
            outlines,
            self.calibration if is_first else None,
        )


def untagged(outlines: Sequence[Outline], size: tuple[int, int]) -> tuple[Outline, ...]:
    """The outlines that find no place for a tag in a frame of this width and height."""
    places = place_tags(outlines, *size)
    return tuple(outline for outline, place in zip(outlines, places, strict=True) if place is None)
