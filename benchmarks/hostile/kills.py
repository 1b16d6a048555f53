"""Work that is killed at a random moment (SIGKILL): nothing that was complete is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import cssv
from cssv.errors import CssvError
from hostile.lab import Lab, Trial, digest, finish, start, temperature

#: Each program prints "ready" and waits, so that the kill hits the work and not the imports.
_BEGIN = """
import sys, json, av, cv2, numpy, scipy.signal, scipy.optimize, cssv
folder, clip, boxes, scene = sys.argv[1:5]
file = folder + "/copy.cssv"
cold = {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "temperature_c": 5}]}
print("ready", flush=True)
sys.stdin.readline()
"""
_PROGRAMS = {
    "encode over a file": "cssv.encode(clip, file, boxes=boxes, scene=scene, overwrite=True)",
    "commit": "cssv.commit(file, cold)",
    "tag": 'cssv.tag(file, "third", version=3)',
    "checkout": "cssv.checkout(file, 1)",
    "gc": 'cssv.gc(file, folder + "/less.cssv", keep=[1, 3])',
    "export": 'cssv.export(file, folder + "/copy.mkv")',
    "decode": 'cssv.decode(file, folder + "/heat.mkv", objects=folder + "/objects.csv")',
}


def killed_work(lab: Lab) -> Iterator[Trial]:
    """Kill a command: the versions are those of before or after, and the next run clears what is left."""
    spans: dict[str, float] = {}
    while True:
        what = lab.dice.choice(list(_PROGRAMS))
        if what not in spans:
            spans[what] = _run(lab, what, None)[1]
        delay = lab.dice.uniform(0, spans[what])
        file, _ = _run(lab, what, delay)
        yield Trial(f"{what}, killed after {1000 * delay:.0f} ms", _fault_after(lab, what, file))


def _run(lab: Lab, what: str, delay: float | None) -> tuple[Path, float]:
    """The file worked on, and the seconds of the work."""
    file = lab.copy()
    child = start(_BEGIN + _PROGRAMS[what], file.parent, lab.clip, lab.boxes, lab.scene)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdout.readline()
    child.stdin.write("go\n")
    child.stdin.flush()
    begin = time.perf_counter()
    if delay is not None:
        time.sleep(delay)
        child.kill()
        child.communicate()
        return file, delay
    _, fault = finish(child)
    if fault:
        raise SystemExit(f"{what} fails without a kill: {fault}")
    return file, time.perf_counter() - begin


def _fault_after(lab: Lab, what: str, file: Path) -> str | None:
    """What is wrong in the folder of a killed run; None if nothing is."""
    try:
        if not cssv.verify(file).is_sound:
            return "the file is damaged"
        if what != "encode over a file":
            for number in (1, 2, 3):
                if temperature(file, number) != lab.temperatures[number]:
                    return f"version {number} shows other values"
        # The next run in this folder removes the temporary files of the dead one.
        cssv.export(file, file.with_name("next.mkv"))
        cssv.commit(file, {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "temperature_c": 31.5}]})
    except CssvError as error:
        return f"{type(error).__name__}: {error}"
    hidden = [path.name for path in file.parent.iterdir() if path.name.startswith(".cssv-")]
    return f"temporary files are left: {', '.join(hidden)}" if hidden else None


_RECORD = """
import sys, av, cv2, numpy as np, cssv
file = sys.argv[1]
encoder = cssv.Encoder(file, size=(192, 160), rate=25, layout="yuv420p")
picture = np.full((160, 192, 3), 90, np.uint8)
for number in range(100000):
    picture[40:80, 20 + number % 100 : 60 + number % 100] = 200
    encoder.write(picture, cssv.detections([[20 + number % 100, 40, 40, 40]], [0.9], ["box"]))
    print(number, flush=True)
"""


def killed_recording(lab: Lab) -> Iterator[Trial]:
    """Kill a live recording; all but its last seconds can be recovered."""
    while True:
        folder = lab.new_folder()
        wanted = lab.dice.randint(60, 400)
        child = start(_RECORD, folder / "live.cssv")
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) >= wanted:
                break
        child.kill()
        child.communicate()
        yield Trial(f"a recording killed at frame {wanted}", _unrecovered(folder, wanted))


def _unrecovered(folder: Path, wanted: int) -> str | None:
    """What is wrong with the recovered recording."""
    before = {path.name: digest(path) for path in folder.iterdir() if path.is_file()}
    try:
        found = cssv.recover(folder / "live.cssv")
        # One second waits for later frames, and a group of pictures of two seconds may be cut off.
        if found.frames < wanted - 25 - 50 - 16:
            return f"{found.frames} of {wanted} frames recovered, from {', '.join(before)}"
        return None if cssv.verify(found.path).is_sound else "the recovered file is damaged"
    except CssvError as error:
        return f"{type(error).__name__}: {error}"
