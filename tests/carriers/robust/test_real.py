"""Real pictures after a real codec: what the channel must bring through plain H.264."""

from __future__ import annotations

import io
from fractions import Fraction
from itertools import islice

import av
import numpy as np
import pytest

from cssv.carriers.robust.channel import BLOCK, ChannelReader, ChannelWriter, DataLayer
from cssv.carriers.robust.codewords import write_codeword
from cssv.carriers.robust.keys import PUBLIC_KEY
from cssv.carriers.robust.lattice import BlockArea
from cssv.carriers.robust.qim import Strength
from cssv.carriers.robust.slot_search import find_clock, score_known_chips
from cssv.video import VideoReader

RATE, FRAMES, CLASS = 10, 60, 192
STRENGTH = Strength(28)
PAYLOADS = [bytes([n]) * 180 for n in range(3)]


def transcode(planes, crf):
    """Planes after plain ``libx264 -crf``."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": str(crf), "preset": "medium"})
        stream.height, stream.width = planes[0].shape[0] * 2 // 3, planes[0].shape[1]
        stream.pix_fmt, stream.thread_count = "yuv420p", 1
        for each in planes:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(each, format="yuv420p")))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as container:
        return [frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def clips(data):
    """Cover, stego and received luma of the same frames; CRF 28."""
    with VideoReader(data / "clips" / "vtest.avi", rate=Fraction(RATE)) as reader:
        covers = [frame.planes for frame in islice(reader, FRAMES)]
    height, width = covers[0].shape[0] * 2 // 3, covers[0].shape[1]
    writer = ChannelWriter(height, width)
    stego = []
    for number, planes in enumerate(covers):
        slot = number // RATE
        chips = writer.chips(write_codeword(PAYLOADS[slot // 2], CLASS, PUBLIC_KEY), slot)
        changed = planes.copy()
        changed[:height] = writer.embed(planes[:height], chips, slot, STRENGTH)
        stego.append(changed)
    received = transcode(stego, 28)
    return [[planes[:height] for planes in each] for each in (covers, stego, received)]


def search(layer, frames):
    scores = [score_known_chips(layer, layer.coefficients(luma)) for luma in frames]
    times = [Fraction(number, RATE) for number in range(len(frames))]
    return times, find_clock(times, scores, int(layer.known.sum()))


def test_windows_come_back_at_an_invisible_strength(clips):
    covers, stego, received = clips
    error = np.mean([np.mean((a.astype(float) - b) ** 2) for a, b in zip(covers, stego, strict=True)])
    assert 10 * np.log10(255**2 / error) > 49.5
    reader = ChannelReader(BlockArea(0, 0, 36, 48), STRENGTH.step)
    for number, luma in enumerate(received):
        reader.add(luma, number // RATE)
    assert [reader.read_window(window) for window in range(3)] == PAYLOADS


def test_a_cut_and_cropped_piece_finds_its_slots(clips):
    """From frame 13 on, a piece of blocks: the middle window is whole."""
    top, left, rows, columns = 4, 6, 30, 40
    piece = [
        luma[BLOCK * top : BLOCK * (top + rows), BLOCK * left : BLOCK * (left + columns)]
        for luma in clips[2][13:53]
    ]
    area = BlockArea(top, left, rows, columns)
    times, clock = search(DataLayer(area), piece)
    assert clock is not None
    assert clock.step == STRENGTH.step
    reader = ChannelReader(area, clock.step)
    for time, luma in zip(times, piece, strict=True):
        reader.add(luma, clock.slot(time))
    assert reader.read_window(1, (CLASS,)) == PAYLOADS[1]


def test_the_cover_carries_nothing(clips):
    assert search(DataLayer(BlockArea(0, 0, 36, 48)), clips[0])[1] is None
    reader = ChannelReader(BlockArea(0, 0, 36, 48), STRENGTH.step)
    for number, luma in enumerate(clips[0]):
        reader.add(luma, number // RATE)
    assert [reader.read_window(window) for window in range(3)] == [None] * 3
