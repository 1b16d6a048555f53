"""Contract tests of window carriers: each :class:`cssv.carriers.base.WindowCarrier` inherits them.

::

    class TestMyCarrier(WindowCarrierContract):
        def carriers(self):
            return [MyCarrier(), MyCarrier(strength=3)]

The tests of :mod:`cssv.testing.carrier` are those of frame carriers.
"""

from __future__ import annotations

import pickle
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from cssv.carriers.base import Extracted, FrameContent, Hint, WindowCarrier, needs_regions
from cssv.carriers.windows import group_frames
from cssv.errors import CarrierError, ContainerError, CssvError
from cssv.frames import Frame, Layout
from cssv.template.state import ObjectState
from cssv.testing.carrier import (
    RATE,
    SIZE,
    OptionsContract,
    content_of,
    smooth_frame,
    some_objects,
    through_codec,
)
from cssv.video import FileCodec

#: Frames of a window in these tests.
COUNT = 8


@dataclass(frozen=True)
class WindowCase:
    """A window to embed.

    Attributes:
        carrier: the carrier to test.
        covers: frames of the window.
        contents: the content of each.
        number: of the window in its clip.
    """

    carrier: WindowCarrier
    covers: Sequence[Frame]
    contents: Sequence[FrameContent]
    number: int = 0

    def stegos(self) -> list[Frame]:
        """The stego frames."""
        done = self.carrier.embed_window(self.covers, self.contents, self.number)
        return [each.stego for each in done]

    def with_objects(self, objects: Sequence[ObjectState]) -> WindowCase:
        """The same frames with other objects."""
        return replace(self, contents=[replace(each, objects=tuple(objects)) for each in self.contents])


def make_case(
    carrier: WindowCarrier,
    layout: Layout,
    number: int = 0,
    objects: int = 2,
    size: tuple[int, int] = SIZE,
    rate: Fraction = RATE,
) -> WindowCase:
    """A window of COUNT frames with objects that move to the right."""
    first = number * COUNT
    covers = [smooth_frame(layout, n, n + 1, size, rate) for n in range(first, first + COUNT)]
    contents = [content_of(frame, _moved(some_objects(objects), frame)) for frame in covers]
    return WindowCase(carrier, covers, contents, number)


def _moved(objects: Iterable[ObjectState], frame: Frame) -> tuple[ObjectState, ...]:
    """The objects at the time of a frame, at the speed that they state."""
    time = float(frame.time)
    return tuple(
        replace(
            state,
            box_px=(
                state.box_px[0] + state.velocity_px_s[0] * time,
                state.box_px[1] + state.velocity_px_s[1] * time,
                *state.box_px[2:],
            ),
        )
        for state in objects
    )


def extract_all(carrier: WindowCarrier, frames: Iterable[Frame]) -> list[Extracted | None]:
    """The content of successive frames."""
    extractor, found = carrier.extractor(), []
    for frame in frames:
        found += list(extractor.feed(frame, Hint()))
    found += list(extractor.finish())
    return [content for _, content in found]


