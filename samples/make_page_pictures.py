"""Generate the pictures of the page of ``cssv view`` in ``docs/``.

``python -m samples.make_page_pictures``, from the root of the project and with Chromium installed, encodes
the harbour sample and takes pictures of its page at 2.4 s: ``page.png``, with overlay and objects, and
``page_room.png``, the room in space alone.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import cv2

import cssv
from tests.devtools import Browser, Tab

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
NUMBER = 60
WIDTH, HEIGHT = 1180, 960
#: Pixels of the picture of the room for one of the page.
_SCALE = 2


def main() -> None:
    """Write the pictures."""
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("chromium is not installed")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        stego, page = Path(folder, "harbour.cssv"), Path(folder, "harbour.html")
        cssv.encode(HERE / "harbour.mp4", stego, scene=HERE / "scene.json", boxes=HERE / "boxes.txt")
        cssv.page(stego, page)
        with Browser(program, Path(folder, "profile"), has_webgl=True) as browser:
            tab = browser.open(page.as_uri(), width=WIDTH, height=HEIGHT)
            tab.wait("document.documentElement?.dataset.state === 'ready'")
            _show_frame(tab)
            tab.run("document.getElementById('check-all').click()")
            tab.wait("/as written/.test(document.getElementById('check-result').textContent)")
            tab.screenshot(DOCS / "page.png")
            _take_room(tab, DOCS / "page_room.png")
    for name in ("page.png", "page_room.png"):
        _compress(DOCS / name)


def _show_frame(tab: Tab) -> None:
    tab.run(
        f"{{const f = document.getElementById('frame'); f.value = {NUMBER};"
        "f.dispatchEvent(new Event('change'))}"
    )
    tab.wait(f"document.getElementById('stage').dataset.frame === '{NUMBER}'")


def _take_room(tab: Tab, path: Path) -> None:
    """The canvas of the room."""
    tab.resize(WIDTH, HEIGHT, _SCALE)
    tab.run("document.getElementById('tab-room').click()")
    tab.run("document.querySelector('#panel-room canvas').scrollIntoView()")
    tab.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")
    tab.screenshot(path)
    left, top, width, height = tab.run(
        "{const b = document.querySelector('#panel-room canvas').getBoundingClientRect();"
        "[b.left, b.top, b.width, b.height]}"
    )
    whole = cv2.imread(str(path))
    top, left, bottom, right = (round(_SCALE * at) for at in (top, left, top + height, left + width))
    part = whole[top:bottom, left:right]
    cv2.imwrite(str(path), part)


def _compress(path: Path) -> None:
    cv2.imwrite(str(path), cv2.imread(str(path)), [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
