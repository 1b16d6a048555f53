"""Windows of a sequence or clip for the benchmarks of the payload."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from reference import read_size, read_truth

from cssv.frames import Frame
from cssv.payload.channels import F64
from cssv.payload.curves import Method
from cssv.payload.fitting import ALL_METHODS
from cssv.payload.models import Table
from cssv.payload.outlines import radii_to_shares
from cssv.payload.window import Window
from cssv.payload.window_fit import fit_window
from cssv.perception import BoxesDetector, Tracks, detector
from cssv.perception.offline import perceive, track_boxes
from cssv.pipeline.annotate import TrackAnnotator
from cssv.scene import Ranges, Scene
from cssv.scene.ranges import default_ranges
from cssv.template.draw import clip_box
from cssv.template.edges import edge_magnitude
from cssv.template.outline import explore
from cssv.template.state import ObjectState
from cssv.video import VideoReader

#: Length of a window in seconds.
WINDOW_S = Fraction(2)


@dataclass(frozen=True)
class Timed:
    """The objects of one window.

    Attributes:
        number: number of its first frame.
        pts: presentation times, in units of ``time_base``.
        objects: of each frame.
        outlines: of each frame, by track; None if they are not known.
    """

    number: int
    pts: tuple[int, ...]
    time_base: Fraction
    size: tuple[int, int]
    ranges: Ranges
    objects: tuple[tuple[ObjectState, ...], ...]
    outlines: tuple[dict[int, F64], ...] | None = None

    def fit(
        self,
        priors: Table | None = None,
        bound_px: float = 1.0,
        *,
        halves: bool = True,
        halves_above: float = 0.0,
        scene: Scene | None = None,
        turn: int = 0,
        methods: Collection[Method] = ALL_METHODS,
        outlines: bool = False,
        objects: Sequence[Sequence[ObjectState]] | None = None,
    ) -> Window:
        """The shortest window; ``objects`` in place of its own."""
        return fit_window(
            self.number,
            self.pts,
            self.time_base,
            self.size,
            self.ranges,
            self.objects if objects is None else objects,
            bound_px,
            priors,
            halves=halves,
            halves_above=halves_above,
            scene=scene,
            turn=turn,
            methods=methods,
            outlines=self.outlines if outlines else None,
        )


def true_windows(folder: Path) -> list[Timed]:
    """The windows of a sequence with its annotated boxes, tracked as ``cssv encode --boxes`` does."""
    return _given_windows(folder, "gt/gt.txt")


def detected_windows(folder: Path) -> list[Timed]:
    """The windows of a sequence with its public detections, alike."""
    return _given_windows(folder, "det/det.txt")


def _given_windows(folder: Path, boxes: str) -> list[Timed]:
    truth, rate = read_truth(folder)
    time_base = 1 / Fraction(rate).limit_denominator(1000)
    times = [number * time_base for number in range(len(truth))]
    tracks = track_boxes(BoxesDetector(folder / boxes), times, size=read_size(folder))
    return list(cut(tracks, len(times), time_base, read_size(folder)))


def motion_windows(path: Path, rate: Fraction | None = None) -> list[Timed]:
    """The windows of a clip with the boxes of the ``motion`` detector; ``rate`` if the header is wrong."""
    with VideoReader(path, rate=rate) as reader:
        size, true_rate = (reader.info.width, reader.info.height), reader.info.rate
        frames = 0

        def counted() -> Iterator[Frame]:
            nonlocal frames
            for frame in reader:
                frames += 1
                yield frame

        tracks = perceive(counted(), detector("motion"))
    return with_outlines(list(cut(tracks, frames, 1 / true_rate, size)), path, rate)


def with_outlines(windows: list[Timed], path: Path, rate: Fraction | None = None) -> list[Timed]:
    """The windows of a clip with the outlines that are found in its frames."""
    with VideoReader(path, rate=rate) as reader:
        outlines = [
            outlines_of(frame, states) for frame, states in zip(reader, _frames(windows), strict=True)
        ]
    return [
        replace(each, outlines=tuple(outlines[each.number : each.number + len(each.pts)])) for each in windows
    ]


def _frames(windows: list[Timed]) -> Iterator[tuple[ObjectState, ...]]:
    for timed in windows:
        yield from timed.objects


def outlines_of(frame: Frame, states: tuple[ObjectState, ...]) -> dict[int, F64]:
    """The outlines of the visible objects of a frame, by track, as shares of the superellipse."""
    edges, found = edge_magnitude(frame.luma()), {}
    for state in states:
        box = clip_box(state.box_px, frame.width, frame.height)
        if box is not None:
            found[state.track] = radii_to_shares(explore(edges, box), *box[2:])
    return found


def cut(tracks: Tracks, frames: int, time_base: Fraction, size: tuple[int, int]) -> Iterator[Timed]:
    """The windows of a clip of constant rate, one unit of ``time_base`` a frame."""
    scene = Scene.from_json(_scene([track.id for track in tracks]))
    annotator = TrackAnnotator(scene, tracks)
    ranges = default_ranges(scene, annotator.fastest_px_s())
    objects = [annotator.annotate(number, number * time_base).objects for number in range(frames)]
    first = 0
    for window in range(int(frames * time_base / WINDOW_S) + 1):
        end = min(-(-(window + 1) * WINDOW_S // time_base), frames)
        if first < end:
            yield Timed(first, tuple(range(first, end)), time_base, size, ranges, tuple(objects[first:end]))
        first = end


def _scene(tracks: list[int]) -> dict[str, object]:
    """Every object has another temperature and density, so that no attribute follows from the others."""
    entries = [
        {
            "match": {"track": track},
            "temperature_c": {"value": 30 + track * 7 % 13, "sigma": 0.5 + track % 4},
            "density_kg_m3": {"value": 700 + track * 37 % 500, "sigma": 20 + track * 11 % 90},
        }
        for track in tracks
    ]
    return {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "label": "person"}, *entries]}