class WindowCarrierContract(OptionsContract):
    """Tests that any window carrier must pass."""

    #: Size of the frames, and their rate: a carrier may need larger ones, and COUNT frames for its window.
    size: tuple[int, int] = SIZE
    rate: Fraction = RATE

    @abstractmethod
    def carriers(self) -> Sequence[WindowCarrier]:
        """Carriers to test, one for each set of options worth testing."""

    def same_content(self, extracted: Extracted, content: FrameContent) -> bool:
        """Whether what was extracted is what was embedded, as far as the carrier carries it."""
        found = {state.track for state in extracted.states(content.ranges)}
        return (extracted.number, extracted.pts, found) == (
            content.number,
            content.pts,
            {state.track for state in content.objects},
        )

    def _cases(self) -> Iterator[WindowCase]:
        for carrier in self.carriers():
            for layout in carrier.layouts:
                yield self._case(carrier, layout)

    def _case(self, carrier: WindowCarrier, layout: Layout, number: int = 0, objects: int = 2) -> WindowCase:
        return make_case(carrier, layout, number, objects, self.size, self.rate)

    def test_it_is_a_window_carrier(self) -> None:
        """The protocol's members are there, and a window has frames."""
        for carrier in self.carriers():
            assert isinstance(carrier, WindowCarrier)
            for layout in carrier.layouts:
                assert carrier.span(layout, *self.size).frames >= 1

    def test_what_is_embedded_is_extracted(self) -> None:
        """The content of each frame comes back, in order."""
        for case in self._cases():
            self._assert_extracted(case.carrier, case.stegos(), case.contents)

    def test_a_copy_through_pickle_embeds_the_same_bytes(self) -> None:
        """Worker processes can embed."""
        for case in self._cases():
            other = replace(case, carrier=pickle.loads(pickle.dumps(case.carrier)))
            _assert_same(other.stegos(), case.stegos())

    def test_embedding_depends_on_its_arguments_alone(self) -> None:
        """Neither calls in between nor their order change a result, and the covers stay as they are."""
        for case in self._cases():
            before = [cover.planes.copy() for cover in case.covers]
            first = case.stegos()
            self._case(case.carrier, case.covers[0].layout, 3, objects=1).stegos()
            extract_all(case.carrier, first)
            _assert_same(case.stegos(), first)
            assert all(
                np.array_equal(cover.planes, own) for cover, own in zip(case.covers, before, strict=True)
            )

    def test_the_stego_frames_keep_time_and_form(self) -> None:
        """Number, time, layout and size are those of the content and of the cover."""
        for case in self._cases():
            for stego, cover, content in zip(case.stegos(), case.covers, case.contents, strict=True):
                assert (stego.number, stego.pts, stego.time_base) == (
                    content.number,
                    content.pts,
                    content.time_base,
                )
                assert (stego.layout, stego.planes.shape) == (cover.layout, cover.planes.shape)

    def test_successive_windows_are_extracted(self) -> None:
        """Each window is recovered by itself, also where the source begins inside of another one."""
        for carrier in self.carriers():
            for layout in carrier.layouts:
                windows = [self._case(carrier, layout, number, objects=number % 3) for number in range(4)]
                stegos = [stego for case in windows for stego in case.stegos()]
                contents = [content for case in windows for content in case.contents]
                self._assert_extracted(carrier, stegos, contents)
                found = extract_all(carrier, stegos[COUNT // 2 :])
                assert len(found) == len(stegos) - COUNT // 2
                for content, wanted in list(zip(found, contents[COUNT // 2 :], strict=True))[COUNT // 2 :]:
                    assert content is not None
                    assert content.is_intact
                    assert self.same_content(content, wanted)

    def test_plain_frames_carry_nothing(self) -> None:
        """Nothing is extracted from frames that were never embedded."""
        for case in self._cases():
            black = [replace(cover, planes=np.zeros_like(cover.planes)) for cover in case.covers]
            for frames in (case.covers, black):
                found = extract_all(case.carrier, frames)
                assert found == [None] * COUNT

    def test_a_clip_is_cut_into_windows_by_its_times(self) -> None:
        """The windows hold each frame once, in order, and no more frames than the span allows."""
        for carrier in self.carriers():
            span = carrier.span(carrier.layouts[0], *self.size)
            windows = group_frames((number / self.rate for number in range(300)), span)
            assert [number for window in windows for number in window] == list(range(300))
            assert max(map(len, windows)) <= span.frames

    def test_a_payload_depends_on_its_arguments_alone(self) -> None:
        """It is the same at every call, and fits in a window of the length of these tests."""
        for case in self._cases():
            payload = case.carrier.payload(case.contents, case.number, self.size)
            assert payload == case.carrier.payload(case.contents, case.number, self.size)
            room = case.carrier.capacity_bytes(case.covers[0].layout, *self.size, COUNT)
            assert (payload is None) == (room is None)
            assert payload is None or room is None or len(payload) <= room

    def test_the_capacity_grows_with_the_window(self) -> None:
        """What fits in a window fits in a longer one; a payload beyond the capacity is refused."""
        for carrier in self.carriers():
            for layout in carrier.layouts:
                form = (layout, *self.size)
                short, long = (carrier.capacity_bytes(*form, frames) for frames in (COUNT, 2 * COUNT))
                # A carrier that hides no payload has no capacity in any window.
                if short is None or long is None:
                    assert short is long
                    continue
                assert 0 < short <= long
                small, large = (carrier.expected_distortion(*form, COUNT, n) for n in (1, short))
                assert small is None or large is None or small <= large
                try:
                    carrier.expected_distortion(*form, COUNT, short + 1)
                except CarrierError:
                    continue
                raise AssertionError("a payload beyond the capacity was accepted")

    def test_the_same_content_does_not_differ(self) -> None:
        """Other objects do."""
        for case in self._cases():
            other = case.with_objects(some_objects(1))
            assert not case.carrier.differs(case.contents, case.contents, 0, self.size)
            assert case.carrier.differs(case.contents, other.contents, 0, self.size)

    def test_replacing_by_the_same_content_changes_no_pixel(self) -> None:
        """Content that is there already stays."""
        for case in self._cases():
            stegos = case.stegos()
            again = case.carrier.replace_window(stegos, case.contents, case.number)
            _assert_same([each.stego for each in again], stegos)

    def test_replacing_with_the_covers_is_embedding(self) -> None:
        """With the original frames at hand the old content leaves no trace."""
        for case in self._cases():
            old = case.with_objects(some_objects(1)).stegos()
            new = case.carrier.replace_window(old, case.contents, case.number, case.covers)
            _assert_same([each.stego for each in new], case.stegos())

    def test_what_replaces_is_extracted(self) -> None:
        """Without the covers, too, the new content comes back."""
        for case in self._cases():
            for objects in ((), some_objects(1)):
                old = case.with_objects(objects).stegos()
                new = case.carrier.replace_window(old, case.contents, case.number)
                self._assert_extracted(case.carrier, [each.stego for each in new], case.contents)

    def test_only_frames_that_carry_are_replaced(self) -> None:
        """Plain frames are refused by an error of the tree."""
        for case in self._cases():
            try:
                case.carrier.replace_window(case.covers, case.contents, case.number)
            except ContainerError:
                continue
            raise AssertionError("frames without content were replaced")

    def test_another_picture_is_no_cover(self) -> None:
        """``may_come_from`` accepts the cover and refuses another picture; so does ``replace_window``."""
        for case in self._cases():
            stegos = case.stegos()
            others = [replace(f, planes=np.ascontiguousarray(255 - f.planes)) for f in case.covers]
            assert all(map(case.carrier.may_come_from, stegos, case.covers))
            assert not any(map(case.carrier.may_come_from, stegos, others))
            try:
                case.carrier.replace_window(stegos, case.contents, case.number, others)
            except CssvError:
                continue
            raise AssertionError("another picture was taken for the cover")

    def test_it_survives_what_it_promises(self) -> None:
        """Through the codec, lossless or lossy, the content comes back."""
        for case in self._cases():
            codecs: tuple[FileCodec, ...] = ("h264",)
            # What a lossy file of a carrier with finer regions gives back is another contract.
            if not case.carrier.needs_lossless and not needs_regions(case.carrier):
                codecs = ("h264", "h264-lossy")
            for codec in codecs:
                decoded = through_codec(case.stegos(), codec, self.rate)
                self._assert_extracted(case.carrier, decoded, case.contents)

    def _assert_extracted(
        self, carrier: WindowCarrier, stegos: Sequence[Frame], contents: Sequence[FrameContent]
    ) -> None:
        found = extract_all(carrier, stegos)
        for stego, content, wanted in zip(stegos, found, contents, strict=True):
            assert content is not None
            assert content.is_intact
            assert content.origin == (0, 0)
            assert content.clip is not None
            assert content.heat.shape == content.clean_heat.shape == stego.planes.shape
            assert self.same_content(content, wanted)


def _assert_same(some: Sequence[Frame], others: Sequence[Frame]) -> None:
    for one, other in zip(some, others, strict=True):
        assert np.array_equal(one.planes, other.planes)
