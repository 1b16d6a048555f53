"""Second pass over a clip: draw, embed, code and write its frames."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from cssv.errors import VideoError
from cssv.pipeline.annotate import TrackAnnotator
from cssv.pipeline.arguments import Progress, counted
from cssv.pipeline.clip_plan import ClipPlan
from cssv.pipeline.config import EncoderConfig, config_to_facts
from cssv.pipeline.embed import ClipEmbedder, Scheduled, WindowEmbedder
from cssv.pipeline.known_rings import known_rings
from cssv.pipeline.mux import StegoWriter
from cssv.pipeline.saturation import Saturation
from cssv.pipeline.thermal_file import ThermalReadings
from cssv.pipeline.time_origin import TimeOrigin
from cssv.scene import Ranges, Scene
from cssv.scene.shift import shift_times


@dataclass(frozen=True, slots=True)
class ClipContent:
    """What all frames of a clip share.

    Attributes:
        scene: of the clip, in the clip's own times.
        config: how frames are drawn, hidden and coded; its carrier is prepared for the clip.
        annotator: gives the objects of each frame.
        thermal: readings of a thermal camera; None without one.
        ranges: values at the bottom and top of each ring.
    """

    scene: Scene
    config: EncoderConfig
    annotator: TrackAnnotator
    thermal: ThermalReadings | None
    ranges: Ranges


def write_clip(
    path: Path,
    plan: ClipPlan,
    content: ClipContent,
    notes: Sequence[str],
    created_s: int,
    progress: Progress | None,
) -> tuple[tuple[str, ...], int]:
    """Draw, embed, code and write every frame of a clip.

    Args:
        path: the file to write.
        plan: how the clip is opened.
        content: what its frames share.
        notes: for users, written into the file; more can be added.
        created_s: time of creation, seconds since 1970 UTC.
        progress: called after every frame.

    Returns:
        The notes written, and the number of frames.

    Raises:
        VideoError: the clip holds no frames, or cannot be read.
        CarrierError: the content does not fit into the frames.
        OutputError: the file cannot be written.
    """
    thermal, audio = content.thermal, plan.audio()
    origin = TimeOrigin.from_plan(plan, audio)
    scene = shift_times(content.scene, origin.seconds)
    rings = known_rings(scene, has_thermal=thermal is not None)
    embedder = ClipEmbedder(WindowEmbedder(content.config.carrier, scene, content.ranges, rings))
    sampler = None if thermal is None else thermal.follow(content.ranges)
    calibration = None if thermal is None else thermal.calibration
    with plan.reader() as reader, ExitStack() as stack:
        file = stack.enter_context(path.open("wb"))
        config, shift = content.config, origin.seconds + origin.ahead_s
        writer = stack.enter_context(
            StegoWriter(
                file,
                reader.info,
                codec=config.codec,
                crf=config.crf,
                effort=config.effort,
                regions=config.has_regions,
                audio=audio,
                shift=shift,
            )
        )
        saturation = Saturation(content.ranges)
        for frame in counted(reader, "encode", len(plan), progress):
            moved = replace(frame, pts=frame.pts - origin.pts)
            objects, outlines = content.annotator.annotate(frame.number, frame.time), None
            if sampler is not None:
                objects, outlines = sampler(objects, frame.time, frame.luma())
            saturation.add(objects.objects)
            for done in embedder.add(Scheduled(moved, objects, calibration, outlines)):
                writer.add(done)
        for done in embedder.finish():
            writer.add(done)
        if not writer.frames:
            raise VideoError("the clip holds no frames", found=str(plan.source))
        # Some notes only exist once every frame has been read.
        late = (*reader.info.notes, *reader.info.left_out_notes)
        late += (*(audio.notes if audio else ()), *(thermal.notes if thermal else ()))
        notes = (*notes, *origin.notes, *saturation.notes, *embedder.notes, *late)
        facts = config_to_facts(reader.info, content.config, content.ranges, notes, plan.opened())
        facts |= origin.facts
        writer.finish(facts, created_s=created_s)
        return notes, writer.frames
