"""Heat maps read by the JavaScript modules of the viewer page, in node."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cssv
from cssv.frames import Frame

MODULES = Path(cssv.__file__).parent / "view" / "html"
SCRIPT = Path(__file__).with_name("read_heat.mjs")
U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Job:
    """Frames for the modules to read: the facts of their file, their planes, and what Python read.

    Attributes:
        facts: of the version.
        layout: of the planes.
        size: width and height.
        planes: of each frame.
        heats: the ``clean_heat`` of each frame; empty if unknown.
        numbers: of the frames.
    """

    facts: dict[str, Any]
    layout: str
    size: tuple[int, int]
    planes: list[U8]
    heats: list[U8]
    numbers: list[int]

    @property
    def video(self) -> dict[str, Any]:
        """The video as the modules take it."""
        return {"width": self.size[0], "height": self.size[1], "layout": self.layout}


@dataclass(frozen=True)
class Found:
    """What the modules read.

    Attributes:
        report: name, whether it can be read, the reason if not, and a report of each frame.
        heats: bytes of each frame's heat map.
        colours: (H, W, 4) of the last frame; empty if frames cannot be read.
    """

    report: dict[str, Any]
    heats: list[bytes]
    colours: U8


def job_of_frames(name: str, frames: list[Frame], heats: list[U8], **facts: Any) -> Job:
    """A job of frames that are in no file."""
    first = frames[0]
    numbers = [frame.number for frame in frames]
    size = first.width, first.height
    return Job({"carrier": name, **facts}, first.layout, size, [f.planes for f in frames], heats, numbers)


def job_of_file(path: Path, version: int | None = None, most: int | None = None) -> Job:
    """A job of the first frames of a version of a ``.cssv``."""
    from cssv.pipeline.decoder import Decoder

    planes, heats, numbers = [], [], []
    with Decoder(path, version) as decoder:
        assert decoder.reader is not None
        facts = dict(decoder.reader.version.about.meta)
        layout, size = decoder.info.layout, (decoder.info.width, decoder.info.height)
        for moment in decoder:
            planes.append(moment.frame.planes.copy())
            heats.append(moment.clean_heat.copy())
            numbers.append(moment.frame.number)
            if len(numbers) == most:
                break
    return Job(facts, layout, size, planes, heats, numbers)


def read_in_node(node: str, folder: Path, jobs: list[Job]) -> list[Found]:
    """Let the modules read the frames of some jobs."""
    orders = []
    for k, job in enumerate(jobs):
        names = {name: str(folder / f"{k}.{name}") for name in ("planes", "heat", "colours")}
        Path(names["planes"]).write_bytes(b"".join(plane.tobytes() for plane in job.planes))
        orders.append({"facts": job.facts, "video": job.video, "numbers": job.numbers, **names})
    (folder / "jobs.json").write_text(json.dumps(orders))
    command = [node, str(SCRIPT), str(MODULES), str(folder / "jobs.json")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = []
    for order, job, report in zip(orders, jobs, json.loads(done.stdout), strict=True):
        data = Path(order["heat"]).read_bytes()
        size = len(data) // len(job.numbers)
        heats = [data[first : first + size] for first in range(0, len(data), size)]
        colours = np.frombuffer(Path(order["colours"]).read_bytes(), np.uint8)
        found.append(Found(report, heats, colours.reshape(-1, job.size[0], 4)))
    return found


def unlike(job: Job, found: Found) -> list[int]:
    """Frames whose heat map differs from that of the package."""
    rows = zip(job.numbers, job.heats, found.heats, strict=True)
    return [number for number, ours, theirs in rows if ours.tobytes() != theirs]
