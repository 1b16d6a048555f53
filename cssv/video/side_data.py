"""Side data of decoded pictures: display matrix, HDR metadata and other facts beside the pixels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame

from cssv.video.filters import FilterChain

#: Numbers of kinds that are tried when a picture has one that PyAV cannot name; FFmpeg 8 has about 34.
_KIND_NUMBERS = 128


def side_data_of(picture: VideoFrame) -> dict[str, bytes]:
    """Return the side data of a picture by the name of its kind; kinds that PyAV cannot name are left out."""
    try:
        table = picture.side_data
    except ValueError:
        # PyAV builds its table of all entries at once, and fails at the first kind that its list of names
        # lacks: Exif, the views of spatial video, and whatever FFmpeg adds.
        table = _without_unnamed(picture).side_data
    # The declared type of the table is that of a dictionary, but it yields its entries.
    return {each.type.name: bytes(each) for each in cast(Iterable[SideData], table)}


def _without_unnamed(picture: VideoFrame) -> VideoFrame:
    """The same picture without side data of kinds that PyAV cannot name."""
    named = {kind.value for kind in Type}
    unnamed = sorted(set(range(_KIND_NUMBERS)) - named)
    return FilterChain(*(("sidedata", f"mode=delete:type={number}") for number in unnamed)).apply(picture)
