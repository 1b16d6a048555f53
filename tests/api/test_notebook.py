"""What notebooks show of clips and moments, and reprs."""

import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest

import cssv
from cssv.errors import ChecksumError
from cssv.interop.rows import ObjectRow
from cssv.perception import detections
from cssv.testing.clips import HEIGHT, WIDTH
from cssv.view.notebook import OBJECTS_MAX, PICTURE_BYTES, card, facts_html, objects_html, pictures_html
from cssv.view.units import SPEED_UNITS

HOSTILE = "<script>alert(\"1\")</script><img src=x onerror='alert(2)'>&lt;"
MOST = 150_000
TAGS = {"div", "bdi", "table", "tbody", "tr", "th", "td", "figure", "img", "figcaption"}


class _Tags(HTMLParser):
    """Tags, attributes and texts of a page, and whether its tags are closed in order."""

    def __init__(self):
        super().__init__()
        self.tags, self.names, self.text, self.open = [], set(), "", []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.names |= {name for name, _ in attrs}
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def parsed(page):
    tags = _Tags()
    tags.feed(page)
    tags.close()
    assert tags.open == []
    assert {tag for tag, _ in tags.tags} <= TAGS
    assert tags.names <= {"style", "src", "alt"}
    assert all(found["src"].startswith("data:image/jpeg;base64,") for tag, found in tags.tags if tag == "img")
    assert len(page) < MOST
    return tags


def damaged_at(path, target, number):
    """A copy with another byte in the scene sample of a frame."""
    shutil.copy(path, target)
    with cssv.Decoder(path) as decoder:
        table = decoder.reader.scene.table
        offset = int(table.offsets[number]) + int(table.sizes[number]) // 2
    data = bytearray(target.read_bytes())
    data[offset] ^= 1
    target.write_bytes(data)
    return target


def test_a_clip_shows_facts_and_a_frame(stego):
    with cssv.open(stego) as clip:
        tags = parsed(clip._repr_html_())
        assert "24 in 0.96 s, 25 per second" in tags.text
        assert f"{WIDTH} x {HEIGHT}" in tags.text
        assert f"Frame {len(clip) // 2} at" in tags.text
        assert [tag for tag, _ in tags.tags].count("img") == 2


def test_a_moment_shows_its_objects(stego):
    with cssv.open(stego) as clip:
        moment = clip[5]
    # The clip is closed, and the moment has all that it needs.
    tags = parsed(moment._repr_html_())
    for row in moment.objects:
        assert str(row.track) in tags.text
        assert f"{row.speed_px_s:.0f} ± {row.sigma_px_s:.0f} px/s" in tags.text


def test_texts_of_files_are_escaped():
    row = ObjectRow(0, 0.0, 1, HOSTILE, speed_px_s=2.0, vx_px_s=2.0, vy_px_s=0.0)
    tags = parsed(card(HOSTILE, [lambda: objects_html([row], SPEED_UNITS["px/s"])]))
    assert tags.text.count(HOSTILE) == 2
    picture = np.zeros((4, 6, 3), np.uint8)
    tags = parsed(facts_html({HOSTILE: HOSTILE}) + pictures_html({'"' + HOSTILE: picture}))
    assert [found["alt"] for tag, found in tags.tags if tag == "img"] == ['"' + HOSTILE]

    def fail():
        raise cssv.CssvError(HOSTILE)

    assert HOSTILE in parsed(card("", [fail])).text


def test_many_objects_long_texts_and_noise_stay_small():
    rows = [ObjectRow(0, 0.0, track, "x" * 100_000) for track in range(500)]
    noise = np.random.default_rng(1).integers(0, 256, (900, 1000, 3), dtype=np.uint8)
    pages = [
        lambda: objects_html(rows, SPEED_UNITS["m/s"]),
        lambda: pictures_html({"frame": noise, "heat map": noise}),
    ]
    page = card("y" * 100_000, pages)
    tags = parsed(page)
    assert f"and {500 - OBJECTS_MAX} more" in tags.text
    assert "speed" not in tags.text
    assert all(len(url) < PICTURE_BYTES * 4 / 3 + 40 for url in re.findall('src="([^"]*)"', page))


