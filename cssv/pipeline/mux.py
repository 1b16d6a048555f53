"""Stego frames to a file: video codec, audio and scene samples in one CSSV container."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from types import TracebackType
from typing import Any, BinaryIO, Self

from cssv.container import IndexMeta, Journal, Writer
from cssv.errors import CssvError, OutputError
from cssv.files.worker import SerialWorker
from cssv.frames import Frame
from cssv.pipeline.embed import EmbeddedFrame
from cssv.pipeline.stego_coding import make_coding
from cssv.video import AudioCopy, Codec, Effort, Packet, VideoInfo, settings_of, state_colour


@dataclass(slots=True)
class _AudioFeed:
    """The audio packets of a clip in order of time.

    Attributes:
        copy: packets of the source.
        shift: seconds by which times are moved back.
        tracks: number of the track in the file by position in the source.
        waiting: a packet that was read too early.
    """

    copy: AudioCopy
    shift: Fraction
    tracks: dict[int, int] = field(default_factory=dict)
    waiting: tuple[int, Packet] | None = None
    packets: Iterator[tuple[int, Packet]] = field(init=False)

    def __post_init__(self) -> None:
        self.packets = iter(self.copy)

    def until(self, time: Fraction | None) -> Iterator[tuple[int, Packet]]:
        """Packets that begin before ``time`` seconds of the output; all remaining ones for None."""
        while (item := self.waiting or next(self.packets, None)) is not None:
            position, packet = item
            if time is not None and packet.pts * packet.time_base - self.shift > time:
                self.waiting = item
                return
            self.waiting = None
            if position in self.tracks:
                yield self.tracks[position], packet


class StegoFile:
    """File of coded stego frames, their scene samples and the audio of a clip.

    Args:
        file: seekable binary file at position 0.
        info: size, layout, time base and rate of the frames.
        audio: audio to pass through, or None.
        shift: seconds by which the pts of the frames were moved back; the audio follows.
        journal: for a live recording: lists what is in the file, so that it can be completed after a kill.
    """

    def __init__(
        self,
        file: BinaryIO,
        info: VideoInfo,
        *,
        audio: AudioCopy | None = None,
        shift: Fraction = Fraction(0),
        journal: Journal | None = None,
    ) -> None:
        self._writer = Writer(file, journal=journal)
        self._about: IndexMeta | None = None
        self._video = self._writer.add_video(width=info.width, height=info.height, time_base=info.time_base)
        self._scene = self._writer.add_scene()
        self._samples: deque[bytes] = deque()
        # Time and duration of that frame written so far that is shown last.
        self._latest = (-1, 0)
        self._audio: _AudioFeed | None = None
        self._heads: dict[int, bytes] = {}
        if audio is not None and audio.tracks:
            self._audio = _AudioFeed(audio, shift)
            for position, track in enumerate(audio.tracks):
                if track.mp4_head is not None:
                    number = self._writer.add_audio(
                        time_base=track.time_base, language=track.language or "und"
                    )
                    self._audio.tracks[position] = number
                    self._heads[number] = track.mp4_head

    def describe(self, about: IndexMeta) -> None:
        """State before the first frame of a live recording what is known of it, for its journal."""
        self._about = about

    def add(self, crcs: Sequence[int], samples: Iterable[bytes]) -> None:
        """Note the checksums and the scene samples of the next frames, before their packets."""
        for crc in crcs:
            self._writer.note_frame(crc)
        self._samples += samples

    def write(self, packets: Sequence[Packet], mp4_head: bytes) -> None:
        """Write packets, each with the next scene sample, and the audio up to them.

        Args:
            packets: in the order of decoding.
            mp4_head: an MP4 with their sample entry, which is the same for all packets of the file.
        """
        if packets and self._about is not None:
            self._writer.describe({self._video: mp4_head}, self._about)
            self._about = None
        if packets:
            self._heads.setdefault(self._video, mp4_head)
        for packet in packets:
            self._put_audio(packet.dts * packet.time_base)
            self._writer.write_sample(
                self._video,
                packet.data,
                pts=packet.pts,
                dts=packet.dts,
                duration=packet.duration,
                is_key=packet.is_key,
            )
            # The n-th packet comes with the n-th scene sample, also where the codec reorders frames.
            self._latest = max(self._latest, (packet.pts, packet.duration))
            sample = self._samples.popleft()
            self._writer.write_sample(self._scene, sample, pts=packet.dts, duration=self._latest[1])

    def _put_audio(self, time: Fraction | None) -> None:
        if self._audio is None:
            return
        for track, packet in self._audio.until(time):
            back = round(self._audio.shift / packet.time_base)
            self._writer.write_sample(
                track,
                packet.data,
                pts=packet.pts - back,
                duration=max(packet.duration, 1),
                is_key=packet.is_key,
            )

    def finish(self, about: IndexMeta) -> None:
        """Write the rest of the audio, the tables, and the index with what it says of the version."""
        self._put_audio(None)
        self._writer.finish(self._heads, about)

    def save(self) -> None:
        """List in the journal what is in the file."""
        self._writer.save()

    def abort(self) -> None:
        """Leave the file as it is, unless it is finished."""
        self._writer.abort()


class StegoWriter:
    """Writer of stego frames, their scene samples and the audio of a clip into one file.

    A worker thread encodes and writes in the order of :meth:`write`, while the caller embeds the next frames
    (:class:`SerialWorker`). Use it as a context manager: the thread ends with the block.

    Args:
        file: seekable binary file at position 0.
        info: size, layout, time base and rate of the frames.
        codec: codec of the video track.
        crf: quality of lossy coding; None codes losslessly.
        effort: of lossless coding, for codecs that have one.
        regions: whether the macroblocks with content are coded finer; for lossy ``h264``. The bytes then do
            not depend on ``threads``.
        audio: audio to pass through, or None.
        shift: seconds by which the pts of the frames were moved back; the audio follows.
        threads: for the codec.
        journal: for a live recording: lists what is in the file, so that it can be completed after a kill.
    """

    def __init__(
        self,
        file: BinaryIO,
        info: VideoInfo,
        *,
        codec: Codec = "h264",
        crf: int | None = None,
        effort: Effort | None = None,
        regions: bool = False,
        audio: AudioCopy | None = None,
        shift: Fraction = Fraction(0),
        threads: int | None = None,
        journal: Journal | None = None,
    ) -> None:
        shown = state_colour(info, settings_of(codec, crf, effort, regions=regions))
        self._coding = make_coding(shown, codec, crf, threads, effort=effort, regions=regions)
        self._file = StegoFile(file, info, audio=audio, shift=shift, journal=journal)
        self.frames = 0
        self._worker = SerialWorker()
        self._is_finished = False

    def describe(self, about: IndexMeta) -> None:
        """State before the first frame of a live recording what is known of it, for its journal."""
        self._file.describe(about)

    def write(self, stego: Frame, sample: bytes) -> None:
        """Append a frame, its own window, and its scene sample; raises as :meth:`add` does."""
        self.add(EmbeddedFrame(stego, sample))

    def add(self, embedded: EmbeddedFrame) -> None:
        """Append a frame and its scene sample; the planes must not change afterwards.

        Raises:
            OutputError: the file is finished already.
            CssvError: this or an earlier frame cannot be encoded or written; every later call raises it
                again.
        """
        if self._is_finished:
            raise OutputError("the file is finished")
        if frames := self._coding.add(embedded):
            if len(frames) > 1:
                # A group of pictures is large: one at a time waits, and the next one is being collected.
                self._worker.drain()
            self._worker.submit(partial(self._encode, frames))
        self.frames += 1

    def _encode(self, frames: Sequence[EmbeddedFrame]) -> None:
        """Encode and write frames, in the worker thread."""
        coded = self._coding.code(frames)
        self._file.add(coded.crcs, (each.sample for each in frames))
        self._write(coded.packets)
        if len(frames) > 1:
            # The next group comes after seconds: after a kill, nothing of this one is lost.
            self._file.save()

    def _write(self, packets: Sequence[Packet]) -> None:
        if packets:
            self._file.write(packets, self._coding.mp4_head())

    def finish(self, meta: Mapping[str, Any], *, created_s: int, author: str = "", message: str = "") -> None:
        """Write the frames still in the codec, the tables and the index. Raises as :meth:`write` does."""
        self._worker.drain()
        self._is_finished = True
        if frames := self._coding.finish():
            self._encode(frames)
        self._write(self._coding.flush())
        self._file.finish(IndexMeta(created_s, author, message, meta))

    def save(self) -> None:
        """After an error: write the frames that can still be written, and list them in the journal."""
        # The thread must not write to the file at the same time.
        self._worker.close()
        # Frames that wait for the end of their group are sound, unless coding or writing is what has failed.
        with suppress(CssvError):
            if frames := self._coding.finish():
                self._encode(frames)
        self._file.save()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The codec and the file must not be closed under the thread.
        self._worker.close()
        try:
            self._coding.close()
        finally:
            self._file.abort()
