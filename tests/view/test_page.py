"""The page in Chromium: each frame exact, by both exact ways, and whatever a file holds stays text."""

from __future__ import annotations

import base64
import random
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest

import cssv
from cssv.container import Reader
from cssv.scene import Scene
from cssv.scene.camera import plane_of
from cssv.testing import clips as synthetic
from cssv.view.heat import drawn_pixels
from tests.devtools import Browser

ROOT = Path(__file__).resolve().parents[2]
READY = "['ready', 'failed'].includes(document.documentElement?.dataset.state)"
#: Bytes of the page of the sample.
LARGEST_PAGE = 3_000_000
HOSTILE = "<img src=x onerror=\"document.title='run'\"></script><script>document.title='run'</script>"


@pytest.fixture(scope="module")
def browser(tool, tmp_path_factory):
    with Browser(tool("chromium"), tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def open_page(browser, tmp_path):
    """``open_page(file)``: a tab with the page of a file, ready; checked at the end."""
    tabs = []

    def show(path, *, state="ready", before="", **options):
        made = cssv.page(path, tmp_path / f"page{len(tabs)}.html", **options)
        tab = browser.open(made.path.as_uri(), before=before)
        tabs.append(tab)
        tab.wait(READY if state == "ready" else f"document.documentElement?.dataset.state === '{state}'")
        assert tab.run("document.documentElement.dataset.state") == state, tab.run("document.body.innerText")
        return tab

    yield show
    for tab in tabs:
        assert tab.faults() == []
        assert tab.requests() == []
        tab.close()


def text(tab, name):
    return tab.run(f"document.getElementById('{name}').textContent")


def go_to(tab, number):
    """Show a frame; returns the checksum of the planes that the page shows."""
    tab.run(
        f"{{const f = document.getElementById('frame'); f.value = {number};"
        "f.dispatchEvent(new Event('change'))}"
    )
    tab.wait(f"document.getElementById('stage').dataset.frame === '{number}'")
    return int(tab.run("document.getElementById('stage').dataset.crc"))


def check_all(tab):
    """Check all frames; returns the result in words."""
    tab.run("document.getElementById('check-all').click()")
    return tab.wait("(document.getElementById('check-result').textContent.match(/.* as written.*/) ?? [])[0]")


def planes_of(path, version=None):
    """Planes of each frame as PyAV decodes them."""
    with cssv.open(path, version) as clip:
        return [moment.frame.planes for moment in clip]


@pytest.fixture(scope="module")
def harbour(tmp_path_factory):
    """A second of the sample in the default form."""
    path = tmp_path_factory.mktemp("harbour") / "harbour.cssv"
    inputs = {"scene": ROOT / "samples" / "scene.json", "boxes": ROOT / "samples" / "boxes.txt"}
    cssv.encode(ROOT / "samples" / "harbour.mp4", path, stop="1", **inputs)
    return path


@pytest.fixture(scope="module")
def committed(encode, tmp_path_factory):
    path = tmp_path_factory.mktemp("committed") / "clip.cssv"
    shutil.copy(encode(fidelity="full"), path)
    scene = {**synthetic.SCENE, "objects": [{"match": {"track": 1}, "temperature_c": 3, "name": "ice"}]}
    cssv.commit(path, scene, message="colder")
    return path


def test_the_sample_is_exact_and_its_page_small(open_page, harbour, tmp_path):
    assert cssv.page(harbour, tmp_path / "size.html").bytes <= LARGEST_PAGE
    tab = open_page(harbour)
    assert "WebCodecs" in text(tab, "rung")
    assert check_all(tab) == "all frames are as written"
    expected = [zlib.crc32(planes.data) for planes in planes_of(harbour)]
    for number in (0, 24, 7):
        assert go_to(tab, number) == expected[number]
    assert_shows_heat(tab, harbour, 7)
    # Only reported: the time depends on the machine.
    print("ready after", tab.run("document.documentElement.dataset.readyMs"), "ms")


@pytest.mark.parametrize(
    "options",
    [{}, {"planes": "rgb"}, {"codec": "vp9"}],
    ids=str,
)
def test_random_frames_are_exact(open_page, encode, options):
    path = encode(lossless=True, **options)
    expected = planes_of(path)
    tab = open_page(path)
    dice = random.Random(7)
    for number in [dice.randrange(len(expected)) for _ in range(20)]:
        assert go_to(tab, number) == zlib.crc32(expected[number].data)
    assert check_all(tab) == "all frames are as written"
    assert text(tab, "checks") == f"Checksums: all {len(expected)} frames right"
    if options.get("planes") == "rgb":
        go_to(tab, 5)
        np.testing.assert_array_equal(canvas(tab, "picture")[..., :3], expected[5])


def test_seeking_crosses_key_frames(open_page, tmp_path):
    synthetic.write_clip(tmp_path / "long.mkv", count=110)
    path = tmp_path / "long.cssv"
    cssv.encode(tmp_path / "long.mkv", path, fidelity="full")
    with Reader(path) as reader:
        assert reader.key_before(reader.video.number, 109) == 100
        expected = reader.frames.stegos.tolist()
    tab = open_page(path)
    for number in (109, 11, 60, 40, 105, 49, 50, 51, 10, 109, 99, 0):
        assert go_to(tab, number) == expected[number]
    assert text(tab, "faults") == ""


def canvas(tab, name):
    """(H, W, 4) pixels of a canvas."""
    script = (
        f"{{const c = document.getElementById('{name}');"
        "const text = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');"
        "[c.height, c.width, btoa(text(c.getContext('2d').getImageData(0, 0, c.width, c.height).data))]}"
    )
    height, width, data = tab.run(script)
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)


