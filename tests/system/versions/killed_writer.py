"""A program that forks writers and kills them; orders and answers are lines of JSON.

It imports the library once. Every child process works until SIGKILL or its end, and acknowledges each
finished step. Every acknowledged step must be found in the file.
"""

from __future__ import annotations

import io
import json
import os
import select
import signal
import sys
import time
from pathlib import Path

import cssv
from cssv.container import Reader, appender

#: Seconds that a slow disk takes for a write or a flush; writes are split into pieces.
SLOW_S, PIECE = 0.002, 700


class SlowFile(io.FileIO):
    """A file with slow writes in small pieces, so that a kill hits the middle of a write."""

    def write(self, data):
        time.sleep(SLOW_S)
        return super().write(memoryview(data)[:PIECE] if len(data) > 4 else data[:1])


def slow_fsync(handle, flush=os.fsync):
    flush(handle)
    time.sleep(SLOW_S)


def act(path: Path, scenes, say) -> None:
    """Commit, check out and tag in sequence; acknowledge each with the state of the file after it."""
    for number, scene in enumerate(scenes):
        done = cssv.commit(path, scene, message=f"scene {number}")
        with Reader(path) as reader:
            crcs = reader.frames.stegos.tolist()
        say({"version": done.version, "playing": done.version, "crcs": crcs})
        cssv.tag(path, f"tag{number}", done.version)
        say({"tag": f"tag{number}", "version": done.version})
        cssv.checkout(path, 1)
        say({"playing": 1})


def encode(path: Path, options, say) -> None:
    """Encode a clip; acknowledge when the file exists."""
    source = options.pop("source")
    cssv.encode(source, path, **options)
    say({"encoded": True})


def slow_down() -> None:
    appender.FileIO = SlowFile
    os.fsync = slow_fsync


def run(order: dict) -> dict:
    """Fork a child process for the work and kill it after some seconds; returns its acknowledgements."""
    into, out = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(into)
        code = 1
        try:
            if order["is_slow"]:
                slow_down()
            with os.fdopen(out, "wb", 0) as pipe:
                work = {"act": act, "encode": encode}[order["work"]]
                say = lambda what: pipe.write(json.dumps(what).encode() + b"\n")  # noqa: E731
                work(Path(order["path"]), order["with"], say)
            code = 0
        finally:
            os._exit(code)
    os.close(out)
    heard, until = b"", None if order["after_s"] is None else began + order["after_s"]
    was_killed = False
    with os.fdopen(into, "rb", 0) as pipe:
        while True:
            left = None if until is None or was_killed else max(0.0, until - time.monotonic())
            if not select.select([pipe], [], [], left)[0]:
                os.kill(child, signal.SIGKILL)
                was_killed = True
                continue
            some = pipe.read(1 << 20)
            if not some:
                break
            heard += some
    status = os.waitpid(child, 0)[1]
    # The last line may be incomplete, and then acknowledges nothing.
    lines = [json.loads(line) for line in heard.split(b"\n")[:-1]]
    return {"heard": lines, "seconds": time.monotonic() - began, "status": status, "pid": child}


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
