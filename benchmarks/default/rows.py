"""Rows of the tables: picture, sizes, speed, crops, copies and commits of one clip."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cssv
from cssv.errors import CssvError
from cssv.interop.rows import ObjectRow
from cssv.video import FrameEncoder, VideoReader
from cssv.view.picture_difference import PictureDifference
from default.bench import (
    SCENE,
    Bench,
    cropped,
    drawn_masks,
    form_arguments,
    profile,
    recoded,
    share,
    source_bytes,
    video_bytes,
)

Row = dict[str, str]
#: One frame of so many is compared.
_EACH = 5
#: Share of the frames that the objects of a commit should cover.
_CHANGE = 0.10


def picture_row(bench: Bench) -> Row:
    """RGB PSNR and median colour difference where nothing is drawn, beside the plain encode."""
    own, plain, whole = PictureDifference(), PictureDifference(), PictureDifference()
    with bench.covers() as covers, VideoReader(bench.plain()) as other:
        rows = zip(covers, drawn_masks(bench.file()), other, strict=True)
        for cover, (stego, mask), coded in islice(rows, 0, None, _EACH):
            if cover.layout != stego.layout:
                return {"clip": bench.name, "undrawn": "other planes than the clip"}
            own.add(cover, stego, mask)
            plain.add(cover, coded, mask)
            whole.add(cover, stego)
    return {
        "clip": bench.name,
        "undrawn: PSNR, plain, lost dB": _three(own.psnr_db, plain.psnr_db),
        "undrawn: dE, plain": f"{_number(own.median_de)}, {_number(plain.median_de)}",
        "whole picture: PSNR, dE": f"{_number(whole.psnr_db)}, {_number(whole.median_de)}",
    }


def _three(own: float | None, plain: float | None) -> str:
    lost = "-" if own is None or plain is None else f"{plain - own:.2f}"
    return f"{_number(own)}, {_number(plain)}, {lost}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def size_row(bench: Bench) -> Row:
    """Bytes of the video of a frame against the plain encode, the source and the lossless sparse file."""
    frames = _count(bench)
    own, plain, source, lossless = (
        video_bytes(bench.file()),
        video_bytes(bench.plain()),
        source_bytes(bench),
        video_bytes(bench.file("lossless")),
    )
    return {
        "clip": bench.name,
        "frames": str(frames),
        "KiB a frame": f"{own / frames / 1024:.2f}",
        f"x264 medium, CRF {bench.crf}": f"{plain / frames / 1024:.2f}",
        "of it": f"{own / plain:.2f} times",
        "of the source": f"{own / source:.2f} times",
        "lossless sparse": f"{lossless / frames / 1024:.2f}",
        "of it ": share(own, lossless),
        "profile": profile(bench.file()),
    }


def marks_row(bench: Bench) -> Row:
    """Share of the robust marks: the same codec with the same settings, of the clip without marks."""
    crf = bench.form.get("crf")
    if bench.form == form_arguments("mixed"):
        own, bare = video_bytes(bench.file()), video_bytes(bench.file("unmarked"))
        return {"clip": bench.name, "marks": share(own - bare, own)}
    if bench.form.get("carrier") != "robust":
        return {"clip": bench.name, "marks": "skipped: this form has no file without marks to compare with"}
    with bench.covers() as reader:
        info = reader.info
        with FrameEncoder(info, "h264", crf=20 if crf is None else int(crf)) as encoder:
            packets = [packet for frame in reader for packet in encoder.encode(frame)] + encoder.flush()
    bare, own = sum(len(packet.data) for packet in packets), video_bytes(bench.file())
    return {"clip": bench.name, "marks": share(own - bare, own)}


def _count(bench: Bench) -> int:
    with VideoReader(bench.file()) as reader:
        return len(reader.timestamps())


def speed_row(bench: Bench) -> Row:
    """Seconds of encoding and decoding against the plain ones, each once."""
    bench.transcode()
    bench.plain()
    bench.file()
    times = {}
    for name, path in (("plain", bench.plain()), ("own", bench.file())):
        start = time.perf_counter()
        with VideoReader(path) as reader:
            for _ in reader:
                pass
        times[name] = time.perf_counter() - start
    start = time.perf_counter()
    with cssv.Decoder(bench.file()) as decoder:
        for moment in decoder:
            assert moment.clean_heat is not None
    heat = time.perf_counter() - start
    seconds, frames = bench.seconds, _count(bench)
    return {
        "clip": bench.name,
        "encode, ms a frame": f"{1000 * seconds['default'] / frames:.1f}",
        "of x264 medium": f"{seconds['default'] / seconds['plain']:.2f} times",
        "of the lossless transcode": f"{seconds['default'] / seconds['transcode']:.2f} times",
        "decode the heat map, ms": f"{1000 * heat / frames:.1f}",
        "of decoding the same file": f"{heat / times['own']:.2f} times",
    }


def crop_rows(bench: Bench) -> Iterator[Row]:
    """Objects of the whole scene that small parts of the picture list."""
    rate = bench.info.rate
    for kind, side, count in (("lossless", 160, 1), ("default", 320, round(4 * rate))):
        if min(bench.info.width, bench.info.height) < side:
            continue
        source, copy = bench.file(kind), bench.folder / "crop.mkv"
        first = min(_count(bench) // 3, max(_count(bench) - count, 0))
        cropped(source, copy, side, first, count)
        yield {
            "clip": bench.name,
            "part": f"{side}x{side}, {'one frame' if count == 1 else '4 s'}, {kind}",
            **_listed(source, copy, bench),
        }


def _objects(path: Path) -> dict[int, tuple[ObjectRow, ...]]:
    with cssv.Decoder(path) as decoder:
        return {moment.number: moment.objects for moment in decoder if not moment.is_missing}


def _listed(source: Path, copy: Path, bench: Bench) -> Row:
    """How many of the objects of each frame a copy lists, and how far their boxes are off."""
    wanted = _objects(source)
    try:
        found = _objects(copy)
    except CssvError as error:
        return {"frames read": "0", "objects listed": "-", "place, 1/256 of the frame": type(error).__name__}
    listed, present, worst = 0, 0, 0.0
    for number, rows in found.items():
        by_track = {row.track: row for row in rows}
        for row in wanted.get(number, ()):
            present += 1
            other = by_track.get(row.track)
            if other is not None:
                listed += 1
                worst = max(worst, _distance(row, other, bench))
    return {
        "frames read": str(len(found)),
        "objects listed": f"{listed} of {present}",
        "place, 1/256 of the frame": f"{256 * worst:.1f}",
    }


def _distance(one: ObjectRow, other: ObjectRow, bench: Bench) -> float:
    """Distance of the centres of two boxes along the worse axis, as a share of the frame."""
    shares = []
    for at, length, whole in (("x_px", "w_px", bench.info.width), ("y_px", "h_px", bench.info.height)):
        centres = [(getattr(row, at) or 0.0) + (getattr(row, length) or 0.0) / 2 for row in (one, other)]
        shares.append(abs(centres[0] - centres[1]) / whole)
    return max(shares)


def copy_rows(bench: Bench) -> Iterator[Row]:
    """What comes back from re-encoded copies of the default file."""
    source, folder = bench.file(), bench.folder
    one = recoded(source, folder / "copy23.mp4", 23)
    copies = {
        "CRF 28": recoded(source, folder / "copy28.mp4", 28),
        "75 %, CRF 23": recoded(source, folder / "copy75.mp4", 23, 0.75),
        "CRF 23, then 23": recoded(one, folder / "twice.mp4", 23),
    }
    for name, copy in copies.items():
        row = {"clip": bench.name, "copy": name}
        try:
            with cssv.Decoder(copy) as decoder:
                moments = [(m.number, m.is_missing, m.source) for m in decoder]
        except CssvError as error:
            yield row | {
                "frames with a heat map": "0",
                "read from": type(error).__name__,
                "objects listed": "-",
            }
            continue
        back = [moment for moment in moments if not moment[1]]
        yield row | {
            "frames with a heat map": f"{len(back)} of {len(moments)}",
            "read from": ", ".join(sorted({moment[2] for moment in back})) or "-",
            "objects listed": _listed(source, copy, bench)["objects listed"],
        }


def commit_rows(bench: Bench) -> Iterator[Row]:
    """Bytes of commits that change the temperature of objects in about a tenth of the frames."""
    for kind in ("default", "lossless"):
        source = bench.file(kind)
        frames: dict[int, set[int]] = {}
        for number, rows in _objects(source).items():
            for row in rows:
                frames.setdefault(row.track, set()).add(number)
        count = _count(bench)
        if not frames:
            continue
        # The object whose number of frames is nearest to a tenth.
        track = min(frames, key=lambda each: abs(len(frames[each]) / count - _CHANGE))
        copy = Path(shutil.copy(source, bench.folder / "commit.cssv"))
        scene = SCENE | {"objects": [*SCENE["objects"], {"match": {"track": track}, "temperature_c": 12.0}]}
        before = copy.stat().st_size
        done = cssv.commit(copy, scene, message="one temperature")
        yield {
            "clip": bench.name,
            "file": kind,
            "frames changed": share(done.frames_changed, done.frames),
            "frames coded": share(done.frames_coded, done.frames),
            "bytes added": share(done.bytes_added, before),
        }
