"""Tags of other frames in a picture of the mixed carrier: none is taken for an object."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from cssv.carriers.base import FrameContent
from cssv.carriers.nibble.cell_tags import find_tags
from cssv.carriers.nibble.cells import read_levels
from cssv.carriers.nibble.mixed import MixedCarrier
from cssv.carriers.nibble.mixed_picture import read_picture
from cssv.frames import LOST, Frame
from cssv.scene import Ranges, Scene, Value
from cssv.template.state import ObjectState

WIDTH, HEIGHT = 192, 144
CARRIER = MixedCarrier(has_room=False)


def picture():
    planes = np.random.default_rng(4).integers(60, 120, (HEIGHT * 3 // 2, WIDTH), dtype=np.uint8)
    return Frame(planes, "yuv420p", 0, Fraction(1, 25))


def content(number, left):
    state = ObjectState(
        track=1,
        label="block",
        score=1.0,
        box_px=(left, 40, 40, 60),
        velocity_px_s=(10.0, 0.0),
        past_px_s=(10.0, 0.0),
        future_px_s=(10.0, 0.0),
        sigma_px_s=1.0,
        temperature_c=Value(20),
    )
    return FrameContent(number, number, Fraction(1, 25), (state,), Ranges(), Scene())


def drawn(cover, number, left):
    (done,) = CARRIER.embed_window([cover], [content(number, left)], 0)
    return done


def test_tags_that_a_cover_has_are_erased():
    first = drawn(picture(), 1, 20)
    again = drawn(first.stego, 9, 100)
    found = read_picture(again.stego.luma())
    assert found.frame == 9
    assert [tag.outline.box[0] for tag in found.objects] == [100]
    assert not found.unlike


def tag_places(done):
    """Places at which this picture's own tags are."""
    rows, columns = np.nonzero(done.exact.tags)
    return {(column * 4, row * 4) for row, column in zip(rows.tolist(), columns.tolist(), strict=True)}


def test_a_tag_that_a_codec_kept_from_an_earlier_frame_is_a_fault():
    early, late = drawn(picture(), 1, 20), drawn(picture(), 9, 100)
    assert not late.exact.faults(late.stego.planes).any()
    places = [place for place, _ in find_tags(read_levels(early.stego.luma()))]
    x, y = next(place for place in places if place not in tag_places(late))
    kept = late.stego.planes.copy()
    kept[y : y + 32, x : x + 32] = early.stego.planes[y : y + 32, x : x + 32]
    faults = late.exact.faults(kept)
    assert (faults[y // 16 : y // 16 + 2, x // 16 : x // 16 + 2] == LOST).all()
