"""Audio, passed through packet for packet."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.stream import Stream

from cssv.video.ffmpeg import AV_ERRORS, exact, opened
from cssv.video.packet import Packet
from cssv.video.span import WHOLE_CLIP, Span

#: Packets looked at to find the first one of every audio stream.
PROBE_PACKETS = 10_000


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """One audio stream of a clip.

    Attributes:
        codec: FFmpeg's name, for example ``"aac"``.
        time_base: seconds per unit of its packets' pts, exact.
        sample_rate_hz: samples per second.
        channels: number of channels.
        language: as the file says, for example ``"eng"``; None when it does not.
        mp4_head: a whole MP4 with its first packet, from which the sample entry can be taken;
            None where MP4 cannot hold this codec.
        stream_index: of the stream in its file.
        has_adts: the stored packets carry ADTS headers (ISO/IEC 14496-3, 1.A.2), which MP4 does not
            want; they are taken off.
        note: why ``mp4_head`` is None, or what is taken off; None when nothing is to be said.
    """

    codec: str
    time_base: Fraction
    sample_rate_hz: int
    channels: int
    language: str | None
    mp4_head: bytes | None
    stream_index: int
    has_adts: bool = False
    note: str | None = None


class AudioCopy:
    """The packets of every audio stream of a clip, unchanged, read as they are asked for.

    Iterating yields ``(track index, packet)`` in file order, as often as wanted.

    Args:
        path: the clip.
        span: packets that begin outside are left out.

    Raises:
        VideoError: the file cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str], *, span: Span = WHOLE_CLIP) -> None:
        self._path = Path(path)
        self._span = span
        self.tracks, self._indexes = self._probe()

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be passed on as it is, in words."""
        return tuple(track.note for track in self.tracks if track.note)

    def _probe(self) -> tuple[tuple[AudioTrack, ...], dict[int, int]]:
        first: dict[int, av.Packet[Stream]] = {}
        with opened(self._path) as container:
            streams = {s.index: s for s in container.streams.audio if s.codec_context is not None}
            if not streams:
                return (), {}
            for count, packet in enumerate(container.demux(*streams.values())):
                if packet.size:
                    first.setdefault(packet.stream_index, packet)
                if len(first) == len(streams) or count > PROBE_PACKETS:
                    break
            found = sorted(first)
            tracks = tuple(_track(streams[index], first[index]) for index in found)
        return tracks, {index: position for position, index in enumerate(found)}

    def __iter__(self) -> Iterator[tuple[int, Packet]]:
        """Yield the packets of all tracks in file order."""
        if not self.tracks:
            return
        with opened(self._path) as container:
            streams = [s for s in container.streams.audio if s.index in self._indexes]
            for source in container.demux(*streams):
                if not source.size:
                    continue
                position = self._indexes[source.stream_index]
                packet = _packet(source, self.tracks[position])
                if self._span.contains(packet.pts, packet.time_base):
                    yield position, packet


def _packet(source: av.Packet[Stream], track: AudioTrack) -> Packet:
    pts = source.pts if source.pts is not None else (source.dts or 0)
    dts = source.dts if source.dts is not None else pts
    data = bytes(source)
    if track.has_adts:
        data = data[_adts_bytes(data) :]
    return Packet(data, pts, dts, source.duration or 0, track.time_base, source.is_keyframe)


def _adts_bytes(data: bytes) -> int:
    """Length of the ADTS header at the front: 7 bytes, 9 with a checksum, 0 where there is none."""
    if len(data) < 9 or data[0] != 0xFF or data[1] & 0xF6 != 0xF0:
        return 0
    return 7 if data[1] & 1 else 9


def _track(stream: AudioStream, first: av.Packet[Stream]) -> AudioTrack:
    context = stream.codec_context
    head, note = None, None
    try:
        head = _muxed(stream, first)
    except (*AV_ERRORS, ValueError):
        note = f"audio in {context.name} cannot be held by MP4 and was left out"
    has_adts = context.name == "aac" and not context.extradata and _adts_bytes(bytes(first)) > 0
    if has_adts and head is not None:
        note = "AAC packets are passed on without their ADTS headers"
    return AudioTrack(
        codec=context.name,
        time_base=exact(stream.time_base) or Fraction(1, context.sample_rate),
        sample_rate_hz=context.sample_rate,
        channels=context.layout.nb_channels,
        language=stream.language,
        mp4_head=head,
        stream_index=stream.index,
        has_adts=has_adts,
        note=note,
    )


def _muxed(stream: AudioStream, first: av.Packet[Stream]) -> bytes:
    """Mux one packet into an MP4 of its own."""
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
