"""Embed: a transform over pictures for programs that encode video themselves."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any, Generic, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.base import AnyCarrier
from cssv.carriers.nibble.forms import Fidelity
from cssv.carriers.nibble.merge import Merge
from cssv.errors import LONGEST_QUOTE, FrameError, OptionTypeError
from cssv.files.access import Access
from cssv.files.closing import Closing
from cssv.files.paths import Path_
from cssv.frames import U8, Frame
from cssv.perception import LAG_S, Detections, Detector
from cssv.perception.detectors import DetectorOptions
from cssv.perception.given_boxes import BoxesAre
from cssv.pipeline.arguments import SceneLike
from cssv.pipeline.calls import checked_call
from cssv.pipeline.config import carrier_from_arguments
from cssv.pipeline.embed import EmbeddedFrame
from cssv.pipeline.final_frame import FrameDelivery, OnFrame
from cssv.pipeline.live_options import LiveOptions
from cssv.pipeline.live_stream import LiveStream
from cssv.view.heat import to_rgb

#: Carrier of pictures that a program encodes itself: its content survives a lossy codec.
EMBED_CARRIER = "robust"

#: A kind of picture: an array of RGB, or a frame of native planes.
Picture = TypeVar("Picture", bound="U8 | Frame")
_Given: TypeAlias = (
    Picture | tuple[Picture, Detections | None] | tuple[Picture, Detections | None, NDArray[np.number] | None]
)
_END = object()
#: A picture, its detections, its thermal picture.
_MOST_PARTS = 3


class Embedding(Closing, Iterator[Picture], Generic[Picture]):
    """The stego pictures of :func:`embed`, as an iterator.

    A picture that is refused raises an error from ``next`` and is no part of the stream; further calls of
    ``next`` go on with the pictures after it. After an error of the embedding itself, every call raises it.

    Args:
        frames: the pictures.
        options: what to detect, track and embed.
        on_frame: as for :func:`embed`.

    Raises:
        OptionTypeError: the pictures are none.
    """

    def __init__(
        self, frames: Iterable[_Given[Picture]], options: LiveOptions, on_frame: OnFrame | None = None
    ) -> None:
        self._source: Iterator[object] | None = _iterator(frames)
        self._options = options
        self._delivery = FrameDelivery(on_frame)
        self._stream: LiveStream | None = None
        #: Of each picture that is on its way: whether it is an array.
        self._forms: deque[bool] = deque()
        self._done: Iterator[EmbeddedFrame] = iter(())
        self._failure: BaseException | None = None
        self._access = Access(self, "the embedding")

    @property
    def warnings(self) -> tuple[str, ...]:
        """Scene entries that have matched no track so far, and values that the pictures do not show."""
        return () if self._stream is None else self._stream.warnings

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks for users so far, such as the licence of the network that found the objects."""
        return () if self._stream is None else (*self._stream.notes, *self._stream.left_out_notes)

    def __next__(self) -> Picture:
        with self._access:
            if self._failure is not None:
                raise self._failure
            # Before a picture is taken, so that an error of the function loses none.
            self._delivery.deliver()
            while (stego := self._next_stego()) is None:
                self._delivery.deliver()
                if self._source is None:
                    raise StopIteration
                self._take(next(self._source, _END))
            return cast("Picture", stego)

    def _next_stego(self) -> U8 | Frame | None:
        """The next picture that is complete, in the form in which it came; None if another one is needed."""
        try:
            found = next(self._done, None)
        except BaseException as error:
            # The tracker may have half of a frame, so that nothing can follow.
            self._failure = error
            raise
        if found is None or self._stream is None:
            return None
        stego = found.stego
        if self._forms.popleft():
            return to_rgb(stego.planes, stego.layout)
        return self._stream.with_own_time(stego)

    def _take(self, item: object) -> None:
        """Add the next picture, or finish after the last one."""
        if item is _END:
            self._source = None
            if self._stream is not None:
                self._done = self._stream.finish()
            return
        picture, *others = _parts(item)
        stream = self._stream or _stream_of(picture, self._options, self._delivery.collect)
        detected = stream.detect(stream.receive(picture, *others))
        self._stream = stream
        self._forms.append(not isinstance(picture, Frame))
        self._done = stream.embed(detected)

    def close(self) -> None:
        """Drop the pictures that wait, and the iterator of the pictures; may be called twice."""
        with self._access.closing():
            self._source = self._stream = self._failure = None
            self._done = iter(())
            self._forms.clear()
            self._delivery.stop()


