"""How exactly the rings in cells are read, and what it takes.

    python benchmarks/cells.py [--trials N] [--seed S]

First table: objects alone in a frame of 768x576, with random outlines, bytes and kinds of rings, each with
its tag where the writer puts it. An object is good if its values and headings are within 1/16 of the range
and its certainties within 1/8. "Dithered" is another way to use the same cells: the three levels of a ring
show its brightness, Cb and Cr by thresholds spread evenly over the cells.

Second table: processor time of the parts for a frame with 20 objects, of which one ring each is drawn.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cssv.carriers.nibble.cell_regions import cell_regions, ring_costs
from cssv.carriers.nibble.cell_tags import TagSpace, draw_tags, find_tags, place_tags, tag_cells
from cssv.carriers.nibble.cells import cell_grid, embed_levels, read_levels
from cssv.carriers.nibble.mosaic import draw_mosaic, read_mosaic
from cssv.carriers.nibble.object_tag import quantise_outline, write_object_tag
from cssv.template.drawing import Drawing, Outline, Readings, Rings, Selector
from cssv.template.outline import pack_radii, superellipse

SIZE = (768, 576)
SIDES = ((4, 7), (8, 16), (17, 32), (33, 100))
#: Distance of the boxes from the edges of the frame, so that no ring is cut.
MARGIN = 80
GOLDEN = (math.sqrt(5) - 1) / 2


def random_drawing(
    random: np.random.Generator, sides: tuple[int, int], rings: Rings, track: int = 1
) -> Drawing:
    """An object of any kind with rings."""
    w, h = (int(side) for side in random.integers(sides[0], sides[1] + 1, 2))
    x, y = (
        int(random.integers(MARGIN, side - part - MARGIN)) for side, part in zip(SIZE, (w, h), strict=True)
    )
    radii, shift = pack_radii((superellipse(w, h) * random.uniform(0.7, 1.1, 32)).astype(np.int64))
    selector = Selector(int(random.integers(0, 2)))
    axis = int(random.integers(0, 256))
    outline = Outline(track, "", 255, (x, y, w, h), radii, shift, selector, axis, rings)
    return Drawing(quantise_outline(outline), kept(Readings(*random.integers(0, 256, 9).tolist()), rings))


def kept(shown: Readings, rings: Rings) -> Readings:
    """The readings that a drawing shows."""
    if not rings & Rings.VELOCITY:
        shown = replace(shown, past_speed=0, past_heading=0, future_speed=0, future_heading=0, motion=0)
    if not rings & Rings.TEMPERATURE:
        shown = replace(shown, temperature=0, temperature_certainty=0)
    if not rings & Rings.DENSITY:
        shown = replace(shown, density=0, density_certainty=0)
    return shown


def is_good(wanted: Readings, found: Readings | None) -> bool:
    """Whether all bytes are close enough."""
    if found is None:
        return False
    bounds = {"heading": 16, "motion": 32, "certainty": 32}
    for name in wanted.__dataclass_fields__:
        error = abs(getattr(wanted, name) - getattr(found, name))
        if "heading" in name:
            error = min(error, 256 - error)
        if error > bounds.get(name.split("_")[-1], 16):
            return False
    return True


def dithered_byte(byte: int, number: int, visible: NDArray[np.bool_]) -> float:
    """A byte that ``number`` cells show by thresholds, as the visible ones bracket it."""
    thresholds = (np.argsort(np.argsort(np.arange(number) * GOLDEN % 1)) + 0.5) * 255 / number
    seen = thresholds[visible]
    above, below = seen[byte > seen], seen[byte <= seen]
    return (max(above, default=0.0) + min(below, default=255.0)) / 2


def dithered(drawing: Drawing, taken: NDArray[np.bool_]) -> Readings:
    """The readings of a drawing whose cells show brightness, Cb and Cr of each ring."""
    outline, found = drawing.outline, {}
    regions = cell_regions(outline, cell_grid(*SIZE))
    assert regions is not None
    free = ~taken[regions.window]
    fields = [("future_speed", "motion", "future_heading"), ("past_speed", "motion", "past_heading")]
    fields += [(name, name + "_certainty", "") for name in ("temperature", "density")]
    names = [Rings.VELOCITY, Rings.VELOCITY, Rings.TEMPERATURE, Rings.DENSITY]
    place = -1
    for k, (ring, (value, certainty, heading)) in enumerate(zip(names, fields, strict=True)):
        if not ring & outline.rings:
            continue
        place += k != 1
        mine = regions.region == place + 3 * (k == 1)
        number, visible = int(mine.sum()), free[mine]
        found[value] = round(dithered_byte(getattr(drawing.readings, value), number, visible))
        angle = getattr(drawing.readings, heading) * math.pi / 128 if heading else 0.0
        length = getattr(drawing.readings, certainty)
        parts = [
            2 * dithered_byte(round((length * part + 255) / 2), number, visible) - 255
            for part in (math.cos(angle), math.sin(angle))
        ]
        found[certainty] = min(round(math.hypot(*parts)), 255) if heading else max(round(parts[0]), 0)
        if heading:
            found[heading] = round(math.atan2(parts[1], parts[0]) * 128 / math.pi) & 255
    return Readings(**found)


def vector_error(wanted: Readings, found: Readings) -> float:
    """Length of the error of the velocity towards the future, as a share of the range."""
    ends = []
    for each in (wanted, found):
        angle = each.future_heading * math.pi / 128
        ends.append((each.future_speed * math.cos(angle), each.future_speed * math.sin(angle)))
    return math.dist(*ends) / 255


def measure(random: np.random.Generator, trials: int) -> None:
    """Print the first table."""
    print(
        "| box, px | good | exact | velocity within 1/16 | the same, dithered: good | velocity within 1/16 |"
    )
    print("|---|---|---|---|---|---|")
    for sides in SIDES:
        rows = []
        for k in range(trials):
            drawing = random_drawing(random, sides, Rings(k % 7 + 1))
            outline = drawing.outline
            place = TagSpace(SIZE, ring_costs([outline], SIZE)).take(outline.centre)
            taken = tag_cells([] if place is None else [place], SIZE)
            found = read_mosaic(draw_mosaic([drawing], SIZE, taken).levels, [outline], taken)[0].readings
            other, wanted = dithered(drawing, taken), drawing.readings
            speeds = (
                [each is not None and vector_error(wanted, each) <= 1 / 16 for each in (found, other)]
                if outline.rings & Rings.VELOCITY
                else [math.nan] * 2
            )
            rows.append(
                (is_good(wanted, found), found == wanted, speeds[0], is_good(wanted, other), speeds[1])
            )
        shares = np.nanmean(np.array(rows, float), axis=0)
        print(f"| {sides[0]} to {sides[1]} | " + " | ".join(f"{share:.3f}" for share in shares) + " |")


def timed(name: str, call: Callable[[], object], repeats: int = 10) -> None:
    """Print the processor time of a call."""
    begin = time.process_time()
    for _ in range(repeats):
        call()
    print(f"| {name} | {(time.process_time() - begin) * 1000 / repeats:.2f} |")


def measure_times(random: np.random.Generator) -> None:
    """Print the second table."""
    shown = [random_drawing(random, (20, 80), Rings.VELOCITY, track) for track in range(20)]
    outlines = [each.outline for each in shown]
    space = TagSpace(SIZE, ring_costs(outlines, SIZE))
    places = place_tags(outlines, space)
    taken = tag_cells(space.places, SIZE)
    mosaic = draw_mosaic(shown, SIZE, taken)
    levels, where = mosaic.levels.copy(), mosaic.where.copy()
    tags = [
        (place, write_object_tag(outline, place, 0, 0, crc))
        for outline, place, crc in zip(outlines, places, mosaic.crcs, strict=True)
        if place is not None
    ]
    draw_tags(levels, where, tags)
    luma = random.integers(0, 256, (SIZE[1], SIZE[0]), dtype=np.uint8)
    print(f"\n{where.mean():.1%} of the cells\n\n| part | ms |\n|---|---|")
    moved = [replace(outline, box=(outline.box[0] + 1, *outline.box[1:])) for outline in outlines]
    timed("costs of places, cells not known yet", lambda: ring_costs(moved, SIZE), 1)
    timed("places of tags", lambda: place_tags(outlines, TagSpace(SIZE, mosaic.where.astype(np.float32))))
    timed("quantise and write a tag", lambda: write_object_tag(outlines[0], places[0] or (0, 0), 0))
    timed("draw the mosaic, cells known", lambda: draw_mosaic(shown, SIZE, taken))
    timed("embed levels", lambda: embed_levels(luma, levels, where))
    timed("read levels", lambda: read_levels(luma))
    timed("find tags of a phase", lambda: find_tags(levels))
    timed("read the mosaic, cells known", lambda: read_mosaic(levels, outlines, taken))


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=700)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    measure(random, arguments.trials)
    measure_times(random)


if __name__ == "__main__":
    main()