def assert_shows_heat(tab, path, number):
    """The heat map is drawn in the library's colours, and what is empty lets the picture through."""
    with cssv.open(path) as clip:
        moment = clip[number]
        expected, is_drawn = moment.picture, drawn_pixels(moment.clean_heat, clip.info.layout)
    shown = canvas(tab, "heat")
    np.testing.assert_array_equal(shown[..., 3], np.where(is_drawn, 255, 0))
    assert is_drawn.any()
    difference = shown[is_drawn][:, :3].astype(int) - expected[is_drawn]
    assert np.abs(difference).max() <= 1


def switch(tab, number):
    tab.run(
        f"{{const v = document.getElementById('version'); v.value = {number};"
        "v.dispatchEvent(new Event('change'))}"
    )
    tab.wait(f"document.querySelector('#panel-versions tr.chosen')?.textContent.startsWith('{number}')")


def test_versions_switch_exactly_and_tell_what_changed(open_page, committed):
    tab = open_page(committed)
    for number in (2, 1, 2):
        switch(tab, number)
        with Reader(committed, version=number) as reader:
            expected = reader.frames.stegos.tolist()
        for frame in (3, 17):
            assert go_to(tab, frame) == expected[frame]
        assert check_all(tab) == "all frames are as written"
    changes = text(tab, "changes")
    assert "Pixels differ in 24 of 24 frames: 0 to 23." in changes
    assert "ice" in changes
    assert "12" in changes


def test_pages_with_planes_need_no_webcodecs(open_page, committed):
    tab = open_page(committed, embed="planes", before="delete window.VideoDecoder;")
    assert "Embedded planes" in text(tab, "rung")
    for number in (1, 2):
        switch(tab, number)
        assert check_all(tab) == "all frames are as written"


def test_without_webcodecs_a_video_element_shows_the_clip(open_page, encode):
    tab = open_page(encode(lossless=True), before="delete window.VideoDecoder;")
    assert "<video>" in text(tab, "rung")
    tab.run("document.getElementById('frame').value = 9")
    tab.run("document.getElementById('frame').dispatchEvent(new Event('change'))")
    tab.wait("document.getElementById('stage').dataset.frame === '9'")
    assert "2 of 2 objects" in text(tab, "panel-objects")


def test_a_codec_that_browsers_do_not_know(open_page, encode, tmp_path):
    path = encode(codec="ffv1", lossless=True)
    assert any("planes" in note for note in cssv.page(path, tmp_path / "x.html").notes)
    tab = open_page(path)
    assert "No pictures" in text(tab, "rung")
    tab = open_page(path, embed="planes")
    assert check_all(tab) == "all frames are as written"


def test_an_empty_page_takes_a_file(open_page, encode):
    tab = open_page(None, embed="none", state="empty")
    node = tab.send("DOM.getDocument")["root"]["nodeId"]
    file = tab.send("DOM.querySelector", nodeId=node, selector="#file")["nodeId"]
    tab.send("DOM.setFileInputFiles", nodeId=file, files=[str(ROOT / "LICENSE")])
    tab.wait("document.documentElement.dataset.state === 'failed'")
    assert "not a CSSV file" in text(tab, "faults")
    tab.send("DOM.setFileInputFiles", nodeId=file, files=[str(encode(lossless=True))])
    tab.wait("document.documentElement.dataset.state === 'ready'")
    assert check_all(tab) == "all frames are as written"
    assert "2 of 2 objects" in text(tab, "panel-objects")


def test_texts_of_files_stay_texts(open_page, clips, tmp_path):
    path = tmp_path / f"{HOSTILE.replace('/', '')}.cssv"
    scene = {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "name": HOSTILE, "label": HOSTILE}]}
    cssv.encode(clips / "clip.mkv", path, boxes=clips / "boxes.txt", lossless=True, stop="0.2")
    cssv.commit(path, scene, message=HOSTILE, author=HOSTILE)
    tab = open_page(path)
    assert tab.run("document.title") == path.name
    assert HOSTILE in text(tab, "panel-objects")
    assert HOSTILE in text(tab, "panel-versions")
    assert tab.run("document.querySelectorAll('img').length") == 0


