"""Coding of one segment of a clip: its frames are read, embedded, coded, and read back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from cssv.errors import VideoError
from cssv.files.closing import Closing
from cssv.files.worker import SerialWorker
from cssv.frames import Frame, planes_crc
from cssv.payload.loss import Loss
from cssv.pipeline.coded_check import CodedCheck
from cssv.pipeline.embed import ClipEmbedder, EmbeddedFrame, Scheduled, WindowEmbedder
from cssv.pipeline.known_rings import known_rings
from cssv.pipeline.saturation import Saturation
from cssv.pipeline.segments import Segment, SegmentWork
from cssv.pipeline.stego_coding import CodedFrames, make_coding
from cssv.pipeline.thermal_file import ThermalTally
from cssv.scene.shift import shift_times
from cssv.video import FrameReader, Packet, VideoInfo, state_colour

#: Threads of the codec. On their number the bytes of some codecs depend, and those of a file must not depend
#: on the machine.
CODING_THREADS = 2


class ClipFrames(Closing):
    """Frames of a clip, segment by segment; open until it is closed.

    Args:
        work: what the segments share.

    Attributes:
        reader: of the clip.
        is_ended: whether the clip ends with the frames read.
    """

    def __init__(self, work: SegmentWork) -> None:
        self._pts = work.plan.part.pts
        self.reader: FrameReader = work.plan.reader()
        self.is_ended = False

    def read(self, segment: Segment) -> Iterator[Frame]:
        """Yield the frames of a segment; of the last one all that the clip has."""
        first = segment.frames.start
        if first:
            self.reader.seek(first, int(self._pts[first]))
        for frame in self.reader:
            if not segment.is_last and frame.number + 1 == segment.frames.stop:
                # Some files list frames that give no picture.
                self.is_ended = self.reader.is_at_end()
                yield frame
                return
            yield frame
        self.is_ended = True

    def close(self) -> None:
        """Close the clip."""
        self.reader.close()


@dataclass(frozen=True, slots=True)
class CodedPart:
    """Some frames of a segment, coded.

    Attributes:
        crcs: the CRC-32 that the file holds for each frame.
        samples: the scene sample of each frame.
        packets: those that are ready, in the order of decoding. They may be those of earlier frames.
        mp4_head: an MP4 with the sample entry of the packets; empty without any.
    """

    crcs: Sequence[int]
    samples: Sequence[bytes]
    packets: Sequence[Packet]
    mp4_head: bytes


#: Takes the coded frames of segments, in order.
Put = Callable[[CodedPart], None]


@dataclass(slots=True)
class SegmentTally:
    """What is known of frames that were embedded, for the notes of the file.

    Attributes:
        saturation: values outside the ranges.
        thermal: what a thermal camera has read.
        losses: what the payload of each window does not tell.
        frames: number of the frames.
    """

    saturation: Saturation
    thermal: ThermalTally = field(default_factory=ThermalTally)
    losses: list[Loss] = field(default_factory=list)
    frames: int = 0

    def merge(self, later: SegmentTally) -> None:
        """Add what is known of later frames."""
        self.saturation.merge(later.saturation)
        self.thermal.merge(later.thermal)
        self.losses += later.losses
        self.frames += later.frames


class SegmentEmbedder:
    """Embedder of the frames of segments.

    Args:
        work: what the segments share.
    """

    def __init__(self, work: SegmentWork) -> None:
        content = work.content
        scene = shift_times(content.scene, work.origin.seconds)
        rings = known_rings(scene, has_thermal=content.thermal is not None)
        self._work = work
        self._embedder = WindowEmbedder(content.config.carrier, scene, content.ranges, rings)
        # The thermal file is read on from segment to segment, which come in order of time.
        self._sampler = None if content.thermal is None else content.thermal.follow(content.ranges)

    def embed(
        self, segment: Segment, clip: ClipFrames, frames: Iterable[Frame], tally: SegmentTally
    ) -> Iterator[EmbeddedFrame]:
        """Yield the frames of a segment with their content hidden.

        Args:
            segment: the segment.
            clip: the reader of its frames.
            frames: its frames.
            tally: notes what is embedded.
        """
        embedder = ClipEmbedder(self._embedder, segment.window)
        for scheduled in self._scheduled(frames, tally):
            for done in embedder.add(scheduled):
                yield self._ended(done, segment)
        for done in embedder.finish(is_last=clip.is_ended):
            yield self._ended(done, segment)
        tally.losses += embedder.losses

    def _scheduled(self, frames: Iterable[Frame], tally: SegmentTally) -> Iterator[Scheduled]:
        """The frames at their times in the file, with their objects."""
        content, origin = self._work.content, self._work.origin
        calibration = None if content.thermal is None else content.thermal.calibration
        for frame in frames:
            objects, outlines = content.annotator.annotate(frame.number, frame.time), None
            if self._sampler is not None:
                objects, outlines = self._sampler(objects, frame.time, frame.luma())
                tally.thermal.add(objects)
            tally.saturation.add(objects.objects)
            tally.frames += 1
            yield Scheduled(replace(frame, pts=frame.pts - origin.pts), objects, calibration, outlines)

    def _ended(self, embedded: EmbeddedFrame, segment: Segment) -> EmbeddedFrame:
        """A frame with its duration, which for the last one of a segment only the next segment tells."""
        stego, following = embedded.stego, segment.frames.stop
        if segment.is_last or stego.number + 1 != following:
            return embedded
        duration = int(self._work.plan.part.pts[following]) - self._work.origin.pts - stego.pts
        return replace(embedded, stego=replace(stego, duration=duration))


class SegmentCoder(Closing):
    """Coder of the embedded frames of one segment, which reads back what it has coded.

    Args:
        work: what the segments share.
        put: takes the coded frames; called in the worker thread.
        worker: the thread in which frames are coded.

    Attributes:
        is_closed: whether the codec is closed.
    """

    def __init__(self, work: SegmentWork, put: Put, worker: SerialWorker) -> None:
        config = work.content.config
        self._coding = make_coding(
            state_colour(work.plan.info, config.settings),
            config.codec,
            config.crf,
            CODING_THREADS,
            effort=config.effort,
            regions=config.has_regions,
        )
        # Groups with exact content are read back by their coder.
        needs_check = work.is_checked and not config.has_regions
        self._check = CodedCheck(config) if needs_check else None
        self._put, self._worker = put, worker
        self.is_closed = False

    def add(self, embedded: EmbeddedFrame) -> None:
        """Take the next frame."""
        if frames := self._coding.add(embedded):
            self._submit(frames)

    def finish(self) -> None:
        """Take no more frames; the worker thread codes those that wait."""
        if frames := self._coding.finish():
            self._submit(frames)
        self._worker.submit(self._end)

    def _submit(self, frames: Sequence[EmbeddedFrame]) -> None:
        if len(frames) > 1:
            # A group of pictures is large: one at a time waits, and the next one is being collected.
            self._worker.drain()
        self._worker.submit(partial(self._code, frames))

    def _code(self, frames: Sequence[EmbeddedFrame]) -> None:
        coded = self._coding.code(frames)
        if self._check is not None:
            self._check.add(frames, coded.crcs)
        self._hand_on(coded, [each.sample for each in frames])

    def _hand_on(self, coded: CodedFrames, samples: Sequence[bytes]) -> None:
        # Before its first packet a codec has no sample entry.
        head = self._coding.mp4_head() if coded.packets else b""
        self._put(CodedPart(coded.crcs, samples, coded.packets, head))
        if self._check is not None:
            self._check.decode(coded.packets, head)

    def _end(self) -> None:
        self._hand_on(CodedFrames((), self._coding.flush()), ())
        if self._check is not None:
            self._check.finish()
        self.close()

    def close(self) -> None:
        """Close the codec; may be called twice."""
        self.is_closed = True
        self._coding.close()
        if self._check is not None:
            self._check.close()


@dataclass(frozen=True, slots=True)
class CodedSegment:
    """A segment that was coded.

    Attributes:
        part: all its frames.
        tally: for the notes of the file.
        info: of the reader, with the notes that reading has brought up.
        first_crc: CRC-32 of the planes of its first cover.
        following_crc: the same of the first cover behind the segment; None at the end of the clip, and where
            it is not known.
    """

    part: CodedPart
    tally: SegmentTally
    info: VideoInfo
    first_crc: int
    following_crc: int | None


def encode_segment(
    work: SegmentWork, segment: Segment, frames: ClipFrames, embedder: SegmentEmbedder
) -> CodedSegment:
    """Read, embed, code and check one segment.

    Raises:
        VideoError: the frames are not those of the plan.
        CarrierError: the content does not fit into the frames.
        ChecksumError: what was coded does not read back.
    """
    parts, tally = list[CodedPart](), SegmentTally(Saturation(work.content.ranges))
    first = list[int]()

    def covers() -> Iterator[Frame]:
        expected = work.plan.part.pts[segment.frames.start : segment.frames.stop].tolist()
        for at, frame in enumerate(frames.read(segment)):
            if expected[at : at + 1] != [frame.pts]:
                raise VideoError("the clip has another frame here", found=f"pts {frame.pts}")
            first[:] = first or [planes_crc(frame.planes)]
            yield frame
        if tally.frames != len(expected):
            raise VideoError("the clip ended early", found=f"{tally.frames} frames", bound=str(len(expected)))

    with SerialWorker() as worker, SegmentCoder(work, parts.append, worker) as coder:
        for embedded in embedder.embed(segment, frames, covers(), tally):
            coder.add(embedded)
        coder.finish()
        worker.drain()
    if segment.is_last:
        frames.reader.check_whole()
    following = None if segment.is_last else frames.reader.following()
    return CodedSegment(
        _joined(parts),
        tally,
        frames.reader.info,
        first[0],
        None if following is None else planes_crc(following),
    )


def _joined(parts: Sequence[CodedPart]) -> CodedPart:
    """The frames of a whole segment, of which there is at least one."""
    return CodedPart(
        [crc for part in parts for crc in part.crcs],
        [sample for part in parts for sample in part.samples],
        [packet for part in parts for packet in part.packets],
        next(part.mp4_head for part in parts if part.packets),
    )
