"""Write the room of a clip as a glTF file: ground, camera, and objects that move in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cssv.container import Revision
from cssv.errors import OptionError, did_you_mean
from cssv.files.atomic import check_output, whole_file
from cssv.files.paths import Path_, check_distinct
from cssv.pipeline.arguments import Progress
from cssv.pipeline.calls import checked_call
from cssv.pipeline.clip_rows import read_picture_at, read_rows
from cssv.pipeline.decoder import Decoder
from cssv.scene.camera import place_of_camera
from cssv.view.plot.tracks import group_tracks
from cssv.view.room import RoomContent, Space, make_room
from cssv.view.units import speed_unit

#: Extension of the file.
ROOM_EXTENSION = ".glb"


@dataclass(frozen=True, slots=True)
class Room:
    """Result of :func:`room`.

    Attributes:
        path: the file.
        tracks: ids of the objects in it.
        objects: number of objects of the clip.
        bytes: size of the file.
        unit: of the speeds that colour the paths.
        has_ground: whether the room has the ground of the scene, in metres; otherwise its picture stands
            upright.
        has_camera: whether the place of the camera is known and shown.
        notes: remarks for users: what is not shown, and what is not known of a damaged ``.cssv``.
    """

    path: Path
    tracks: tuple[int, ...]
    objects: int
    bytes: int
    unit: str
    has_ground: bool
    has_camera: bool
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {
            "path": str(self.path),
            "tracks": list(self.tracks),
            "objects": self.objects,
            "bytes": self.bytes,
            "unit": self.unit,
            "has_ground": self.has_ground,
            "has_camera": self.has_camera,
            "notes": list(self.notes),
        }


@checked_call
def room(
    source: Path_,
    output: Path_,
    *,
    version: Revision = None,
    stream: int | None = None,
    password: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Room:
    """Write the room of a clip as one glTF 2.0 file, which Blender and viewers of 3D models open.

    It has the ground with a frame of the clip on it, the camera, the path of each object, and each object as
    a box that moves in the clip's own time. Without a calibrated camera, the picture stands upright. Of a
    ``.cssv`` the objects come from the scene track, and one frame is decoded. Of a copy all frames are
    decoded. Equal files give equal rooms, byte by byte.

    Args:
        source: a ``.cssv`` or a copy of one.
        output: the ``.glb`` to write.
        version: of a ``.cssv``: number or tag; None for the version that plays.
        stream: number of the video stream of a copy that holds several; None for the first that carries.
        password: that of the source; ignored if the source has none.
        overwrite: replace an existing file.
        progress: called after every frame.

    Raises:
        OptionError: another extension.
        PasswordError: the source has a password, and none or another one is given.
        NibblesLostError: the pixels of the source carry nothing.
        OutputError: the output exists or cannot be written; no part of it is left.
        ChecksumError: the source is damaged.
    """
    path = Path(output)
    _check_extension(path)
    check_distinct(source, path)
    check_output(path, overwrite=overwrite)
    with Decoder(source, version, stream=stream, password=password) as decoder:
        found = read_rows(decoder, progress)
        tracks = group_tracks(found.rows, found.times_s)
        plane = decoder.plane
        place = None if plane is None else place_of_camera(decoder.scene.camera, plane)
        picture, area = read_picture_at(decoder, len(decoder) // 2)
        size = (decoder.info.width, decoder.info.height) if plane is None else plane.size
        notes = list(decoder.notes)
    unit = speed_unit(None, has_ground=plane is not None)
    space = Space(size, plane, place)
    data, shown = make_room(RoomContent(space, tracks, picture, area, float(found.times_s[0]), unit))
    with whole_file(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)
    if len(shown) < len(tracks):
        notes.append(
            f"{len(tracks) - len(shown):,} of {len(tracks):,} objects are not shown: "
            "their feet are never on the ground"
        )
    has_camera = place is not None
    return Room(path, shown, len(tracks), len(data), unit.name, plane is not None, has_camera, tuple(notes))


def _check_extension(path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix != ROOM_EXTENSION:
        raise OptionError(
            "cannot write a room into this kind of file",
            found=str(path),
            bound=ROOM_EXTENSION,
            remedy=did_you_mean(suffix, (ROOM_EXTENSION,)),
        )
