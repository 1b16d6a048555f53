"""Identify: which clip a copy comes from, also where its heat map is lost."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from cssv.carriers import CARRIERS
from cssv.carriers.identified import IdentifiedCarrier
from cssv.carriers.keyed import KeyedCarrier
from cssv.container import Reader, is_cssv
from cssv.errors import NibblesLostError
from cssv.files.paths import Path_, check_paths
from cssv.payload.sealing import PayloadKey
from cssv.pipeline.arguments import Progress, to_key
from cssv.pipeline.calls import checked_call
from cssv.pipeline.sealed_track import carrier_of_version
from cssv.video import open_clip

#: Seconds of a source that are read.
IDENTIFY_S = Fraction(30)


@dataclass(frozen=True, slots=True)
class Original:
    """A file that was compared with a source.

    Attributes:
        path: the file.
        same_clip: whether the source comes from its clip.
        same_scene: whether the source was encoded with its scene.
    """

    path: Path
    same_clip: bool
    same_scene: bool

    def to_json(self) -> dict[str, Any]:
        """Return the values as plain JSON types."""
        return {"path": str(self.path), "same_clip": self.same_clip, "same_scene": self.same_scene}


@dataclass(frozen=True, slots=True)
class Identity:
    """Result of :func:`identify`.

    Attributes:
        path: the source.
        clip: digest of the clip, in hexadecimal digits; of small pictures its beginning.
        scene: the same of the scene.
        originals: the files compared.
    """

    path: Path
    clip: str
    scene: str
    originals: tuple[Original, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the values as plain JSON types."""
        return {
            "path": str(self.path),
            "clip": self.clip,
            "scene": self.scene,
            "originals": [each.to_json() for each in self.originals],
        }


@checked_call
def identify(
    source: Path_,
    originals: Iterable[Path_] = (),
    *,
    stream: int | None = None,
    password: str | None = None,
    progress: Progress | None = None,
) -> Identity:
    """Find out which clip a copy comes from.

    The robust carrier embeds a digest of the clip and of its scene in all frames. It is read from copies so
    bad that their heat map is lost.

    Args:
        source: a ``.cssv``, or any copy of its video; its first 30 s are read.
        originals: ``.cssv`` files to compare with; those without an identity never match.
        stream: number of the video stream of a source that holds several.
        password: that of the source and of the originals, if they have one.
        progress: called after every frame.

    Raises:
        NibblesLostError: the source tells no identity.
        PasswordError: another password than that of a ``.cssv``, or none.
        VideoError: not a video.
    """
    check_paths(source=source)
    path, key = Path(source), to_key(password)
    found = _stored(path, key) or _read(path, stream, key, progress)
    if found is None:
        raise NibblesLostError(
            f"the pixels of {path} tell no identity: it was never there, or too little of it is left",
            remedy="If it has a password, give that one as `password=`.",
        )
    half = len(found) // 2
    clip, scene = found[:half].hex(), found[half:].hex()
    compared = tuple(_compare(Path(each), clip, scene, key) for each in originals)
    return Identity(path, clip, scene, compared)


def _compare(path: Path, clip: str, scene: str, key: PayloadKey | None) -> Original:
    stored = _stored(path, key)
    if stored is None:
        return Original(path, same_clip=False, same_scene=False)
    half = len(stored) // 2
    same_clip, same_scene = (
        part.hex()[: len(wanted)] == wanted
        for part, wanted in ((stored[:half], clip), (stored[half:], scene))
    )
    return Original(path, same_clip=same_clip, same_scene=same_scene)


def _stored(path: Path, key: PayloadKey | None) -> bytes | None:
    """The identity in the facts of a ``.cssv``; None of any other file."""
    if not (path.is_file() and is_cssv(path)):
        return None
    with Reader(path) as reader:
        carrier = carrier_of_version(reader.version.about.meta, key)
    return carrier.identity if isinstance(carrier, IdentifiedCarrier) else None


def _read(path: Path, stream: int | None, key: PayloadKey | None, progress: Progress | None) -> bytes | None:
    """The identity in the pixels of a source."""
    identifiers = []
    for name in CARRIERS:
        carrier = CARRIERS[name].from_options({})
        if isinstance(carrier, IdentifiedCarrier):
            if key is not None and isinstance(carrier, KeyedCarrier):
                identifiers.append(carrier.with_key(key).identifier())
            identifiers.append(carrier.identifier())
    with open_clip(path, stream=stream, planes="yuv") as frames:
        first: Fraction | None = None
        for number, frame in enumerate(frames):
            first = frame.time if first is None else first
            if frame.time - first > IDENTIFY_S:
                break
            found = [message for each in identifiers if (message := each.add(frame)) is not None]
            if progress is not None:
                progress("identify", number + 1, 0)
            if found:
                return found[0]
    with suppress(StopIteration):
        return next(message for each in identifiers if (message := each.finish()) is not None)
    return None
