"""The interface of detectors, and the wrapper that checks their results and fills in their optional parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Protocol, cast

from cssv.errors import LONGEST_QUOTE, OptionError
from cssv.frames import Frame
from cssv.perception.detections import Detections
from cssv.perception.detectors.nms import DuplicateFilter
from cssv.perception.detectors.options import check_share
from cssv.perception.flow import FlowMeter
from cssv.perception.given_boxes import BoxesAre, check_boxes_are
from cssv.perception.tracks import Tracks


class Detector(Protocol):
    """Interface of object detectors: find the objects in the frames of one clip or stream, in order.

    ``name`` and ``detect`` are all that a detector must have. It may have these attributes too; where one is
    absent, :class:`CheckedDetector` takes the default:

    ================  =====================  =======================================================
    Attribute         Default                Meaning
    ================  =====================  =======================================================
    ``notes``         ``()``                 sentences for the user, such as the licence of a network; a
                                             text or a sequence of texts, read after the last frame
    ``most_boxes``    ``None``               only so many detections of each frame, those of the highest
                                             scores, are tracked; None: all
    ``nms_iou``       ``None``               of two boxes without ids whose intersection over union is larger,
                                             the weaker one is left out; None:
                                             :data:`~cssv.perception.detectors.options.NMS_IOU_ACROSS`
    ``flow``          a new ``FlowMeter``    the detector's own meter of optical flow, so that the flow of
                                             a frame is computed once
    ``needs_pixels``  ``True``               False: detections are available by frame number, so that no frame
                                             has to be decoded; ``in_frame`` is then required
    ``in_frame``      none                   ``in_frame(number)``: detections of a frame of the whole clip,
                                             counted from 0
    ``frame_count``   ``None``               number of the last frame with detections, plus one, if
                                             known beforehand
    ``boxes_are``     ``None``               what boxes with ids are: ``"truth"``, kept as given, or
                                             ``"detections"``, smoothed; None: the truth if all their scores
                                             are 1
    ``only_moving``   ``False``              True: it finds moving objects only, so that an object that never
                                             moved is left out
    ``known_tracks``  none                   ``known_tracks(first, times_s)``: the tracks in frames from
                                             ``first`` on, if they are known already, otherwise None
    ``set_size``      none                   ``set_size(width, height)``: called before the first frame with
                                             the size of the picture, where that is known without frames
    ================  =====================  =======================================================

    Attributes:
        name: its name, as in :data:`~cssv.perception.detectors.DETECTORS`.
    """

    name: str

    def detect(self, frame: Frame) -> Detections:
        """Find the objects in ``frame``."""
        ...


def check_found(found: object, by: str) -> Detections:
    """Return ``found`` if it is Detections; otherwise raise an OptionError that names ``by``, its origin."""
    if not isinstance(found, Detections):
        raise OptionError(
            f"{by} does not give detections",
            # Other packages have classes of that name.
            found=f"{type(found).__module__}.{type(found).__qualname__}",
            bound="cssv.Detections",
            remedy="Give `cssv.detections(boxes, scores, labels)`; `cssv.detections(results)` of those of"
            " supervision or ultralytics; `cssv.detections([])` for no objects.",
        )
    return found


class CheckedDetector:
    """A detector with all optional parts and checked results.

    The rest of the program uses detectors only through this class.

    Args:
        detector: the detector.
        nms_iou: instead of the detector's own.

    Attributes:
        name: of the detector.
        most_boxes, needs_pixels, frame_count, boxes_are, only_moving: as in :class:`Detector`.
        flow: the detector's own meter of optical flow, or a new one.

    Raises:
        OptionError: the object is not a detector; also :meth:`detect` and :meth:`in_frame`, where a result is
            not Detections.
    """

    def __init__(self, detector: Detector, nms_iou: float | None = None) -> None:
        _check_methods(detector)
        self._detector = detector
        self._crowded_frames = self._largest_count = 0
        self.name = str(getattr(detector, "name", type(detector).__name__))
        self.most_boxes: int | None = getattr(detector, "most_boxes", None)
        self.needs_pixels = bool(getattr(detector, "needs_pixels", True))
        self.frame_count: int | None = getattr(detector, "frame_count", None)
        nms_iou = getattr(detector, "nms_iou", None) if nms_iou is None else nms_iou
        self._duplicates = DuplicateFilter(None if nms_iou is None else check_share("nms_iou", nms_iou))
        self.boxes_are: BoxesAre | None = getattr(detector, "boxes_are", None)
        self.only_moving = bool(getattr(detector, "only_moving", False))
        check_boxes_are(self.boxes_are)
        meter = getattr(detector, "flow", None)
        # An attribute of that name may be anything; only a meter can be shared.
        self.flow = meter if isinstance(meter, FlowMeter) else FlowMeter()

    @classmethod
    def from_detector(cls, detector: Detector) -> CheckedDetector:
        """Wrap a detector; one that is wrapped already stays as it is."""
        return detector if isinstance(detector, CheckedDetector) else cls(detector)

    @property
    def notes(self) -> tuple[str, ...]:
        """The detector's notes so far, on its duplicate boxes, and on frames with too many boxes."""
        # Read each time: some detectors have their notes only after the frames.
        given = getattr(self._detector, "notes", None) or ()
        notes = (given,) if isinstance(given, str) else tuple(given)
        notes += self._duplicates.notes
        if not self._crowded_frames:
            return notes
        return (
            *notes,
            f"more than {self.most_boxes} boxes in {self._crowded_frames} frames, up to "
            f"{self._largest_count}: only the {self.most_boxes} of best score were tracked; a higher "
            "min_score leaves out the weak ones",
        )

    def set_size(self, width: int, height: int) -> None:
        """Set the size of the picture in pixels; nothing where the detector does not need it."""
        set_size = getattr(self._detector, "set_size", None)
        if callable(set_size):
            set_size(width, height)

    def known_tracks(self, first: int, times_s: Sequence[Fraction | float]) -> Tracks | None:
        """Tracks that the detector has already, in frames from ``first`` on; None where it has none."""
        tracks = getattr(self._detector, "known_tracks", None)
        if not callable(tracks):
            return None
        return cast("Callable[[int, Sequence[Fraction | float]], Tracks | None]", tracks)(first, times_s)

    def detect(self, frame: Frame) -> Detections:
        """Find the objects in ``frame``."""
        # A stream passes frames to every detector, but this one needs only the number.
        if not self.needs_pixels:
            self.set_size(frame.width, frame.height)
            return self.in_frame(frame.number)
        return self._best(self._detector.detect(frame))

    def in_frame(self, number: int) -> Detections:
        """Detections of frame ``number`` of the whole clip, counted from 0, without its picture.

        Only where :attr:`needs_pixels` is False.
        """
        in_frame = cast("Callable[[int], Detections]", getattr(self._detector, "in_frame"))  # noqa: B009
        return self._best(in_frame(number))

    def _best(self, found: object) -> Detections:
        """Check a result, and leave out duplicates and what exceeds the detector's own bound."""
        # The bound limits the tracker's time; the note counts the frames, so that the loss is not silent.
        checked = self._duplicates.apply(check_found(found, f"the detector {self.name}"))
        if self.most_boxes is None or len(checked) <= self.most_boxes:
            return checked
        self._crowded_frames += 1
        self._largest_count = max(self._largest_count, len(checked))
        return checked.best(self.most_boxes)


def _check_methods(detector: object) -> None:
    """Raise an OptionError unless an object has the methods of a detector."""
    # A class has ``detect`` too, but calling it needs an object.
    if isinstance(detector, type) or not callable(getattr(detector, "detect", None)):
        raise OptionError(
            "not a detector",
            found=f"a {type(detector).__name__}: {detector!r}"[:LONGEST_QUOTE],
            bound="an object with detect(frame), or the name of a detector",
            remedy="Make an object of that class." if isinstance(detector, type) else None,
        )
    if not getattr(detector, "needs_pixels", True) and not callable(getattr(detector, "in_frame", None)):
        raise OptionError(
            "a detector that needs no pixels has no in_frame(number)",
            found=f"a {type(detector).__name__}: {detector!r}"[:LONGEST_QUOTE],
            remedy="Add the method, or leave out `needs_pixels=`.",
        )
