"""What a file holds beside the frames and the sound that are read, for a note to users."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from av.container.input import InputContainer
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cssv.video.side_data import side_data_of
from cssv.video.streams import COVER, flags_of

#: Side data of pictures in words; kinds that stand for one thing have one text.
_BESIDE_PICTURES = {
    "MASTERING_DISPLAY_METADATA": "HDR mastering data",
    "CONTENT_LIGHT_LEVEL": "HDR light levels",
    "DYNAMIC_HDR_PLUS": "HDR10+ metadata",
    "DYNAMIC_HDR_VIVID": "HDR Vivid metadata",
    "AMBIENT_VIEWING_ENVIRONMENT": "HDR viewing environment",
    "DOVI_RPU_BUFFER": "Dolby Vision metadata",
    "DOVI_METADATA": "Dolby Vision metadata",
    "SPHERICAL": "the projection of a spherical video",
    "STEREO3D": "the arrangement of stereoscopic views",
    "ICC_PROFILE": "an ICC colour profile",
    "A53_CC": "closed captions",
    "S12M_TIMECODE": "a timecode",
}

# Names that programs give to any track; they tell nothing about it.
_PLAIN_HANDLERS = ("", "DataHandler", "SubtitleHandler", "VideoHandler", "SoundHandler")
#: Handler of the tracks of a ``.cssv``.
_OWN_HANDLER = "CSSV"
#: Characters of a name in a file that are quoted.
_LONGEST_NAME = 40


def left_out(container: InputContainer, stream: VideoStream, first: VideoFrame) -> tuple[str, ...]:
    """What of a file is not read, each in words: other tracks, HDR metadata, alpha, a timecode, chapters.

    Args:
        container: the open file.
        stream: the video stream that is read.
        first: its first picture.
    """
    found = [_BESIDE_PICTURES[kind] for kind in side_data_of(first) if kind in _BESIDE_PICTURES]
    # A WebM codes alpha beside the picture, where the decoder does not look.
    if stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) == "1":
        found.append("alpha")
    if any("timecode" in each.metadata for each in (container, *container.streams)):
        found.append("a timecode")
    found += _tracks(container.streams)
    chapters = len(container.chapters()) if hasattr(container, "chapters") else 0
    if chapters:
        found.append(_counted(chapters, "chapter"))
    return tuple(dict.fromkeys(found))


def _tracks(streams: Iterable[Stream]) -> list[str]:
    """Tracks that hold neither video nor sound, the same ones counted."""
    names = Counter(name for stream in streams if (name := _track_name(stream)))
    return [_counted(count, name) for name, count in names.items()]


def _track_name(stream: Stream) -> str:
    """What a track is; empty for one that is read, or named elsewhere."""
    if stream.type == "video":
        is_cover = flags_of(stream) & COVER
        return "cover picture" if is_cover else ""
    handler = str(stream.metadata.get("handler_name", ""))
    # The timecode has a word of its own; a .cssv has its own tracks.
    if stream.type == "audio" or handler == _OWN_HANDLER or "timecode" in stream.metadata:
        return ""
    if stream.type == "attachment":
        return "attachment"
    kind = {"subtitle": "subtitle track", "data": "data track"}.get(stream.type, "unknown track")
    shown = "".join(letter for letter in handler if letter.isprintable())[:_LONGEST_NAME].strip()
    return kind if shown in _PLAIN_HANDLERS else f"{kind} {shown!r}"


def _counted(count: int, name: str) -> str:
    kind, _, rest = name.partition(" '")
    plural = name if count == 1 else f"{kind}s" + (f" '{rest}" if rest else "")
    return f"{count} {plural}"
