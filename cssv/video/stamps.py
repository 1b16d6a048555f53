"""The time stamps of all frames of a file, read from its packets, and decoded where these do not tell."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from itertools import islice

from av.container.input import InputContainer
from av.video.stream import VideoStream

from cssv.errors import VideoError
from cssv.files.patched import InputFile
from cssv.video.decoding import PictureDecoder
from cssv.video.ffmpeg import exact, opened
from cssv.video.mp4_edits import edit_list_end
from cssv.video.timing import REORDER_WINDOW, StampRow, order_stamps

#: Opens a decoder of the stream whose frames are read.
MakeDecoder = Callable[[InputContainer], PictureDecoder]

_TAGGED_LENGTH = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
# Packets, and then frames, that show whether the time stamps of a file are those of showing.
_PROBED = 2 * REORDER_WINDOW


def read_stamps(
    path: InputFile, make: MakeDecoder, step: int, *, decode: bool = False
) -> tuple[StampRow, tuple[str, ...]]:
    """Time stamps of every frame of a file.

    Only its packets are read. So frames that cannot be decoded are counted too. The file is decoded only
    where the stamps of its packets cannot be those of its frames.

    Args:
        path: the file, opened here a second time.
        make: as for the frames that are read.
        step: usual distance of two frames, where the stamps do not tell it.
        decode: decode the file in any case.

    Returns:
        The stamps, and the notes of the decoder on damage.
    """
    if decode:
        return _decode_stamps(path, make, step)
    with opened(path) as container:
        decoder = make(container)
        is_doubtful = reorders(decoder)
        packets = _packets(container, decoder, None)
    known = [pts for pts, _ in packets if pts is not None]
    is_whole = len(known) == len(packets) == len(set(known)) and _is_one_clock(packets)
    # The beginning of the packets nearly always shows that their order is not that of showing.
    is_doubtful &= known[:_PROBED] == sorted(known[:_PROBED])
    if is_whole and not (is_doubtful and has_wrong_order(path, make)):
        return StampRow(tuple(sorted(known))), ()
    return _decode_stamps(path, make, step)


def reorders(decoder: PictureDecoder) -> bool:
    """Whether a codec may show frames in another order than it decodes them."""
    return bool(getattr(decoder.stream.codec_context, "has_b_frames", True))


def count_packets(path: InputFile, make: MakeDecoder) -> int:
    """Number of packets of a file that are shown."""
    with opened(path) as container:
        return len(_packets(container, make(container), None))


def has_wrong_order(path: InputFile, make: MakeDecoder) -> bool:
    """Whether the stamps of a file are in the order of decoding although its codec shows another order.

    Only the beginning of the file is read.
    """
    with opened(path) as container:
        decoder = make(container)
        if not reorders(decoder):
            return False
        # Right files show at once that they are right, and nothing has to be decoded.
        probed = [pts for pts, _ in _packets(container, decoder, _PROBED)]
        if None in probed or probed != sorted(pts for pts in probed if pts is not None):
            return False
    with opened(path) as container:
        decoder = make(container)
        try:
            shown = [picture.pts for picture in islice(decoder.pictures(), _PROBED)]
        except VideoError:
            # Damage is reported where the frames are read.
            return False
    known = [pts for pts in shown if pts is not None]
    return known != sorted(known)


def _packets(
    container: InputContainer, decoder: PictureDecoder, most: int | None
) -> list[tuple[int | None, int | None]]:
    """Pts and dts of the packets that are shown, in the order of the file."""
    found: list[tuple[int | None, int | None]] = []
    for packet in container.demux(decoder.stream):
        if packet.size and not packet.is_discard:
            found.append((packet.pts, packet.dts))
        if most is not None and len(found) >= most:
            break
    return found


def _is_one_clock(packets: list[tuple[int | None, int | None]]) -> bool:
    """Whether the decoding times never fall back, as they do where recordings were joined."""
    known = [dts for _, dts in packets if dts is not None]
    return known == sorted(known)


def _decode_stamps(path: InputFile, make: MakeDecoder, step: int) -> tuple[StampRow, tuple[str, ...]]:
    """Decode the whole file, and put the stamps of its frames in order."""
    with opened(path) as container:
        decoder = make(container)
        time_base = exact(decoder.stream.time_base) or Fraction(1, 1000)
        stamps = [(picture.pts, picture.dts) for picture in decoder.pictures()]
    row = order_stamps([pts for pts, _ in stamps], [dts for _, dts in stamps], time_base=time_base, step=step)
    return row, decoder.notes


def end_pts(path: InputFile, container: InputContainer, stream: VideoStream) -> int | None:
    """Time at which the last frame ends by the header of the file, in the units of the stream."""
    time_base = exact(stream.time_base)
    if time_base is None:
        return None
    if "mov" in container.format.name:
        edited_s = edit_list_end(path, stream.id)
        if edited_s is not None:
            return round(edited_s / time_base)
        return int(stream.start_time or 0) + int(stream.duration) if stream.duration else None
    # The length of a Matroska file is that of its longest stream; programs add that of each stream as a tag.
    found = _TAGGED_LENGTH.fullmatch(stream.metadata.get("DURATION", ""))
    if "matroska" not in container.format.name or found is None:
        return None
    hours, minutes, seconds = (Fraction(text) for text in found.groups())
    return round((hours * 3600 + minutes * 60 + seconds) / time_base)
