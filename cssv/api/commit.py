"""Commit: append a version with another scene to an encoded file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from cssv import __version__
from cssv.carriers.base import AnyCarrier, FrameContent
from cssv.carriers.windows import replaces_frames, window_codec
from cssv.container import Appender, IndexMeta, Reader, Revision, check_texts, created_or_now
from cssv.errors import ChecksumError, InputError, OptionError
from cssv.files.patched import PatchedFile
from cssv.files.paths import Path_
from cssv.payload.sealing import PayloadKey
from cssv.pipeline.arguments import Progress, SceneLike, counted, load_scene, to_key
from cssv.pipeline.calls import checked_call
from cssv.pipeline.cover_clip import open_cover
from cssv.pipeline.embed import WindowEmbedder
from cssv.pipeline.frame_objects import FrameObjects
from cssv.pipeline.parent_version import ParentVersion
from cssv.pipeline.reannotate import Reannotator
from cssv.pipeline.redraw import Coded, WindowDrawing, new_sample, redraw
from cssv.pipeline.reuse import ReusableVersions, on_same_ground
from cssv.pipeline.saturation import Saturation
from cssv.pipeline.scene_track import read_sample, sample_ranges
from cssv.pipeline.sealed_track import are_sealed, open_sample, seal_facts
from cssv.pipeline.splice import spans
from cssv.pipeline.stego_frames import StegoCursor
from cssv.pipeline.window_check import is_intact, whole_windows
from cssv.scene import Ranges, Scene
from cssv.scene.ranges import fit_ranges
from cssv.template.state import ObjectState
from cssv.video import FrameCursor, shown_stamps


@dataclass(frozen=True, slots=True)
class _Changes:
    """What a new scene changes.

    Attributes:
        drawn: ascending numbers of the frames whose drawing changes.
        samples: number of scene samples that change although the drawing does not; they are written already.
        notes: remarks for users.
    """

    drawn: tuple[int, ...]
    samples: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Committed:
    """What :func:`commit` did.

    Attributes:
        path: the file.
        version: number of the new version, which now plays.
        parent: the version it was made from.
        frames: frames of the clip.
        frames_changed: frames whose pixels differ from the parent's.
        frames_coded: frames that were coded anew: the changed ones that no other version has, and those that
            are predicted from them.
        bytes_added: what the file has grown by.
        bytes: its size now.
        ranges: what the bottoms and tops of the rings stand for.
        notes: scene entries without a match, ranges that had to grow, what the pixels do not say, what of
            the thermal part has no effect.
    """

    path: Path
    version: int
    parent: int
    frames: int
    frames_changed: int
    frames_coded: int
    bytes_added: int
    bytes: int
    ranges: Ranges
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {
            "path": str(self.path),
            "version": self.version,
            "parent": self.parent,
            "frames": self.frames,
            "frames_changed": self.frames_changed,
            "frames_coded": self.frames_coded,
            "bytes_added": self.bytes_added,
            "bytes": self.bytes,
            "ranges": self.ranges.to_json(),
            "notes": list(self.notes),
        }


@checked_call
def commit(
    path: Path_,
    scene: SceneLike,
    *,
    parent: Revision = None,
    cover: Path_ | None = None,
    message: str = "",
    author: str = "",
    created_s: int | None = None,
    password: str | None = None,
    progress: Progress | None = None,
) -> Committed:
    """Append a version with another scene; the frames whose drawing changes are drawn and coded anew.

    Who was perceived where stays. Bytes of older versions are not touched, frames and sound that stay the
    same are shared with them. The new version is read back before it becomes the one that plays.
    What a thermal camera read is turned into degrees anew where the scene gives another calibration.

    Args:
        path: a ``.cssv``.
        scene: the scene from now on, whole: a Scene, the path of a ``scene.json``, or its JSON object. Times
            in it are the file's. Ranges that it does not give stay, unless its values lie outside.
        parent: the version to start from: a number, a tag, or None for the one that plays.
        cover: the clip that was encoded. Without it the picture under changed pixels is estimated from the
            stego frame.
        message: what for, as in git.
        author: by whom.
        created_s: time of the commit, seconds since 1970 UTC; by default that of the environment variable
            ``SOURCE_DATE_EPOCH``, now without it.
        password: that of the file, if it has one; the new version has the same.
        progress: called after every frame of each stage.

    Raises:
        ContainerError: not a ``.cssv``, one whose tables or audio are damaged, or no such version.
        SceneError, InputError: a scene that cannot be used, or the version has it already; a cover that is
            another clip.
        ThermalError: under the scene's thermal part a reading is no temperature.
        PasswordError: the file has a password, and none or another one is given.
        OptionError: a password, and the file has none.
        LockedError: somebody else is writing to the file.
        OutputError: the file cannot be written; it is as it was.
    """
    if scene is None:
        raise OptionError("a commit needs a scene", remedy="An empty one is {'cssv_scene': 1}.")
    loaded = load_scene(scene)
    about = IndexMeta(created_or_now(created_s), author, message)
    check_texts(about)
    key = to_key(password)
    with ExitStack() as stack:
        appender = stack.enter_context(Appender(path, parent=parent))
        # Readers notice a damaged frame, but nobody checks the audio that all versions share.
        appender.reader.check_audio()
        _check_sealed(appender.reader, key)
        base = ParentVersion(Path(path), appender.reader, stack, key)
        covers = None if cover is None else _open_cover(Path(cover), Path(path), base, stack)
        older = partial(on_same_ground, path, base.parent, base.size, stack, key)
        annotator = Reannotator(loaded, base.moments(), base.size, older)
        embedder, notes = _make_embedder(base, loaded, annotator)
        changes = _compare(appender, base, embedder, annotator, progress, is_redrawn=covers is not None)
        left, taken = changes.drawn, 0
        if covers is None:
            # With the cover at hand every frame is drawn from it, also where an estimate exists.
            known = ReusableVersions(path, base.parent, embedder, annotator.rings_of, stack, key)
            left, taken = _share(appender, base, embedder, annotator, changes.drawn, known)
        drawing = WindowDrawing(base, embedder, annotator, covers)
        coded = redraw(appender, base, drawing, left, progress)
        about = replace(about, meta=_facts(base, embedder))
        frames_changed = taken + coded.changed
        root = None if cover is None else 0
        staged = appender.stage(about, root=root, frames_changed=frames_changed)
        _check(staged, base, embedder, coded, progress)
        version = appender.publish()
    return Committed(
        path=Path(path),
        version=version.number,
        parent=version.parent,
        frames=version.frames,
        frames_changed=version.frames_changed,
        frames_coded=coded.frames,
        bytes_added=version.bytes_added,
        bytes=Path(path).stat().st_size,
        ranges=embedder.ranges,
        notes=(*notes, *changes.notes),
    )


def _check_sealed(parent: Reader, key: PayloadKey | None) -> None:
    """Raise OptionError for a key of a file without a password: the new version would not be sealed."""
    if key is not None and not are_sealed(parent.version.about.meta):
        raise OptionError(
            "the file has no password, so its versions have none",
            remedy="Leave `password=` out, or encode the clip again with it.",
        )


def _make_embedder(
    base: ParentVersion, scene: Scene, annotator: Reannotator
) -> tuple[WindowEmbedder, tuple[str, ...]]:
    """The embedder of the new version, with ranges that hold the scene; and notes for users."""
    before = sample_ranges(base.root_sample(0))
    ranges, grown = fit_ranges(scene, before)
    if grown or annotator.is_recalibrated:
        # Only now it pays to go through all frames for the values that are drawn.
        ranges, grown = fit_ranges(scene, before, annotator.drawn(base.moments()))
    embedder = WindowEmbedder(base.recorded.config.carrier, scene, ranges, annotator.rings_of(scene))
    first = base.root_frame(0)
    notes = [f"the {name} range had to grow" for name in grown]
    notes += embedder.carrier.replace_notes(first, embedder.content(first, FrameObjects(())))
    notes += annotator.warnings
    if (start := base.recorded.opened.get("start", base.recorded.start_s)) is not None:
        notes.append(f"times in the scene are the file's, which begins {start} s into the clip")
    return embedder, tuple(notes)


def _open_cover(path: Path, target: Path, base: ParentVersion, stack: ExitStack) -> FrameCursor:
    """Open the clip that was encoded, in the way it was opened then.

    Raises:
        InputError: it is the file itself, or has another number of frames.
    """
    remedy = "Give the clip that was encoded."
    if path.exists() and path.samefile(target):
        raise InputError("the cover is the file itself", found=str(path), remedy=remedy)
    cover = open_cover(path, base.recorded)
    stack.callback(cover.close)
    stamps = shown_stamps(cover)
    if len(stamps) != len(base):
        raise InputError(
            "the cover has another number of frames",
            found=len(stamps),
            bound=f"{len(base)}",
            remedy=remedy,
        )
    return FrameCursor(cover, stamps)


def _compare(
    appender: Appender,
    base: ParentVersion,
    embedder: WindowEmbedder,
    annotator: Reannotator,
    progress: Progress | None,
    *,
    is_redrawn: bool,
) -> _Changes:
    """Find the frames whose drawing changes; of the others, write the scene samples that change.

    Samples are written at once, so that memory does not grow with the clip. With ``is_redrawn``, frames
    whose cover was estimated are drawn again, because the cover is available now.
    """
    is_all = embedder.ranges != sample_ranges(base.sample(0))
    before = replace(
        embedder, scene=base.scene, ranges=sample_ranges(base.sample(0)), rings=annotator.rings_of(base.scene)
    )
    estimated = base.estimated()
    drawn: list[int] = []
    samples = 0
    saturation = Saturation(embedder.ranges)
    numbers = counted(range(len(base)), "compare", len(base), progress)
    for at, window in enumerate(base.windows):
        olds = [base.sample(number) for number in islice(numbers, len(window))]
        news = [annotator.annotate(old, base.time(number)) for number, old in zip(window, olds, strict=True)]
        for new in news:
            saturation.add(new.objects)
        differing = _differing(
            embedder.carrier,
            [base.content(before, *row) for row in zip(window, (o.objects for o in olds), strict=True)],
            [base.content(embedder, *row) for row in zip(window, (o.objects for o in news), strict=True)],
            at,
            base.size,
        )
        # Frames that are drawn from their covers are drawn with the whole window.
        is_whole = is_redrawn and bool(differing or estimated[window.start : window.stop].any())
        changed = list(window) if is_whole else [window[index] for index in differing]
        drawn += changed
        for number, old, new in zip(window, olds, news, strict=True):
            data = new_sample(base, embedder, annotator, number, new, old.outlines)
            if number not in changed and data is not None:
                appender.write_scene(number, data)
                samples += 1
    # The last frame is reported when the next one is asked for.
    next(numbers, None)
    if not drawn and not samples:
        number = base.parent.version.number
        raise InputError("there is nothing to commit", found=f"version {number} has this scene already")
    notes = ("the rings are drawn in other ranges, so every frame is drawn again",) if is_all else ()
    return _Changes(tuple(drawn), samples, (*notes, *saturation.notes))


def _differing(
    carrier: AnyCarrier,
    olds: Sequence[FrameContent],
    news: Sequence[FrameContent],
    at: int,
    size: tuple[int, int],
) -> list[int]:
    """Which frames of a window change if the covers are not given, counted from its first one."""
    codec = window_codec(carrier)
    if not codec.differs(olds, news, at, size):
        return []
    numbers = range(len(olds))
    if not replaces_frames(carrier):
        return list(numbers)
    return [n for n in numbers if codec.differs(olds[n : n + 1], news[n : n + 1], at, size)]


def _share(
    appender: Appender,
    base: ParentVersion,
    embedder: WindowEmbedder,
    annotator: Reannotator,
    drawn: Sequence[int],
    known: ReusableVersions,
) -> tuple[tuple[int, ...], int]:
    """Take frames that another version has already.

    Returns:
        The frames that are left to be drawn, and the number of frames taken whose pixels differ from the
        parent's.
    """
    syncs, left = base.root.video.table.syncs, frozenset(drawn)
    taken = 0

    def wanted(number: int) -> tuple[ObjectState, ...]:
        return annotator.annotate(base.sample(number), base.time(number)).objects

    for span in spans(drawn, syncs, len(base), whole=True):
        changed = [number for number in span if number in left]
        # The pixels of a frame depend on all objects of its window.
        around = [number for _, window in whole_windows(span, base.windows) for number in window]
        other = known.find((*changed, *around), wanted)
        if other is None:
            continue
        left -= set(span)
        for number in span:
            appender.share_video(number, other)
            taken += bool(other.frames.stegos[number] != base.parent.frames.stegos[number])
            if number in changed:
                _take_sample(appender, base, embedder, annotator, number, other)
    return tuple(sorted(left)), taken


def _take_sample(
    appender: Appender,
    base: ParentVersion,
    embedder: WindowEmbedder,
    annotator: Reannotator,
    number: int,
    other: Reader,
) -> None:
    """Share the scene sample of another version if it is the same, else write a new one."""
    theirs = other.scene_sample(number)
    new = annotator.annotate(base.sample(number), base.time(number))
    unmarked = read_sample(open_sample(theirs, number, base.key)).outlines
    data = new_sample(base, embedder, annotator, number, new, unmarked)
    if data == theirs:
        appender.share_scene(number, other)
    elif data is not None:
        appender.write_scene(number, data)


def _facts(base: ParentVersion, embedder: WindowEmbedder) -> dict[str, Any]:
    """The codec's own facts for the new version: the root's, with the new ranges."""
    facts = base.facts | {"cssv": __version__, "ranges": asdict(embedder.ranges)}
    return seal_facts(facts, base.key)


def _check(
    staged: PatchedFile,
    base: ParentVersion,
    embedder: WindowEmbedder,
    coded: Coded,
    progress: Progress | None,
) -> None:
    """Read back what was coded, as it will read once the version has landed.

    Raises:
        ChecksumError: it is not what was written.
    """
    with Reader(staged) as reader, StegoCursor(reader) as frames:
        numbers = counted(coded.checked, "verify", len(coded.checked), progress)
        for _, window in whole_windows(numbers, base.windows):
            if not is_intact(embedder.carrier, map(frames.read, window)):
                raise ChecksumError(f"the content of frame {window[0]} does not read back")
