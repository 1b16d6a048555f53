"""Chains of FFmpeg's filters that give one picture for each."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from av.filter import Graph
from av.video.frame import VideoFrame

from cssv.errors import VideoError
from cssv.video.ffmpeg import AV_ERRORS, reason


class FilterChain:
    """Filters in a row, with the arguments of each as FFmpeg takes them.

    Pixels are copied only where a filter changes them. Not for several threads at a time.

    Args:
        filters: (name, arguments) of each, in order.
    """

    def __init__(self, *filters: tuple[str, str]) -> None:
        self._filters: Sequence[tuple[str, str]] = filters
        self._graph: Graph | None = None
        self._kind: tuple[str, int, int] | None = None

    def apply(self, picture: VideoFrame) -> VideoFrame:
        """Return the first picture that the chain gives for one. Raises VideoError where FFmpeg refuses."""
        kind = (picture.format.name, picture.width, picture.height)
        try:
            if self._graph is None or kind != self._kind:
                self._graph, self._kind = self._configured(picture), kind
            self._graph.push(picture)
            made = self._graph.pull()
        except AV_ERRORS as error:
            names = ", ".join(name for name, _ in self._filters)
            raise VideoError(f"FFmpeg cannot filter a picture ({names})", found=reason(error)) from error
        assert isinstance(made, VideoFrame)
        return made

    def _configured(self, picture: VideoFrame) -> Graph:
        graph = Graph()
        last = graph.add_buffer(
            width=picture.width,
            height=picture.height,
            format=picture.format,
            time_base=picture.time_base or Fraction(1),
        )
        for name, arguments in (*self._filters, ("buffersink", "")):
            following = graph.add(name, arguments or None)
            last.link_to(following)
            last = following
        graph.configure()
        return graph
