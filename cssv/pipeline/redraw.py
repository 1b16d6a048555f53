"""Drawing frames of a version anew from the version that was drawn from the clip, and coding them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain, islice

from cssv.carriers.base import RegionCarrier
from cssv.carriers.windows import replaces_frames, window_codec
from cssv.container import Appender
from cssv.files.worker import SerialWorker
from cssv.pipeline.arguments import Progress, counted
from cssv.pipeline.embed import WindowEmbedder
from cssv.pipeline.frame_objects import FrameObjects
from cssv.pipeline.parent_version import ParentVersion
from cssv.pipeline.reannotate import Reannotator
from cssv.pipeline.scene_track import sample_ranges
from cssv.pipeline.splice import Redrawn, Run, SpliceSettings, plan_runs, spans
from cssv.pipeline.window_check import whole_windows
from cssv.scene import Scene
from cssv.template.drawing import Outline
from cssv.video import FrameCursor


@dataclass(frozen=True, slots=True)
class Coded:
    """What was coded.

    Attributes:
        runs: what was coded, ascending.
        changed: number of frames whose pixels differ from the parent's.
    """

    runs: tuple[Run, ...] = ()
    changed: int = 0

    @property
    def frames(self) -> int:
        """Number of frames coded and written."""
        return sum(len(run.written) for run in self.runs)

    @property
    def checked(self) -> list[int]:
        """Numbers of the frames to read back."""
        return [number for run in self.runs for number in run.checked]


def new_sample(
    base: ParentVersion,
    embedder: WindowEmbedder,
    annotator: Reannotator,
    number: int,
    new: FrameObjects,
    unmarked: tuple[Outline, ...],
) -> bytes | None:
    """The scene sample of a frame; None if it equals the parent's."""
    data = embedder.sample(number, new, unmarked, annotator.calibration)
    return None if data == base.parent.scene_sample(number) else data


class WindowDrawing:
    """New stego frames of a version, drawn window by window.

    The pixels of a window depend on the root version, on the new content and on the covers alone, so that a
    chain of commits ends where one direct commit would.

    Args:
        base: the version to start from.
        embedder: of the new version.
        annotator: gives the new scene's attributes to objects.
        covers: frames of the clip that was encoded; None if it is not given.
    """

    def __init__(
        self,
        base: ParentVersion,
        embedder: WindowEmbedder,
        annotator: Reannotator,
        covers: FrameCursor | None,
    ) -> None:
        self._base = base
        self._embedder = embedder
        self._annotator = annotator
        self._covers = covers
        self._ready: dict[int, Redrawn] = {}
        self._differ: dict[int, bool] = {}

    def draw(self, number: int) -> Redrawn:
        """The new stego frame. Each frame is drawn once."""
        if number not in self._ready:
            for at, window in whole_windows([number], self._base.windows):
                is_alone = self._covers is None and replaces_frames(self._embedder.carrier)
                self._draw_window(at, range(number, number + 1) if is_alone else window)
        return self._ready.pop(number)

    def shows_root(self, numbers: Iterable[int]) -> bool:
        """Whether the root version has the new content in the windows of these frames.

        Never where covers are given: new frames are then drawn from them.
        """
        windows = whole_windows(numbers, self._base.windows)
        return self._covers is None and not any(self._differs_from_root(*each) for each in windows)

    def _objects(self, number: int) -> FrameObjects:
        base = self._base
        return self._annotator.annotate(base.sample(number), base.time(number))

    @cached_property
    def _root_embedder(self) -> WindowEmbedder:
        first = self._base.root_sample(0)
        scene = first.scene or Scene()
        rings = self._annotator.rings_of(scene)
        return replace(self._embedder, scene=scene, ranges=sample_ranges(first), rings=rings)

    def _differs_from_root(self, at: int, window: range) -> bool:
        if at in self._differ:
            return self._differ[at]
        base = self._base
        olds = [base.content(self._root_embedder, n, base.root_sample(n).objects) for n in window]
        news = [base.content(self._embedder, n, self._objects(n).objects) for n in window]
        self._differ[at] = window_codec(self._embedder.carrier).differs(olds, news, at, base.size)
        return self._differ[at]

    def root_frame(self, number: int) -> Redrawn:
        """The frame of the root version, with its new scene sample."""
        stego, unmarked = self._base.root_frame(number), self._base.root_sample(number).outlines
        sample = self._sample(number, self._objects(number), unmarked)
        carrier = self._embedder.carrier
        if not isinstance(carrier, RegionCarrier):
            return Redrawn(stego, sample)
        renewed = carrier.renew(stego)
        return Redrawn(renewed.stego, sample, renewed.exact)

    def _sample(self, number: int, new: FrameObjects, unmarked: tuple[Outline, ...]) -> bytes | None:
        return new_sample(self._base, self._embedder, self._annotator, number, new, unmarked)

    def _draw_window(self, at: int, window: range) -> None:
        base, embedder = self._base, self._embedder
        if isinstance(embedder.carrier, RegionCarrier) and self.shows_root(window[:1]):
            # It is coded again with its group of pictures, and needs no other pixels.
            self._ready |= {number: self.root_frame(number) for number in window}
            return
        stegos = [base.root_frame(number) for number in window]
        news = [self._objects(number) for number in window]
        is_last = window.stop == len(base)
        contents = [
            replace(embedder.content(*pair), is_last=is_last) for pair in zip(stegos, news, strict=True)
        ]
        covers = None if self._covers is None else [self._covers.read(number) for number in window]
        unmarked = [base.root_sample(number).outlines for number in window]
        codec = window_codec(embedder.carrier)
        done = codec.replace_window(stegos, contents, at, covers, unmarked)
        for number, new, embedded in zip(window, news, done, strict=True):
            sample = self._sample(number, new, embedded.unmarked)
            self._ready[number] = Redrawn(embedded.stego, sample, embedded.exact)


