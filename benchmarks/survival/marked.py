"""Clips with random payloads: the strength by trial, and the frames with all layers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from cssv.carriers.robust.codewords import OVERHEAD, write_codeword
from cssv.carriers.robust.data_layer import BLOCK
from cssv.carriers.robust.identity import NO_IDENTITY
from cssv.carriers.robust.keys import PUBLIC_KEY
from cssv.carriers.robust.lattice import SLOTS_OF_WINDOW
from cssv.carriers.robust.marks import MarkWriter
from cssv.carriers.robust.pilot import slot_of
from cssv.carriers.robust.qim import Strength
from cssv.carriers.robust.recoding import read_recodings
from cssv.carriers.robust.strength import (
    LAST_FACTOR,
    Response,
    chips_of_slot,
    steps_above_floor,
    weakest_step,
)
from cssv.carriers.robust.trial import measure_response
from cssv.frames import U8
from cssv.pipeline.preparation import USUAL
from survival.clip import Clip


@dataclass(frozen=True, slots=True)
class Trial:
    """What a trial of a clip has found.

    Attributes:
        response: of the clip.
        seconds: processor time.
    """

    response: Response
    seconds: float

    def __str__(self) -> str:
        return f"{self.response} {self.seconds:.1f}"

    @classmethod
    def from_text(cls, text: str) -> Trial:
        """Inverse of ``str``."""
        response, seconds = text.split(" ")
        return cls(Response.from_text(response), float(seconds))


def run_trial(clip: Clip, survive: str) -> Trial:
    """Measure a sample of a clip, as ``cssv encode`` does it."""
    began = time.process_time()
    sample = clip.sample()
    response = measure_response(sample.parts, sample.rate, read_recodings(survive), USUAL)
    return Trial(response, time.process_time() - began)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A strength found by trial.

    Attributes:
        strength: of all windows but the last one.
        last: of the last one.
        trial: what was measured.
        is_enough: whether the trial says that payloads survive; if not, it is the strongest one allowed.
    """

    strength: Strength
    last: Strength
    trial: Trial
    is_enough: bool

    def __str__(self) -> str:
        return f"{self.strength.step}" + ("" if self.is_enough else " (not enough)")


def choose_strength(clip: Clip, class_bytes: int, trial: Trial) -> Chosen:
    """The weakest strength above the floor that carries windows of a class."""
    chips = SLOTS_OF_WINDOW * chips_of_slot((clip.width // BLOCK) * (clip.height // BLOCK))
    size = clip.width, clip.height
    step, last = (
        weakest_step(trial.response, needed, chips, size)
        for needed in (class_bytes, class_bytes * LAST_FACTOR)
    )
    strongest = steps_above_floor(size)[-1]
    return Chosen(Strength(step or strongest), Strength(last or strongest), trial, step is not None)


@dataclass(frozen=True)
class Marked:
    """A clip with a random payload in each window.

    Attributes:
        clip: the cover.
        class_bytes: the payload class.
        planes: of the stego frames.
        payloads: of the windows.
        identity: of the base layer.
        seconds: processor time of embedding.
    """

    clip: Clip
    class_bytes: int
    planes: Sequence[U8]
    payloads: Sequence[bytes]
    identity: bytes
    seconds: float

    @cached_property
    def windows(self) -> list[range]:
        """Numbers of the frames of each window."""
        numbers = [self.window(number) for number in range(len(self.planes))]
        edges = [0, *(at for at in range(1, len(numbers)) if numbers[at] != numbers[at - 1]), len(numbers)]
        return [range(first, stop) for first, stop in pairwise(edges)]

    def window(self, number: int) -> int:
        """The window of a frame."""
        return slot_of(number / self.clip.rate) // SLOTS_OF_WINDOW


def mark(clip: Clip, class_bytes: int, strength: Strength, last: Strength | None = None) -> Marked:
    """Embed random payloads with all layers in all frames of a clip.

    Args:
        clip: the cover.
        class_bytes: the payload class.
        strength: of the marks.
        last: of the marks in the last window; None if it is the same.
    """
    rng = np.random.default_rng(class_bytes)
    identity = rng.bytes(len(NO_IDENTITY))
    writer = MarkWriter(clip.height, clip.width, PUBLIC_KEY, identity)
    slots = [slot_of(number / clip.rate) for number in range(len(clip.planes))]
    payloads = [rng.bytes(class_bytes - OVERHEAD) for _ in range(slots[-1] // SLOTS_OF_WINDOW + 1)]
    words = [write_codeword(payload, class_bytes, PUBLIC_KEY) for payload in payloads]
    chips = [writer.chips(words[slot // SLOTS_OF_WINDOW], slot) for slot in range(slots[-1] + 1)]
    planes, spent = [], 0.0
    for cover, slot in zip(clip.planes, slots, strict=True):
        stego = cover.copy()
        began = time.process_time()
        is_last = slot // SLOTS_OF_WINDOW == len(payloads) - 1
        own = last if is_last and last is not None else strength
        stego[: clip.height] = writer.embed(cover[: clip.height], chips[slot], slot, own)
        spent += time.process_time() - began
        planes.append(stego)
    return Marked(clip, class_bytes, planes, payloads, identity, spent)
