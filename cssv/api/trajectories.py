"""Trajectories: each track of a clip as equations, with the length of its shortest encoding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from cssv.boxes import F64
from cssv.errors import FramingError, InputError, OptionError, SceneError, check_choice
from cssv.payload.channels import UNITS_A_PX
from cssv.payload.symbolic import BACKENDS, Backend, find_backend
from cssv.payload.track_code import CHANNELS, LEAST_BOUND, Frames, write_track
from cssv.payload.track_fit import Contest, fit_track
from cssv.payload.track_text import describe
from cssv.pipeline.arguments import Progress, counted
from cssv.pipeline.decoder import Decoder
from cssv.pipeline.track_paths import TrackPath, TrackPaths, read_paths
from cssv.scene import Equation, Equations, Scene, TrackEquations
from cssv.scene.check import FASTEST_PX_S
from cssv.scene.equation_check import EquationCheck
from cssv.scene.equations import EQUATION_NAMES
from cssv.scene.expressions import spoken_expression, write_expression
from cssv.scene.part_to_json import part_to_json

#: The error bound by default, and its bounds.
DEFAULT_BOUND_PX, LEAST_BOUND_PX, MOST_BOUND_PX = 1.0, LEAST_BOUND / UNITS_A_PX, 64.0
#: Decimal places of lengths in bytes and of errors in pixels.
_DECIMALS = 1, 3


@dataclass(frozen=True, slots=True)
class TrajectoryPart:
    """One number of a box over the time of a track.

    Attributes:
        method: of the shortest encoding: constant, line, piecewise linear, spline, expression or deltas.
        bytes: its length; parts of a byte count.
        bytes_by_method: the lengths of all methods that were measured; those left out look far longer.
        expression: a formula in pixels over t, seconds since the track's first frame. None if each would make
            the encoding more than 8 bytes longer.
        expression_method: the method of that formula: constant, line or expression.
        error_px: its largest distance from the track. The encoding is within the bound also where this is
            not, because it adds a residual.
    """

    method: str
    bytes: float
    bytes_by_method: dict[str, float]
    expression: str | None = None
    expression_method: str | None = None
    error_px: float | None = None

    @property
    def text(self) -> str | None:
        """The formula without ``*``, for people; ``cssv`` reads it too."""
        return None if self.expression is None else spoken_expression(self.expression)

    def to_json(self) -> dict[str, Any]:
        """Return the part as plain JSON types."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A track as equations.

    Attributes:
        track: id of the track.
        label: its label, may be empty.
        name: from the scene; None if it has none.
        is_given: whether the scene gives it as a trajectory.
        from_s, to_s: times of its first and last frame.
        frames: number of its frames.
        bound_px: largest error of the encodings.
        bytes: length of its shortest encoding, which holds all four numbers.
        centre_x: the middle of the box.
        foot_y: its lower edge.
        width, height: its sides.
    """

    track: int
    label: str
    name: str | None
    is_given: bool
    from_s: float
    to_s: float
    frames: int
    bound_px: float
    bytes: int
    centre_x: TrajectoryPart
    foot_y: TrajectoryPart
    width: TrajectoryPart
    height: TrajectoryPart

    @property
    def parts(self) -> dict[str, TrajectoryPart]:
        """The four numbers by name, in the order of the encoding."""
        return {name: getattr(self, name) for name in CHANNELS}

    @property
    def equations(self) -> Equations:
        """The formulas with their errors, in the form of ``trajectory`` in ``scene.json``."""
        known: dict[str, Any] = {}
        for name, part in zip(EQUATION_NAMES, self.parts.values(), strict=True):
            if part.expression is not None and part.error_px is not None:
                known[name] = Equation(_plain(part.expression), part.error_px)
        return Equations(self.from_s, self.to_s, **known)

    def to_json(self) -> dict[str, Any]:
        """Return the trajectory as plain JSON types."""
        return {
            each.name: value.to_json() if isinstance(value, TrajectoryPart) else value
            for each in fields(self)
            for value in (getattr(self, each.name),)
        }


def _plain(expression: str) -> str | float:
    """A formula that is a number alone, as a number."""
    try:
        number = float(expression)
    except ValueError:
        return expression
    return int(number) if number.is_integer() else number


def trajectories_of(
    decoder: Decoder, bound_px: float, symbolic: str | None, progress: Progress | None
) -> tuple[Trajectory, ...]:
    """The trajectories of a source.

    Raises:
        OptionError: a bound or a backend outside its bounds. MissingExtraError: the backend is not installed.
        InputError: a track does not fit an encoding. ChecksumError: the scene track is damaged.
    """
    backend = check_options(bound_px, symbolic)
    paths = read_paths(decoder)
    return tuple(
        _trajectory(path, bound_px, backend) for path in counted(paths, "equations", len(paths), progress)
    )


def check_options(bound_px: float, symbolic: str | None) -> Backend | None:
    """Check the options of trajectories, and load the backend.

    Raises:
        OptionError, MissingExtraError: as :func:`trajectories_of`.
    """
    if not LEAST_BOUND_PX <= bound_px <= MOST_BOUND_PX:
        raise OptionError(
            "the error bound of trajectories is out of range",
            found=bound_px,
            bound=f"{LEAST_BOUND_PX:g} to {MOST_BOUND_PX:g} px",
            remedy="Give another `bound_px=`.",
        )
    if symbolic is None:
        return None
    check_choice("program of symbolic regression", symbolic, BACKENDS)
    return find_backend(symbolic)


def equations_of(paths: TrackPaths, scene: Scene) -> Iterator[TrackEquations]:
    """The equations of the perceived tracks that ``scene`` can hold beside its own."""
    check = EquationCheck(FASTEST_PX_S)
    for _, given in scene.given_tracks():
        if isinstance(given.trajectory, Equations):
            # Its opcodes count too.
            list(check.faults(part_to_json(given.trajectory)))
    for path in paths:
        # A given object stands in the scene already.
        if path.is_given:
            continue
        try:
            found = _trajectory(path, DEFAULT_BOUND_PX, None)
        except InputError:
            # A box far outside of any picture has no place in a scene either.
            continue
        if found.from_s == found.to_s:
            continue
        known = found.equations
        # Between two frames a formula may leave what a scene allows, such as a width above 0.
        wrong = {keys[0] for keys, _ in check.faults(part_to_json(known))}
        left_out: dict[str, Any] = dict.fromkeys(wrong & set(EQUATION_NAMES))
        known = replace(known, **left_out)
        entry = TrackEquations(
            track=found.track, label=found.label or None, name=found.name, trajectory=known
        )
        if any(getattr(known, name) for name in EQUATION_NAMES) and _fits_scene(entry):
            yield entry


def _fits_scene(entry: TrackEquations) -> bool:
    """Whether a scene may hold this; a foreign file can have labels and times of any size."""
    try:
        Scene(tracks=(entry,))
    except SceneError:
        return False
    return True


def _trajectory(path: TrackPath, bound_px: float, backend: Backend | None) -> Trajectory:
    frames = Frames.from_times(path.times_s.tolist())
    bound = int(bound_px * UNITS_A_PX)
    contests, parts = [], {}
    try:
        for name, values in numbers_of(path.boxes_px).items():
            proposals = () if backend is None else backend(values, frames.times_s)
            contest = fit_track(values, frames, name, bound, proposals)
            contests.append(contest)
            parts[name] = _part(contest, values, frames, bound)
    except FramingError as error:
        raise InputError(f"track {path.track} cannot be described: {error}") from error
    return Trajectory(
        path.track,
        path.label,
        path.name,
        path.is_given,
        float(path.first_s),
        float(path.last_s),
        len(frames),
        bound / UNITS_A_PX,
        len(write_track([contest.codes[contest.shortest] for contest in contests])),
        **parts,
    )


def numbers_of(boxes_px: F64) -> dict[str, F64]:
    """The four numbers of boxes x, y, w, h, (n, 4), by name, (n,) each."""
    x, y, w, h = np.asarray(boxes_px).T
    return dict(zip(CHANNELS, (x + w / 2, y + h, w, h), strict=True))


def _part(contest: Contest, values: F64, frames: Frames, bound: int) -> TrajectoryPart:
    sizes = {method.value: round(bits / 8, _DECIMALS[0]) for method, bits in contest.bits.items()}
    shortest = contest.shortest.value
    found = describe(contest, values, frames, bound)
    if found is None:
        return TrajectoryPart(shortest, sizes[shortest], sizes)
    return TrajectoryPart(
        shortest,
        sizes[shortest],
        sizes,
        write_expression(found.expression),
        found.method.value,
        round(found.error_px, _DECIMALS[1]),
    )
