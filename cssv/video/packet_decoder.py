"""Decoder from packets to planes, without a file."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import cast

import av
from av.packet import Packet as AvPacket
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cssv.errors import VideoError
from cssv.files.closing import Closing
from cssv.frames import U8
from cssv.video.ffmpeg import AV_ERRORS, reason
from cssv.video.packet import Packet
from cssv.video.planes import PlaneConverter


class PacketDecoder(Closing):
    """Decoder of the packets of one stream; it reads back what an encoder has made.

    Args:
        mp4_head: an MP4 whose sample entry is valid for the packets.

    Raises:
        VideoError: FFmpeg does not read the sample entry.
    """

    def __init__(self, mp4_head: bytes) -> None:
        try:
            self._container = av.open(io.BytesIO(mp4_head), mode="r", format="mov")
            self._context = self._container.streams.video[0].codec_context
            # More threads would hold more frames.
            self._context.thread_count = 1
        except (*AV_ERRORS, IndexError) as error:
            raise VideoError("FFmpeg cannot decode what it has encoded", found=reason(error)) from error
        self._converter: PlaneConverter | None = None

    def decode(self, packets: Sequence[Packet]) -> Iterator[U8]:
        """Yield the planes of the frames that become known, in the order of presentation."""
        for packet in packets:
            given = cast("AvPacket[VideoStream]", AvPacket(packet.data))
            # Times order the frames of codecs that reorder them.
            given.pts, given.dts = packet.pts, packet.dts
            yield from self._run(given)

    def finish(self) -> Iterator[U8]:
        """Yield the planes of the frames that are left."""
        yield from self._run(None)

    def _run(self, packet: AvPacket[VideoStream] | None) -> Iterator[U8]:
        try:
            pictures = self._context.decode(packet)
        except AV_ERRORS as error:
            raise VideoError("FFmpeg cannot decode what it has encoded", found=reason(error)) from error
        for picture in pictures:
            yield self._planes(picture)

    def _planes(self, picture: VideoFrame) -> U8:
        if self._converter is None:
            self._converter = PlaneConverter(picture)
        return self._converter.convert(picture)

    def close(self) -> None:
        """Close the decoder; may be called twice."""
        self._container.close()
