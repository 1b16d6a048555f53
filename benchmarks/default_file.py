"""The default file: picture, size, speed, crops, copies and commits, on several clips, in one run.

    python benchmarks/default_file.py --data DATA [--clips NAME...] [--rows NAME...] [--form NAME] [--crf N]

Clips are those of the test data by name (vtest, bikes, bigbuckbunny, traffic), or paths. Forms are those of
``cssv encode --dry-run``; the first one is the default. Rows are:

picture  RGB PSNR and median CIEDE2000 against the clip where nothing is drawn, beside a plain encode by x264
         medium, with its own defaults, at the same CRF. One frame of five is compared.
size     bytes of the video against that encode, the clip itself and the lossless sparse file; the profile.
marks    share of the robust marks: the file against one of the same settings without marks.
speed    encoding against that encode and against the lossless transcode, decoding against plain decoding.
crops    objects that 160x160 pixels of one lossless frame and 320x320 pixels of 4 s list.
copies   what comes back after CRF 28, after 75 % of the size at CRF 23, and after CRF 23 twice.
commits  bytes of a commit that changes one temperature in about a tenth of the frames.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from default.bench import Bench, form_arguments, table
from default.rows import (
    Row,
    commit_rows,
    copy_rows,
    crop_rows,
    marks_row,
    picture_row,
    size_row,
    speed_row,
)

from cssv.pipeline.forms import FORMS

#: Clips of the test data by name: the file, a box file, and the true rate.
CLIPS: dict[str, tuple[str, str | None, int | None]] = {
    "vtest": ("clips/vtest.avi", "mot15/PETS09-S2L1/gt/gt.txt", 7),
    "bikes": ("clips/bikes.mp4", None, None),
    "bigbuckbunny": ("clips/bigbuckbunny.mp4", None, None),
    "traffic": ("traffic/traffic.mp4", None, None),
}


def _one(make: Callable[[Bench], Row]) -> Callable[[Bench], Iterator[Row]]:
    def rows(bench: Bench) -> Iterator[Row]:
        yield make(bench)

    return rows


ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "picture": _one(picture_row),
    "size": _one(size_row),
    "marks": _one(marks_row),
    "speed": _one(speed_row),
    "crops": crop_rows,
    "copies": copy_rows,
    "commits": commit_rows,
}


def open_bench(name: str, options: argparse.Namespace, folder: Path) -> Bench:
    """The clip of a name or path."""
    file, boxes, rate = CLIPS.get(name, (name, None, None))
    known = name in CLIPS
    form, lossless = form_arguments(options.form), form_arguments("sparse")
    if form is None or lossless is None:
        raise SystemExit(f"no form {options.form}; there are {', '.join(each.name for each in FORMS)}")
    quality = {"crf": options.crf} if options.is_lossy else {}
    return Bench(
        name=name if known else Path(name).stem,
        path=options.data / file if known else Path(file),
        boxes=None if boxes is None or options.motion else options.data / boxes,
        rate=None if rate is None else Fraction(rate),
        stop=options.seconds,
        form={**form, **quality},
        lossless=lossless,
        crf=options.crf,
        folder=folder,
    )


def main() -> None:
    """Print a table for each kind of row."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--clips", nargs="+", default=list(CLIPS))
    parser.add_argument("--rows", nargs="+", choices=tuple(ROWS), default=list(ROWS))
    parser.add_argument("--form", default=FORMS[0].name)
    parser.add_argument("--crf", type=int, default=20)
    parser.add_argument("--is-lossy", action="store_true", help="give --crf to the form, too")
    parser.add_argument("--seconds", type=Fraction, default=Fraction(5))
    parser.add_argument("--motion", action="store_true", help="find all objects; use no box file")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        benches = [open_bench(clip, options, Path(name)) for clip in options.clips]
        for kind in options.rows:
            table(f"{kind}, form {options.form}", [row for each in benches for row in ROWS[kind](each)])


if __name__ == "__main__":
    main()
