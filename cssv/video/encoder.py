"""Encoder from frames to packets of a codec."""

from __future__ import annotations

import io
from collections import deque
from typing import cast

import av
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from cssv.errors import ClosedOutputError, OptionError, OutputError, VideoError
from cssv.files.access import Access
from cssv.files.closing import Closing
from cssv.frames import Finer, Frame
from cssv.video.codecs import (
    VARIANT_MAX,
    Codec,
    Effort,
    check_form,
    check_threads,
    configure,
    longest_gap,
    marked_fields,
    settings_of,
)
from cssv.video.ffmpeg import AV_ERRORS, reason
from cssv.video.fields import FieldMarker
from cssv.video.info import VideoInfo, nominal_step
from cssv.video.packet import Packet, packet_to_sample, start_of_packet
from cssv.video.regions import RegionMarker

#: Bytes of the first packet from which FFmpeg takes the settings of the decoder.
_HEAD_BYTES = 1 << 16


class FrameEncoder(Closing):
    """Encoder: each frame gives one packet, in the order of decoding.

    FFmpeg's codec counts the frames and never gets their time stamps. So pts of any size, sign and spacing
    are kept exactly, and the coded bytes do not depend on time. The dts of the n-th packet is the pts of the
    n-th frame: both times of a packet are equal unless the codec reorders frames. A packet is returned when
    the frame behind its own has arrived, because its duration is known only then.

    Args:
        info: size, layout, time base, rate, colour tags and pixel aspect of the frames. The rate sets the
            distance of key frames, and the duration of a last frame that has none.
        codec: a key of ``CODECS``; with ``crf``, of ``LOSSY_CODECS``.
        crf: quality on the codec's own scale; lossless without it.
        effort: of lossless coding, for codecs that have one.
        threads: of the codec; None means one per core.
        variant: number of the parameter sets of H.264, 0 to 31. Runs of frames that were encoded with
            different settings can follow each other in one stream if their numbers differ.
        regions: whether :meth:`encode` can code some macroblocks finer; for lossy ``h264``.

    Raises:
        OptionError: an unknown codec, a quality or an effort that it does not have, planes that it does not
            code, or a number of threads or a variant out of range.
        VideoError: FFmpeg refuses to encode.
    """

    def __init__(
        self,
        info: VideoInfo,
        codec: Codec = "h264",
        *,
        crf: int | None = None,
        effort: Effort | None = None,
        threads: int | None = None,
        variant: int = 0,
        regions: bool = False,
    ) -> None:
        settings = settings_of(codec, crf, effort, regions=regions)
        check_form(info, codec, settings)
        if not 0 <= variant <= VARIANT_MAX:
            raise OptionError("variant is out of range", found=variant, bound=f"0 to {VARIANT_MAX}")
        self._info = info
        self._codec = codec
        self._settings = settings
        self._sink = io.BytesIO()
        self._longest_gap = longest_gap(settings, info.time_base)
        self._marker = FieldMarker(marked_fields(info, settings))
        self._regions = RegionMarker()
        self._access = Access(self, f"the {codec} encoder", ClosedOutputError)
        self._open(check_threads(threads), variant)
        # Of frames without a packet: pts and duration, by number. Of packets to come: dts. Coded, but not
        # returned: number of the frame, bytes, whether it is a key.
        self._spans: dict[int, tuple[int, int]] = {}
        self._decoding: deque[int] = deque()
        self._held: deque[tuple[int, bytes, bool]] = deque()
        self._last_duration = 0
        self._count = 0
        self._last_pts: int | None = None
        self._head: bytes | None = None
        self._is_flushed = False

    def _open(self, threads: int, variant: int) -> None:
        info = self._info
        name = self._settings.encoders[info.layout]
        try:
            self._container = av.open(self._sink, mode="w", format="mp4")
            self._stream = cast(VideoStream, self._container.add_stream(name, rate=info.rate))
            configure(self._stream, self._settings, info, 1 / info.rate, threads, variant)
            self._context = self._stream.codec_context
            self._context.open()
        except (*AV_ERRORS, ValueError) as error:
            raise self._refused(error) from error

    def _refused(self, error: BaseException) -> VideoError:
        size = f"{self._info.width}x{self._info.height}"
        return VideoError(f"FFmpeg cannot encode {self._codec} at {size}", found=reason(error))

    def encode(self, frame: Frame, finer: Finer | None = None) -> list[Packet]:
        """Encode the next frame and return the packets that are ready, often those of earlier frames.

        Args:
            frame: to encode.
            finer: how much finer each macroblock is coded, for an encoder with ``regions``.

        Raises:
            FrameError: the size, layout or time base is not that of ``info``, or pts does not grow.
            OutputError: the encoder is flushed.
        """
        with self._access:
            if self._is_flushed:
                raise OutputError("the encoder is already flushed")
            self._info.check_frame(frame, self._last_pts)
            step = 0 if self._last_pts is None else frame.pts - self._last_pts
            if self._last_pts is not None:
                self._spans[self._count - 1] = self._last_pts, step
            self._last_pts, self._last_duration = frame.pts, frame.duration
            picture = to_picture(frame, self._settings.pix_fmts[frame.layout])
            picture.pts, picture.time_base = self._count, 1 / self._info.rate
            picture = self._marker.mark(picture)
            if finer is not None:
                picture = self._regions.mark(picture, finer)
            if self._longest_gap is not None and step > self._longest_gap:
                # MP4 cannot hold the times of frames that are reordered across such a gap.
                picture.pict_type = PictureType.I
            self._count += 1
            self._decoding.append(frame.pts)
            return self._run(picture)

    def flush(self) -> list[Packet]:
        """Return the packets of all frames not yet returned; no frame can be encoded afterwards."""
        with self._access:
            if self._is_flushed:
                return []
            packets: list[Packet] = []
            if self._last_pts is not None:
                step = nominal_step(self._info.time_base, self._info.rate)
                self._spans[self._count - 1] = self._last_pts, self._last_duration or step
                packets = self._run(None)
            self._is_flushed = True
            return packets

    def _run(self, picture: VideoFrame | None) -> list[Packet]:
        """Give a picture to the codec, or None to flush it; return the packets that are ready."""
        try:
            coded = self._context.encode(picture)
        except (*AV_ERRORS, ValueError) as error:
            raise self._refused(error) from error
        for packet in coded:
            # An empty packet stands for no frame.
            if not packet.size:
                continue
            data = bytes(packet)
            if self._head is None:
                self._head = self._muxed(data)
            data = packet_to_sample(data, self._settings.packets)
            assert packet.pts is not None
            self._held.append((packet.pts, data, packet.is_keyframe))
        ready = []
        # One packet stays until the next one is coded. On this depends where the samples of a commit lie in
        # the file, and lossless files have the same bytes as before codecs reordered frames.
        kept = 0 if picture is None else 1
        while len(self._held) > kept and self._held[0][0] in self._spans:
            number, data, is_key = self._held.popleft()
            pts, duration = self._spans.pop(number)
            dts = self._decoding.popleft()
            ready.append(Packet(data, pts, dts, duration, self._info.time_base, is_key))
        return ready

    def _muxed(self, data: bytes) -> bytes:
        """Mux the first packet into an MP4 of its own."""
        # Only its first bytes are looked at. All of it would be kept four times, and the packet of a large
        # frame can be larger than the frame.
        packet = av.Packet(start_of_packet(data, self._settings.packets, _HEAD_BYTES))
        packet.pts = packet.dts = 0
        packet.time_base = 1 / self._info.rate
        packet.is_keyframe = True
        packet.stream = self._stream
        self._container.mux(packet)
        self._container.close()
        return self._sink.getvalue()

    def mp4_head(self) -> bytes:
        """Return an MP4 with the start of the first packet; its ``stsd`` entry is valid for all packets.

        Raises:
            VideoError: no packet exists yet: encode more frames, or flush.
        """
        if self._head is None:
            raise VideoError("nothing is encoded yet", remedy="Call `encode()` and `flush()` first.")
        return self._head

    def close(self) -> None:
        """Close the codec; may be called twice."""
        with self._access.closing() as is_held:
            if is_held:
                self._container.close()


def to_picture(frame: Frame, pix_fmt: str) -> VideoFrame:
    """Copy a frame into FFmpeg's memory as ``pix_fmt``, which must hold the same values."""
    picture = VideoFrame.from_ndarray(frame.planes, format=frame.layout)
    if pix_fmt != frame.layout:
        picture = picture.reformat(format=pix_fmt, src_color_range=2, dst_color_range=2)
    return picture
