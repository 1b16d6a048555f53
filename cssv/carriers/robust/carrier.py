"""The robust carrier: the payload of each window in low frequencies of luma, which lossy codecs keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import ClassVar

import numpy as np

from cssv.carriers.base import Embedded, FrameContent, WindowSpan
from cssv.carriers.prepared import ClipSample, Offer, Recode, Report, no_report
from cssv.carriers.robust.channel import ChannelReader
from cssv.carriers.robust.codewords import OVERHEAD, PAYLOAD_CLASSES, class_for, write_codeword
from cssv.carriers.robust.data_layer import BLOCK
from cssv.carriers.robust.extractor import RobustExtractor
from cssv.carriers.robust.identification import Identification
from cssv.carriers.robust.identity import NO_IDENTITY, check_identity, find_identity, read_identity
from cssv.carriers.robust.keys import PUBLIC_KEY
from cssv.carriers.robust.lattice import SLOTS_OF_WINDOW
from cssv.carriers.robust.marks import MarkWriter, marks_distortion
from cssv.carriers.robust.pilot import slot_of
from cssv.carriers.robust.qim import Strength
from cssv.carriers.robust.recoding import DEFAULT_SURVIVE, Recoding, read_recodings, write_recodings
from cssv.carriers.robust.slots import WINDOW_S, most_frames
from cssv.carriers.robust.strength import (
    LAST_FACTOR,
    UNMEASURED_STEP,
    Response,
    carries,
    check_strength,
    chips_of_slot,
    largest_class,
    psnr_db,
    steps_above_floor,
    strength_of_psnr,
    weakest_step,
)
from cssv.carriers.robust.trial import SAMPLE_S, measure_response
from cssv.carriers.window_payload import payload_window, payloads_differ, window_payload, window_shares
from cssv.errors import CarrierError, ContainerError, FramingError, InputError, OptionError, PasswordError
from cssv.frames import U8, Frame, Layout
from cssv.payload.sealing import WINDOW_CONTEXT, PayloadKey
from cssv.payload.thinning import ThinnedWindow
from cssv.payload.window import Window
from cssv.payload.window_bytes import read_window, write_window
from cssv.template.drawing import Outline

#: The strength that is found by trial.
AUTO = "auto"
_YES, _NO = "true", "false"
#: Steps of the quantisation whose capacity is listed.
OFFERED_STEPS = (17, 20, 24, 28, 34, 40)
#: Outlines are searched in one frame of so many; a payload holds their mean.
_OUTLINE_PERIOD_S = Fraction(1, 4)
#: Largest deviation of luma between a stego frame and its cover, as root mean square: what a bad codec does.
_MOST_DEVIATION = 24.0


@dataclass(frozen=True, slots=True)
class RobustCarrier:
    """Hides the objects of each window as few bytes; implements :class:`cssv.carriers.base.WindowCarrier`.

    A lossy codec may follow, and copies may be scaled and cropped. Both sides draw the heat map from the
    payload, so that its rings are equal; only the edges inside of outlines follow the pixels.

    Attributes:
        strength_db: PSNR of luma between cover and stego frame; None finds the weakest marks by trial.
        survive: re-encodings that payloads must survive, for strengths found by trial.
        fit: whether content that does not fit is thinned; if not, it is an error.
        response: what the trial has measured; None before it.
        identity: 32 bytes that tell the clip and its scene, for the base layer.
        payload_key: seals the payloads and chooses dithers and masks; None leaves them readable.

    Raises:
        OptionError: a strength outside its bounds, or no re-encoding.
    """

    name: ClassVar[str] = "robust"
    needs_lossless: ClassVar[bool] = False
    layouts: ClassVar[tuple[Layout, ...]] = ("yuv420p",)

    strength_db: float | None = None
    survive: tuple[Recoding, ...] = read_recodings(DEFAULT_SURVIVE)
    fit: bool = False
    response: Response | None = None
    identity: bytes = NO_IDENTITY
    payload_key: PayloadKey | None = None

    def __post_init__(self) -> None:
        if self.strength_db is not None:
            check_strength(self.strength_db)
        if not self.survive:
            raise OptionError("no re-encoding to survive is given", remedy="Give `survive=`.")
        check_identity(self.identity)

    @property
    def _key(self) -> bytes:
        """The key that chooses dithers and masks."""
        return PUBLIC_KEY if self.payload_key is None else self.payload_key.positions

    def with_key(self, key: PayloadKey) -> RobustCarrier:
        """The same carrier with the key of a password."""
        return replace(self, payload_key=key)

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> RobustCarrier:
        """Create a carrier from the names and values of :meth:`options`; all have defaults."""
        strength, response = options.get("strength", AUTO), options.get("response", "")
        try:
            decibel = None if strength == AUTO else float(strength)
        except ValueError as error:
            raise OptionError(
                "the strength is no number", found=strength, bound=f"{AUTO}, or a PSNR in dB"
            ) from error
        return cls(
            decibel,
            read_recodings(options.get("survive", DEFAULT_SURVIVE)),
            _read_choice(options.get("fit", _NO)),
            Response.from_text(response) if response else None,
            read_identity(options.get("identity", NO_IDENTITY.hex())),
        )

    def options(self) -> dict[str, str]:
        """Strength, re-encodings, thinning, what the trial has measured, and the identity."""
        return {
            "strength": AUTO if self.strength_db is None else f"{self.strength_db:g}",
            "survive": write_recodings(self.survive),
            "fit": _YES if self.fit else _NO,
            "response": "" if self.response is None else str(self.response),
            "identity": self.identity.hex(),
        }

    @property
    def sample_s(self) -> int:
        """Seconds of frames for the trial; 0 if the strength is given."""
        return SAMPLE_S if self.strength_db is None else 0

    def prepared(self, sample: ClipSample, recode: Recode, report: Report = no_report) -> RobustCarrier:
        """The same carrier with the clip's identity and, if the strength is found by trial, its response."""
        found = replace(self, identity=find_identity(sample.first, sample.scene))
        if self.strength_db is not None or sample.first.layout != "yuv420p":
            return found
        response = measure_response(sample.parts, sample.rate, self.survive, recode, self._key, report)
        # As the text in the facts of a file has it, so that everybody embeds the same.
        return replace(found, response=Response.from_text(str(response)))

    def offers(self, sample: ClipSample, recode: Recode) -> tuple[Offer, ...]:
        """What windows can hold, at steps of the quantisation from weak to strong marks."""
        first, found = sample.first, list[Offer]()
        chips = _chips(first.width, first.height, SLOTS_OF_WINDOW)
        for recoding in self.survive:
            response = measure_response(sample.parts, sample.rate, [recoding], recode, self._key)
            for step in OFFERED_STEPS:
                room = max(largest_class(response.at(step), chips) - OVERHEAD - self._seal_bytes, 0)
                found.append(
                    Offer(str(recoding), round(psnr_db(Strength(step), (first.width, first.height)), 1), room)
                )
        return tuple(found)

    def span(self, layout: Layout, width: int, height: int) -> WindowSpan:
        """Windows of 2 s."""
        return WindowSpan(Fraction(WINDOW_S), most_frames(layout, width, height))

    def payload(self, contents: Sequence[FrameContent], number: int, size: tuple[int, int]) -> bytes:
        """The objects and a part of the scene, without outlines; sealed if there is a key."""
        return self._sealed(window_payload(contents, number, size))

    def _sealed(self, payload: bytes) -> bytes:
        return payload if self.payload_key is None else self.payload_key.seal(payload, WINDOW_CONTEXT)

    @property
    def _seal_bytes(self) -> int:
        """Bytes by which sealing lengthens a payload."""
        return len(self._sealed(b"\0")) - 1

    def capacity_bytes(self, layout: Layout, width: int, height: int, frames: int) -> int:
        """Largest payload of a window; 0 if frames of this form hold nothing."""
        if layout != "yuv420p" or not frames:
            return 0
        return max(self._largest_class(width, height, SLOTS_OF_WINDOW) - OVERHEAD, 0)

    def _largest_class(self, width: int, height: int, slots: int) -> int:
        chips, floor = _chips(width, height, slots), steps_above_floor((width, height))
        if self.response is None:
            # Nothing is known of the codec: what the code can hold.
            return max((size for size in PAYLOAD_CLASSES if carries(1.0, size, chips)), default=0)
        step = floor[-1] if self.strength_db is None else self._step(0, chips, (width, height))
        return largest_class(self.response.at(step), chips)

    def _step(self, class_bytes: float, chips: int, size: tuple[int, int]) -> int:
        """The step of a window."""
        if self.strength_db is not None:
            return strength_of_psnr(self.strength_db, size).step
        if self.response is None:
            return UNMEASURED_STEP
        # Where no step carries the payload, the strongest one loses least.
        return weakest_step(self.response, class_bytes, chips, size) or steps_above_floor(size)[-1]

    def expected_distortion(
        self, layout: Layout, width: int, height: int, frames: int, payload_bytes: int
    ) -> float:
        """Expected sum of the squared changes of luma."""
        if layout != "yuv420p":
            raise _no_luma(layout)
        class_bytes = self._class_of(payload_bytes, (width, height), SLOTS_OF_WINDOW)
        step = self._step(class_bytes, _chips(width, height, SLOTS_OF_WINDOW), (width, height))
        pixels = (width // BLOCK) * (height // BLOCK) * BLOCK**2
        return marks_distortion(Strength(step), (width, height)) * pixels * frames

    def differs(
        self,
        old: Sequence[FrameContent],
        new: Sequence[FrameContent],
        number: int,
        size: tuple[int, int],
    ) -> bool:
        """Whether the payloads differ."""
        return payloads_differ(old, new, number, size)

    def embed_window(
        self, covers: Sequence[Frame], contents: Sequence[FrameContent], number: int
    ) -> list[Embedded]:
        """Hide the payload of a window in its frames."""
        return self._embed(covers, contents, number, has_pilot=False)

    def _embed(
        self, covers: Sequence[Frame], contents: Sequence[FrameContent], number: int, *, has_pilot: bool
    ) -> list[Embedded]:
        first = covers[0]
        if first.layout != "yuv420p":
            raise _no_luma(first.layout)
        if len(covers) >= most_frames(first.layout, first.width, first.height):
            raise CarrierError(
                "a window has too many frames", found=len(covers), remedy="Reduce the size or the frame rate."
            )
        size = first.width, first.height
        slots = [slot_of(content.pts * content.time_base) for content in contents]
        thinned = self._thinned(covers, contents, number, len(set(slots)))
        payload = self._sealed(thinned.data)
        class_bytes = self._class_of(len(payload), size, len(set(slots)))
        needed = class_bytes * (LAST_FACTOR if contents[0].is_last else 1)
        strength = Strength(self._step(needed, _chips(*size, len(set(slots))), size))
        codeword = write_codeword(payload, class_bytes, self._key)
        writer = _writer(first.height, first.width, self._key, self.identity)
        chips: dict[int, U8] = {slot: writer.chips(codeword, slot) for slot in set(slots)}
        done: list[Embedded] = []
        for cover, content, slot in zip(covers, contents, slots, strict=True):
            planes = cover.planes.copy()
            luma = writer.embed(cover.luma(), chips[slot], slot, strength, has_pilot=has_pilot)
            planes[: cover.height] = luma
            done.append(
                Embedded(
                    replace(
                        cover,
                        planes=planes,
                        pts=content.pts,
                        time_base=content.time_base,
                        number=content.number,
                    ),
                    loss=None if done else thinned.loss,
                )
            )
        return done

    def _thinned(
        self, covers: Sequence[Frame], contents: Sequence[FrameContent], number: int, slots: int
    ) -> ThinnedWindow:
        """The payload of a window, with outlines as far as they do not make stronger marks necessary."""
        size = covers[0].width, covers[0].height
        most = max(self._largest_class(*size, slots) - OVERHEAD - self._seal_bytes, 0)
        shares = _shares(covers, contents)
        full = payload_window(contents, number, size, outlines=shares, most_bytes=most, fit=self.fit)
        # Outlines have no effect on the rest of a payload.
        plain = len(write_window(_without_outlines(full.window))) + self._seal_bytes
        room = class_for(plain) - OVERHEAD - self._seal_bytes
        if len(full.data) <= room:
            return full
        return payload_window(contents, number, size, outlines=shares, most_bytes=room, fit=self.fit)

    def _class_of(self, payload_bytes: int, size: tuple[int, int], slots: int) -> int:
        """The payload class. Raises CarrierError if the window does not hold it."""
        largest = self._largest_class(*size, slots)
        if payload_bytes + OVERHEAD > largest:
            raise CarrierError(
                "the payload of a window does not fit",
                found=f"{payload_bytes} bytes",
                bound=f"at most {max(largest - OVERHEAD, 0)} at {size[0]}x{size[1]}",
                remedy="Give `fit=True`, a better quality as `survive=`, or a smaller scene.",
            )
        return class_for(payload_bytes)

    def replace_window(
        self,
        stegos: Sequence[Frame],
        contents: Sequence[FrameContent],
        number: int,
        covers: Sequence[Frame] | None = None,
        unmarked: Sequence[Sequence[Outline]] = (),  # noqa: ARG002 - outlines are found again
    ) -> list[Embedded]:
        """Hide another payload in frames that carry one.

        Without the covers the marks of the new payload are added to those of the old one.
        """
        if covers is not None:
            for stego, cover in zip(stegos, covers, strict=True):
                self.check_cover(stego, cover)
            return self.embed_window(covers, contents, number)
        found = self._read(stegos, contents)
        if found is None:
            raise ContainerError(
                f"frames {stegos[0].number} to {stegos[-1].number} carry no payload",
                remedy="Run `cssv.verify()` to find the damage.",
            )
        if self._tells(found, contents, number):
            return [
                Embedded(replace(stego, pts=own.pts, time_base=own.time_base, number=own.number))
                for stego, own in zip(stegos, contents, strict=True)
            ]
        return self._embed(stegos, contents, number, has_pilot=True)

    def _tells(self, payload: bytes, contents: Sequence[FrameContent], number: int) -> bool:
        """Whether a payload has this content; its outlines are not compared, since pixels change them."""
        try:
            opened = payload if self.payload_key is None else self.payload_key.open(payload, WINDOW_CONTEXT)
            window = read_window(opened)
        except (FramingError, PasswordError):
            return False
        return write_window(_without_outlines(window)) == window_payload(contents, number, window.size)

    def _read(self, stegos: Sequence[Frame], contents: Sequence[FrameContent]) -> bytes | None:
        """The payload of a whole window."""
        first = stegos[0]
        if first.layout != "yuv420p":
            raise _no_luma(first.layout)
        writer = _writer(first.height, first.width, self._key, self.identity)
        reader = ChannelReader(writer.layer.area, None, self._key)
        slots = [slot_of(content.pts * content.time_base) for content in contents]
        for stego, slot in zip(stegos, slots, strict=True):
            reader.add(stego.luma(), slot)
        return reader.read_window(slots[0] // SLOTS_OF_WINDOW)

    def replace_notes(self, stego: Frame, content: FrameContent) -> tuple[str, ...]:  # noqa: ARG002
        """Nothing stays unchanged: a payload holds the scene."""
        return ()

    def may_come_from(self, stego: Frame, cover: Frame) -> bool:
        """Whether luma is similar: a lossy codec may have changed it."""
        if cover.layout != stego.layout or cover.planes.shape != stego.planes.shape:
            return False
        difference = stego.luma().astype(np.float32) - cover.luma()
        return bool(np.sqrt(np.mean(np.square(difference))) <= _MOST_DEVIATION)

    def check_cover(self, stego: Frame, cover: Frame) -> None:
        """Raise InputError if a frame cannot have been embedded in this cover."""
        if not self.may_come_from(stego, cover):
            raise InputError(
                "the cover is not the clip that was encoded",
                found=f"another picture in frame {stego.number}",
                remedy="Give the clip that was encoded.",
            )

    def identifier(self) -> Identification:
        """A reader of the base layer of one source."""
        return Identification(self._key)

    def extractor(self) -> RobustExtractor:
        """An extractor for one source."""
        return RobustExtractor(self._key, self.payload_key)


def _read_choice(text: str) -> bool:
    if text not in (_YES, _NO):
        raise OptionError("not a choice", found=text, bound=f"{_YES} or {_NO}")
    return text == _YES


@lru_cache(maxsize=4)
def _writer(height: int, width: int, key: bytes, identity: bytes) -> MarkWriter:
    return MarkWriter(height, width, key, identity)


def _without_outlines(window: Window) -> Window:
    segments = tuple(replace(segment, outline=None) for segment in window.segments)
    return replace(window, segments=segments)


def _chips(width: int, height: int, slots: int) -> int:
    """Chips of so many slots that carry."""
    return slots * chips_of_slot((width // BLOCK) * (height // BLOCK))


def _no_luma(layout: Layout) -> CarrierError:
    return CarrierError(
        "the robust carrier hides in luma",
        found=f"{layout} frames",
        bound="yuv420p",
        remedy='Use `planes="native"`, or another carrier.',
    )


def _shares(covers: Sequence[Frame], contents: Sequence[FrameContent]) -> list[dict[int, np.ndarray]]:
    """Outlines of some frames; a segment without any in these frames gets a plain one."""
    found: list[dict[int, np.ndarray]] = [{} for _ in covers]
    before: Fraction | None = None
    seen: set[int] = set()
    for at, content in enumerate(contents):
        time, tracks = content.pts * content.time_base, {state.track for state in content.objects}
        # A track that appears is looked at once at least.
        if before is None or time - before >= _OUTLINE_PERIOD_S or tracks - seen:
            found[at] = window_shares(covers[at : at + 1], [content])[0]
            before, seen = time, seen | tracks
    return found
