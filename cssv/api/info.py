"""Find out what a file is and what its pixels carry, from one decoded frame."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from cssv.api.history import Version, versions_of
from cssv.api.trajectories import DEFAULT_BOUND_PX, Trajectory, check_options, trajectories_of
from cssv.container import Reader, walk_boxes
from cssv.errors import NibblesLostError, PasswordError, VideoError
from cssv.files.paths import Path_
from cssv.files.plain_json import to_finite
from cssv.pipeline.arguments import Progress, to_key
from cssv.pipeline.calls import checked_call
from cssv.pipeline.decoder import Decoder
from cssv.pipeline.sealed_track import are_sealed, open_facts
from cssv.scene import Ranges
from cssv.video import CODEC_NAMES, VideoInfo, browser_notes, is_sequence, open_clip, open_frames
from cssv.video.png import is_png


@dataclass(frozen=True, slots=True)
class Information:
    """Result of :func:`info`.

    Attributes:
        path: the source.
        kind: ``"cssv"``, ``"copy"`` (another file that carries a heat map) or ``"plain"`` (no heat map).
        video: size, layout, time.
        frames: number of frames; None if the file does not give it.
        size_bytes: of the file; None for a folder.
        ranges: lowest and highest value of each ring; None without the password that the source needs.
        origin: top left corner of the picture in the encoded clip, pixels; not (0, 0) after a crop.
        scale: pixels of the picture for one of the encoded clip; not (1, 1) after scaling.
        first_frame: number of the first frame in the encoded clip.
        facts: what a ``.cssv`` records about its encoding: layout, codec, merge, fidelity, source, notes.
        versions: of a ``.cssv``, oldest first.
        torn_bytes: of a ``.cssv``: bytes of an unfinished append after the last version.
        boxes: of a ``.cssv``: its top-level boxes as (kind, offset, size).
        damage: of a ``.cssv``: what is not known because of damage, such as the tags.
        trajectories: each track as equations, if they were asked for.
    """

    path: Path
    kind: str
    video: VideoInfo
    frames: int | None
    size_bytes: int | None
    ranges: Ranges | None = None
    origin: tuple[int, int] | None = None
    first_frame: int | None = None
    facts: dict[str, Any] | None = None
    versions: tuple[Version, ...] = ()
    boxes: tuple[tuple[str, int, int], ...] = ()
    torn_bytes: int = 0
    damage: tuple[str, ...] = ()
    trajectories: tuple[Trajectory, ...] | None = None
    scale: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        video = self.video
        values = {
            "path": str(self.path),
            "kind": self.kind,
            "carries": self.kind != "plain",
            "width": video.width,
            "height": video.height,
            "layout": video.layout,
            "codec": video.codec,
            "rate": str(video.rate),
            "fields": video.fields or None,
            "time_base": str(video.time_base),
            "duration_s": float(self.duration_s) if self.duration_s is not None else None,
            "start_s": float(video.start_s),
            "frames": self.frames,
            "audio": video.has_audio,
            "also": list(video.left_out),
            "size_bytes": self.size_bytes,
            "ranges": None if self.ranges is None else self.ranges.to_json(),
            "origin_px": None if self.origin is None else list(self.origin),
            "scale": None if self.scale is None else list(self.scale),
            "first_frame": self.first_frame,
            "facts": self.facts,
            "versions": [version.to_json() for version in self.versions],
            "torn_bytes": self.torn_bytes,
            "boxes": [{"kind": kind, "offset": offset, "size": size} for kind, offset, size in self.boxes],
            "notes": list(self.notes),
        }
        if self.trajectories is not None:
            values["trajectories"] = [each.to_json() for each in self.trajectories]
        # The facts are those of a file, which may hold NaN.
        return to_finite(values)

    @property
    def notes(self) -> tuple[str, ...]:
        """Conversions; of a ``.cssv`` also damage, a codec that browsers do not play, a missing password."""
        if self.kind != "cssv":
            return self.video.notes
        # The names of FFmpeg's codecs are those used here.
        played = next((browser_notes(codec) for codec in CODEC_NAMES if codec == self.video.codec), ())
        return (*self.video.notes, *self.damage, *played, *self._sealed_notes)

    @property
    def _sealed_notes(self) -> tuple[str, ...]:
        if not are_sealed(self.facts or {}) or self.ranges is not None:
            return ()
        return ("objects, scene, ranges and notes are sealed with a password; give `password=`",)

    @property
    def duration_s(self) -> Fraction | None:
        """Duration in seconds: that of the header, otherwise frames divided by rate."""
        if self.video.duration_s is not None or self.frames is None:
            return self.video.duration_s
        return self.frames / self.video.rate


@checked_call
def info(
    source: Path_,
    *,
    stream: int | None = None,
    password: str | None = None,
    equations: bool = False,
    bound_px: float = DEFAULT_BOUND_PX,
    symbolic: str | None = None,
    progress: Progress | None = None,
) -> Information:
    """Find out what a file, picture or folder of pictures is, and what its pixels carry.

    Args:
        source: the file, picture or folder; also a pattern such as ``frame_%04d.png``.
        stream: number of the video stream of a file that holds several; None for the first that carries, or
            otherwise the best one.
        password: that of the source. Without it, ranges and notes of a ``.cssv`` that has one are not known.
        equations: describe each track by equations; of a copy, all frames are decoded for it.
        bound_px: largest error of the stored tracks, as in :meth:`Clip.trajectories`.
        symbolic: ``"pyoperon"`` or ``"pysr"``, as in :meth:`Clip.trajectories`.
        progress: called after every track.

    Raises:
        VideoError: not a video. ContainerError: a damaged ``.cssv``.
        PasswordError: another password than that of a ``.cssv``, or none for its equations.
        OptionError, MissingExtraError, InputError: as :meth:`Clip.trajectories`.
    """
    path = Path(source)
    if not equations:
        return _information(path, stream, password)
    check_options(bound_px, symbolic)
    found = _information(path, stream, password)
    if found.kind == "plain":
        return replace(found, trajectories=())
    with Decoder(path, stream=stream, password=password) as decoder:
        return replace(found, trajectories=trajectories_of(decoder, bound_px, symbolic, progress))


def _information(path: Path, stream: int | None, password: str | None) -> Information:
    size = path.stat().st_size if path.is_file() else None
    try:
        with Decoder(path, stream=stream, password=password) as decoder:
            moment = next(iter(decoder))
            ranges = moment.clip.ranges
            if decoder.reader is None:
                return Information(
                    path,
                    "copy",
                    decoder.info,
                    decoder.info.frame_count,
                    size,
                    ranges,
                    moment.origin,
                    moment.number,
                    scale=moment.view.scale,
                )
            facts = open_facts(decoder.reader.version.about.meta, to_key(password))
            return _of_container(path, decoder.info, decoder.reader, size, ranges, facts)
    except PasswordError:
        if password is not None:
            raise
        return _of_sealed(path, size)
    except NibblesLostError:
        return _of_clip(path, stream, size)
    except VideoError:
        if not (is_sequence(path) or (path.is_file() and is_png(path))):
            raise
        # Pictures that cannot carry anything are still a clip: 16 bits, or grey without stacked planes.
        with suppress(VideoError):
            return _of_clip(path, stream, size)
        raise


def _of_clip(path: Path, stream: int | None, size: int | None) -> Information:
    """What is known of frames that carry nothing."""
    with open_clip(path, stream=stream) as frames:
        return Information(path, "plain", frames.info, frames.info.frame_count, size)


def _of_sealed(path: Path, size: int | None) -> Information:
    """What is known of a ``.cssv`` without its password."""
    with Reader(path) as reader, open_frames(reader.source) as frames:
        return _of_container(path, frames.info, reader, size, None, dict(reader.version.about.meta))


def _of_container(
    path: Path,
    video: VideoInfo,
    reader: Reader,
    size: int | None,
    ranges: Ranges | None,
    facts: dict[str, Any],
) -> Information:
    return Information(
        path,
        "cssv",
        video,
        len(reader),
        size,
        ranges,
        (0, 0),
        0,
        facts,
        versions_of(reader.index),
        tuple(
            (box.kind.decode("latin-1"), box.offset, box.size) for box in walk_boxes(path) if box.depth == 0
        ),
        reader.torn_bytes,
        reader.index.notes,
    )
