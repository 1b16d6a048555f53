"""Trial of a re-encoding: how much information the chips of a clip keep, measured on a sample of it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np

from cssv.carriers.prepared import Recode, Report, no_report
from cssv.carriers.robust.channel import ChannelReader
from cssv.carriers.robust.codewords import PAYLOAD_CLASSES, information_bits, write_codeword
from cssv.carriers.robust.data_layer import DataLayer
from cssv.carriers.robust.keys import PUBLIC_KEY, keystream
from cssv.carriers.robust.lattice import SLOTS_OF_WINDOW
from cssv.carriers.robust.marks import MarkWriter
from cssv.carriers.robust.qim import Strength
from cssv.carriers.robust.recoding import Recoding
from cssv.carriers.robust.strength import TRIAL_STEPS, Response
from cssv.frames import U8, Frame, cut_planes

#: Length of a sample in seconds. Encoders spend few bits on the last second of a copy, so it is not judged:
#: any 4 s of a copy hold a window that lies before it.
SAMPLE_S = 5
_JUDGED_S = 4
#: Width and height of the part of large pictures that is tried.
MOST_SIZE = (768, 576)
#: Payload class of the trial; it has no effect on the information of a chip.
_CLASS = PAYLOAD_CLASSES[2]


def measure_response(
    samples: Sequence[Sequence[Frame]],
    rate: Fraction,
    recodings: Sequence[Recoding],
    recode: Recode,
    key: bytes = PUBLIC_KEY,
    report: Report = no_report,
) -> Response:
    """Information that chips keep in the worst window, over all samples and re-encodings.

    Args:
        samples: successive yuv420p frames each, at least one; shorter ones are played back and forth until
            they last :data:`SAMPLE_S`.
        rate: frames per second.
        recodings: the re-encodings, at least one.
        recode: makes the copies.
        key: 32 bytes.
        report: called after each re-encoding of each sample.
    """
    done, total = 0, len(samples) * len(recodings)
    worst = Response((1.0,) * len(TRIAL_STEPS))
    # Codecs run with one thread each, because several change their bytes; the steps run side by side.
    with ThreadPoolExecutor(len(TRIAL_STEPS)) as pool:
        for sample in samples:
            frames = _lengthen([_cut(frame) for frame in sample], round(SAMPLE_S * rate))
            for recoding in recodings:
                bits = pool.map(partial(_try_step, frames, rate, recoding, recode, key), TRIAL_STEPS)
                worst = worst.worst(Response(tuple(bits)))
                done += 1
                report(done, total)
    return worst


def _cut(frame: Frame) -> Frame:
    """The middle of a frame, if it is large: so time and memory are bounded."""
    width, height = (
        min(size, most) for size, most in zip((frame.width, frame.height), MOST_SIZE, strict=True)
    )
    if (width, height) == (frame.width, frame.height):
        return frame
    left, top = (frame.width - width) // 4 * 2, (frame.height - height) // 4 * 2
    return replace(frame, planes=cut_planes(frame.planes, frame.layout, (left, top, width, height)))


def _try_step(
    frames: Sequence[Frame], rate: Fraction, recoding: Recoding, recode: Recode, key: bytes, step: int
) -> float:
    """Least information of a chip in a window at one step, in bits."""
    planes, layer, slots = _embed(frames, rate, step, key)
    return _information(recode(planes, rate, recoding.codec, recoding.crf), slots, layer, step)


def _lengthen(sample: Sequence[Frame], count: int) -> list[Frame]:
    """``count`` frames: those of the sample, back and forth."""
    turn = [*sample, *sample[-2:0:-1]]
    return [turn[i % len(turn)] for i in range(max(count, 1))]


def _embed(
    frames: Sequence[Frame], rate: Fraction, step: int, key: bytes
) -> tuple[list[U8], DataLayer, list[int]]:
    """Planes of the frames with marks, the layer of the marks, and the slot of each frame."""
    first = frames[0]
    writer, strength = MarkWriter(first.height, first.width, key), Strength(step)
    stream = keystream(key, b"trial", 64)
    codewords = [write_codeword(part, _CLASS, key) for part in (stream[:32], stream[32:])]
    slots = [int(i / rate) for i in range(len(frames))]
    planes: list[U8] = []
    for frame, slot in zip(frames, slots, strict=True):
        changed = frame.planes.copy()
        chips = writer.chips(codewords[slot // SLOTS_OF_WINDOW % len(codewords)], slot)
        changed[: first.height] = writer.embed(frame.luma(), chips, slot, strength)
        planes.append(changed)
    return planes, writer.layer, slots


def _information(copy: Sequence[U8], slots: Sequence[int], layer: DataLayer, step: int) -> float:
    """Least information of a chip in a window, in bits."""
    reader = ChannelReader(layer.area, step, layer.key)
    for slot, planes in zip(slots, copy, strict=True):
        reader.add(planes[: planes.shape[0] * 2 // 3], slot)
    chips = max(int(np.count_nonzero(~layer.known)), 1)
    found = [
        information_bits(reader.ratios(slot).ravel()) / chips for slot in range(min(slots[-1] + 1, _JUDGED_S))
    ]
    windows = [np.mean(found[at : at + SLOTS_OF_WINDOW]) for at in range(0, len(found), SLOTS_OF_WINDOW)]
    return float(np.clip(min(windows), 0, 1))
