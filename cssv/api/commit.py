"""Another scene for a clip that is encoded already: a new version, appended to its file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import cached_property, partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssv import __version__
from cssv.carriers.nibble.carrier import FrameCarrier, extract
from cssv.carriers.nibble.mark_record import Miniature
from cssv.carriers.nibble.miniature import miniature
from cssv.carriers.nibble.reembed import reembed
from cssv.container import Appender, IndexMeta, Reader, Revision, check_texts
from cssv.errors import ChecksumError, InputError, OptionError
from cssv.files.patched import PatchedFile
from cssv.files.paths import Path_
from cssv.files.worker import SerialWorker
from cssv.frames import Frame, planes_crc
from cssv.pipeline.arguments import Progress, SceneLike, counted, load_scene, to_fraction
from cssv.pipeline.config import config_from_facts
from cssv.pipeline.embed import FrameEmbedder, untagged
from cssv.pipeline.frame_objects import FrameObjects
from cssv.pipeline.reannotate import Reannotator
from cssv.pipeline.reuse import ReusableVersions, on_same_ground
from cssv.pipeline.scene_track import SceneSample, read_sample, sample_ranges, write_sample
from cssv.pipeline.splice import SpliceEncoder, SpliceSettings, spans
from cssv.pipeline.stego_frames import StegoCursor
from cssv.scene import Ranges, Scene
from cssv.scene.ranges import fit_ranges
from cssv.template.drawing import Outline
from cssv.template.state import draw
from cssv.video import FrameCursor, Span, open_frames, shown_stamps

#: Scene samples that are kept in memory, at most.
_KEPT_SAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Committed:
    """What :func:`commit` did.

    Attributes:
        path: the file.
        version: number of the new version, which now plays.
        parent: the version it was made from.
        frames: frames of the clip.
        frames_changed: frames whose pixels differ from the parent's.
        frames_coded: frames that were coded anew: the changed ones that no other version has, and those up
            to the next key frame.
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


