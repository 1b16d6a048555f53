"""Coded samples as blobs in an SQLite database."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import av
from av.video.codeccontext import VideoCodecContext

from cssv.frames import U8
from rivals.corpus import Finished
from rivals.store import Store, View

_TABLES = """
create table blob (id integer primary key, sha256 blob unique not null, data blob not null);
create table version (number integer primary key, parent integer, created_s integer, message text);
create table frame (
    version integer, number integer, video integer not null, scene integer not null,
    is_key integer not null, entry integer not null, primary key (version, number)
) without rowid;
"""


class SqliteView(View):
    """A version in the database; keeps the frames decoded last."""

    def __init__(self, path: Path, version: int) -> None:
        self._database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self._version = version
        self._first = 0
        self._planes: list[U8] = []

    def frame(self, number: int) -> U8:
        end = self._first + len(self._planes)
        if not self._first <= number < end:
            # Forward reading needs the rest of the group, too.
            self._decode(number, self._end(number) if number == end else number + 1)
        return self._planes[number - self._first]

    def _end(self, number: int) -> int:
        """Number of the next key frame after a frame, or of the end of the clip."""
        (found,) = self._database.execute(
            "select coalesce(min(number) filter (where is_key and number > ?2), max(number) + 1)"
            " from frame where version = ?1",
            (self._version, number),
        ).fetchone()
        return int(found)

    def _decode(self, number: int, stop: int) -> None:
        """Decode from the key frame at or before a frame up to ``stop``, exclusive."""
        (self._first,) = self._database.execute(
            "select max(number) from frame where version = ? and number <= ? and is_key",
            (self._version, number),
        ).fetchone()
        rows = self._database.execute(
            "select data, entry from frame join blob on blob.id = video"
            " where version = ? and number >= ? and number < ? order by number",
            (self._version, self._first, stop),
        ).fetchall()
        (entry,) = self._database.execute("select data from blob where id = ?", (rows[0][1],)).fetchone()
        context = av.CodecContext.create("h264", "r")
        assert isinstance(context, VideoCodecContext)
        context.thread_type = "AUTO"
        context.extradata = _configuration(entry)
        pictures = [picture for data, _ in rows for picture in context.decode(av.Packet(data))]
        pictures += context.decode(None)
        self._planes = [picture.to_ndarray() for picture in pictures]

    def scene(self, number: int) -> bytes:
        (data,) = self._database.execute(
            "select data from frame join blob on blob.id = scene where version = ? and number = ?",
            (self._version, number),
        ).fetchone()
        return bytes(data)

    def close(self) -> None:
        self._database.close()


def _configuration(entry: bytes) -> bytes:
    """Content of the ``avcC`` box of an H.264 sample entry."""
    at = entry.index(b"avcC")
    return entry[at + 4 : at - 4 + int.from_bytes(entry[at - 4 : at], "big")]


class SqliteBlobs(Store):
    """Each coded frame, scene sample and sample entry once, by its hash; one row per frame and version."""

    name = "SQLite blobs"
    is_one_file = True

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.playable())) as database:
            database.execute("pragma journal_mode = delete")
            database.execute("pragma synchronous = full")
            with database:
                yield database

    def begin(self, first: Finished) -> None:
        with closing(sqlite3.connect(self.playable())) as database:
            database.executescript(_TABLES)
        with self._transaction() as database:
            self._add_version(database, first)
            database.executemany(
                "insert into frame values (1, ?, ?, ?, ?, ?)",
                [
                    (
                        frame,
                        _keep(database, coded.data),
                        _keep(database, first.scenes[frame]),
                        coded.is_key,
                        _keep(database, coded.entry),
                    )
                    for frame, coded in first.video.items()
                ],
            )

    def commit(self, new: Finished) -> None:
        with self._transaction() as database:
            self._add_version(database, new)
            database.execute(
                "insert into frame select ?, number, video, scene, is_key, entry"
                " from frame where version = ?",
                (new.number, new.number - 1),
            )
            for frame, coded in new.video.items():
                database.execute(
                    "update frame set video = ?, is_key = ?, entry = ? where version = ? and number = ?",
                    (
                        _keep(database, coded.data),
                        coded.is_key,
                        _keep(database, coded.entry),
                        new.number,
                        frame,
                    ),
                )
            for frame, data in new.scenes.items():
                database.execute(
                    "update frame set scene = ? where version = ? and number = ?",
                    (_keep(database, data), new.number, frame),
                )

    @staticmethod
    def _add_version(database: sqlite3.Connection, new: Finished) -> None:
        row = (new.number, new.number - 1, new.about.created_s, new.about.message)
        database.execute("insert into version values (?, ?, ?, ?)", row)

    def numbers(self) -> list[int]:
        with closing(sqlite3.connect(self.playable())) as database:
            return [number for (number,) in database.execute("select number from version order by number")]

    def open(self, number: int) -> View:
        return SqliteView(self.playable(), number)

    def playable(self) -> Path:
        return self.folder / "clip.sqlite"


def _keep(database: sqlite3.Connection, data: bytes) -> int:
    """Id of a blob; a new blob is added."""
    digest = hashlib.sha256(data).digest()
    found = database.execute("select id from blob where sha256 = ?", (digest,)).fetchone()
    if found is not None:
        return int(found[0])
    added = database.execute("insert into blob (sha256, data) values (?, ?)", (digest, data)).lastrowid
    assert added is not None
    return added