def test_no_objects_is_a_sentence():
    assert "No objects." in parsed(objects_html([], SPEED_UNITS["m/s"])).text


def test_thin_pictures_keep_a_pixel():
    assert "data:image/jpeg" in pictures_html({"line": np.zeros((1, 4000, 3), np.uint8)})


def test_a_closed_clip_is_shown_by_a_sentence(stego):
    clip = cssv.open(stego)
    clip.close()
    assert "already closed" in parsed(clip._repr_html_()).text


def test_a_damaged_scene_track_costs_the_objects_only(stego, tmp_path):
    bad = damaged_at(stego, tmp_path / "bad.cssv", 12)
    with cssv.open(bad) as clip:
        tags = parsed(clip._repr_html_())
        assert "cannot be shown" in tags.text
        assert [tag for tag, _ in tags.tags].count("img") == 2
        with pytest.raises(ChecksumError):
            clip.objects()
        assert clip.objects(stop=12) + clip.objects(start=13)
    with cssv.open(damaged_at(stego, tmp_path / "first.cssv", 0)) as clip:
        parsed(clip._repr_html_())


def test_one_frame_without_objects(tmp_path):
    path = tmp_path / "one.cssv"
    with cssv.Encoder(path, size=(WIDTH, HEIGHT), rate=5, fidelity="full") as encoder:
        assert repr(encoder) == f"<cssv.Encoder {str(path)!r}, open: 0 frames, 192x160 at 5 per second>"
        encoder.write(np.full((HEIGHT, WIDTH, 3), 90, np.uint8), detections([]))
        assert "open: 1 frames" in repr(encoder)
    assert "closed: 1 frames" in repr(encoder)
    with cssv.open(path) as clip:
        tags = parsed(clip._repr_html_())
        assert "1 in 0.20 s" in tags.text
        assert "No objects." in tags.text
        assert clip.objects() == ()
        assert clip.at_time(0.19).number == 0


def test_sealed_clips_have_their_objects(tmp_path, package):
    package("cryptography")
    path, size = tmp_path / "sealed.cssv", (WIDTH, HEIGHT)
    with cssv.Encoder(path, size=size, rate=5, carrier="constructive", password="a") as encoder:
        for number in range(4):
            picture = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
            encoder.write(picture, detections([(10 + number, 20, 30, 40)], labels=["secret"], ids=[7]))
    with cssv.open(path, password="a") as clip:
        rows = clip.objects()
        assert {(row.track, row.label, row.source) for row in rows} == {(7, "secret", "metadata")}
        assert rows == tuple(row for moment in clip for row in moment.objects)
        assert "secret" in parsed(clip._repr_html_()).text


def test_copies_have_their_objects(stego, ffmpeg, tmp_path):
    copy = tmp_path / "copy.mkv"
    ffmpeg("-i", stego, "-map", "0:v", "-c", "copy", copy)
    with cssv.open(stego) as clip, cssv.open(copy) as copied:
        first = copied[3]
        rows = copied.objects(start=2, stop=9)
        # Random access keeps its place.
        assert copied[4].number == first.number + 1
        assert {(row.frame, row.track) for row in rows} == {
            (row.frame, row.track) for row in clip.objects(start=2, stop=9)
        }
        assert {row.source for row in rows} <= {"pixels", "room"}
        assert "a copy" in parsed(copied._repr_html_()).text


def test_a_notebook_shows_a_clip(stego, package):
    nbformat, nbclient = package("nbformat"), package("nbclient")
    package("ipykernel")
    cells = ["import cssv", f"clip = cssv.open({str(stego)!r})", "clip", "clip[3]"]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(book, timeout=60, kernel_name="python3").execute()
    for cell in book.cells[2:]:
        (output,) = cell.outputs
        parsed(output.data["text/html"])
        assert output.data["text/plain"].startswith("<cssv.")
