"""Check of decoded frames of a version of a ``.cssv`` against its checksums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cssv.carriers.base import AnyCarrier, needs_regions
from cssv.container import Reader
from cssv.errors import ChecksumError
from cssv.frames import Frame, planes_crc


def planes_are_exact(carrier: AnyCarrier | None, facts: Mapping[str, Any]) -> bool:
    """Whether the frames of a version decode to planes whose checksums it has.

    Args:
        carrier: of the version; None if it is not known.
        facts: of the version. They may be those of a foreign file, so a carrier of exact pixels comes first.
    """
    # Of coding with finer regions, the writer notes the decoded planes.
    is_known = carrier is None or carrier.needs_lossless or needs_regions(carrier)
    return is_known or facts.get("crf") is None


class FrameCheck:
    """Check of the frames of one version, best in order.

    The pixels of a version are compared where its checksums are those of decoded planes. Otherwise its
    coding is lossy, and the checksums are of the planes before coding. There the coded bytes are compared, of
    a frame and of all frames on which its decoding depends.

    Args:
        reader: of the version.
        carrier: of the version; None if it is not known.

    Attributes:
        is_exact: whether the pixels are compared.
    """

    def __init__(self, reader: Reader, carrier: AnyCarrier | None) -> None:
        self.is_exact = planes_are_exact(carrier, reader.version.about.meta)
        self._reader = reader
        #: Samples of one group of pictures whose bytes are as written, in the order of decoding.
        self._sound = range(0)

    def fault(self, frame: Frame) -> str:
        """What is wrong with a frame of the version; empty for a sound one."""
        number = frame.number
        if self.is_exact:
            is_same = planes_crc(frame.planes) == int(self._reader.frames.stegos[number])
            return "" if is_same else f"frame {number} decodes to other pixels"
        video = self._reader.video.number
        key = self._reader.key_before(video, number)
        known = self._sound if self._sound.start == key else range(key, key)
        table = self._reader.video.table
        stop = table.place(number) + 1
        try:
            for place in range(known.stop, stop):
                self._reader.sample(video, table.sample_at(place))
        except ChecksumError:
            return f"frame {number} depends on a damaged video sample"
        self._sound = range(key, max(known.stop, stop))
        return ""
