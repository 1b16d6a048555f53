"""The three things that an appender can do to a file, and what the file then holds."""

from __future__ import annotations

from cssv.container import IndexMeta, Reader

ABOUT = IndexMeta(5, "Ada", "more")


def contents(path, version=None):
    with Reader(path, version=version) as reader:
        return [
            [reader.sample(track.number, at) for at in range(len(track.table))] for track in reader.tracks
        ]


def commit(appender):
    appender.write_video(1, b"new second", is_key=False, stego_crc=7)
    appender.write_scene(1, b'{"n":2}')
    appender.write_scene(0, b'{"scene":2}')
    appender.stage(ABOUT, frames_changed=1)
    return appender.publish()


def checkout(appender):
    appender.checkout(1)


def tag(appender):
    appender.tag("name", 1)
