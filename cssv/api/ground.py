"""Find the ground plane of a clip from known points or lengths, and draw it over a frame."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from cssv.boxes import F64
from cssv.errors import LONGEST_QUOTE, InputError, OptionError, OptionTypeError, VideoError
from cssv.files.atomic import check_output, whole_file
from cssv.files.paths import Path_, check_distinct
from cssv.files.plain_json import to_finite
from cssv.frames import Frame
from cssv.pipeline.arguments import SceneLike, read_scene
from cssv.pipeline.calls import checked_call
from cssv.pipeline.exact_number import to_fraction
from cssv.scene import Camera, Scene
from cssv.scene.camera import LEAST_GROUND, plane_of
from cssv.scene.ground import Plane, Size
from cssv.scene.ground_fit import CLICK_SIGMA_PX, LEAST_POINTS, PlaneFit, fit_plane
from cssv.scene.ground_lengths import (
    KnownLength,
    fit_scale,
    measured_m,
    moved_plane,
    place_of,
    plane_from_above,
    plane_without_scale,
)
from cssv.scene.model import Matrix
from cssv.scene.values import Pair
from cssv.video import FrameCursor, open_frames, shown_stamps, write_picture
from cssv.view.ground_grid import GroundMark, draw_ground, grid_step

#: A point of the picture, pixels, and its place on the ground, metres.
GroundPoint = tuple[Pair, Pair]
#: Two points of the picture and the metres between them.
GroundLength = tuple[Pair, Pair, float]

#: Relative standard error of speeds from which on a note is given.
NOTED_SPEED_SIGMA = 0.05
#: A point that is this far from its place gives a note, pixels.
NOTED_RESIDUAL_PX = 5.0
#: Significant digits of a homography that is scaled by lengths.
_DIGITS = 12


@dataclass(frozen=True, slots=True, eq=False)
class GroundCalibration:
    """Result of :func:`ground`.

    Attributes:
        path: the clip.
        size_px: width and height of its frames.
        method: ``"points"``, ``"lengths"`` (with the scene's camera), ``"top view"`` or ``"scene"``.
        scene: the scene with the homography.
        points: the points: pixels and metres.
        residuals_px, residuals_m: distance of each point from where the homography shows it.
        lengths: the lengths: two points and metres.
        measured_m: the same lengths by the homography; NaN for one with an end above the horizon.
        sigma_px: standard error of a point in the picture that was assumed, or found if that is larger.
        speed_sigma: relative standard error of speeds that follows, at the middle one of the points, or
            everywhere from lengths; None for a scene as given.
        condition: ratio of the largest to the smallest singular value of the problem; 1 is best, and None
            without points.
        ground_share: share of the picture that shows ground, 0 to 1.
        step_m: distance of the lines of the check grid.
        notes: warnings for people.
        output: the scene file written; None without one.
        picture: the picture written; None without one.
    """

    path: Path
    size_px: tuple[int, int]
    method: str
    scene: Scene
    ground_share: float
    step_m: float
    points: tuple[GroundPoint, ...] = ()
    residuals_px: tuple[float, ...] = ()
    residuals_m: tuple[float, ...] = ()
    lengths: tuple[GroundLength, ...] = ()
    measured_m: tuple[float, ...] = ()
    sigma_px: float | None = None
    speed_sigma: float | None = None
    condition: float | None = None
    notes: tuple[str, ...] = ()
    output: Path | None = None
    picture: Path | None = None

    @property
    def homography(self) -> Matrix | None:
        """The 3 x 3 matrix from pixels to metres; None if the scene's camera has none."""
        return self.scene.camera.homography

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        values = {
            "path": str(self.path),
            "size_px": self.size_px,
            "method": self.method,
            "homography": self.homography,
            "points": [
                {"px": px, "m": m, "residual_px": off_px, "residual_m": off_m}
                for (px, m), off_px, off_m in zip(
                    self.points, self.residuals_px, self.residuals_m, strict=True
                )
            ],
            "lengths": [
                {"from_px": one, "to_px": other, "length_m": length, "measured_m": found}
                for (one, other, length), found in zip(self.lengths, self.measured_m, strict=True)
            ],
            "sigma_px": self.sigma_px,
            "speed_sigma": self.speed_sigma,
            "condition": self.condition,
            "ground_share": self.ground_share,
            "step_m": self.step_m,
            "scene": self.scene.to_json(),
            "output": None if self.output is None else str(self.output),
            "picture": None if self.picture is None else str(self.picture),
            "notes": self.notes,
        }
        return to_finite(values)


@checked_call
def ground(
    source: Path_,
    *,
    points: Sequence[GroundPoint] = (),
    lengths: Sequence[GroundLength] = (),
    top_view: bool = False,
    scene: SceneLike = None,
    output: Path_ | None = None,
    picture: Path_ | None = None,
    frame: int | None = None,
    at: Fraction | int | str | None = None,
    stream: int | None = None,
    overwrite: bool = False,
) -> GroundCalibration:
    """Find the ground plane of a clip, as the homography of its scene, and draw it over a frame.

    Four points of the picture with their places on the ground determine it; with more, those that do not fit
    become visible. A length gives only the scale: the camera must look straight down, or the scene must have
    its tilt and field of view, or a homography in another unit. Without points and lengths, the ground that
    the scene gives is drawn and measured.

    Args:
        source: the clip, a ``.cssv`` or a picture. The camera must not move.
        points: pairs of a point (x, y) of the picture, pixels from the top left corner, and its place (x, y)
            on the ground, metres: at least four, of which no three lie on one line.
        lengths: each two points of the picture and the metres between them on the ground. With ``points``
            they only check the result.
        top_view: the camera looks straight down, so that lengths determine the ground.
        scene: a scene that gets the homography; everything else in it is kept.
        output: ``scene.json`` to write.
        picture: a ``.png`` to write: a grid of metres over a frame, with the points and lengths.
        frame: number of the frame under the grid; the first one by default.
        at: its time in seconds instead.
        stream: number of the video stream of a file that holds several; None for the best one.
        overwrite: replace existing outputs.

    Raises:
        InputError: points or lengths that do not determine the ground, or lie outside of the picture.
        OptionError: no points, lengths or camera; a picture that is no ``.png``; both ``frame`` and ``at``.
        SceneError: the scene is not valid. VideoError: the clip cannot be read, or has no such frame.
        OutputError: an output exists or cannot be written.
    """
    _check_options(source, scene, output, picture, frame, at, overwrite=overwrite)
    given = read_scene(scene)
    pairs = tuple((_pair("points", px), _pair("points", m)) for px, m in _items("points", points, 2))
    known = tuple(_length(each) for each in _items("lengths", lengths, 3))
    shown = _read_frame(source, frame, to_fraction(at), stream)
    size = (shown.planes.shape[1], shown.planes.shape[0])
    _check_inside([px for px, _ in pairs], size, "a point")
    _check_inside([end for each in known for end in (each.from_px, each.to_px)], size, "the end of a length")
    part = _calibrate(given, size, pairs, known, top_view=top_view)
    found = _measure(part, Path(source), size, pairs, known)
    plane = _plane_of_scene(part.scene, size)
    if picture is not None:
        write_picture(picture, _drawn(found, plane, shown), overwrite=overwrite)
        found = replace(found, picture=Path(picture))
    if output is not None:
        with whole_file(output, overwrite=overwrite) as temporary:
            temporary.write_text(found.scene.dumps(), encoding="utf-8")
        found = replace(found, output=Path(output))
    return found


# ---- arguments


def _check_options(
    source: Path_,
    scene: SceneLike,
    output: Path_ | None,
    picture: Path_ | None,
    frame: int | None,
    at: object,
    *,
    overwrite: bool,
) -> None:
    if frame is not None and at is not None:
        raise OptionError("a frame is given twice", remedy="Give either `frame=` or `at=`.")
    if picture is not None and Path(picture).suffix.lower() != ".png":
        raise OptionError("a picture is a .png", found=str(picture))
    check_distinct(source, output, picture)
    if picture is not None and isinstance(scene, str | os.PathLike):
        check_distinct(scene, picture)
    for path in (output, picture):
        if path is not None:
            check_output(path, overwrite=overwrite)


def _items(name: str, values: object, count: int) -> list[Any]:
    """The entries of ``points`` or ``lengths``, each with so many parts."""
    try:
        entries = [tuple(entry) for entry in values]  # type: ignore[attr-defined]  # checked by trying
    except TypeError as error:
        raise OptionTypeError(
            f"`{name}=` is no list of tuples", found=repr(values)[:LONGEST_QUOTE]
        ) from error
    for entry in entries:
        if len(entry) != count:
            bound = "two points (x, y)" + (" and a number of metres" if count == 3 else "")
            raise OptionError(f"an entry of `{name}=` is incomplete", found=str(entry), bound=bound)
    return entries


def _pair(name: str, value: Any) -> Pair:  # noqa: ANN401 - checked by trying
    try:
        x, y = value
        return float(x), float(y)
    except (TypeError, ValueError, OverflowError) as error:
        found = repr(value)[:LONGEST_QUOTE]
        raise OptionTypeError(f"a point in `{name}=` is no pair of numbers", found=found) from error


def _length(entry: tuple[Any, Any, Any]) -> KnownLength:
    try:
        metres = float(entry[2])
    except (TypeError, ValueError, OverflowError) as error:
        found = repr(entry[2])[:LONGEST_QUOTE]
        raise OptionTypeError("a length is no number of metres", found=found) from error
    return KnownLength(_pair("lengths", entry[0]), _pair("lengths", entry[1]), metres)


def _check_inside(places_px: Sequence[Pair], size: Size, what: str) -> None:
    """Raise InputError for a place outside of the picture: coordinates of a scaled copy are a common slip."""
    for x, y in places_px:
        if not (0 <= x <= size[0] and 0 <= y <= size[1]):
            raise InputError(
                f"{what} lies outside of the picture",
                found=f"{x:g},{y:g}",
                bound=f"0,0 to {size[0]},{size[1]}",
                remedy="Give pixels of the clip itself, counted from its top left corner.",
            )


def _read_frame(source: Path_, frame: int | None, at: Fraction | None, stream: int | None) -> Frame:
    """A frame in RGB. Raises VideoError if there is none."""
    with open_frames(source, planes="rgb", stream=stream) as reader:
        if frame is None and at is None:
            return next(iter(reader))
        stamps = shown_stamps(reader)
        if at is not None:
            times = [pts * reader.info.time_base for pts in stamps]
            if not times[0] <= at <= times[-1] + 1 / reader.info.rate:
                raise VideoError(
                    "the clip has no frame at this time",
                    found=f"{float(at):g} s",
                    bound=f"{float(times[0]):g} s to {float(times[-1]):g} s",
                )
            frame = bisect_right(times, at) - 1
        assert frame is not None
        with FrameCursor(reader, stamps) as cursor:
            return cursor.read(frame)


# ---- the ground


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A scene with its ground, and what its method knows of it."""

    method: str
    scene: Scene
    fit: PlaneFit | None = None
    speed_sigma: float | None = None
    notes: tuple[str, ...] = ()


def _calibrate(
    scene: Scene,
    size: Size,
    points: Sequence[GroundPoint],
    lengths: Sequence[KnownLength],
    *,
    top_view: bool,
) -> _Part:
    if not points and not lengths:
        return _as_given(scene, size)
    if scene.camera.tsai is not None:
        raise OptionError(
            "the scene has a Tsai calibration, which counts before a homography",
            remedy="Take camera.tsai or camera.calibration out of the scene, or give no points and no "
            "lengths, to see the ground that it gives.",
        )
    if not points:
        return _by_lengths(scene, size, lengths, top_view=top_view)
    if top_view:
        raise OptionError(
            "points determine the ground already", remedy="Leave out `top_view=`, or the points."
        )
    fit = fit_plane([px for px, _ in points], [m for _, m in points])
    made = _with_matrix(scene, fit.matrix, size, [px for px, _ in points])
    notes = _replaced_note(scene.camera)
    if len(points) == LEAST_POINTS:
        notes += ("four points always fit, right or wrong; a fifth one would show an error",)
    return _Part("points", made, fit, float(np.median(fit.speeds_sigma)), notes)


def _as_given(scene: Scene, size: Size) -> _Part:
    if plane_of(scene.camera, size) is None:
        raise OptionError(
            "nothing determines the ground",
            remedy="Give `points=`, at least four points of the picture with their metres on the ground; or "
            "`lengths=`; or `scene=` with a camera.",
        )
    return _Part("scene", scene)


def _by_lengths(scene: Scene, size: Size, lengths: Sequence[KnownLength], *, top_view: bool) -> _Part:
    camera = scene.camera
    base = plane_from_above(size) if top_view else plane_without_scale(camera, size)
    if base is None:
        raise OptionError(
            "lengths alone do not determine the ground: they give its scale, not the tilt of the camera",
            remedy="Give `top_view=True` if the camera looks straight down; or `scene=` with the camera's "
            "tilt_deg and hfov_deg, or with a homography in another unit; or four `points=` instead.",
        )
    scaled = fit_scale(base, lengths)
    plane, method, notes = scaled.plane, "lengths", _replaced_note(camera)
    if top_view:
        method = "top view"
    elif camera.homography is not None:
        notes = (f"the homography of the scene was scaled by {scaled.factor:.4g}",)
    else:
        # The factor is the height, since the camera stood 1 above the ground.
        plane = moved_plane(plane, place_of(camera))
        notes += (
            f"the camera is {scaled.factor:.3g} m above the ground by these lengths; errors of its tilt and "
            "field of view change speeds too",
        )
    ends = [end for each in lengths for end in (each.from_px, each.to_px)]
    return _Part(method, _with_matrix(scene, plane.matrix, size, ends), None, scaled.sigma, notes)


def _with_matrix(scene: Scene, matrix: F64, size: Size, places_px: Sequence[Pair]) -> Scene:
    """The scene with this homography. Raises InputError if it would mean the other side of the horizon."""
    rows: Any = tuple(tuple(float(f"{value:.{_DIGITS}g}") for value in row) for row in matrix.tolist())
    made = replace(scene, camera=replace(scene.camera, homography=rows))
    if not np.isfinite(_plane_of_scene(made, size).to_ground(np.array(places_px))).all():
        raise InputError(
            "the middle of the picture's lower edge would lie above the horizon, and a homography counts it "
            "as ground",
            remedy="Turn the clip if it is upside down. Otherwise check the points or lengths.",
        )
    return made


def _plane_of_scene(scene: Scene, size: Size) -> Plane:
    plane = plane_of(scene.camera, size)
    assert plane is not None
    return plane


def _replaced_note(camera: Camera) -> tuple[str, ...]:
    return () if camera.homography is None else ("the homography of the scene was replaced",)


def _measure(
    part: _Part, path: Path, size: Size, points: tuple[GroundPoint, ...], lengths: tuple[KnownLength, ...]
) -> GroundCalibration:
    """The result without its files."""
    plane, fit = _plane_of_scene(part.scene, size), part.fit
    around = [*(px for px, _ in points), *(end for each in lengths for end in (each.from_px, each.to_px))]
    if not around:
        # The lower half of the picture: a camera that looks down shows ground there.
        around = [(size[0] * x / 4, size[1] * y / 8) for x in (1, 2, 3) for y in (5, 6, 7)]
    return GroundCalibration(
        path=path,
        size_px=size,
        method=part.method,
        scene=part.scene,
        ground_share=plane.share,
        step_m=grid_step(plane, np.array(around)),
        points=points,
        residuals_px=() if fit is None else tuple(fit.residuals_px.tolist()),
        residuals_m=() if fit is None else tuple(fit.residuals_m.tolist()),
        lengths=tuple((each.from_px, each.to_px, each.length_m) for each in lengths),
        measured_m=tuple(measured_m(plane, lengths).tolist()) if lengths else (),
        sigma_px=None if part.method == "scene" else CLICK_SIGMA_PX if fit is None else fit.sigma_px,
        speed_sigma=part.speed_sigma,
        condition=None if fit is None else fit.condition,
        notes=(*part.notes, *_notes(part, plane)),
    )


def _notes(part: _Part, plane: Plane) -> Iterator[str]:
    """Warnings on a ground that was found."""
    if part.fit is not None:
        worst = int(part.fit.residuals_px.argmax())
        if part.fit.residuals_px[worst] > NOTED_RESIDUAL_PX:
            off_px = float(part.fit.residuals_px[worst])
            yield f"the points do not agree: point {worst + 1} is off by {off_px:.1f} px; check each of them"
        if np.linalg.det(part.fit.matrix) > 0:
            yield (
                "seen from above, y of the ground is to the right of x: speeds are right, but the ground is "
                "mirrored; let y grow away from the camera where x grows to the right"
            )
    if part.speed_sigma is not None and part.speed_sigma > NOTED_SPEED_SIGMA:
        yield f"the ground is weakly determined: the standard error of speeds is {part.speed_sigma:.0%}"
    if plane.share < LEAST_GROUND:
        yield f"only {plane.share:.0%} of the picture shows ground"


# ---- the picture


def _drawn(found: GroundCalibration, plane: Plane, shown: Frame) -> Frame:
    """The check grid over a frame."""
    title = f"ground grid {found.step_m:g} m, frame {shown.number}, {float(shown.time):.3f} s"
    if len(found.points) > LEAST_POINTS:
        title += f", points off by up to {max(found.residuals_px):.1f} px"
    drawn = draw_ground(shown.planes, plane, found.step_m, title, list(_marks(found, plane)))
    return Frame(drawn, "rgb24", shown.pts, shown.time_base, shown.number)


def _marks(found: GroundCalibration, plane: Plane) -> Iterator[GroundMark]:
    residuals = zip(found.points, found.residuals_px, found.residuals_m, strict=True)
    for number, ((px, m), off_px, off_m) in enumerate(residuals, 1):
        x, y = plane.to_picture(np.array(m)).tolist()
        at_m = f"{m[0]:g}, {m[1]:g} m"
        # Four points have no residuals worth reading.
        off = "" if len(found.points) == LEAST_POINTS else f", off {off_px:.1f} px, {off_m:.2g} m"
        yield GroundMark(px, f"{number}: {at_m}{off}", shown_px=(x, y))
    for (one, other, length), measured in zip(found.lengths, found.measured_m, strict=True):
        yield GroundMark(one, f"{length:g} m, grid {measured:.3g} m", to_px=other)
