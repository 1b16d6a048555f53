"""What the overlays of a clip's frames share: colours, known rings, trails, and the places of labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from threading import Lock

from cssv.errors import CssvError
from cssv.interop.rows import ObjectRow
from cssv.template.drawing import Rings
from cssv.video import VideoInfo, likely_matrix
from cssv.view.overlay import font_size
from cssv.view.overlay_labels import LabelPlace, Rectangle
from cssv.view.overlay_legend import Corner, Legend, choose_corner
from cssv.view.overlay_trails import TRAIL_S, Trail
from cssv.view.plane_colour import PlaneColour, has_matrix

#: Frames of a trail at most: more belong to clips of very high rates.
_FRAMES_MAX = 256
#: Frames that are kept for the trails of other frames.
_KEPT = 4 * _FRAMES_MAX
#: Frames by which the corner for the legend is chosen.
_CORNER_FRAMES = 16
#: FFmpeg's number of the full range.
_FULL_RANGE = 2


@dataclass(frozen=True, slots=True)
class PlacesInFrame:
    """Where the objects of a frame are.

    Attributes:
        time_s: of the frame, exact.
        boxes_px: x, y, w, h of each object, by track.
    """

    time_s: Fraction
    boxes_px: Mapping[int, Rectangle]

    @property
    def feet_px(self) -> dict[int, tuple[float, float]]:
        """x, y of the middle of each box's lower edge, by track."""
        return {track: (x + w / 2, y + h) for track, (x, y, w, h) in self.boxes_px.items()}


class OverlayMemory:
    """What the overlays of a clip's frames share. Threads may use it together.

    Of a file with a scene track, trails are read from there, so that they do not depend on which frames were
    looked at before. Of a copy they hold the frames of which an overlay was drawn.

    Args:
        colour: of the clip's planes.
        rings: finds the rings that the clip is known to have.
        count: frames of the clip that have a scene track; 0 for a copy.
        stored: reads the places in a frame by its number from the scene track; None for a copy.
    """

    def __init__(
        self,
        colour: PlaneColour,
        rings: Callable[[], Rings],
        count: int = 0,
        stored: Callable[[int], PlacesInFrame] | None = None,
    ) -> None:
        self.colour = colour
        self._find_rings = rings
        self._count = count
        self._stored = stored
        self._corner: Corner | None = None
        self._rings: Rings | None = None
        self._frames: dict[int, PlacesInFrame] = {}
        self._labels: tuple[int, Mapping[int, LabelPlace]] = (-1, {})
        self._lock = Lock()

    def rings(self, objects: Sequence[ObjectRow]) -> Rings:
        """The rings that the clip has, as far as its scene and its objects until now show."""
        with self._lock:
            found = self._find_rings() if self._rings is None else self._rings
            if any(row.temperature_c is not None for row in objects):
                found |= Rings.TEMPERATURE
            if any(row.density_kg_m3 is not None for row in objects):
                found |= Rings.DENSITY
            self._rings = found
        return found

    def corner(
        self,
        legend: Legend,
        size: tuple[int, int],
        places: PlacesInFrame,
        shown: Callable[[Rectangle], Rectangle],
    ) -> Corner:
        """The corner for the legend of all frames: found once, where it hides least of the objects.

        Args:
            legend: that of the clip.
            size: width and height of the pictures.
            places: those in the frame that is drawn; enough for a copy, whose other frames are not known.
            shown: converts a box to pixels of the picture.
        """
        with self._lock:
            if self._corner is None:
                frames = [places]
                for number in range(0, self._count, max(self._count // _CORNER_FRAMES, 1)):
                    with suppress(CssvError, OSError):
                        frames.append(self._read(number) or places)
                boxes = [shown(box) for frame in frames for box in frame.boxes_px.values()]
                self._corner = choose_corner(legend, size, font_size(*size), boxes)
            return self._corner

    def _read(self, number: int) -> PlacesInFrame | None:
        """The places in a frame, kept or from the scene track; None if both do not have it."""
        found = self._frames.get(number)
        return self._stored(number) if found is None and self._stored is not None else found

    def trails(
        self,
        number: int,
        places: PlacesInFrame,
        shown: Callable[[float, float], tuple[float, float]],
    ) -> tuple[Trail, ...]:
        """The trails of the objects of a frame, which is kept for those of later ones.

        Args:
            number: of the frame.
            places: of its objects.
            shown: converts a place to pixels of the picture.
        """
        points: dict[int, list[tuple[float, float, float]]] = {track: [] for track in places.feet_px}
        with self._lock:
            self._keep(number, places)
            for frame in self._back_from(number, places.time_s):
                age_s = float(places.time_s - frame.time_s)
                feet = frame.feet_px
                for track in points.keys() & feet.keys():
                    points[track].append((*shown(*feet[track]), age_s))
        return tuple(Trail(track, tuple(reversed(found))) for track, found in points.items())

    def _back_from(self, number: int, time_s: Fraction) -> Iterator[PlacesInFrame]:
        """The places in a frame and in those before it, the latest first."""
        for earlier in range(number, max(number - _FRAMES_MAX, -1), -1):
            found = None
            # Damage of a frame before, or a closed file, must not cost this frame its picture.
            with suppress(CssvError, OSError):
                found = self._read(earlier)
            if found is None:
                continue
            self._frames[earlier] = found
            if time_s - found.time_s > TRAIL_S:
                return
            yield found

    def _keep(self, number: int, places: PlacesInFrame) -> None:
        self._frames[number] = places
        if len(self._frames) > _KEPT:
            self._frames = {at: kept for at, kept in self._frames.items() if abs(number - at) < _FRAMES_MAX}

    def labels_before(self, number: int) -> Mapping[int, LabelPlace]:
        """Places of the labels in the frame before, or in this one; none if it was not drawn last."""
        drawn, places = self._labels
        return places if drawn >= 0 and number - drawn in (0, 1) else {}

    def keep_labels(self, number: int, places: Mapping[int, LabelPlace]) -> None:
        """Keep the places of the labels of a frame for the next one."""
        self._labels = (number, places)


def colour_of(info: VideoInfo) -> PlaneColour:
    """Matrix and range of a clip's planes: as its tags state, else as players take them."""
    space = info.colour.space
    matrix = space if has_matrix(space) else likely_matrix(info)
    return PlaneColour(matrix, is_full_range=info.colour.range == _FULL_RANGE)
