"""Contract tests of carriers whose content decodes exactly in lossy files.

Each :class:`cssv.carriers.base.RegionCarrier` inherits them, beside those of window carriers.

::

    class TestMyCarrierInRegions(RegionCarrierContract):
        def carriers(self):
            return [MyCarrier()]
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from cssv.carriers.base import Embedded, RegionCarrier, needs_regions
from cssv.frames import FINEST, LOST, ExactContent, Frame, blocks_shape
from cssv.pipeline.embed import EmbeddedFrame
from cssv.pipeline.mux import StegoWriter
from cssv.testing.carrier import RATE, SIZE, some_objects
from cssv.testing.window_carrier import WindowCase, extract_all, make_case
from cssv.video import REGION_H264, VideoInfo, VideoReader


class RegionCarrierContract(ABC):
    """Tests that any carrier must pass whose files have macroblocks that are coded finer."""

    #: Size of the frames, and their rate: a carrier may need larger ones.
    size: tuple[int, int] = SIZE
    rate: Fraction = RATE

    @abstractmethod
    def carriers(self) -> Sequence[RegionCarrier]:
        """Carriers to test, one for each set of options worth testing."""

    def _cases(self) -> Iterator[WindowCase]:
        for carrier in self.carriers():
            yield make_case(carrier, "yuv420p", size=self.size, rate=self.rate)

    def test_it_is_of_this_kind(self) -> None:
        """It takes yuv420p frames alone, and its files are lossy."""
        for carrier in self.carriers():
            assert needs_regions(carrier)
            assert not carrier.needs_lossless
            assert carrier.layouts == ("yuv420p",)

    def test_exact_content_has_the_form_of_the_picture(self) -> None:
        """One value a macroblock; finer steps only where there is content."""
        for case in self._cases():
            for _, exact in _embedded(case):
                blocks, finer = exact.blocks, exact.finer
                assert blocks.shape == finer.shape == blocks_shape(*self.size)
                assert blocks.dtype == bool
                assert blocks.any()
                assert not finer[~blocks].any()
                assert 0 <= finer.min() <= finer.max() <= FINEST

    def test_faults_are_macroblocks_whose_content_differs(self) -> None:
        """None in the stego frame itself, and only macroblocks with content in noise."""
        for case in self._cases():
            for stego, exact in _embedded(case):
                assert not exact.faults(stego.planes).any()
                noise = np.random.default_rng(stego.number).integers(0, 256, stego.planes.shape, np.uint8)
                found = exact.faults(noise)
                assert found.any()
                assert not found[~exact.blocks].any()

    def test_faults_change_nothing(self) -> None:
        """Neither the planes nor the content: a group is checked in several rounds."""
        for case in self._cases():
            for stego, exact in _embedded(case):
                planes = stego.planes.copy()
                assert np.array_equal(exact.faults(planes), exact.faults(planes))
                assert np.array_equal(planes, stego.planes)

    def test_content_comes_back_from_a_lossy_file(self) -> None:
        """After coding, no macroblock is missed, and the content is extracted."""
        for case in self._cases():
            stegos, exacts = zip(*_embedded(case), strict=True)
            self._check_coded(case, stegos, exacts)

    def test_frames_can_be_coded_again(self) -> None:
        """As ``renew`` states the content of frames of a lossy file, it comes back once more."""
        for case in self._cases():
            stegos, exacts = zip(*_embedded(case), strict=True)
            coded = self._check_coded(case, stegos, exacts)
            renewed = _with_exact([_renewed(case, frame) for frame in coded])
            self._check_coded(case, *zip(*renewed, strict=True))

    def test_plain_frames_hold_no_exact_content(self) -> None:
        """``renew`` finds nothing in covers."""
        for case in self._cases():
            assert all(_renewed(case, cover).exact is None for cover in case.covers)

    def test_replaced_content_comes_back_from_a_lossy_file(self) -> None:
        """Also where the old frames come from a lossy file."""
        for case in self._cases():
            old = case.with_objects(some_objects(1))
            stegos, exacts = zip(*_embedded(old), strict=True)
            coded = self._check_coded(old, stegos, exacts)
            done = case.carrier.replace_window(coded, case.contents, case.number)
            self._check_coded(case, *zip(*_with_exact(done), strict=True))

    def _check_coded(
        self, case: WindowCase, stegos: Sequence[Frame], exacts: Sequence[ExactContent]
    ) -> list[Frame]:
        """The frames after coding; their content is intact."""
        coded = _recoded(stegos, exacts, self.rate)
        for exact, frame in zip(exacts, coded, strict=True):
            assert not (exact.faults(frame.planes) == LOST).any()
        found = extract_all(case.carrier, coded)
        for content, wanted in zip(found, case.contents, strict=True):
            assert content is not None
            assert content.is_intact
            assert content.number == wanted.number
        return coded


def _recoded(stegos: Sequence[Frame], exacts: Sequence[ExactContent], rate: Fraction) -> list[Frame]:
    """The frames as they are read from a lossy file."""
    first = stegos[0]
    info = VideoInfo(first.width, first.height, first.layout, first.time_base, rate)
    with TemporaryDirectory() as folder:
        path = Path(folder, "clip.mp4")
        with path.open("wb") as file, StegoWriter(file, info, crf=REGION_H264.crf, regions=True) as writer:
            for stego, exact in zip(stegos, exacts, strict=True):
                writer.add(EmbeddedFrame(stego, b"{}", exact, begins_window=stego is first))
            writer.finish({"layout": first.layout}, created_s=0)
        with VideoReader(path) as reader:
            planes = [frame.planes for frame in reader]
    return [replace(stego, planes=each) for stego, each in zip(stegos, planes, strict=True)]


def _renewed(case: WindowCase, stego: Frame) -> Embedded:
    assert isinstance(case.carrier, RegionCarrier)
    return case.carrier.renew(stego)


def _embedded(case: WindowCase) -> list[tuple[Frame, ExactContent]]:
    """The stego frames of a window, with what must decode exactly."""
    return _with_exact(case.carrier.embed_window(case.covers, case.contents, case.number))


def _with_exact(done: Sequence[Embedded]) -> list[tuple[Frame, ExactContent]]:
    pairs = [(each.stego, each.exact) for each in done if each.exact is not None]
    assert len(pairs) == len(done)
    return pairs