def commit(
    path: Path_,
    scene: SceneLike,
    *,
    parent: Revision = None,
    cover: Path_ | None = None,
    message: str = "",
    author: str = "",
    created_s: int | None = None,
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
        created_s: time of the commit, seconds since 1970 UTC; now by default.
        progress: called after every frame of each stage.

    Raises:
        ContainerError: not a ``.cssv``, a damaged one, or no such version.
        SceneError, InputError: a scene that cannot be used, or the version has it already; a cover that is
            another clip.
        ThermalError: under the scene's thermal part a reading is no temperature.
        LockedError: somebody else is writing to the file.
        OutputError: the file cannot be written; it is as it was.
    """
    if scene is None:
        raise OptionError("a commit needs a scene", remedy="An empty one is {'cssv_scene': 1}.")
    loaded = load_scene(scene)
    about = IndexMeta(int(time.time()) if created_s is None else created_s, author, message)
    check_texts(about)
    with ExitStack() as stack:
        appender = stack.enter_context(Appender(path, parent=parent))
        job = _Job(Path(path), appender, loaded, progress, stack)
        if cover is not None:
            job.open_cover(Path(cover))
        job.compare()
        job.share()
        job.draw()
        about = replace(about, meta=job.facts())
        staged = appender.stage(about, root=None if cover is None else 0, frames_changed=job.frames_changed)
        job.check(staged)
        version = appender.land()
    return Committed(
        path=Path(path),
        version=version.number,
        parent=version.parent,
        frames=version.frames,
        frames_changed=version.frames_changed,
        frames_coded=job.frames_coded,
        bytes_added=version.bytes_added,
        bytes=Path(path).stat().st_size,
        ranges=job.painter.ranges,
        notes=tuple(job.notes),
    )


class _Job:
    """One run of :func:`commit`."""

    def __init__(
        self, path: Path, appender: Appender, scene: Scene, progress: Progress | None, stack: ExitStack
    ) -> None:
        self._path = path
        self._appender = appender
        self._parent = self._root = appender.reader
        self._progress = progress
        self._stack = stack
        root = self._parent.version.root
        if root != self._parent.version.number:
            self._root = stack.enter_context(Reader(path, version=root))
        self._roots = self._parents = stack.enter_context(StegoCursor(self._root))
        if self._root is not self._parent:
            self._parents = stack.enter_context(StegoCursor(self._parent))
        self._recorded = config_from_facts(self._root.version.about.meta)
        self._covers: FrameCursor | None = None
        self._samples: dict[int, SceneSample] = {}
        self.notes: list[str] = []
        size = self._roots.info.width, self._roots.info.height
        older = partial(on_same_ground, path, self._parent, size, stack)
        self._recast = Reannotator(scene, self._moments(), size, older)
        self.painter = self._make_painter(scene)
        self.notes += self._recast.warnings
        if (start := self._recorded.opened.get("start")) is not None:
            self.notes.append(f"times in the scene are the file's, which begins {start} s into the clip")
        self._changed: list[int] = []
        self._coded: list[range] = []
        self.frames_changed = 0

    @property
    def frames_coded(self) -> int:
        """Frames coded anew."""
        return sum(map(len, self._coded))

    def _make_painter(self, scene: Scene) -> FrameEmbedder:
        """What draws the new version: the root's marks, with ranges that hold the scene."""
        recorded = self._recorded
        before = sample_ranges(self._root.scene_sample(0))
        ranges, grown = fit_ranges(scene, before)
        if grown or self._recast.is_recalibrated:
            ranges, grown = fit_ranges(scene, before, self._recast.drawn(self._moments()))
        self.notes += [f"the {name} range had to grow" for name in grown]
        found = extract(self._roots.read(0).planes, recorded.layout, is_sound=True)
        if found is None or found.marks.miniature is None:
            raise ChecksumError("frame 0 carries no marks", remedy="Run verify to see what is damaged.")
        small = found.marks.miniature
        if _air(small) != _air(Miniature.read(miniature(scene, ranges, self._roots.info).write())):
            self.notes.append("the environment in the pixels stays that of the first encoding")
        marks = replace(small, **asdict(ranges)).write()
        carrier = FrameCarrier(recorded.layout, marks, recorded.style.merge, recorded.style.fidelity)
        return FrameEmbedder(scene, ranges, carrier, calibration=self._recast.calibration)

    def open_cover(self, path: Path) -> None:
        """Open the clip that was encoded, as it was opened then.

        Raises:
            InputError: it is the file itself, or has another number of frames.
        """
        remedy = "Give the very clip that was encoded."
        if path.exists() and path.samefile(self._path):
            raise InputError("the cover is the file itself", found=str(path), remedy=remedy)
        rate, start, stop = (to_fraction(self._recorded.opened.get(k)) for k in ("rate", "start", "stop"))
        cover = open_frames(
            path,
            planes="rgb" if self._recorded.layout == "rgb24" else "native",
            rate=rate,
            span=Span(start, stop),
        )
        self._stack.callback(cover.close)
        stamps = shown_stamps(cover)
        if len(stamps) != len(self._parent):
            raise InputError(
                "the cover has another number of frames",
                found=len(stamps),
                bound=f"{len(self._parent)}",
                remedy=remedy,
            )
        self._covers = FrameCursor(cover, stamps)

    def _sample(self, number: int) -> SceneSample:
        """The parent's; those of a short clip are kept, because reading them takes long."""
        if number not in self._samples and len(self._samples) < _KEPT_SAMPLES:
            self._samples[number] = read_sample(self._parent.scene_sample(number))
        return self._samples.get(number) or read_sample(self._parent.scene_sample(number))

    def _moments(self) -> Iterator[tuple[SceneSample, Fraction]]:
        """The parent's samples with their times."""
        return ((self._sample(number), self._time(number)) for number in range(len(self._parent)))

    def _shown(self, number: int) -> FrameObjects:
        return self._recast.at(self._sample(number), self._time(number))

    def _time(self, number: int) -> Fraction:
        return int(self._stamps[number]) * self._parent.video.time_base

    @cached_property
    def _stamps(self) -> NDArray[np.int64]:
        return self._parent.video.pts()

    def compare(self) -> None:
        """Find the frames that must be drawn anew; of the others, write the scene samples that change."""
        is_all = self.painter.ranges != sample_ranges(self._parent.scene_sample(0))
        if is_all:
            self.notes.append("the rings are drawn in other ranges, so every frame is drawn anew")
        is_estimated = self._parent.frames.stegos != self._root.frames.stegos
        is_new = False
        for number in counted(range(len(self._parent)), "compare", len(self._parent), self._progress):
            old = self._sample(number)
            shown = self._recast.at(old, self._time(number))
            if is_all or self._is_drawn_anew(old, shown) or (self._covers and is_estimated[number]):
                self._changed.append(number)
            elif (data := self._new_sample(number, shown, old.outlines)) is not None:
                self._appender.write_scene(number, data)
                is_new = True
        if not is_new and not self._changed:
            raise InputError(
                "there is nothing to commit",
                found=f"version {self._parent.version.number} has this scene already",
            )

    def _is_drawn_anew(self, old: SceneSample, shown: FrameObjects) -> bool:
        """Whether a frame's objects look other than before."""
        if old.objects == shown.objects:
            return False
        size = (self._roots.info.width, self._roots.info.height)
        before, after = (
            [draw(state, self.painter.ranges, None, size) for state in objects]
            for objects in (old.objects, shown.objects)
        )
        return before != after

    def _new_sample(self, number: int, shown: FrameObjects, outlines: tuple[Outline, ...]) -> bytes | None:
        """A frame's scene sample; None where it is as before."""
        data = write_sample(self.painter.sample(number, shown, outlines))
        return None if data == self._parent.scene_sample(number) else data

    def share(self) -> None:
        """Of the frames to be drawn anew, take those that another version has already."""
        if self._covers is not None:
            return
        known = ReusableVersions(self._path, self._parent, self.painter.ranges, self._stack)
        syncs, left = self._root.video.table.syncs, frozenset(self._changed)
        for span in spans(self._changed, syncs, len(self._parent), whole=True):
            changed = [number for number in span if number in left]
            other = known.find((*changed, *span), lambda number: self._shown(number).objects)
            if other is not None:
                left -= set(span)
                for number in span:
                    self._take(number, other, has_changed=number in changed)
        self._changed = sorted(left)

    def _take(self, number: int, other: Reader, *, has_changed: bool) -> None:
        """Let the new version have a frame of another one."""
        self._appender.point(number, other)
        self.frames_changed += bool(other.frames.stegos[number] != self._parent.frames.stegos[number])
        if not has_changed:
            return
        theirs = other.scene_sample(number)
        data = self._new_sample(number, self._shown(number), read_sample(theirs).outlines)
        if data == theirs:
            self._appender.point_scene(number, other)
        elif data is not None:
            self._appender.write_scene(number, data)

    def draw(self) -> None:
        """Draw the changed frames that are left, and code them and what depends on them."""
        self._coded = spans(self._changed, self._parent.video.table.syncs, len(self._parent))
        numbers = counted(chain(*self._coded), "redraw", self.frames_coded, self._progress)
        changed = frozenset(self._changed)
        if not changed:
            return
        shop = self._workshop()
        with SerialWorker() as relay:
            for span in self._coded:
                with shop.encoder() as encoder:
                    coder = SpliceEncoder(encoder, shop.sets, self._appender, span.start)
                    for number in islice(numbers, len(span)):
                        frame, sample = (
                            self._drawn(number) if number in changed else (self._parents.read(number), None)
                        )
                        crc = planes_crc(frame.planes)
                        self.frames_changed += crc != int(self._parent.frames.stegos[number])
                        relay.submit(partial(coder.code, frame, crc, sample))
                    relay.submit(coder.finish)
                    relay.drain()

    def _workshop(self) -> SpliceSettings:
        """How to code as the first version was coded, if it can be done."""
        info = replace(self._roots.info, rate=self._recorded.rate)
        entries = self._parent.video.table.entries
        return SpliceSettings.of(info, self._recorded.style.codec, entries, self._roots.read(0))

    def _drawn(self, number: int) -> tuple[Frame, bytes | None]:
        """The new stego frame, and its scene sample where that changes."""
        shown = self._shown(number)
        known = read_sample(self._root.scene_sample(number)).outlines
        cover = None if self._covers is None else self._covers.read(number)
        frame, outlines = reembed(self.painter, self._roots.read(number), shown.objects, known, cover)
        return frame, self._new_sample(number, shown, untagged(outlines, (frame.width, frame.height)))

    def facts(self) -> dict[str, Any]:
        """The codec's own facts for the new version."""
        facts = dict(self._root.version.about.meta)
        return facts | {"cssv": __version__, "ranges": asdict(self.painter.ranges)}

    def check(self, staged: PatchedFile) -> None:
        """Read what was coded back, as it will read once it has landed.

        Raises:
            ChecksumError: it is not what was written.
        """
        total = self.frames_coded
        with Reader(staged) as reader, StegoCursor(reader) as frames:
            for number in counted(chain(*self._coded), "verify", total, self._progress):
                found = extract(frames.read(number).planes, self._recorded.layout)
                if found is None or found.marks.intact != found.marks.whole or found.damaged:
                    raise ChecksumError(f"the marks of frame {number} do not read back")


def _air(small: Miniature) -> tuple[str, ...]:
    """The numbers of the environment; as text, so that an unknown one equals itself."""
    values = (small.lighting_lux, small.humidity_pct, small.ambient_temperature_c)
    return tuple(map(repr, (*values, small.wind_m_s, small.wind_deg, small.pressure_hpa)))
