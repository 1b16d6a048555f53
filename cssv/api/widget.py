"""Widget of Jupyter that shows the page of a clip in a cell (extra ``jupyter``)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from cssv.api.view import page
from cssv.container import Revision
from cssv.errors import MissingExtraError, OptionError
from cssv.files.paths import Path_

#: Height of the page in the cell, and its bounds, in pixels of the browser.
DEFAULT_HEIGHT_PX = 720
HEIGHTS_PX = (200, 4000)
#: Runs in the browser: the page in a frame of its own, whose style and script are those of the page alone.
_SCRIPT = """
export default {
  render({ model, el }) {
    const frame = document.createElement("iframe");
    frame.title = "CSSV viewer";
    frame.style.cssText = `width: 100%; height: ${model.get("height_px")}px; border: 0`;
    frame.srcdoc = model.get("page");
    el.append(frame);
  },
};
"""


def make_widget(path: Path_, version: Revision, height_px: int) -> Any:  # noqa: ANN401 - an anywidget.AnyWidget
    """The page of a ``.cssv`` as a widget.

    Raises:
        OptionError: a height outside its bounds, or a clip that is too large for a page.
        MissingExtraError: anywidget is not installed.
        ContainerError: not a ``.cssv``, or a damaged one.
    """
    low, high = HEIGHTS_PX
    if not low <= height_px <= high:
        raise OptionError("the height of a widget is out of range", found=height_px, bound=f"{low} to {high}")
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        remedy = "Install it with: pip install '.[jupyter]'"
        raise MissingExtraError("a widget needs anywidget", remedy=remedy) from error
    with tempfile.TemporaryDirectory() as folder:
        made = page(path, Path(folder, "page.html"), version=version)
        text = made.path.read_text(encoding="utf-8")
    fields = {
        "_esm": _SCRIPT,
        "page": traitlets.Unicode(text).tag(sync=True),
        "height_px": traitlets.Int(height_px).tag(sync=True),
    }
    # Made when it is asked for, so that the package is not needed before.
    return type("ClipWidget", (anywidget.AnyWidget,), fields)()
