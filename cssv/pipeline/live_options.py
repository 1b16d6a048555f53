"""Options of a stream, which do not depend on its pictures: they are checked before the first one."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from cssv.carriers.base import AnyCarrier
from cssv.errors import OptionError
from cssv.perception.detectors import CheckedDetector, DetectorOptions
from cssv.perception.given_boxes import BoxesAre, check_boxes_are
from cssv.perception.live import check_lag
from cssv.pipeline.arguments import SceneLike, load_scene
from cssv.pipeline.exact_number import to_fraction
from cssv.scene import Scene
from cssv.video.info import check_rate


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What is detected, tracked and embedded in a stream, and how.

    Attributes:
        carrier: the way to hide the heat map.
        scene: attributes of the objects.
        rate: frames per second.
        detector: finds objects in frames that come without detections.
        nms_iou: of the filter of duplicates among detections that come with frames.
        boxes_are: what boxes with ids are; None takes what the detector states.
        lag_s: seconds that a frame waits for later frames.

    Raises:
        OptionError: an option outside its bounds.
    """

    carrier: AnyCarrier
    scene: Scene
    rate: Fraction
    detector: CheckedDetector
    nms_iou: float | None
    boxes_are: BoxesAre | None
    lag_s: float

    @classmethod
    def from_arguments(
        cls,
        carrier: AnyCarrier,
        scene: SceneLike,
        *,
        rate: Fraction | int | str,
        detector: DetectorOptions,
        boxes_are: BoxesAre | None,
        lag_s: float,
    ) -> LiveOptions:
        """The options that the arguments of :class:`cssv.Encoder` of the same names state."""
        exact = to_fraction(rate)
        if not exact or exact < 0:
            raise OptionError("a stream needs a frame rate", found=str(exact), bound="above 0")
        loaded = load_scene(scene)
        return cls(carrier, loaded, exact, detector.make(), detector.nms_iou, boxes_are, lag_s)

    def __post_init__(self) -> None:
        check_rate(self.rate)
        check_boxes_are(self.boxes_are)
        check_lag(self.lag_s)
