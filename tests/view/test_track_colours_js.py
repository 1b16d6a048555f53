"""Colours of tracks in the page are those of the library's pictures."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import cssv
from cssv.view.track_colours import track_colour

MODULE = Path(cssv.__file__).parent / "view" / "html" / "track_colours.js"
PROGRAM = """
const { colourOf } = await import(process.argv[1]);
const tracks = JSON.parse(process.argv[2]);
const found = [true, false].map((isDark) => tracks.map((each) => colourOf(each, isDark)));
process.stdout.write(JSON.stringify(found));
"""


def test_both_have_the_same_colours(tool):
    tracks = [*range(40), 1_000_000, 2**31, 2**32 - 1]
    command = [tool("node"), "--input-type=module", "-e", PROGRAM, MODULE.as_uri(), json.dumps(tracks)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    on_dark, on_light = json.loads(done.stdout)
    assert on_dark == [f"rgb({', '.join(map(str, track_colour(track)))})" for track in tracks]
    assert not set(on_dark) & set(on_light)
