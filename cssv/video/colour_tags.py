"""Colour tags without which players show different colours."""

from __future__ import annotations

from dataclasses import replace

from cssv.video.codecs import CodecSettings
from cssv.video.info import UNTAGGED, VideoInfo

#: Pictures from this width or above this height are BT.709 in players that find no tags, smaller ones BT.601.
_HD_WIDTH, _SD_HEIGHT = 1280, 576
#: Primaries, and transfer of the same number, that belong to a matrix: BT.709 to itself, both BT.601 to one.
_PRIMARIES = {1: 1, 5: 6, 6: 6}


def likely_matrix(info: VideoInfo) -> int:
    """The MatrixCoefficients that players take for a picture of this size without tags."""
    return 1 if info.width >= _HD_WIDTH or info.height > _SD_HEIGHT else 6


def state_colour(info: VideoInfo, settings: CodecSettings) -> VideoInfo:
    """Add the colour tags without which players show different colours. No pixel changes."""
    colour = info.colour
    if info.layout == "rgb24":
        # Chromium takes the G, B, R of H.264 for Y, Cb, Cr unless primaries and transfer are stated too.
        primaries = 1 if colour.primaries == UNTAGGED.primaries else colour.primaries
        transfer = 13 if colour.transfer == UNTAGGED.transfer else colour.transfer
        return replace(info, colour=replace(colour, primaries=primaries, transfer=transfer))
    if not settings.needs_matrix:
        return info
    if colour.space == UNTAGGED.space:
        colour = replace(colour, space=likely_matrix(info))
    if settings.needs_matrix == "with primaries" and colour.space in _PRIMARIES:
        likely = _PRIMARIES[colour.space]
        primaries = likely if colour.primaries == UNTAGGED.primaries else colour.primaries
        transfer = likely if colour.transfer == UNTAGGED.transfer else colour.transfer
        colour = replace(colour, primaries=primaries, transfer=transfer)
    return replace(info, colour=colour)
