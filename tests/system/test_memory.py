"""Memory of large frames: a small multiple of the frame, whatever is drawn in it."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from fractions import Fraction

import av
import numpy as np
import pytest

from cssv.carriers import make_carrier
from cssv.carriers.base import FrameContent, Hint
from cssv.frames import Frame, planes_shape
from cssv.scene import Ranges, Scene, Value
from cssv.template.state import ObjectState

WIDTH, HEIGHT = 3840, 2160
FRAME = WIDTH * HEIGHT * 3 // 2
#: Most traced memory, in frames: template, heat, stego frame, the index of a drawing, and strips.
EMBED_FRAMES, EXTRACT_FRAMES = 7, 9
#: Most memory of a process that encodes one frame of noise, in frames; most of it is that of the codec.
PROCESS_FRAMES = 21


def large_frame():
    rng = np.random.default_rng(3)
    planes = rng.integers(0, 256, planes_shape("yuv420p", WIDTH, HEIGHT), dtype=np.uint8)
    return Frame(planes, "yuv420p", 0, Fraction(1, 25))


def content(*boxes):
    objects = tuple(
        ObjectState(
            track=track,
            label="ship",
            score=1.0,
            box_px=box,
            velocity_px_s=(90.0, 0.0),
            past_px_s=(90.0, 0.0),
            future_px_s=(90.0, 0.0),
            sigma_px_s=1.0,
            temperature_c=Value(20),
        )
        for track, box in enumerate(boxes, 1)
    )
    return FrameContent(0, 0, Fraction(1, 25), objects, Ranges(), Scene())


def traced_peak(work):
    tracemalloc.start()
    try:
        result = work()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "options"),
    [("nibble", {"fidelity": "full"}), ("nibble", {"fidelity": "sparse"}), ("sparse", {})],
)
def test_embedding_and_reading_take_a_few_frames(name, options):
    """An object as large as the frame took 11 frames of memory when drawn and 22 when read."""
    carrier, cover = make_carrier(name, options), large_frame()
    whole = content((4, 4, WIDTH - 8, HEIGHT - 8), (300, 300, 900, 700))
    embedded, peak = traced_peak(lambda: carrier.embed(cover, whole))
    assert peak < EMBED_FRAMES * FRAME
    ranges = Ranges()
    _, peak = traced_peak(lambda: carrier.extract(embedded.stego, Hint()).states(ranges))
    assert peak < EXTRACT_FRAMES * FRAME


SCRIPT = """
import resource, sys
import cssv
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
cssv.encode(sys.argv[1], sys.argv[2], boxes=sys.argv[3], lossless=True)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in other units")
def test_a_process_that_encodes_one_frame_takes_a_few_frames(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        frame = av.VideoFrame.from_ndarray(large_frame().planes, format="yuv420p")
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    boxes = tmp_path / "boxes.txt"
    boxes.write_text(f"1,1,5,5,{WIDTH - 8},{HEIGHT - 8},1,-1,-1,-1\n")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, path, tmp_path / "a.cssv", boxes],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < PROCESS_FRAMES * FRAME
