"""Reader of the frames of a video file, in native planes and with exact time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from functools import cached_property

import av.container
from av.video.frame import VideoFrame

from cssv.errors import VideoError
from cssv.files.access import Access, Loop
from cssv.files.patched import as_input_file
from cssv.frames import U8, Frame
from cssv.video.crop import crop_of
from cssv.video.decoding import Damaged, PictureDecoder
from cssv.video.ffmpeg import AV_ERRORS, exact, opened
from cssv.video.frame_reader import FrameReader, Planes, check_number
from cssv.video.info import LATE_S, RATE_RANGE, VideoInfo, check_rate, nominal_step, plausible_rate
from cssv.video.left_out import left_out
from cssv.video.planes import PlaneConverter
from cssv.video.span import WHOLE_CLIP, Span, no_frame
from cssv.video.stamps import count_packets, end_pts, has_wrong_order, read_stamps, reorders
from cssv.video.timing import DurationCheck, StampRow, is_rounded

# Formats with an exact index: seeking finds a key frame at or before the time.
_INDEXED = ("mov", "matroska")

_MICROSECONDS = 1_000_000

#: Most frames that are decoded to reach a frame in a file without an index, where a seek may find none.
_SKIPPED = 250


class VideoReader(FrameReader):
    """Reader of any clip that FFmpeg reads; memory does not grow with the length of the clip.

    ::

        with VideoReader("clip.mp4") as reader:
            for frame in reader:
                ...

    Args:
        path: the clip; an :class:`cssv.files.patched.PatchedFile` is read with its patches.
        planes: ``"native"`` keeps 8-bit 4:2:0 and 8-bit RGB as they are; ``"rgb"`` converts to RGB,
            ``"yuv"`` to yuv420p.
        rate: true frames per second of a constant-rate clip whose header is wrong: frame n gets
            pts n in time base 1 / rate.
        span: frames outside are left out; the others keep their pts.
        stream: number of the video stream, as ffprobe counts; None for the best one (:func:`choose_stream`).
        damaged: ``"error"`` raises at a damaged frame, ``"skip"`` leaves it out, ``"stop"`` ends before it;
            None raises an error that does not name these choices.
        times: time stamps of all frames of the file, where an earlier reader has read them.

    Raises:
        VideoError: no such file, not a video, or no frames; while reading, a damaged or incomplete file.
        OptionError: ``rate`` out of range, or no video stream of this number.
        FrameError: pictures too small or too large.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        planes: Planes = "native",
        rate: Fraction | None = None,
        span: Span = WHOLE_CLIP,
        stream: int | None = None,
        damaged: Damaged | None = None,
        times: StampRow | None = None,
    ) -> None:
        if rate is not None:
            check_rate(rate)
        self._path = as_input_file(path)
        # A whole number would make the time base a float.
        self._rate = None if rate is None else Fraction(rate)
        self._number, self._damaged = stream, damaged
        self._passes_damage = damaged in ("skip", "stop")
        self._stack = ExitStack()
        self._container: av.container.InputContainer | None = None
        self._access = Access(self, f"the reader of {self._path}")
        first = self._reopen()
        try:
            crop = crop_of(self._opened, self._path, self._stream)
            self._converter = PlaneConverter(first, planes, crop)
            self._is_numbered = rate is not None or first.pts is None
            self.info = self._describe(first)
            self.times: StampRow | None = None
            self._find_times(times)
        except BaseException:
            self.close()
            raise
        self._first_pts = span.first_pts(self.info.time_base)
        self._stop_pts = span.stop_pts(self.info.time_base)
        self._next_number = 0
        self._is_fresh = True

    def _reopen(self) -> VideoFrame:
        """Open the file at its beginning and decode its first picture, which is put back and returned."""
        self._release()
        self._container = self._stack.enter_context(opened(self._path))
        try:
            self._decoder = self._decoder_of(self._container)
            self._stream = self._decoder.stream
            self._pictures = self._decoder.pictures()
            first = next(self._pictures, None)
        except BaseException:
            self.close()
            raise
        if first is None:
            self.close()
            raise VideoError("the file holds no frames that can be decoded", found=str(self._path))
        self._put_back: VideoFrame | None = first
        #: Number of the frame that comes next, and pts of the one before; None where that is not known.
        self._place: tuple[int, int] | None = None
        self._index = 0
        self._is_at_start = True
        return first

    def _decoder_of(self, container: av.container.InputContainer) -> PictureDecoder:
        return PictureDecoder(
            container, self._path, stream=self._number, damaged=self._damaged, skip_undecodable=True
        )

    def _find_times(self, known: StampRow | None) -> None:
        """Read the time stamps of the whole file now if those of its pictures cannot be used."""
        if self._is_numbered:
            return
        if known is None and reorders(self._decoder) and has_wrong_order(self._path, self._decoder_of):
            known = self._read_times()
        self._keep_times(known)

    def _read_times(self, *, decode: bool = False) -> StampRow:
        """Read the time stamps of the whole file by a second decoder."""
        # Only the decoder finds out which frames are damaged.
        decode |= self._passes_damage
        times, notes = read_stamps(self._path, self._decoder_of, self._step, decode=decode)
        self._note(*notes)
        return times

    def _keep_times(self, times: StampRow | None) -> None:
        """Use these time stamps, and add what was repaired to the notes."""
        self.times = times
        if times is None or not times.is_repaired:
            return
        length_s = times.length * self.info.time_base
        rate = plausible_rate(self.info.rate, len(times.pts) / length_s)
        start_s = times.pts[0] * self.info.time_base
        self.info = replace(self.info, rate=rate, duration_s=length_s, start_s=start_s)
        self._note(*times.notes)

    @property
    def _step(self) -> int:
        return nominal_step(self.info.time_base, self.info.rate)

    def _renew(self) -> None:
        """Open the file again in a forked child; the decoder of the parent is not touched."""
        self._stack = ExitStack()
        self._reopen()
        self._next_number = 0
        self._is_fresh = True

    def _describe(self, first: VideoFrame) -> VideoInfo:
        stream, converter = self._stream, self._converter
        context = stream.codec_context
        guessed = [exact(stream.average_rate), exact(stream.guessed_rate), exact(stream.base_rate)]
        # AVI counts the fields of H.264, two for each frame.
        if self._opened.format.name == "avi" and guessed[0] and guessed[0] == 2 * (guessed[1] or 0):
            del guessed[0]
        time_base = exact(stream.time_base) or Fraction(1, 1000)
        low, high = RATE_RANGE
        # Damaged headers give rates such as 90000 per second: the first of FFmpeg's guesses that a clip can
        # have is taken, and one frame per unit of time where there is none.
        sane = (found for found in guessed if found and low <= found <= high)
        rate = self._rate or next(sane, min(high, max(low, 1 / time_base)))
        others = [f"{note}; choose another with `stream=`" for note in self._decoder.chosen.notes]
        notes = [*others, *converter.notes]
        if self._rate is not None:
            notes.append(f"frame rate set to {self._rate} frames per second")
        elif self._is_numbered:
            notes.append(f"frames without time stamps were counted at {rate} frames per second")
        if self._decoder.skipped:
            notes.append(f"{self._decoder.skipped} packets before the first whole frame were skipped")
        count = stream.frames or None
        return VideoInfo(
            width=converter.width,
            height=converter.height,
            layout=converter.layout,
            time_base=1 / rate if self._is_numbered else time_base,
            rate=rate,
            frame_count=count,
            duration_s=count / rate if self._rate and count else self._duration_s(),
            codec=context.codec.canonical_name,
            pix_fmt=first.format.name,
            colour=converter.colour(context),
            source_width=first.width,
            source_height=first.height,
            rotation_deg=converter.turn.rotation_deg,
            padding=converter.padding,
            has_audio=bool(self._opened.streams.audio),
            pixel_aspect=converter.pixel_aspect(exact(stream.sample_aspect_ratio)),
            fields=converter.field_order(first, context),
            left_out=left_out(self._opened, stream, first),
            stream=stream.index if self._decoder.chosen.others else None,
            start_s=Fraction(0) if self._is_numbered else (first.pts or 0) * time_base,
            notes=tuple(notes),
        )

    def _duration_s(self) -> Fraction | None:
        time_base = exact(self._stream.time_base)
        if self._stream.duration and time_base:
            return self._stream.duration * time_base
        whole, start = self._opened.duration, self._opened.start_time or 0
        if not whole or whole <= 0:
            return None
        # Matroska counts from time 0, also for a clip that begins hours later.
        is_absolute = whole > start > LATE_S * _MICROSECONDS
        return Fraction(whole - start if is_absolute else whole, _MICROSECONDS)

    @property
    def _opened(self) -> av.container.InputContainer:
        self._access.check()
        assert self._container is not None
        return self._container

    def _next_picture(self) -> VideoFrame | None:
        """Return the picture that was put back, or decode the next; None at the end."""
        if self._put_back is not None:
            picture, self._put_back = self._put_back, None
            return picture
        return next(self._pictures, None)

    def __iter__(self) -> Iterator[Frame]:
        with self._access.renewed(self._renew):
            return Loop(self._begin(), self._access)

    def _begin(self) -> Iterator[Frame]:
        if not self._is_fresh:
            self._reopen()
            self._next_number = 0
        is_first = self._is_at_start and self._place is None
        if self._first_pts and not self._is_counted and is_first:
            self._near_start(self._first_pts)
        self._is_fresh = False
        return self._frames(self._next_number)

    def _near_start(self, pts: int) -> None:
        """Skip to the start of the span by the index, in formats that have an exact one."""
        is_indexed = any(name in self._opened.format.name for name in _INDEXED)
        if is_indexed and not self._jump(pts):
            self._reopen()

    def _frames(self, number: int) -> Iterator[Frame]:
        last: int | None = None
        time_base, converter = self.info.time_base, self._converter
        first, stop = self._first_pts, self._stop_pts
        check = DurationCheck()
        while (picture := self._next_picture()) is not None:
            self._place = None
            last = pts = self._stamp(picture, last)
            self._index += 1
            # The unit of the picture's duration is that of its file.
            duration = 0 if self._is_numbered else check.accept(pts, picture.duration)
            # Even clips keep their step, whichever way a coarse unit is rounded.
            duration = self._step if is_rounded(duration, self._step) else duration
            if not self._is_counted and not (duration and check.is_sure):
                duration = self._duration_at_end(pts) or duration
            if first is not None and pts < first:
                continue
            if stop is not None and pts >= stop:
                break
            frame = Frame(converter.convert(picture), converter.layout, pts, time_base, number, duration)
            number += 1
            self._place = number, pts
            yield frame
        else:
            self._check_whole()
        self._note(*self._decoder.notes)
        if not number:
            stamps = self._all_stamps()
            raise no_frame(self._path, stamps[0] * time_base, stamps[-1] * time_base)

    def _duration_at_end(self, pts: int) -> int:
        """Duration of the last picture by the header of the file; 0 for any other, and if unknown."""
        if self._end_pts is None:
            return 0
        # Only the end of the file shows which picture is the last.
        self._put_back = self._next_picture()
        return 0 if self._put_back is not None else max(self._end_pts - pts, 0)

    @cached_property
    def _end_pts(self) -> int | None:
        return end_pts(self._path, self._opened, self._stream)

    def _stamp(self, picture: VideoFrame, last: int | None) -> int:
        """Return the pts of a picture that follows one at ``last``, always later than ``last``."""
        # With a rate given, or without any time stamps, frames are counted.
        if self._is_numbered:
            return self._index
        if not self._is_counted:
            if picture.pts is not None and (last is None or picture.pts > last):
                return int(picture.pts)
            # After a seek nobody knows which of all frames this is.
            if self._is_at_start:
                self._keep_times(self._read_times(decode=True))
        following = 0 if last is None else last + self._step
        if self.times is None or not self._is_at_start or self._index >= len(self.times.pts):
            return following
        pts = self.times.pts[self._index]
        return pts if last is None or pts > last else last + 1

    @property
    def _is_counted(self) -> bool:
        """Whether the pts of a picture follows from its position in the file."""
        return self._is_numbered or (self.times is not None and self.times.is_repaired)

    def _note(self, *notes: str) -> None:
        """Add notes that only reading brings up."""
        new = tuple(note for note in notes if note not in self.info.notes)
        if new:
            self.info = replace(self.info, notes=self.info.notes + new)

    def _check_whole(self) -> None:
        """Raise VideoError for a file cut short. After a seek the packets before are not counted."""
        if not self._is_at_start:
            return
        self._decoder.check_complete(self._index)

    def timestamps(self) -> list[int]:
        """Return the pts of every frame in the span, in order, without decoding.

        The file is opened a second time and only its packets are read. So frames that cannot be decoded
        are counted too.
        """
        stamps: Sequence[int] = self._all_stamps()
        low = self._first_pts if self._first_pts is not None else min(stamps, default=0)
        high = self._stop_pts if self._stop_pts is not None else max(stamps, default=0) + 1
        return [pts for pts in stamps if low <= pts < high]

    def _all_stamps(self) -> Sequence[int]:
        """Pts of all frames of the file."""
        if self._is_numbered:
            if self._passes_damage:
                return range(len(self._read_times().pts))
            return range(count_packets(self._path, self._decoder_of))
        if self.times is None or not self.times.pts:
            self._keep_times(self._read_times())
        assert self.times is not None
        return self.times.pts

    def seek(self, number: int, pts: int | None = None) -> None:
        """Let the next loop start at frame ``number``; its ``pts`` saves a look-up.

        Fast where the file has an index. Without one, or where the index leads past the frame, the clip is
        decoded from its beginning.

        Raises:
            VideoError: the clip has no such frame.
        """
        with self._access.renewed(self._renew):
            self._move(number, pts)

    def _move(self, number: int, pts: int | None) -> None:
        if pts is None:
            stamps = self.timestamps()
            check_number(number, len(stamps))
            pts = stamps[number]
        if not self._go_on(number, pts):
            if self._is_counted or not self._jump(pts) or not self._is_next(pts):
                self._reopen()
                self._skip_to(pts)
            # Where frames are counted, the position in the file is known.
            self._is_at_start &= self._is_counted
        self._next_number = number
        self._is_fresh = True

    def _go_on(self, number: int, pts: int) -> bool:
        """Decode from where the reader stands up to a frame behind; False where another way is better."""
        if self._place is None or number < self._place[0]:
            return False
        following, last = self._place
        if number == following:
            return True
        if not self._is_counted and self._is_seek_faster(last, number - following, pts):
            return False
        try:
            self._skip_to(pts)
        except VideoError:
            return False
        return True

    def _is_seek_faster(self, last: int, skipped: int, pts: int) -> bool:
        """Whether a seek to ``pts`` saves decoding frames, after one at ``last`` and so many to skip."""
        entries = getattr(self._stream, "index_entries", None)
        if not entries:
            return skipped > _SKIPPED
        at = entries.search_timestamp(pts, backward=True)
        return bool(at >= 0 and entries[at].timestamp > last)

    def following(self) -> U8 | None:
        """The planes of the frame that a loop yields next; None at the end of the clip."""
        self._put_back = picture = self._next_picture()
        return None if picture is None else self._converter.convert(picture)

    def is_at_end(self) -> bool:
        """Whether no frame follows those that the loop has yielded."""
        self._put_back = self._next_picture()
        return self._put_back is None

    def check_whole(self) -> None:
        """Raise VideoError for a file cut short, wherever the last loop began."""
        if not self._is_at_start:
            packets = count_packets(self._path, self._decoder_of)
            self._decoder.check_complete(packets, packets)

    def _jump(self, pts: int) -> bool:
        """Seek by the index to the first picture at or after ``pts``; False where the index is wrong."""
        self._put_back, self._place = None, None
        self._is_at_start = False
        try:
            self._opened.seek(pts, stream=self._stream, backward=True)
            self._pictures = self._decoder.pictures()
            picture = next(self._pictures, None)
            # A seek that ends after the frame may have skipped it.
            is_before = picture is not None and picture.pts is not None and picture.pts <= pts
            while picture is not None and (picture.pts is None or picture.pts < pts):
                picture = next(self._pictures, None)
        except (*AV_ERRORS, VideoError):
            return False
        self._put_back = picture
        return is_before and picture is not None

    def _is_next(self, pts: int) -> bool:
        return self._put_back is not None and self._put_back.pts == pts

    def _skip_to(self, pts: int) -> None:
        """Decode up to the picture at ``pts``."""
        while (picture := self._next_picture()) is not None:
            if (self._stamp(picture, None) if self._is_counted else picture.pts) == pts:
                self._put_back = picture
                return
            self._index += 1
        raise VideoError("the clip has no frame at this time", found=f"pts {pts}")

    def close(self) -> None:
        """Close the file; may be called twice."""
        with self._access.closing() as is_held:
            if is_held:
                self._release()

    def _release(self) -> None:
        self._container = None
        self._put_back = None
        self._stack.close()