def redraw(
    appender: Appender,
    base: ParentVersion,
    drawing: WindowDrawing,
    drawn: Sequence[int],
    progress: Progress | None,
) -> Coded:
    """Draw frames, and code them and the frames that depend on them.

    Args:
        appender: writer of the file.
        base: the version to start from.
        drawing: of the new version.
        drawn: ascending numbers of the frames whose drawing changes.
        progress: called after every frame.
    """
    if not drawn:
        return Coded()
    table, config = base.parent.video.table, base.recorded.config
    info, drawn_set = replace(base.info, rate=base.recorded.rate), frozenset(drawn)
    settings = SpliceSettings.from_entries(info, config, table.entries, base.root_frame(0))
    changed = 0
    if config.has_regions:
        groups, changed = _share_root(appender, base, drawing, drawn)
        runs = tuple(map(Run.of_all, groups))
    else:
        runs = plan_runs(drawn, table, len(base), settings)
    frames = [run.frames for run in runs]
    numbers = counted(chain(*frames), "redraw", sum(map(len, frames)), progress)
    with SerialWorker() as worker:
        for run in runs:
            with settings.coder(appender, run) as coder:
                for number in islice(numbers, len(run.frames)):
                    if number in drawn_set:
                        redrawn = drawing.draw(number)
                    elif config.has_regions:
                        # Its group of pictures is coded again from the root. Its sample is written already.
                        redrawn = replace(drawing.draw(number), sample=None)
                    else:
                        # It does not change, but what it is predicted from does.
                        redrawn = Redrawn(base.parent_frame(number))
                    worker.submit(partial(coder.code, redrawn))
                worker.submit(coder.finish)
                worker.drain()
                changed += coder.changed
    next(numbers, None)
    return Coded(runs, changed)


def _share_root(
    appender: Appender, base: ParentVersion, drawing: WindowDrawing, drawn: Sequence[int]
) -> tuple[list[range], int]:
    """Take the groups of pictures that the root version has already.

    Returns:
        The groups that are left to be coded, and the number of frames taken that differ from the parent's.
    """
    left, taken, drawn_set = list[range](), 0, frozenset(drawn)
    for run in spans(drawn, base.parent.video.table.syncs, len(base), whole=True):
        if not drawing.shows_root(run):
            left.append(run)
            continue
        for number in run:
            appender.share_video(number, base.root)
            taken += bool(base.root.frames.stegos[number] != base.parent.frames.stegos[number])
            sample = drawing.root_frame(number).sample
            if number in drawn_set and sample is not None:
                appender.write_scene(number, sample)
    return left, taken
