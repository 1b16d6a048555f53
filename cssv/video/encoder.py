"""Planes in, packets of a lossless codec out."""

from __future__ import annotations

import io
from collections import deque
from fractions import Fraction
from typing import cast

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cssv.errors import FrameError, OptionError, OutputError, VideoError
from cssv.files.closing import Closing
from cssv.frames import Frame, Layout, check_size
from cssv.video.codecs import CODECS, VARIANT_MAX, Codec, Picture, check_threads, configure
from cssv.video.ffmpeg import AV_ERRORS, reason
from cssv.video.info import UNTAGGED, Colour, VideoInfo, check_time, nominal_step
from cssv.video.packet import Packet


class FrameEncoder(Closing):
    """Encodes frames losslessly, one packet for one frame, in order.

    The codec counts frames; time stays outside it. So pts of any size, sign and spacing come out
    exactly as they went in, dts equals pts, and the bytes do not depend on the time stamps. A packet is
    delivered when the next frame is known, because only then its duration is.

    Args:
        width: pixels.
        height: pixels.
        layout: of the planes.
        time_base: seconds per unit of pts, of all frames.
        rate: average frames per second: distance of key frames, duration of the last frame.
        colour: tags for players.
        pixel_aspect: width of a pixel over its height.
        codec: a key of ``CODECS``.
        threads: for the codec; None takes one a core.
        variant: number of the parameter sets of H.264, 0 to 31. Runs of frames that were coded with other
            settings can follow each other in one stream if their numbers differ.

    Raises:
        OptionError: an unknown codec, rate or thread count, or a variant out of bounds.
        FrameError: a size that cannot be coded.
        VideoError: FFmpeg refuses to encode.
    """

    def __init__(
        self,
        *,
        width: int,
        height: int,
        layout: Layout,
        time_base: Fraction,
        rate: Fraction,
        colour: Colour | None = None,
        pixel_aspect: Fraction = Fraction(1),
        codec: Codec = "h264",
        threads: int | None = None,
        variant: int = 0,
    ) -> None:
        if codec not in CODECS:
            raise OptionError("unknown codec", found=codec, bound=", ".join(CODECS))
        if not 0 <= variant <= VARIANT_MAX:
            raise OptionError("variant is out of range", found=variant, bound=f"0 to {VARIANT_MAX}")
        check_size(layout, width, height)
        check_time(time_base, rate)
        self.codec: Codec = codec
        self.time_base = time_base
        self._step = nominal_step(time_base, rate)
        self._settings = CODECS[codec]
        self._picture = Picture(width, height, layout, rate, colour or UNTAGGED, pixel_aspect)
        self._sink = io.BytesIO()
        self._open(check_threads(threads), variant)
        self._stamps: deque[int] = deque()
        self._held: tuple[bytes, bool] | None = None
        self._count = 0
        self._last_pts = 0
        self._head: bytes | None = None
        self._is_flushed = False

    @classmethod
    def of(
        cls, info: VideoInfo, codec: Codec = "h264", threads: int | None = None, variant: int = 0
    ) -> FrameEncoder:
        """Return an encoder for the frames that a reader with this ``info`` delivers."""
        return cls(
            width=info.width,
            height=info.height,
            layout=info.layout,
            time_base=info.time_base,
            rate=info.rate,
            colour=info.colour,
            pixel_aspect=info.pixel_aspect,
            codec=codec,
            threads=threads,
            variant=variant,
        )

    def _open(self, threads: int, variant: int) -> None:
        picture = self._picture
        name = self._settings.encoders[picture.layout]
        try:
            self._container = av.open(self._sink, mode="w", format="mp4")
            self._stream = cast(VideoStream, self._container.add_stream(name, rate=picture.rate))
            configure(self._stream, self._settings, picture, 1 / picture.rate, threads, variant)
            self._context = self._stream.codec_context
            self._context.open()
        except (*AV_ERRORS, ValueError) as error:
            raise self._refused(error) from error

    def _refused(self, error: BaseException) -> VideoError:
        size = f"{self._picture.width}x{self._picture.height}"
        return VideoError(f"FFmpeg cannot encode {self.codec} at {size}", found=reason(error))

    def encode(self, frame: Frame) -> list[Packet]:
        """Take the next frame and return the packets that are ready, often those of earlier frames.

        Raises:
            FrameError: another size, layout or time base than the encoder's, or a pts that does
                not grow.
        """
        self._check(frame)
        picture = to_picture(frame, self._settings.pix_fmts[frame.layout])
        picture.pts, picture.time_base = self._count, 1 / self._picture.rate
        self._count += 1
        self._stamps.append(frame.pts)
        return self._run(picture)

    def flush(self) -> list[Packet]:
        """Return the packets of all frames still inside; nothing can be encoded afterwards."""
        if self._is_flushed:
            return []
        packets = self._run(None) if self._count else []
        self._is_flushed = True
        if self._held is not None:
            packets.append(self._deliver(self._step))
        return packets

    def _check(self, frame: Frame) -> None:
        if self._is_flushed:
            raise OutputError("the encoder is already flushed")
        picture = self._picture
        given = (frame.width, frame.height, frame.layout, frame.time_base)
        wanted = (picture.width, picture.height, picture.layout, self.time_base)
        if given != wanted:
            raise FrameError("the frame is not like the clip", found=_words(given), bound=_words(wanted))
        if self._count and frame.pts <= self._last_pts:
            raise FrameError("pts must grow", found=frame.pts, bound=f"above {self._last_pts}")
        self._last_pts = frame.pts

    def _run(self, picture: VideoFrame | None) -> list[Packet]:
        try:
            coded = self._context.encode(picture)
        except (*AV_ERRORS, ValueError) as error:
            raise self._refused(error) from error
        ready = []
        for packet in coded:
            if not packet.size:
                continue
            data = bytes(packet)
            if self._head is None:
                self._head = self._muxed(data)
            if self._held is not None:
                ready.append(self._deliver(None))
            self._held = (data, packet.is_keyframe)
        return ready

    def _deliver(self, last_step: int | None) -> Packet:
        assert self._held is not None
        data, is_key = self._held
        self._held = None
        pts = self._stamps.popleft()
        duration = self._stamps[0] - pts if last_step is None else last_step
        return Packet(data, pts, pts, duration, self.time_base, is_key)

    def _muxed(self, data: bytes) -> bytes:
        """Mux the first packet into an MP4 of its own."""
        packet = av.Packet(data)
        packet.pts = packet.dts = 0
        packet.time_base = 1 / self._picture.rate
        packet.is_keyframe = True
        packet.stream = self._stream
        self._container.mux(packet)
        self._container.close()
        return self._sink.getvalue()

    def mp4_head(self) -> bytes:
        """Return a whole MP4 with the first packet in it, whose ``stsd`` entry fits all packets.

        Raises:
            VideoError: no packet was coded yet; encode more frames, or flush.
        """
        if self._head is None:
            raise VideoError("nothing is encoded yet", remedy="Encode a frame and flush first.")
        return self._head

    def close(self) -> None:
        """Let go of the codec; may be called twice."""
        self._is_flushed = True
        self._container.close()


def _words(shape: tuple[int, int, str, Fraction]) -> str:
    return f"{shape[0]}x{shape[1]} {shape[2]} in {shape[3]} s"


def to_picture(frame: Frame, pix_fmt: str) -> VideoFrame:
    """Copy a frame into FFmpeg's memory as ``pix_fmt``, which must hold the same values."""
    picture = VideoFrame.from_ndarray(frame.planes, format=frame.layout)
    if pix_fmt != frame.layout:
        picture = picture.reformat(format=pix_fmt, src_color_range=2, dst_color_range=2)
    return picture
