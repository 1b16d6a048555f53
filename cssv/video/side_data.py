"""Side data of decoded pictures: display matrix, HDR metadata and other facts beside the pixels."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import cast

from av.error import FFmpegError
from av.filter import Graph
from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame

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
    """The same picture without side data of kinds that PyAV cannot name; no pixel is copied."""
    graph = Graph()
    last = source = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(1)
    )
    named = {kind.value for kind in Type}
    for number in sorted(set(range(_KIND_NUMBERS)) - named):
        try:
            remover = graph.add("sidedata", f"mode=delete:type={number}")
        except (FFmpegError, ValueError):
            # FFmpeg has no kind of this number, so no picture holds one.
            break
        last.link_to(remover)
        last = remover
    last.link_to(graph.add("buffersink"))
    graph.configure()
    source.push(picture)
    return graph.vpull()
