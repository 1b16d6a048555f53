"""Another scene for a clip that is encoded already: a new version, appended to its file."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import cached_property, partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.frame import FrameCarrier, extract
from cssv.container import Appender, IndexMeta, Reader, Revision
from cssv.cursor import Cursor
from cssv.errors import ChecksumError, ContainerError, InputError
from cssv.frames import Frame
from cssv.lineup import Shown
from cssv.overlay import Overlay
from cssv.painter import (
    VERSION,
    Painter,
    Path_,
    Progress,
    SceneLike,
    counted,
    load_scene,
    miniature,
    untagged,
)
from cssv.payload.mark import Miniature
from cssv.payload.sample import SceneSample, read_sample, write_sample
from cssv.recast import Recast
from cssv.redrawing import redraw
from cssv.relay import Relay
from cssv.scene import Ranges, Scene, default_ranges, speeds_of
from cssv.stego import planes_crc
from cssv.template.drawing import Outline
from cssv.template.state import draw
from cssv.video import FrameEncoder, Packet, open_source, shown_stamps

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Committed:
    """What :func:`commit` did.

    Attributes:
        path: the file.
        version: number of the new version, which now plays.
        parent: the version it was made from.
        frames: frames of the clip.
        frames_changed: frames whose pixels differ from the parent's.
        frames_coded: frames that were coded anew: the changed ones, and those up to the next key frame.
        bytes_added: what the file has grown by.
        bytes: its size now.
        ranges: what the bottoms and tops of the rings stand for.
        notes: scene entries without a match, ranges that had to grow, what the pixels do not say.
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
        LockedError: somebody else is writing to the file.
        OutputError: the file cannot be written; it is as it was.
    """
    loaded = load_scene(scene)
    with Reader(path) as reader:
        number = reader.index.find(parent).number
    with ExitStack() as stack:
        appender = stack.enter_context(Appender(path, parent=number))
        job = _Job(Path(path), appender, loaded, progress, stack)
        if cover is not None:
            job.open_cover(Path(cover))
        job.compare()
        job.draw()
        meta = IndexMeta(int(time.time()) if created_s is None else created_s, author, message, job.facts())
        staged = appender.stage(meta, root=None if cover is None else 0, frames_changed=job.frames_changed)
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
        self._roots = self._parents = stack.enter_context(_cursor(self._root))
        if self._root is not self._parent:
            self._parents = stack.enter_context(_cursor(self._parent))
        self._covers: Cursor | None = None
        self.notes: list[str] = []
        self.painter = self._make_painter(scene)
        self._recast = Recast(scene, ((self._sample(n), self._time(n)) for n in range(len(self._parent))))
        self.notes += self._recast.warnings
        self._changed: list[int] = []
        self._coded: list[range] = []
        self.frames_changed = 0

    @property
    def frames_coded(self) -> int:
        """Frames coded anew."""
        return sum(map(len, self._coded))

    def _make_painter(self, scene: Scene) -> Painter:
        """What draws the new version: the root's marks, with ranges that hold the scene."""
        facts = self._root.version.about.meta
        ranges, grown = fit_ranges(scene, _ranges_of(self._root))
        self.notes += [f"the {name} range had to grow: every frame is drawn anew" for name in grown]
        found = extract(self._roots.at(0).planes, facts["layout"], is_sound=True)
        if found is None or found.marks.miniature is None:
            raise ChecksumError("frame 0 carries no marks", remedy="Run verify to see what is damaged.")
        small = found.marks.miniature
        if _air(small) != _air(Miniature.read(miniature(scene, ranges, self._roots.info).write())):
            self.notes.append("the environment in the pixels stays that of the first encoding")
        marks = replace(small, **asdict(ranges)).write()
        carrier = FrameCarrier(facts["layout"], marks, facts["merge"], facts["fidelity"])
        return Painter(scene, ranges, carrier)

    def open_cover(self, path: Path) -> None:
        """Open the clip that was encoded, as it was opened then.

        Raises:
            InputError: it is the file itself, or has another number of frames.
        """
        remedy = "Give the very clip that was encoded."
        if path.exists() and path.samefile(self._path):
            raise InputError("the cover is the file itself", found=str(path), remedy=remedy)
        opened = self._root.version.about.meta.get("opened", {})
        cover = open_source(
            path,
            planes=opened.get("planes", "rgb" if self._roots.info.layout == "rgb24" else "native"),
            **{key: Fraction(opened[key]) for key in ("rate", "start", "stop") if key in opened},
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
        self._covers = Cursor(cover, stamps)

    def _sample(self, number: int) -> SceneSample:
        return read_sample(self._parent.scene_sample(number))

    def _time(self, number: int) -> Fraction:
        return int(self._stamps[number]) * self._parent.video.time_base

    @cached_property
    def _stamps(self) -> NDArray[np.int64]:
        return self._parent.video.pts()

    def compare(self) -> None:
        """Find the frames that must be drawn anew; of the others, write the scene samples that change."""
        is_all = self.painter.ranges != _ranges_of(self._parent)
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

    def _is_drawn_anew(self, old: SceneSample, shown: Shown) -> bool:
        """Whether a frame's objects look other than before."""
        if old.objects == shown.objects:
            return False
        size = (self._roots.info.width, self._roots.info.height)
        before, after = (
            [draw(state, self.painter.ranges, None, size) for state in objects]
            for objects in (old.objects, shown.objects)
        )
        return before != after

    def _new_sample(self, number: int, shown: Shown, outlines: tuple[Outline, ...]) -> bytes | None:
        """A frame's scene sample; None where it is as before."""
        data = write_sample(self.painter.sample(number, shown, outlines))
        return None if data == self._parent.scene_sample(number) else data

    def draw(self) -> None:
        """Draw the changed frames, and code them and what depends on them."""
        self._coded = spans(self._changed, self._parent.video.table.syncs, len(self._parent))
        changed = frozenset(self._changed)
        numbers = counted(chain(*self._coded), "redraw", self.frames_coded, self._progress)
        with Relay() as relay:
            for span in self._coded:
                with self._encoder() as encoder:
                    coder = _Coder(encoder, self._appender, span.start)
                    for number in islice(numbers, len(span)):
                        frame, sample = (
                            self._drawn(number) if number in changed else (self._parents.at(number), None)
                        )
                        crc = planes_crc(frame.planes)
                        self.frames_changed += crc != int(self._parent.frames.stegos[number])
                        relay.hand(partial(coder.code, frame, crc, sample))
                    relay.hand(coder.finish)
                    relay.drain()

    def _encoder(self) -> FrameEncoder:
        """An encoder set up as that of the first version was."""
        facts = self._root.version.about.meta
        info = replace(self._roots.info, rate=Fraction(facts["rate"]))
        return FrameEncoder.of(info, facts["codec"])

    def _drawn(self, number: int) -> tuple[Frame, bytes | None]:
        """The new stego frame, and its scene sample where that changes."""
        shown = self._recast.at(self._sample(number), self._time(number))
        known = read_sample(self._root.scene_sample(number)).outlines
        cover = None if self._covers is None else self._covers.at(number)
        frame, outlines = redraw(self.painter, self._roots.at(number), shown.objects, known, cover)
        return frame, self._new_sample(number, shown, untagged(outlines, (frame.width, frame.height)))

    def facts(self) -> dict[str, Any]:
        """The codec's own facts for the new version."""
        facts = dict(self._root.version.about.meta)
        return facts | {"cssv": VERSION, "ranges": asdict(self.painter.ranges)}

    def check(self, staged: Overlay) -> None:
        """Read what was coded back, as it will read once it has landed.

        Raises:
            ChecksumError: it is not what was written.
        """
        total = self.frames_coded
        with Reader(staged) as reader, _cursor(reader) as frames:
            for number in counted(chain(*self._coded), "verify", total, self._progress):
                planes = frames.at(number).planes
                is_whole = planes_crc(planes) == int(reader.frames.stegos[number])
                found = extract(planes, frames.info.layout) if is_whole else None
                if found is None or found.marks.intact != found.marks.whole or found.damaged:
                    raise ChecksumError(f"frame {number} of the new version does not read back")


class _Coder:
    """Codes a run of frames into the file; in the relay's thread."""

    def __init__(self, encoder: FrameEncoder, appender: Appender, first: int) -> None:
        self._encoder = encoder
        self._appender = appender
        self._next = first
        self._crcs: deque[int] = deque()

    def code(self, frame: Frame, crc: int, sample: bytes | None) -> None:
        """Take the next frame, its planes' CRC-32 and its scene sample, where that is new."""
        self._crcs.append(crc)
        if sample is not None:
            self._appender.write_scene(frame.number, sample)
        self._put(self._encoder.encode(frame))

    def finish(self) -> None:
        """Write what is still inside."""
        self._put(self._encoder.flush())

    def _put(self, packets: list[Packet]) -> None:
        for packet in packets:
            self._appender.write_video(
                self._next,
                packet.data,
                is_key=packet.is_key,
                stego_crc=self._crcs.popleft(),
                head=self._encoder.mp4_head(),
            )
            self._next += 1


def _cursor(reader: Reader) -> Cursor:
    """The stego frames of a version."""
    return Cursor(open_source(reader.source), reader.video.pts().tolist())


def _ranges_of(reader: Reader) -> Ranges:
    """The ranges that a version is drawn in."""
    ranges = read_sample(reader.scene_sample(0)).ranges
    if ranges is None:
        raise ContainerError("the first scene sample holds no ranges")
    return ranges


def _air(small: Miniature) -> tuple[str, ...]:
    """The numbers of the environment; as text, so that an unknown one equals itself."""
    values = (small.lighting_lux, small.humidity_pct, small.ambient_temperature_c)
    return tuple(map(repr, (*values, small.wind_m_s, small.wind_deg, small.pressure_hpa)))


def spans(changed: Sequence[int], syncs: NDArray[np.uint32] | None, count: int) -> list[range]:
    """The runs of frames to be coded when some frames change.

    Args:
        changed: ascending numbers of the frames that change.
        syncs: ascending, frames at which decoding can start, counted from 1; None where every one is.
        count: frames in all.

    Returns:
        Ascending runs. Each begins at a changed frame and ends before one at which decoding can start, so
        that every frame behind a changed one that depends on it is in the run, and no run spans a place
        where an older version could be decoded from.
    """
    found: list[range] = []
    for number in changed:
        if found and number < found[-1].stop:
            continue
        if syncs is None:
            if found and number == found[-1].stop:
                found[-1] = range(found[-1].start, number + 1)
                continue
            stop = number + 1
        else:
            at = int(np.searchsorted(syncs, number + 1, side="right"))
            stop = int(syncs[at]) - 1 if at < len(syncs) else count
        found.append(range(number, stop))
    return found


def fit_ranges(scene: Scene, before: Ranges) -> tuple[Ranges, tuple[str, ...]]:
    """The ranges of a clip that gets another scene.

    What the scene gives holds; otherwise the ranges stay, because every frame would have to be drawn anew,
    unless a value lies outside: then they grow to hold it.

    Returns:
        The ranges, and the names of those that had to grow.
    """
    needed = default_ranges(scene)
    values: dict[str, list[float]] = {
        "speed_px_s": [speed for o in scene.objects for speed in speeds_of(o)],
        "temperature_c": [o.temperature_c.value for o in scene.objects if o.temperature_c],
        "density_kg_m3": [o.density_kg_m3.value for o in scene.objects if o.density_kg_m3],
    }
    spans_: dict[str, Span] = {}
    grown = []
    for name, inside in values.items():
        old: Span = getattr(before, name)
        new: Span = getattr(needed, name)
        if getattr(scene.ranges, name) is not None:
            spans_[name] = new
        elif all(old[0] <= value <= old[1] for value in inside):
            spans_[name] = old
        else:
            spans_[name] = (min(old[0], new[0]), max(old[1], new[1]))
            grown.append(name.split("_")[0])
    return Ranges(**spans_), tuple(grown)
