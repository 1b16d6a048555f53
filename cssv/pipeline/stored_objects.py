"""Objects and scene of a clip that is a ``.cssv`` already: encoding it again takes them over."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from cssv.container import Reader, is_cssv
from cssv.frames import Frame
from cssv.payload.sealing import PayloadKey
from cssv.perception.detections import Detections
from cssv.perception.detectors import CheckedDetector, DetectorOptions
from cssv.perception.given_boxes import BoxesAre
from cssv.perception.tracks import Tracks
from cssv.pipeline.arguments import SceneLike, load_scene
from cssv.pipeline.reannotate import perceived_in
from cssv.pipeline.sealed_track import read_stored_sample
from cssv.pipeline.stored_tracks import StoredTracks
from cssv.scene import Scene


class StoredObjects:
    """Detector that gives the perceived objects of a ``.cssv``, with their boxes, labels and ids.

    They are those of the version that plays. Objects that its scene gives as trajectories are not among them:
    they come with the scene.

    Args:
        path: the file.
        keeps_scene: whether the scene of the file is used, for the note.
        key: that of the file; None if it has no password.

    Attributes:
        scene: the scene of the version.
        frame_count: frames of the version.
        notes: one sentence: what is taken over, and what is not.

    Raises:
        ContainerError: the file is damaged.
        PasswordError: the file has a password, and the key is None or another one.
    """

    name = "stored objects"
    #: They are found by frame number, so that no frame has to be decoded.
    needs_pixels = False
    #: They were smoothed when the file was made.
    boxes_are: BoxesAre = "truth"

    def __init__(self, path: Path, *, keeps_scene: bool, key: PayloadKey | None = None) -> None:
        self._stored = StoredTracks()
        self._keeps_scene = keeps_scene
        self.scene = Scene()
        has_readings = False
        with Reader(path) as reader:
            self.frame_count = len(reader)
            for number in range(len(reader)):
                sample = read_stored_sample(reader, number, key)
                self.scene = sample.scene or self.scene
                states = perceived_in(sample)
                has_readings |= any(state.thermal_c is not None for state in states)
                self._stored.add(number, states)
            self.notes = (
                f"the clip is a .cssv: objects of version {reader.version.number} are taken over with their "
                f"boxes and ids, {'with' if keeps_scene else 'without'} its scene; "
                f"{_left_out(len(reader.index.versions) - 1, has_readings=has_readings)}",
            )

    def detect(self, frame: Frame) -> Detections:
        """Return the objects of ``frame``, found by its number."""
        return self.in_frame(frame.number)

    def in_frame(self, number: int) -> Detections:
        """Return the objects of frame ``number``, counted from 0."""
        return self._stored.in_frame(number)

    def known_tracks(self, first: int, times_s: Sequence[Fraction | float]) -> Tracks | None:
        """Return the tracks as stored, in frames from ``first`` on; None if they must be computed."""
        # Another scene can have another ground, on which the velocities are others.
        return self._stored.tracks(first, times_s) if self._keeps_scene else None


def _left_out(others: int, *, has_readings: bool) -> str:
    """What the new file does not hold, in words."""
    parts = ["tags and messages"]
    if others:
        parts.insert(0, "the other version" if others == 1 else f"the other {others} versions")
    if has_readings:
        parts.append("readings of the thermal camera")
    return f"{', '.join(parts)} are not"


def take_over(
    source: Path, options: DetectorOptions, scene: SceneLike, key: PayloadKey | None = None
) -> tuple[Scene, CheckedDetector, tuple[str, ...]]:
    """Choose scene and detector for a clip: those given, else those of a clip that is a ``.cssv``.

    Returns:
        The scene, the detector, and notes on a ``.cssv`` whose objects are not taken over.

    Raises:
        SceneError, BoxesError, ModelError, OptionError: as the scene and the options state.
        ContainerError: a ``.cssv`` that is damaged.
        PasswordError: a ``.cssv`` with another password.
    """
    loaded = load_scene(scene)
    if not (source.is_file() and is_cssv(source)):
        return loaded, options.make(), ()
    if not options.is_default:
        note = "the clip is a .cssv: only the pictures of the version that plays are used"
        return loaded, options.make(), (note,)
    stored = StoredObjects(source, keeps_scene=scene is None, key=key)
    return stored.scene if scene is None else loaded, CheckedDetector(stored), ()
