"""Objects that leave the picture: their velocity and the drawn box, by every way into the library."""

from __future__ import annotations

import numpy as np
import pytest

import cssv
from cssv.testing.clips import HEIGHT, RATE, WIDTH, Block, pictures, write_clip

COUNT = 44
#: 100 px/s to the right; in the last frame a tenth of it is still visible.
LEAVING = Block(1, "block", (16, 60), (4, 0), (40, 30), (230, 200, 150))
SPEED = 4.0 * RATE


def visible(number: int) -> tuple[float, float, float, float]:
    x, y, w, h = LEAVING.box(number)
    return x, y, min(x + w, WIDTH) - x, h


class Visible:
    """A detector that reports the visible part of the block."""

    name = "visible"

    def detect(self, frame: cssv.Frame) -> cssv.Detections:
        return cssv.detections([visible(frame.number)])


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("edges") / "leaving.mkv"
    return write_clip(path, pictures(count=COUNT, blocks=[LEAVING]))


@pytest.fixture
def boxes(tmp_path):
    rows = [f"{n + 1},-1,{','.join(f'{value:g}' for value in visible(n))},0.9\n" for n in range(COUNT)]
    path = tmp_path / "boxes.txt"
    path.write_text("".join(rows))
    return path


def by_file(clip, boxes, path):
    cssv.encode(clip, path, boxes=boxes, lossless=True)


def by_detector(clip, boxes, path):
    cssv.encode(clip, path, detector=Visible(), lossless=True)


def by_stream(clip, boxes, path):
    with cssv.Encoder(path, size=(WIDTH, HEIGHT), rate=RATE, lossless=True) as encoder:
        for number, picture in enumerate(pictures(count=COUNT, blocks=[LEAVING])):
            encoder.write(picture, cssv.detections([visible(number)]))


@pytest.mark.parametrize("way", [by_file, by_detector, by_stream])
def test_a_leaving_object_has_its_speed_to_the_last_frame(way, clip, boxes, tmp_path):
    way(clip, boxes, tmp_path / "out.cssv")
    with cssv.open(tmp_path / "out.cssv") as decoded:
        (row,) = decoded[COUNT - 1].objects
    assert row.vx_px_s == pytest.approx(SPEED, rel=0.1)
    assert row.vy_px_s == pytest.approx(0, abs=10)
    assert np.allclose((row.x_px, row.y_px, row.w_px, row.h_px), visible(COUNT - 1), atol=2)


def test_tracking_with_a_clip_draws_what_is_visible(clip, boxes):
    (track,) = cssv.track(clip, boxes=boxes).tracks
    assert track.velocity_px_s[-1, 0] == pytest.approx(SPEED, rel=0.1)
    assert (track.boxes_px[:, 0] + track.boxes_px[:, 2] <= WIDTH + 1).all()
    # Without the clip the size of the picture is not known.
    alone = cssv.track(boxes=boxes, rate=RATE).tracks
    assert alone[-1].velocity_px_s[-1, 0] < 0.7 * SPEED
