"""Notes for users on what codecs and players cannot do."""

from __future__ import annotations

from cssv.video.codecs import CODECS, LOSSY_CODECS, Codec, CodecSettings, marked_fields
from cssv.video.info import VideoInfo


def browser_notes(codec: Codec) -> tuple[str, ...]:
    """A sentence for a codec that browsers do not play; otherwise none."""
    settings = CODECS[codec] if codec in CODECS else LOSSY_CODECS[codec].settings
    if settings.in_browsers:
        return ()
    played = " and ".join(name for name, known in CODECS.items() if known.in_browsers)
    return (f"browsers do not play {codec}; they play {played}",)


def field_notes(info: VideoInfo, codec: str, settings: CodecSettings) -> tuple[str, ...]:
    """A sentence on interlaced frames that a codec cannot mark, for users."""
    if not info.fields or marked_fields(info, settings):
        return ()
    marking = " and ".join(name for name, known in CODECS.items() if marked_fields(info, known))
    return (
        f"the clip is interlaced, which {codec} cannot mark here, so players show both fields at once; "
        f"lossless {marking} can",
    )
