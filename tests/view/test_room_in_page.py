"""The room of a page in Chromium: it draws with and without a camera, follows time and keys."""

from __future__ import annotations

import pytest

import cssv
from tests.devtools import Browser

READY = "['ready', 'failed'].includes(document.documentElement?.dataset.state)"
#: Different colours, and a checksum, of the room's pixels.
LOOK = """{
  const gl = document.querySelector('canvas.room').getContext('webgl2');
  const [w, h] = [gl.drawingBufferWidth, gl.drawingBufferHeight];
  const pixels = new Uint32Array(w * h);
  gl.readPixels(0, 0, w, h, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(pixels.buffer));
  [new Set(pixels).size, pixels.reduce((sum, value) => (sum * 31 + value) % 4294967291, 0), gl.getError()];
}"""
CAMERA = {"position_m": [0, 0, 6], "tilt_deg": -35, "hfov_deg": 60}


@pytest.fixture(scope="module")
def browser(tool, tmp_path_factory):
    with Browser(tool("chromium"), tmp_path_factory.mktemp("profile"), has_webgl=True) as started:
        yield started


@pytest.fixture(scope="module")
def files(clips, tmp_path_factory):
    """A short clip with a camera and without."""
    folder = tmp_path_factory.mktemp("rooms")
    made = {}
    for name, camera in (("with", CAMERA), ("without", None)):
        made[name] = folder / f"{name}.cssv"
        scene = {"cssv_scene": 1} if camera is None else {"cssv_scene": 1, "camera": camera}
        inputs = {"boxes": clips / "boxes.txt", "scene": scene}
        cssv.encode(clips / "clip.mkv", made[name], stop="0.4", lossless=True, **inputs)
    return made


def open_room(browser, path, folder, before=""):
    tab = browser.open(cssv.page(path, folder / "page.html").path.as_uri(), before=before)
    tab.wait(READY)
    tab.run("document.getElementById('tab-room').click()")
    return tab


@pytest.mark.parametrize("name", ["with", "without"])
def test_the_room_draws_and_moves(browser, files, tmp_path, name):
    tab = open_room(browser, files[name], tmp_path)
    tab.wait("document.querySelector('canvas.room')?.width > 300")
    colours, first, error = tab.run(LOOK)
    assert error == 0
    assert colours > 100
    assert ("not known" in tab.run("document.getElementById('panel-room').innerText")) == (name == "without")
    looks = {first}
    # The objects move with the time; keys turn the room.
    tab.run("document.getElementById('step-on').click()")
    tab.wait("document.getElementById('stage').dataset.frame === '1'")
    looks.add(tab.run(LOOK)[1])
    tab.run(
        "document.querySelector('canvas.room')"
        ".dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft'}))"
    )
    looks.add(tab.run(LOOK)[1])
    tab.run(
        "document.querySelector('canvas.room')"
        ".dispatchEvent(new WheelEvent('wheel', {deltaY: -200, cancelable: true}))"
    )
    looks.add(tab.run(LOOK)[1])
    assert len(looks) == 4
    assert tab.faults() == []
    assert tab.requests() == []
    tab.close()


def test_without_webgl_the_panel_says_so(browser, files, tmp_path):
    tab = open_room(
        browser,
        files["with"],
        tmp_path,
        before="delete window.WebGL2RenderingContext;"
        "HTMLCanvasElement.prototype.getContext = (function (plain) { return function (kind, ...rest) {"
        "return kind === 'webgl2' ? null : plain.call(this, kind, ...rest); }; })"
        "(HTMLCanvasElement.prototype.getContext);",
    )
    assert "WebGL2" in tab.run("document.getElementById('panel-room').innerText")
    assert tab.faults() == []
    tab.close()
