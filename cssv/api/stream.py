"""Encode a stream: frame by frame, with a fixed lag, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from cssv.api.verify import check
from cssv.carriers import DEFAULT_CARRIER
from cssv.carriers.base import AnyCarrier
from cssv.carriers.keyed import key_of
from cssv.carriers.nibble.forms import Fidelity
from cssv.carriers.nibble.merge import Merge
from cssv.container import IndexMeta, created_or_now
from cssv.errors import ClosedOutputError, CssvError, OutputError, VideoError
from cssv.files.access import Access
from cssv.files.closing import Finishing
from cssv.files.locked_file import locked_file
from cssv.files.paths import Path_
from cssv.frames import U8, Frame, Layout
from cssv.perception import LAG_S, Detections, Detector
from cssv.perception.detectors import DetectorOptions
from cssv.perception.given_boxes import BoxesAre
from cssv.pipeline.arguments import SceneLike
from cssv.pipeline.calls import checked_call
from cssv.pipeline.config import DEFAULT_CODEC, EncoderConfig, config_to_facts
from cssv.pipeline.embed import EmbeddedFrame
from cssv.pipeline.exact_number import to_fraction
from cssv.pipeline.final_frame import FrameDelivery, OnFrame, Written
from cssv.pipeline.live_options import LiveOptions
from cssv.pipeline.live_stream import LiveStream
from cssv.pipeline.mux import StegoWriter
from cssv.pipeline.recording import complete, recording_journal, restore, set_aside
from cssv.video import Codec, Effort, browser_notes


class _Failures:
    """The first error while a stream is finished, to be raised when its file is safe.

    As a context manager it keeps an error of its block: the block is left early, and nothing is raised.

    Attributes:
        first: the error; None without one. What has interrupted :meth:`Encoder.write` is no error.
        is_done: whether the block came to its end.
    """

    def __init__(self, earlier: BaseException | None) -> None:
        self.first = earlier if isinstance(earlier, Exception) else None
        self.is_done = False

    def __enter__(self) -> _Failures:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        # Ctrl-C while the file is finished is passed on.
        if not isinstance(error, Exception):
            return False
        self.first = self.first or error
        return True


@dataclass(frozen=True, slots=True)
class _Output:
    """The parts that need the layout of the first frame."""

    writer: StegoWriter
    file: BinaryIO


class Encoder(Finishing):
    """Encoder of a stream, frame by frame, in memory that does not grow with its length.

    A frame waits ``lag_s`` seconds for later frames, so that velocity is relative to past and future
    frames. Then it is embedded and written. ::

        with cssv.Encoder("live.cssv", size=(768, 576), rate=25) as encoder:
            for picture in camera:                # (H, W, 3) uint8 RGB
                encoder.write(picture)

    A picture that :meth:`write` refuses is no part of the stream, and the stream goes on. Also if the refusal
    leaves the ``with`` block, the file is finished with the pictures before it; if an error of ``on_frame``
    leaves it, with all pictures so far. If the codec or the disk
    fails later, :meth:`close` finishes the file with the frames that are sound, and then raises the error.
    Any other exception that leaves the block, Ctrl-C too, removes the recording: catch it within the block to
    keep what was recorded.

    While the stream runs, its file has a temporary name, with a journal beside it. If the process is killed,
    :func:`recover` completes the file; at most the last seconds are lost.

    Args:
        output: the file to write; it gets its name when the encoder is closed. If its folder was removed
            meanwhile, the folder is made again.
        size: width and height in pixels.
        rate: frames per second.
        layout: ``"rgb24"`` or ``"yuv420p"``; None takes that of the first frame, and RGB for arrays, or else
            the only one that the carrier takes. A yuv420p encoder converts RGB arrays once, by BT.601; more
            players show its files.
        scene: as for :func:`encode`. Ranges that the scene does not give are chosen when the first frame is
            written: speeds have 1.5 times what the objects until then need, and at least 200 px/s. Later
            values can lie outside; :attr:`warnings` counts them.
        detector: as for :func:`encode`; unused for frames that come with detections.
        weights, classes, min_score, nms_iou: of the detector, as for :func:`encode`; ``nms_iou`` also for
            detections that come with frames.
        boxes_are: ``"truth"`` keeps boxes with ids as given, ``"detections"`` smooths them; by default what
            the detector states, otherwise they are kept until a box with an id has a score below 1, and
            smoothed from then on.
        lag_s: seconds that a frame waits for later frames.
        time_base: seconds per unit of the frames' pts; 1 / rate by default. The pts may count from any time:
            a first pts later than 5 s becomes 0 in the file, whose facts record it.
        on_frame: called with each :class:`FinalFrame` once its objects are final, in order, in the thread
            that calls :meth:`write` or :meth:`close`, which wait for it; the last ``lag_s`` seconds come from
            :meth:`close`, when the file is whole. What it raises is raised by them; nothing of the file is
            lost, and the frames after it follow with the next call. If any exception leaves the ``with``
            block, it is not called any more.
        codec, crf, effort, carrier, merge, fidelity, lossless, window, strength, survive, fit, password,
            created_s, overwrite: as for :func:`encode`. If the name is taken while the stream is encoded, the
            file gets another name, which the error states. With carriers that embed windows, frames wait for
            the end of their window as well. The trial of ``strength="auto"`` uses the frames that wait for
            their objects when the first one is drawn.

    Raises:
        OptionError: an option outside its bounds. FrameError: a size that cannot carry.
        OutputError: the file exists or cannot be written.
    """

    @checked_call
    def __init__(
        self,
        output: Path_,
        *,
        size: tuple[int, int],
        rate: Fraction | int | str,
        layout: Layout | None = None,
        scene: SceneLike = None,
        detector: str | Detector | None = None,
        weights: Path_ | None = None,
        classes: Sequence[str] | str | None = None,
        min_score: float | None = None,
        nms_iou: float | None = None,
        boxes_are: BoxesAre | None = None,
        lag_s: float = LAG_S,
        time_base: Fraction | None = None,
        codec: Codec = DEFAULT_CODEC,
        crf: int | None = None,
        effort: Effort | None = None,
        carrier: str | AnyCarrier = DEFAULT_CARRIER,
        merge: Merge | None = None,
        fidelity: Fidelity | None = None,
        lossless: bool = False,
        window: Fraction | int | str | None = None,
        strength: float | str | None = None,
        survive: str | None = None,
        fit: bool = False,
        password: str | None = None,
        on_frame: OnFrame | None = None,
        created_s: int | None = None,
        overwrite: bool = False,
    ) -> None:
        self._config = EncoderConfig.from_arguments(
            codec, carrier, crf=crf, effort=effort, password=password, lossless=lossless,
            is_rgb=layout == "rgb24", merge=merge, fidelity=fidelity,
            window=window, strength=strength, survive=survive, fit=fit,
        )  # fmt: skip
        options = LiveOptions.from_arguments(
            self._config.carrier,
            scene,
            rate=rate,
            detector=DetectorOptions(
                detector, weights=weights, classes=classes, min_score=min_score, nms_iou=nms_iou
            ),
            boxes_are=boxes_are,
            lag_s=lag_s,
        )
        self._delivery = FrameDelivery(on_frame)
        self._stream = LiveStream(
            options, size, layout=layout, time_base=to_fraction(time_base), on_final=self._delivery.collect
        )
        self._created_s = created_or_now(created_s)
        self._is_created_given = created_s is not None
        self._refusal: Exception | None = None
        self._failure: BaseException | None = None
        self._reserve(output, overwrite=overwrite)
        self._begun: _Output | None = None
        self._access = Access(self, "the encoder", ClosedOutputError)

    def _reserve(self, output: Path_, *, overwrite: bool) -> None:
        """Take the name of the output, and open the journal of the recording."""
        self._target = Path(output)
        self._output = ExitStack()
        file = locked_file(output, overwrite=overwrite, is_unique=True, is_recoverable=True)
        self._path = self._output.enter_context(file)
        self._journal = self._output.enter_context(recording_journal(self._path, self._target))
        self._inside = self._output.enter_context(ExitStack())

    @property
    def warnings(self) -> tuple[str, ...]:
        """Scene entries that have matched no track so far, and values outside the ranges of the rings."""
        return self._stream.warnings

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks for users so far, such as the licence of the network that found the objects.

        Without notes of the detector if all frames came with their detections.
        """
        stream = self._stream
        return (*stream.notes, *browser_notes(self._config.codec), *stream.left_out_notes)

    def write(
        self,
        picture: U8 | Frame,
        detections: Detections | None = None,
        thermal: NDArray[np.number] | None = None,
    ) -> Written:
        """Append the next frame, and return what is known of the stream so far.

        The picture is copied, so its memory can be used again at once. A picture that is refused leaves the
        stream unchanged.

        Args:
            picture: (H, W, 3) uint8 RGB, or a Frame of native planes.
            detections: objects of the frame; with None the detector finds them.
            thermal: picture of a thermal camera at the same time, (H, W): floats in degrees Celsius, or
                uint16 counts, for which the scene's thermal part gives scale and offset.

        Returns:
            The numbers of frames taken and of frames whose objects are final, and the newest of these with
            its objects: it is at least ``lag_s`` behind this picture.

        Raises:
            FrameError: another size, layout or time base than the stream's, or a pts that does not grow, is
                below 0, or too far from the one before for the container.
            ThermalError: a thermal picture that shows another view, or holds no temperatures.
            OptionError: detections, given or found, of another type.
            BoxesError: boxes are stated to be the truth, but one has no id.
            ClosedError: the encoder is closed, or belongs to the parent of this process.
            CssvError: an earlier frame cannot be encoded or written; every later call raises it again.
            Exception: what ``on_frame`` has raised. The picture of this call is part of the stream.
        """
        with self._access:
            if self._failure is not None:
                raise self._failure
            try:
                received = self._stream.receive(picture, detections, thermal)
                begun = self._begun or self._begin()
                detected = self._stream.detect(received)
            except CssvError as error:
                self._refusal = error
                raise
            try:
                self._write(begun, self._stream.embed(detected))
            except BaseException as error:
                # The tracker may have half of the frame, so that nothing can follow.
                self._failure = error
                raise
            written = self._stream.written
            try:
                self._delivery.deliver()
            except Exception as error:
                # The stream is sound and can go on, as after a picture that was refused.
                self._refusal = error
                raise
            return written

    def _begin(self) -> _Output:
        """Open the codec and the file; the layout of the first frame is known now."""
        with ExitStack() as opened:
            # Readable too, for the case that its name is lost.
            file = opened.enter_context(self._path.open("w+b"))
            info, config = self._stream.info, self._config
            writer = StegoWriter(
                file, info, codec=config.codec, crf=config.crf, effort=config.effort,
                regions=config.has_regions, journal=self._journal,
            )  # fmt: skip
            opened.enter_context(writer)
            self._inside.push(opened.pop_all())
        self._begun = _Output(writer, file)
        return self._begun

    def _facts(self, notes: Sequence[str]) -> dict[str, Any]:
        """What the file records of its own making."""
        stream = self._stream
        config = replace(self._config, carrier=stream.carrier)
        return config_to_facts(stream.info, config, stream.ranges, notes) | stream.origin.facts

    def __repr__(self) -> str:
        info, frames = self._stream.info, self._stream.received
        state = "closed" if self._access.is_closed else "open"
        size, rate = f"{info.width}x{info.height}", f"{float(info.rate):.6g}"
        return f"<cssv.Encoder {str(self._target)!r}, {state}: {frames} frames, {size} at {rate} per second>"

    def _write(self, begun: _Output, done: Iterator[EmbeddedFrame]) -> None:
        """Write stego frames and their scene samples."""
        for each in done:
            if not begun.writer.frames:
                # Without the detector's notes: only those at the end are complete, and they may be too long.
                begun.writer.describe(IndexMeta(self._created_s, meta=self._facts(self._stream.known_notes)))
            begun.writer.add(each)

    def close(self) -> None:
        """Write the waiting frames, finish the file, verify it and give it its name; may be called twice.

        Raises:
            VideoError: no frame was written.
            ChecksumError: the file does not read back; it does not get its name.
            CssvError: a frame could not be encoded or written. The file has its name, and holds the frames
                before; a note of the error states their number. If even that is impossible, on a full disk
                for example, the note states the name under which :func:`recover` finds the recording.
            Exception: what ``on_frame`` has raised. The file has its name and is whole.
        """
        with self._access.closing() as is_held:
            if is_held:
                self._finish()

    def _finish(self) -> None:
        failures = _Failures(self._failure)
        with self._output:
            begun = self._begun
            if begun is None or not self._stream.is_begun:
                raise VideoError("no frame was written to the encoder")
            with failures as finishing:
                self._write_end(begun, failures)
                restore(self._path, begun.file)
                self._inside.close()
                finishing.is_done = True
            if not finishing.is_done:
                self._save(begun, failures)
            config = self._config
            check(self._path, key=key_of(config.carrier), pixels_known=config.has_regions)
        if failures.first is not None:
            raise failures.first
        # The file is whole and has its name, whatever the function does.
        self._delivery.deliver()

    def _write_end(self, begun: _Output, failures: _Failures) -> None:
        """Write the waiting frames, the tables and the index."""
        if failures.first is None:
            # After an interrupt that the caller has caught, a frame that is missing is no surprise.
            with failures if self._failure is None else suppress(CssvError):
                self._write(begun, self._stream.finish())
        created_s = self._created_s if self._is_created_given else created_or_now(None)
        begun.writer.finish(self._facts(self._stream.notes), created_s=created_s)
        if failures.first is not None:
            failures.first.add_note(f"The file holds the first {begun.writer.frames} frames.")

    def _save(self, begun: _Output, failures: _Failures) -> None:
        """Finish the file with the frames that are in it, after an error; or keep it for :func:`recover`."""
        failure = failures.first
        assert failure is not None
        with suppress(CssvError):
            begun.writer.save()
        with suppress(CssvError, OSError):
            restore(self._path, begun.file)
        with suppress(CssvError, OSError):
            self._inside.close()
        try:
            frames = complete(self._path)
        except OutputError as error:
            try:
                aside = set_aside(self._path, self._target)
            except OSError:
                raise failure from error
            failure.add_note(f"The recording is kept as {str(aside)!r}: finish it by `cssv.recover()`.")
            raise failure from error
        except CssvError:
            # There is no frame that is sound.
            raise failure from None
        failure.add_note(f"The file holds the first {frames} frames.")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._delivery.stop()
        refusal = self._refusal
        # A refused picture has changed nothing: what was written before is sound.
        if refusal is None or error is not refusal or not self._stream.is_begun:
            super().__exit__(kind, error, trace)
            return
        try:
            self.close()
        except CssvError as other:
            refusal.add_note(f"The file could not be finished: {other}")

    def abort(self) -> None:
        """Stop and remove everything written; may be called twice."""
        self._delivery.stop()
        reason = CssvError("encoding was given up")
        # An error of the codec that is stopped halfway has no meaning for the caller.
        with self._access.closing() as is_held, suppress(CssvError):
            if is_held:
                self._output.__exit__(CssvError, reason, None)
