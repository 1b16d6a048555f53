"""Audio packets of a clip, copied unchanged."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.stream import Stream

from cssv.files.access import guarded
from cssv.video.audio_timing import AudioClock
from cssv.video.ffmpeg import AV_ERRORS, exact, opened
from cssv.video.packet import Packet
from cssv.video.span import WHOLE_CLIP, Span

#: Packets read at most to find the first one of every audio stream.
PROBE_PACKETS = 10_000

#: Languages with two codes in ISO 639-2: the bibliographic code, and the terminological code that MP4 uses.
_TERMINOLOGICAL_BY_BIBLIOGRAPHIC = {
    "alb": "sqi", "arm": "hye", "baq": "eus", "bur": "mya", "chi": "zho", "cze": "ces", "dut": "nld",
    "fre": "fra", "geo": "kat", "ger": "deu", "gre": "ell", "ice": "isl", "mac": "mkd", "mao": "mri",
    "may": "msa", "per": "fas", "rum": "ron", "slo": "slk", "tib": "bod", "wel": "cym",
}  # fmt: skip
_UNDETERMINED = "und"


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """One audio stream of a clip.

    Attributes:
        codec: FFmpeg's name, for example ``"aac"``.
        time_base: seconds per unit of its packets' pts, exact.
        language: ISO 639-2/T code, for example ``"deu"``; None when unknown.
        mp4_head: an MP4 with its first packet, which holds the sample entry; None where MP4 cannot hold
            this codec.
        stream_index: number of the stream in its file.
        has_adts: whether the stored packets begin with ADTS headers (ISO/IEC 14496-3, 1.A.2). MP4 has none,
            so they are removed.
        source_time_base: seconds per unit in the file, which may be coarser.
        frame_samples: samples of each packet; 0 if they differ or are unknown.
        delay: samples at the beginning that are decoded and not played, as far as the stream states them.
        start_s: time of the first packet, seconds, exact.
        notes: one sentence for each thing that is not copied.
    """

    codec: str
    time_base: Fraction
    language: str | None
    mp4_head: bytes | None
    stream_index: int
    source_time_base: Fraction
    frame_samples: int = 0
    delay: int = 0
    start_s: Fraction = Fraction(0)
    has_adts: bool = False
    notes: tuple[str, ...] = ()


class AudioCopy:
    """The packets of every audio stream of a clip, read while they are used.

    Iterating yields ``(track index, packet)`` in file order, any number of times.

    Args:
        path: the clip.
        span: packets that begin outside are left out.
        shifts_s: for each time that the clip's clock falls back, the seconds by which later frames are moved.

    Attributes:
        tracks: the audio streams, in file order.

    Raises:
        VideoError: the file cannot be read.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        span: Span = WHOLE_CLIP,
        shifts_s: Sequence[Fraction] = (),
    ) -> None:
        self._path = Path(path)
        self._span = span
        self._shifts_s = tuple(shifts_s)
        self._left_out = 0
        self.tracks, self._indexes = self._probe()

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each thing that is not copied."""
        notes = tuple(note for track in self.tracks for note in track.notes)
        if self._left_out:
            notes += (f"audio packets at the time of the packet before were left out: {self._left_out}",)
        return notes

    def _probe(self) -> tuple[tuple[AudioTrack, ...], dict[int, int]]:
        """The tracks, and the index in ``tracks`` of each stream number."""
        first: dict[int, av.Packet[Stream]] = {}
        with opened(self._path) as container:
            streams = {s.index: s for s in container.streams.audio if s.codec_context is not None}
            if not streams:
                return (), {}
            for count, packet in enumerate(container.demux(*streams.values())):
                if packet.size:
                    first.setdefault(packet.stream_index, packet)
                # A stream can be listed and have no packets; the whole file is not searched for one.
                if len(first) == len(streams) or count > PROBE_PACKETS:
                    break
            found = sorted(first)
            tracks = tuple(_track(streams[index], first[index]) for index in found)
        return tracks, {index: position for position, index in enumerate(found)}

    @guarded
    def __iter__(self) -> Iterator[tuple[int, Packet]]:
        """Yield the packets of all tracks in file order."""
        if not self.tracks:
            return
        self._left_out = 0
        clocks = [
            AudioClock(
                track.source_time_base, track.time_base, track.frame_samples, track.delay, self._shifts_s
            )
            for track in self.tracks
        ]
        with opened(self._path) as container:
            streams = [s for s in container.streams.audio if s.index in self._indexes]
            for source in container.demux(*streams):
                # The last packet of each stream is an empty one of FFmpeg's.
                if not source.size:
                    continue
                position = self._indexes[source.stream_index]
                placed = clocks[position].place(source)
                if placed is None:
                    self._left_out += 1
                    continue
                packet = _packet(source, self.tracks[position], *placed)
                if self._span.contains(packet.pts, packet.time_base):
                    yield position, packet


def _packet(source: av.Packet[Stream], track: AudioTrack, pts: int, duration: int) -> Packet:
    """A packet of FFmpeg as one of CSSV."""
    data = bytes(source)
    if track.has_adts:
        data = data[_adts_bytes(data) :]
    return Packet(data, pts, pts, duration, track.time_base, source.is_keyframe)


def _adts_bytes(data: bytes) -> int:
    """Length of the ADTS header at the front: 7 bytes, 9 with a checksum, 0 without a header."""
    if len(data) < 9 or data[0] != 0xFF or data[1] & 0xF6 != 0xF0:
        return 0
    return 7 if data[1] & 1 else 9


def _track(stream: AudioStream, first: av.Packet[Stream]) -> AudioTrack:
    """Describe a stream by its header and its first packet."""
    context = stream.codec_context
    head, notes = None, []
    try:
        head = _muxed(stream, first)
    except (*AV_ERRORS, ValueError):
        notes.append(f"audio in {context.name} cannot be held by MP4 and was left out")
    # A decoder finds what it needs either in the header of the file or in that of every packet.
    has_adts = context.name == "aac" and not context.extradata and _adts_bytes(bytes(first)) > 0
    if has_adts and head is not None:
        notes.append("AAC packets are passed on without their ADTS headers")
    written = stream.language or _UNDETERMINED
    language = _language(written)
    if language is None and written != _UNDETERMINED:
        notes.append(f"the audio language {written!r} is not an ISO 639-2 code and was left out")
    sample = Fraction(1, context.sample_rate or 1)
    source = exact(stream.time_base) or sample
    # The delay of an encoder is a number of samples, which a unit of a millisecond cannot hold.
    delay = int(context.delay or 0)
    is_finer = delay > 0 and (source / sample).denominator == 1 and source > sample
    return AudioTrack(
        codec=context.name,
        time_base=sample if is_finer else source,
        source_time_base=source,
        frame_samples=context.frame_size or 0,
        delay=delay,
        start_s=(first.pts if first.pts is not None else first.dts or 0) * source,
        language=language,
        mp4_head=head,
        stream_index=stream.index,
        has_adts=has_adts,
        notes=tuple(notes),
    )


def _language(written: str) -> str | None:
    """ISO 639-2/T code of a language as a file gives it; None for unknown or for another kind of code."""
    code = written.lower()
    if len(code) != 3 or not all("a" <= letter <= "z" for letter in code) or code == _UNDETERMINED:
        return None
    return _TERMINOLOGICAL_BY_BIBLIOGRAPHIC.get(code, code)


def _muxed(stream: AudioStream, first: av.Packet[Stream]) -> bytes:
    """Write one packet into an MP4 of its own."""
    sink = io.BytesIO()
    with av.open(sink, mode="w", format="mp4") as container:
        copy = container.add_stream_from_template(stream)
        packet = av.Packet(bytes(first))
        packet.pts = packet.dts = 0
        packet.duration = first.duration or 0
        packet.time_base = first.time_base
        packet.is_keyframe = True
        packet.stream = copy
        container.mux(packet)
    return sink.getvalue()
