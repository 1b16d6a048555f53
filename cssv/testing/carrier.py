"""Contract tests of carriers: every implementation of :class:`cssv.carriers.base.Carrier` inherits them.

::

    class TestMyCarrier(CarrierContract):
        def carriers(self):
            return [MyCarrier(), MyCarrier(strength=3)]

A carrier that needs lossless pixels must recover its content from the exact stego frame; any other one
also from a frame that went through ``h264-lossy``.
"""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from cssv.carriers.base import AnyCarrier, Carrier, Embedded, Extracted, FrameContent, Hint
from cssv.errors import ContainerError, CssvError
from cssv.frames import Frame, Layout, planes_shape
from cssv.scene import Environment, Ranges, Scene, Source, Value
from cssv.template.state import ObjectState
from cssv.video import FileCodec, VideoInfo, VideoReader, VideoWriter

#: Size of the frames, and their rate.
SIZE, RATE = (192, 160), Fraction(25)
RANGES = Ranges((0.0, 200.0), (-20.0, 60.0), (0.0, 2000.0))
SCENE = Scene(environment=Environment(ambient_temperature_c=Value(17.5), humidity_pct=Value(61.0)))


def smooth_frame(
    layout: Layout,
    number: int = 0,
    seed: int = 1,
    size: tuple[int, int] = SIZE,
    rate: Fraction = RATE,
) -> Frame:
    """A frame with gradients, edges and a little noise, as pictures have."""
    width, height = size
    rng = np.random.default_rng(seed)
    planes = rng.integers(0, 6, planes_shape(layout, width, height), dtype=np.uint8)
    ramp = np.linspace(40, 190, planes.shape[1]).astype(np.uint8)
    planes += ramp.reshape((1, -1) + (1,) * (planes.ndim - 2))
    planes[height // 4 : height // 2, width // 3 : width // 2] += 40
    return Frame(planes, layout, 512 * number, 1 / (512 * rate), number)


def some_objects(count: int = 2) -> tuple[ObjectState, ...]:
    """Objects that lie inside the frame and do not touch."""
    return tuple(
        ObjectState(
            track=index + 1,
            label="person",
            score=0.9,
            box_px=(20.0 + 80 * index, 40.0, 30.0, 44.0),
            velocity_px_s=(20.0, 5.0),
            past_px_s=(18.0, 5.0),
            future_px_s=(22.0, 5.0),
            sigma_px_s=2.0,
            temperature_c=Value(36.0, 0.5, Source.MEASURED),
            density_kg_m3=Value(985.0, 10.0, Source.MEASURED),
        )
        for index in range(count)
    )


def content_of(frame: Frame, objects: Sequence[ObjectState]) -> FrameContent:
    """The content of a frame that shows these objects."""
    return FrameContent(frame.number, frame.pts, frame.time_base, tuple(objects), RANGES, SCENE)


def through_codec(stegos: Sequence[Frame], codec: FileCodec, rate: Fraction = RATE) -> list[Frame]:
    """The frames after they were encoded and decoded."""
    first = stegos[0]
    info = VideoInfo(first.width, first.height, first.layout, first.time_base, rate)
    with TemporaryDirectory() as folder:
        path = Path(folder, "clip.mp4")
        with VideoWriter(path, info, codec=codec) as writer:
            for stego in stegos:
                writer.write(stego)
        with VideoReader(path, planes="rgb" if first.layout == "rgb24" else "native") as reader:
            return list(reader)


class OptionsContract(ABC):
    """Tests of names and options, for carriers of both kinds."""

    @abstractmethod
    def carriers(self) -> Sequence[AnyCarrier]:
        """Carriers to test, one for each set of options worth testing."""

    def test_its_name_can_be_an_option(self) -> None:
        """The command line and the facts of a file name it."""
        for carrier in self.carriers():
            assert carrier.name
            assert not any(letter.isspace() for letter in carrier.name)
            assert isinstance(carrier.needs_lossless, bool)

    def test_options_describe_it(self) -> None:
        """``from_options`` is the inverse of ``options``, and ignores keys of other parties."""
        for carrier in self.carriers():
            options = carrier.options()
            assert all(isinstance(key, str) and isinstance(value, str) for key, value in options.items())
            again = type(carrier).from_options(options | {"codec": "h264", "unknown key": "x"})
            assert again.options() == options


class CarrierContract(OptionsContract):
    """Tests that any carrier must pass."""

    @abstractmethod
    def carriers(self) -> Sequence[Carrier]:
        """Carriers to test, one for each set of options worth testing."""

    def same_content(self, extracted: Extracted, content: FrameContent) -> bool:
        """Whether what was extracted is what was embedded, as far as the carrier carries it."""
        found = {state.track for state in extracted.states(content.ranges)}
        return extracted.number == content.number and found == {state.track for state in content.objects}

    def _cases(self) -> Iterator[tuple[Carrier, Frame, FrameContent]]:
        for carrier in self.carriers():
            for layout in carrier.layouts:
                frame = smooth_frame(layout, number=3)
                yield carrier, frame, content_of(frame, some_objects())

    def test_it_is_a_carrier(self) -> None:
        """The protocol's members are there."""
        assert all(isinstance(carrier, Carrier) for carrier in self.carriers())

    def test_it_can_be_sent_to_another_process(self) -> None:
        """A copy through pickle embeds the same bytes."""
        for carrier, frame, content in self._cases():
            other = pickle.loads(pickle.dumps(carrier))
            _assert_same(other.embed(frame, content), carrier.embed(frame, content))

    def test_what_is_embedded_is_extracted(self) -> None:
        """The content comes back from the pixels."""
        for carrier, frame, content in self._cases():
            found = carrier.extract(carrier.embed(frame, content).stego)
            assert found is not None
            assert self.same_content(found, content)
            assert found.is_intact
            assert not found.damaged_cells
            assert found.heat.shape == found.clean_heat.shape == frame.planes.shape

    def test_embedding_depends_on_its_arguments_alone(self) -> None:
        """Neither calls in between nor their order change a result, and the cover stays as it is."""
        for carrier, frame, content in self._cases():
            before = frame.planes.copy()
            first = carrier.embed(frame, content)
            other = smooth_frame(frame.layout, number=7, seed=2)
            carrier.embed(other, content_of(other, some_objects(1)))
            carrier.extract(first.stego)
            _assert_same(carrier.embed(frame, content), first)
            assert np.array_equal(frame.planes, before)

    def test_the_stego_frame_keeps_time_and_form(self) -> None:
        """Number, time, layout and size are those of the content and of the cover."""
        for carrier, frame, content in self._cases():
            stego = carrier.embed(frame, content).stego
            assert (stego.number, stego.pts, stego.time_base) == (
                content.number,
                content.pts,
                content.time_base,
            )
            assert (stego.layout, stego.planes.shape) == (frame.layout, frame.planes.shape)

    def test_a_hint_changes_no_result(self) -> None:
        """What is known before saves work only."""
        for carrier, frame, content in self._cases():
            stego = carrier.embed(frame, content).stego
            plain = carrier.extract(stego)
            assert plain is not None
            for hint in (Hint(origin=(8, 2)), Hint(clip=plain.clip), Hint(is_verified=True)):
                found = carrier.extract(stego, hint)
                assert found is not None
                assert (found.number, found.pts, found.origin) == (plain.number, plain.pts, plain.origin)
                assert np.array_equal(found.heat, plain.heat)

    def test_a_plain_frame_carries_nothing(self) -> None:
        """Nothing is extracted from frames that were never embedded."""
        for carrier, frame, _ in self._cases():
            assert carrier.extract(frame) is None
            black = replace(frame, planes=np.zeros_like(frame.planes))
            assert carrier.extract(black) is None

    def test_replacing_by_the_same_content_changes_no_pixel(self) -> None:
        """Content that is there already stays."""
        for carrier, frame, content in self._cases():
            embedded = carrier.embed(frame, content)
            again = carrier.replace(embedded.stego, content, unmarked=embedded.unmarked)
            assert np.array_equal(again.stego.planes, embedded.stego.planes)

    def test_replacing_with_the_cover_is_embedding(self) -> None:
        """With the original frame at hand the old content leaves no trace."""
        for carrier, frame, content in self._cases():
            old = carrier.embed(frame, content_of(frame, some_objects(1)))
            new = carrier.replace(old.stego, content, frame, old.unmarked)
            assert np.array_equal(new.stego.planes, carrier.embed(frame, content).stego.planes)

    def test_what_replaces_is_extracted(self) -> None:
        """Without the cover, too, the new content comes back."""
        for carrier, frame, content in self._cases():
            old = carrier.embed(frame, content_of(frame, some_objects(1)))
            found = carrier.extract(carrier.replace(old.stego, content, unmarked=old.unmarked).stego)
            assert found is not None
            assert self.same_content(found, content)

    def test_only_a_frame_that_carries_is_replaced(self) -> None:
        """A plain frame is refused by an error of the tree."""
        for carrier, frame, content in self._cases():
            try:
                carrier.replace(frame, content)
            except ContainerError:
                continue
            raise AssertionError("a frame without content was replaced")

    def test_another_picture_is_no_cover(self) -> None:
        """``may_come_from`` accepts the cover and refuses another picture; so does ``replace``."""
        for carrier, frame, content in self._cases():
            stego = carrier.embed(frame, content).stego
            other = replace(frame, planes=np.ascontiguousarray(255 - frame.planes))
            assert carrier.may_come_from(stego, frame)
            assert not carrier.may_come_from(stego, other)
            try:
                carrier.replace(stego, content, other)
            except CssvError:
                continue
            raise AssertionError("another picture was taken for the cover")

    def test_remarks_on_replacing_are_sentences(self) -> None:
        """Notes are texts; the same content needs none."""
        for carrier, frame, content in self._cases():
            stego = carrier.embed(frame, content).stego
            assert carrier.replace_notes(stego, content) == ()
            warmer = Scene(environment=Environment(ambient_temperature_c=Value(30.0)))
            notes = carrier.replace_notes(stego, replace(content, scene=warmer))
            assert all(isinstance(note, str) and note for note in notes)

    def test_it_survives_what_it_promises(self) -> None:
        """Through the codec, lossless or lossy, the content comes back."""
        for carrier, _, _ in self._cases():
            for layout in carrier.layouts:
                codecs: tuple[FileCodec, ...] = ("h264",)
                if not carrier.needs_lossless:
                    codecs = ("h264", "h264-lossy")
                for codec in codecs:
                    self._through(carrier, layout, codec)

    def _through(self, carrier: Carrier, layout: Layout, codec: FileCodec) -> None:
        frames = [smooth_frame(layout, number, seed=number) for number in range(4)]
        contents = [content_of(frame, some_objects(1 + frame.number % 2)) for frame in frames]
        stegos = [carrier.embed(f, c).stego for f, c in zip(frames, contents, strict=True)]
        for stego, content in zip(through_codec(stegos, codec), contents, strict=True):
            found = carrier.extract(stego)
            assert found is not None, codec
            assert self.same_content(found, content), codec


def _assert_same(one: Embedded, other: Embedded) -> None:
    assert np.array_equal(one.stego.planes, other.stego.planes)
    assert (one.outlines, one.unmarked) == (other.outlines, other.unmarked)
