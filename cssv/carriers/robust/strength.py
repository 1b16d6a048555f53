"""Choice of the strength: the weakest mark that carries a payload through the worst re-encoding.

How much information chips keep depends on the clip and on the codec. It is measured on samples of the clip
(:mod:`.trial`) at a few steps, and interpolated between them: the :class:`Response`. From it follows the step
of each window, by the length of its payload.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cssv.carriers.robust.codewords import PAYLOAD_CLASSES
from cssv.carriers.robust.data_layer import FREQUENCIES
from cssv.carriers.robust.marks import marks_distortion
from cssv.carriers.robust.qim import Strength
from cssv.carriers.robust.steps import STEPS
from cssv.errors import OptionError

#: Steps at which the response is measured.
TRIAL_STEPS = (20, 28, 40)
#: Information that a codeword is given, in bits for each bit of its payload class. The decoder needs 1.2 to
#: 1.4 times, and the worst window of the samples counts.
NEEDED_BITS = 1.3
#: The same, from which a payload is tried at the strongest marks. With less, no window comes back.
LEAST_NEEDED_BITS = 1.1
#: What the last window of a clip needs more: encoders spend few bits on the last second.
LAST_FACTOR = 1.7
#: Least expected PSNR of luma in dB, whatever the payload needs.
FLOOR_DB = 46.0
#: Bounds of a strength that is given in dB.
STRENGTH_DB_RANGE = (36.0, 51.0)
#: Step of a clip of which no sample was measured.
UNMEASURED_STEP = 34
#: Least information that is told from none, in bits a chip.
_LEAST_BITS = 1e-4


@dataclass(frozen=True, slots=True)
class Response:
    """Information that the chips of a clip keep through the worst re-encoding.

    Attributes:
        bits: information of a chip at each of :data:`TRIAL_STEPS`, in bits, 0 to 1.

    Raises:
        OptionError: another number of values, or a value out of range.
    """

    bits: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.bits) != len(TRIAL_STEPS) or not all(0 <= bits <= 1 for bits in self.bits):
            raise OptionError(
                "not a response of chips", found=str(self), bound=f"{len(TRIAL_STEPS)} numbers from 0 to 1"
            )

    def __str__(self) -> str:
        return ",".join(f"{bits:.4f}" for bits in self.bits)

    @classmethod
    def from_text(cls, text: str) -> Response:
        """Inverse of ``str``.

        Raises:
            OptionError: not the text of a response.
        """
        try:
            return cls(tuple(float(part) for part in text.split(",")))
        except ValueError as error:
            if isinstance(error, OptionError):
                raise
            raise OptionError("not a response of chips", found=text) from error

    def at(self, step: int) -> float:
        """Information of a chip at a step: the logarithms are interpolated."""
        known = np.log(np.maximum(np.maximum.accumulate(self.bits), _LEAST_BITS))
        places = np.log(TRIAL_STEPS)
        found = float(np.interp(math.log(step), places, known))
        # Beyond the ends the last slope goes on; there is never more than a bit.
        for near, far, beyond in ((0, 1, step < TRIAL_STEPS[0]), (-1, -2, step > TRIAL_STEPS[-1])):
            if beyond:
                slope = (known[near] - known[far]) / (places[near] - places[far])
                found = float(known[near] + slope * (math.log(step) - places[near]))
        return min(math.exp(found), 1.0)

    def worst(self, other: Response) -> Response:
        """The lesser of two responses at each step."""
        return Response(tuple(map(min, self.bits, other.bits)))


def psnr_db(strength: Strength, size: tuple[int, int]) -> float:
    """Expected PSNR of luma in dB, between cover and stego frames of a width and height."""
    return 10 * math.log10(255**2 / marks_distortion(strength, size))


def check_strength(decibel: float) -> None:
    """Raise OptionError unless a PSNR in dB is within its bounds."""
    low, high = STRENGTH_DB_RANGE
    if not low <= decibel <= high:
        raise OptionError(
            "the strength is out of range",
            found=f"{decibel:g} dB",
            bound=f"{low:g} to {high:g} dB",
            remedy="Change `strength=`.",
        )


def strength_of_psnr(decibel: float, size: tuple[int, int]) -> Strength:
    """The strongest marks that keep a PSNR in frames of a width and height; otherwise the weakest ones.

    Raises:
        OptionError: out of range.
    """
    check_strength(decibel)
    kept = [step for step in STEPS if psnr_db(Strength(step), size) >= decibel]
    return Strength(kept[-1] if kept else STEPS[0])


def steps_above_floor(size: tuple[int, int]) -> tuple[int, ...]:
    """The steps whose PSNR is at least :data:`FLOOR_DB` in frames of a width and height, weakest first."""
    return tuple(step for step in STEPS if psnr_db(Strength(step), size) >= FLOOR_DB)


def chips_of_slot(blocks: int) -> int:
    """Chips of a slot that carry: all but the known ones, of so many blocks."""
    return blocks * len(FREQUENCIES) * 15 // 16


def carries(bits_of_chip: float, class_bytes: float, chips: int, needed_bits: float = NEEDED_BITS) -> bool:
    """Whether so many chips carry a codeword of a payload class."""
    return bits_of_chip * chips >= needed_bits * 8 * class_bytes


def weakest_step(response: Response, class_bytes: float, chips: int, size: tuple[int, int]) -> int | None:
    """The weakest step that carries a payload class; None if none above the floor does.

    Args:
        response: of the clip.
        class_bytes: the payload class.
        chips: of the window.
        size: width and height of the frames.
    """
    for step in steps_above_floor(size):
        if carries(response.at(step), class_bytes, chips):
            return step
    return None


def largest_class(bits_of_chip: float, chips: int) -> int:
    """The largest payload class that chips carry; 0 if none."""
    held = (size for size in PAYLOAD_CLASSES if carries(bits_of_chip, size, chips, LEAST_NEEDED_BITS))
    return max(held, default=0)
