"""Check of frames while they are coded: what the codec gives decodes to what was given to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from cssv.errors import ChecksumError
from cssv.files.closing import Closing
from cssv.frames import U8, Frame, Layout, planes_crc
from cssv.pipeline.config import EncoderConfig
from cssv.pipeline.embed import EmbeddedFrame
from cssv.pipeline.window_check import is_intact
from cssv.video import Packet, PacketDecoder


@dataclass(frozen=True, slots=True)
class _Expected:
    """A frame that is to be decoded: all of it but its planes."""

    number: int
    pts: int
    layout: Layout
    time_base: Fraction
    crc: int
    begins_window: bool


class CodedCheck(Closing):
    """Check of the frames of one segment.

    Of lossless coding the decoded planes are compared. They then carry what was embedded in them; it is read
    in the first window alone, as a proof of the carrier. Of lossy coding the content of all windows is read.

    Args:
        config: how the frames are coded.
    """

    def __init__(self, config: EncoderConfig) -> None:
        self._carrier = config.carrier
        self._is_exact = config.crf is None
        self._decoder: PacketDecoder | None = None
        self._waiting: deque[_Expected] = deque()
        self._window: list[Frame] = []
        self._reads = True

    def add(self, embedded: Sequence[EmbeddedFrame], crcs: Sequence[int]) -> None:
        """Note the next frames, before they are decoded.

        Args:
            embedded: the frames.
            crcs: CRC-32 of the planes of each.
        """
        for each, crc in zip(embedded, crcs, strict=True):
            at = each.stego
            self._waiting.append(
                _Expected(at.number, at.pts, at.layout, at.time_base, crc, each.begins_window)
            )

    def decode(self, packets: Sequence[Packet], mp4_head: bytes) -> None:
        """Decode packets, and check the frames that become known.

        Args:
            packets: in the order of decoding.
            mp4_head: an MP4 with their sample entry.

        Raises:
            VideoError: FFmpeg does not decode them.
            ChecksumError: a frame decodes to other pixels, or its content cannot be read.
        """
        if packets:
            if self._decoder is None:
                self._decoder = PacketDecoder(mp4_head)
            self._take(self._decoder.decode(packets))

    def finish(self) -> None:
        """Check the frames that are left. Raises as :meth:`decode`."""
        if self._decoder is not None:
            self._take(self._decoder.finish())
        if self._waiting:
            raise _fault(f"{len(self._waiting)} frames cannot be decoded", lossy=not self._is_exact)
        self._close_window()

    def _take(self, decoded: Iterable[U8]) -> None:
        for planes in decoded:
            if not self._waiting:
                raise _fault("there are more frames than were coded", lossy=not self._is_exact)
            expected = self._waiting.popleft()
            number, layout = expected.number, expected.layout
            if self._is_exact and planes_crc(planes) != expected.crc:
                raise _fault(f"frame {number} decodes to other pixels than were written", lossy=False)
            if expected.begins_window:
                self._close_window()
            if self._reads:
                self._window.append(Frame(planes, layout, expected.pts, expected.time_base, number))

    def _close_window(self) -> None:
        """Read the content of the window that has ended."""
        window, self._window = self._window, []
        if not window:
            return
        self._reads = not self._is_exact
        if not is_intact(self._carrier, window):
            first, last = window[0].number, window[-1].number
            where = f"frame {first} has damaged marks"
            if first != last:
                where = f"frames {first} to {last} carry no payload that can be read"
            raise _fault(where, lossy=not self._is_exact)

    def close(self) -> None:
        """Close the decoder; may be called twice."""
        if self._decoder is not None:
            self._decoder.close()


def _fault(what: str, *, lossy: bool) -> ChecksumError:
    remedy = "Give a lower `crf=`." if lossy else "Try another `codec=`."
    return ChecksumError("the file written does not read back", found=what, remedy=remedy)
