"""Wrong use of the library: every wrong value gives one of CSSV's errors, and loses nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import cssv
from cssv.errors import CssvError
from hostile.lab import Lab, Trial, finish, start

#: Values that no parameter takes, or that few do.
_VALUES: tuple[Any, ...] = (
    object(), b"\xff", "ab", "", -1, 1 << 70, float("nan"), float("inf"), 1e-300, (), (160,), [[]], {"a": 1},
    np.zeros((2, 2)), np.zeros((0, 3), np.uint8), "\0", "no such file", "a\nb", True,
)  # fmt: skip


def wrong_arguments(lab: Lab) -> Iterator[Trial]:
    """One wrong value for one parameter of one public function; the others are right."""
    calls = _calls(lab)
    while True:
        name = lab.dice.choice(list(calls))
        function, right = calls[name]
        parameters = [
            each.name
            for each in inspect.signature(function).parameters.values()
            if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
            and each.name not in ("self", "progress")
        ]
        wrong, value = lab.dice.choice(parameters), lab.dice.choice(_VALUES)
        fault = None
        try:
            made = function(**(right() | {wrong: value}))
            if hasattr(made, "abort"):
                made.abort()
            elif hasattr(made, "close"):
                made.close()
        except CssvError:
            pass
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"[:150]
        yield Trial(f"{name}({wrong}={value!r})"[:100], fault)


def _calls(lab: Lab) -> dict[str, tuple[Callable[..., Any], Callable[[], dict[str, Any]]]]:
    """Public functions, each with arguments that are right. Nothing of them runs on for long."""
    file = lab.copy()

    def new(suffix: str) -> Any:
        return lab.new_folder() / f"out{suffix}"

    boxes = lambda: {"boxes_px": [[1.0, 2.0, 30.0, 40.0]], "scores": [0.5], "labels": ["car"]}  # noqa: E731
    return {
        "encode": (
            cssv.encode,
            lambda: {"source": lab.clip, "output": new(".cssv"), "boxes": lab.boxes, "stop": "0.2"},
        ),
        "Encoder": (cssv.Encoder, lambda: {"output": new(".cssv"), "size": (96, 64), "rate": 25}),
        "decode": (cssv.decode, lambda: {"source": file, "objects": new(".csv")}),
        "export": (cssv.export, lambda: {"source": file, "output": new(".mkv")}),
        "commit": (cssv.commit, lambda: {"path": lab.copy(), "scene": lab.scene}),
        "tag": (cssv.tag, lambda: {"path": lab.copy(), "name": "third", "version": 3}),
        "checkout": (cssv.checkout, lambda: {"path": lab.copy(), "version": 1}),
        "gc": (cssv.gc, lambda: {"path": file, "output": new(".cssv"), "keep": [1]}),
        "diff": (cssv.diff, lambda: {"path": file, "before": 1, "after": 2}),
        "open": (cssv.open, lambda: {"path": file}),
        "log": (cssv.log, lambda: {"path": file}),
        "info": (cssv.info, lambda: {"source": file}),
        "verify": (cssv.verify, lambda: {"path": lab.copy()}),
        "track": (cssv.track, lambda: {"source": lab.clip, "boxes": lab.boxes}),
        "detections": (cssv.detections, boxes),
    }


_CRASHES = {
    "an iterator after close": """
with cssv.open(file) as clip:
    frames = iter(clip)
    next(frames)
next(frames)
""",
    "a frame after close": """
clip = cssv.open(file)
clip[0]
clip.close()
clip[1]
""",
    "one clip in four threads": """
from concurrent.futures import ThreadPoolExecutor
with cssv.open(file) as clip, ThreadPoolExecutor(4) as pool:
    found = list(pool.map(lambda number: clip[number % len(clip)].number, range(48)))
    assert found == [number % len(clip) for number in range(48)]
""",
    "a clip after fork": """
import os, warnings
warnings.simplefilter("ignore")
with cssv.open(file) as clip:
    clip[0]
    child = os.fork()
    if child == 0:
        code = 1
        try:
            clip[1]
            code = 0
        except CssvError:
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
""",
    "a reader after close": """
from cssv.video import VideoReader
with VideoReader(clip_path) as reader:
    frames = iter(reader)
    next(frames)
next(frames)
""",
}
_CODE = """
import sys, cssv
from cssv.errors import CssvError
file, clip_path = sys.argv[1:]
try:
    {}
except (CssvError, StopIteration):
    pass
"""


def native_resources(lab: Lab) -> Iterator[Trial]:
    """Use of a closed, shared or forked clip: an answer or an error, never a crash or a hang."""
    while True:
        for what, code in _CRASHES.items():
            program = _CODE.format(code.strip().replace("\n", "\n    "))
            yield Trial(what, finish(start(program, lab.file, lab.clip), 60)[1])