@checked_call
def embed(
    frames: Iterable[_Given[Picture]],
    scene: SceneLike = None,
    *,
    rate: Fraction | int | str,
    detector: str | Detector | None = None,
    weights: Path_ | None = None,
    classes: Sequence[str] | str | None = None,
    min_score: float | None = None,
    nms_iou: float | None = None,
    boxes_are: BoxesAre | None = None,
    lag_s: float = LAG_S,
    carrier: str | AnyCarrier = EMBED_CARRIER,
    merge: Merge | None = None,
    fidelity: Fidelity | None = None,
    window: Fraction | int | str | None = None,
    strength: float | str | None = None,
    survive: str | None = None,
    fit: bool = False,
    password: str | None = None,
    on_frame: OnFrame | None = None,
) -> Embedding[Picture]:
    """Hide the heat map in pictures, for programs that encode video themselves.

    Nothing is written. The stego pictures are returned in order, as many as were given, and in their form: an
    array for an array, a :class:`Frame` of the same layout and pts for a Frame. ::

        for picture in cssv.embed(camera, rate=25):   # (H, W, 3) uint8 RGB
            my_encoder.write(picture)

    The robust carrier survives lossy coding. The others do not: their pictures need a lossless codec that
    also keeps the layout, RGB for arrays. A carrier that hides in luma only takes arrays too: they are
    converted to yuv420p and back, by BT.601.

    A picture waits ``lag_s`` seconds for later ones, and then for the end of its window of 2 s; nothing more
    is held. The video that you write has no scene track: :func:`decode` reads its pixels.

    Args:
        frames: pictures: (H, W, 3) uint8 RGB arrays, or Frames of native planes, all of one size. A pair of a
            picture and its detections needs no detector. A third item may be a thermal picture. They mean the
            same as in :meth:`Encoder.write`.
        scene: as for :class:`Encoder`. :attr:`Embedding.warnings` states what the pictures do not show.
        rate: frames per second.
        detector: as for :func:`encode`; unused for pictures that come with detections.
        weights: of the detector, as for :func:`encode`.
        classes: of the detector.
        min_score: of the detector.
        nms_iou: of the detector, and for detections that come with pictures.
        boxes_are: as for :class:`Encoder`.
        lag_s: seconds that a picture waits for later ones.
        carrier: ``"robust"``, or any other of :data:`CARRIERS` before a lossless codec.
        merge: of the nibble carrier, as for :func:`encode`.
        fidelity: of the nibble carrier.
        window: of the constructive carrier.
        strength: of the robust carrier. The trial of ``"auto"`` uses the first pictures, those of ``lag_s``.
        survive: of the robust carrier: the re-encodings to survive, which should include your own.
        fit: of the robust carrier: whether content that does not fit is thinned.
        password: of constructive and robust, as for :func:`encode`.
        on_frame: called with each :class:`FinalFrame` once its objects are final, in order, from ``next``.
            What it raises is raised by ``next``; no picture is lost, and further calls go on.

    Returns:
        An iterator. It can be closed early, and a ``with`` block closes it.

    Raises:
        OptionError: an option outside its bounds.
        FrameError: from ``next``: something that is no picture, or one that does not follow the one before.
        CarrierError: from ``next``: the objects do not fit into the pictures.
    """
    options = LiveOptions.from_arguments(
        carrier_from_arguments(
            carrier, password=password, lossless=True, merge=merge, fidelity=fidelity, window=window,
            strength=strength, survive=survive, fit=fit,
        ),
        scene,
        rate=rate,
        detector=DetectorOptions(
            detector, weights=weights, classes=classes, min_score=min_score, nms_iou=nms_iou
        ),
        boxes_are=boxes_are,
        lag_s=lag_s,
    )  # fmt: skip
    return Embedding(frames, options, on_frame)


def _iterator(frames: object) -> Iterator[object]:
    """Iterate over pictures."""
    # These can be iterated over, but the items are never pictures.
    is_one = isinstance(frames, str | bytes | os.PathLike | Frame)
    is_one = is_one or (isinstance(frames, np.ndarray) and frames.ndim in (2, 3))
    try:
        if not is_one:
            return iter(cast("Iterable[object]", frames))
    except TypeError:
        pass
    raise OptionTypeError(
        "the frames are no pictures",
        found=f"{type(frames).__name__} {frames!r}"[:LONGEST_QUOTE],
        bound="an iterable of arrays or Frames",
        remedy="`cssv.encode()` takes files.",
    )


def _parts(item: object) -> tuple[Any, ...]:
    """Split an item into the picture and what comes with it."""
    parts = item if isinstance(item, tuple) else (item,)
    if not 1 <= len(parts) <= _MOST_PARTS:
        raise FrameError(
            "not a picture",
            found=f"a tuple of {len(parts)}",
            bound="a picture, its detections, and its thermal picture",
        )
    return parts


def _stream_of(first: object, options: LiveOptions, on_final: OnFrame | None) -> LiveStream:
    """The stream that begins with a picture."""
    if isinstance(first, Frame):
        size, time_base = (first.width, first.height), Fraction(first.time_base)
        return LiveStream(options, size, time_base=time_base, on_final=on_final)
    if not isinstance(first, np.ndarray) or first.ndim != 3:
        raise FrameError(
            "not a picture",
            found=f"shape {first.shape}" if isinstance(first, np.ndarray) else type(first).__name__,
            bound="an array of (H, W, 3), or a Frame",
        )
    return LiveStream(options, (first.shape[1], first.shape[0]), on_final=on_final)
