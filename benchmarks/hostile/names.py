"""Names that others use too: outputs that exist or appear meanwhile, links at the name of the lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

import cssv
from cssv.errors import CssvError
from hostile.lab import Lab, Trial, digest

_THIRTY = {"cssv_scene": 1, "objects": [{"match": {"label": "*"}, "temperature_c": 30}]}


def existing_outputs(lab: Lab) -> Iterator[Trial]:
    """Write to a name that exists: refused, and the existing file is unchanged."""
    while True:
        for what, name, work in _writers(lab):
            file = lab.copy()
            output = file.with_name(name)
            if output != file:
                output.write_bytes(b"precious")
            before = digest(output)
            try:
                work(file, output)
                fault = "not refused"
            except CssvError:
                fault = None
            if digest(output) != before:
                fault = "the existing file is lost"
            yield Trial(f"{what} to an existing {name}", fault)


def _writers(lab: Lab) -> list[tuple[str, str, Callable[[Path, Path], object]]]:
    """Commands that write a file of a given name."""
    return [
        ("encode", "copy.cssv", lambda _, out: cssv.encode(lab.clip, out, boxes=lab.boxes)),
        ("Encoder", "copy.cssv", lambda _, out: _record(out)),
        ("decode", "heat.mkv", lambda file, out: cssv.decode(file, out)),
        ("decode objects", "objects.csv", lambda file, out: cssv.decode(file, objects=out)),
        ("decode scene", "scene.json", lambda file, out: cssv.decode(file, scene=out)),
        ("decode overlay", "overlay.mp4", lambda file, out: cssv.decode(file, overlay=out)),
        ("export", "clip.mkv", lambda file, out: cssv.export(file, out)),
        ("export", "one.cssv", lambda file, out: cssv.export(file, out)),
        ("gc", "small.cssv", lambda file, out: cssv.gc(file, out, keep=[1])),
        ("track", "tracks.txt", lambda _, out: cssv.track(lab.clip, out, boxes=lab.boxes)),
    ]


def _record(output: Path, then: Callable[[], object] = lambda: None) -> None:
    picture = np.full((64, 96, 3), 90, np.uint8)
    with cssv.Encoder(output, size=(96, 64), rate=25) as encoder:
        for _ in range(3):
            encoder.write(picture, cssv.detections([], [], []))
        then()


def appearing_outputs(lab: Lab) -> Iterator[Trial]:
    """A file of the output's name appears while the output is written: it is not replaced."""
    while True:
        output = lab.new_folder() / "live.cssv"
        try:
            _record(output, lambda output=output: output.write_bytes(b"precious"))
            fault: str | None = "not refused"
        except CssvError:
            fault = None
        if output.read_bytes() != b"precious":
            fault = "the file that appeared is lost"
        yield Trial("a recording whose name is taken meanwhile", fault)


def links_at_the_lock(lab: Lab) -> Iterator[Trial]:
    """A link or a foreign file at the name of the lock: what it points to stays as it is."""
    works: dict[str, Callable[[Path], object]] = {
        "commit": lambda file: cssv.commit(file, _THIRTY),
        "tag": lambda file: cssv.tag(file, "third", version=3),
        "checkout": lambda file: cssv.checkout(file, 1),
        "repair": lambda file: cssv.verify(file, repair=True),
        "gc": lambda file: cssv.gc(file, file.with_name("less.cssv"), keep=[1]),
        "encode over": lambda file: cssv.encode(lab.clip, file, boxes=lab.boxes, overwrite=True),
    }
    while True:
        for what, work in works.items():
            for kind in ("symbolic link", "dangling link", "hard link", "file"):
                yield Trial(f"{what} with a {kind} at the lock", _fault_of_lock(lab.copy(), kind, work))


def _fault_of_lock(file: Path, kind: str, work: Callable[[Path], object]) -> str | None:
    """What has changed after work with something else at the name of the lock."""
    words = b"precious words of somebody else\n"
    lock, victim, nowhere = Path(f"{file}.lock"), file.with_name("victim.txt"), file.with_name("nowhere")
    victim.write_bytes(words)
    if kind == "hard link":
        os.link(victim, lock)
    elif kind == "file":
        lock.write_bytes(words)
    else:
        lock.symlink_to(victim if kind == "symbolic link" else nowhere)
    with suppress(CssvError):
        work(file)
    if victim.read_bytes() != words:
        return "the file behind the link has changed"
    if nowhere.exists():
        return "the link has made a file"
    if kind == "file" and not (lock.exists() and lock.read_bytes() == words):
        return "the file of that name has changed"
    return None