def test_a_damaged_frame_is_named_and_the_others_go_on(open_page, encode, tmp_path):
    path = tmp_path / "damaged.cssv"
    data = bytearray(encode(codec="vp9", lossless=True).read_bytes())
    with Reader(encode(codec="vp9", lossless=True)) as reader:
        table = reader.video.table
        at = int(table.offsets[20]) + int(table.sizes[20]) // 2
        scene = int(reader.scene.table.offsets[5]) + 9
    data[at] ^= 0xFF
    data[scene] ^= 0xFF
    path.write_bytes(data)
    tab = open_page(path)
    assert "not as written" in check_all(tab)
    faults = text(tab, "faults")
    assert "Frame 20: its coded bytes are damaged" in faults
    assert "Frame 5: its objects are damaged" in faults
    with Reader(path) as reader:
        assert go_to(tab, 12) == int(reader.frames.stegos[12])


def test_files_without_objects_and_with_two_thousand(open_page, clips, tmp_path):
    rows = [f"1,{k + 1},{k % 150},{k * 7 % 130},9,9,1,-1,-1,-1\n" for k in range(2000)]
    (tmp_path / "many.txt").write_text("".join(rows))
    # Nothing moves within one frame.
    for boxes, words in ((None, "no objects"), (tmp_path / "many.txt", "2000 of 2000 objects")):
        path = tmp_path / f"{words[:2]}.cssv"
        cssv.encode(clips / "clip.mkv", path, boxes=boxes, fidelity="full", stop="0.04")
        assert words in text(open_page(path), "panel-objects")


def test_keys_move_through_the_clip(open_page, encode):
    tab = open_page(encode(lossless=True))
    frame = "document.getElementById('stage').dataset.frame"
    for key, expected in (
        (".", 1),
        (".", 2),
        (",", 1),
        ("End", 23),
        ("Home", 0),
        ("ArrowRight", 23),
        ("ArrowLeft", 0),
    ):
        tab.press(key)
        tab.wait(f"{frame} === '{expected}'")
    tab.press("]")
    assert tab.run("document.getElementById('speed').value") == "1.5"
    tab.press("3")
    assert tab.run("document.getElementById('mix').value") == "100"
    tab.press(" ")
    tab.wait(f"document.getElementById('play').getAttribute('aria-label') === 'Play' && {frame} === '23'")


def test_a_row_of_the_table_chooses_the_object_everywhere(open_page, encode):
    tab = open_page(encode(lossless=True))
    tab.run("document.querySelector('tr[data-track=\"2\"] button').click()")
    assert tab.run("document.querySelector('tr.chosen').dataset.track") == "2"
    assert "Temperature" in text(tab, "chart")
    tab.run("document.getElementById('unit').value = '0'")
    units = tab.run(
        "Array.from(document.getElementById('unit').options, (each) => [each.text, each.disabled])"
    )
    # Without a ground there are no metres.
    assert units == [["px/s", False], ["m/s", True], ["km/h", True], ["mph", True]]


def test_a_phone_shows_the_page_without_scrolling_sideways(open_page, committed):
    tab = open_page(committed)
    tab.resize(400, 800)
    for name in ("objects", "versions", "ground", "file"):
        tab.run(f"document.getElementById('tab-{name}').click()")
        assert tab.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name


def test_four_clicks_give_a_homography(open_page, encode):
    tab = open_page(encode(lossless=True))
    tab.run("document.getElementById('tab-ground').click()")
    left, top, width = tab.run(
        "{const r = document.getElementById('stage').getBoundingClientRect(); [r.left, r.top, r.width]}"
    )
    for x, y in ((20, 150), (170, 150), (130, 40), (60, 40)):
        tab.click(left + x * width / synthetic.WIDTH, top + y * width / synthetic.WIDTH)
    tab.run(
        "document.querySelectorAll('.points input').forEach((each, i) => {"
        "each.value = [0, 0, 4, 0, 4, 8, 0, 8][i]; each.dispatchEvent(new Event('input'))})"
    )
    scene = Scene.loads(tab.run("document.querySelector('#panel-ground textarea').value"))
    plane = plane_of(scene.camera, (synthetic.WIDTH, synthetic.HEIGHT))
    assert plane.to_ground(np.array([170.0, 150])) == pytest.approx([4, 0], abs=0.2)


def test_controls_have_names(open_page, encode):
    tab = open_page(encode(lossless=True))
    nodes = tab.send("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "slider", "checkbox", "combobox", "spinbutton", "tab", "table", "textbox"}
    named = [node for node in nodes if node.get("role", {}).get("value") in roles and not node["ignored"]]
    assert len(named) > 20
    assert [node["role"]["value"] for node in named if not node.get("name", {}).get("value")] == []
