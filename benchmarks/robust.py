"""The robust carrier: what comes back from copies, what it costs, and its rivals in the same run.

    python benchmarks/robust.py --data DATA [--clips NAME...] [--rows NAME...] [--seconds S] [--results FILE]

Clips are those of the test data by name (vtest, bigbuckbunny, bikes, traffic), or paths. Rows are:

pieces  random payloads of the class that is the aim for the size of the clip. Any 4 s of a copy at CRF 28,
        and any 4 s that are cut first and encoded by themselves.
codecs  the same payloads at the same strength in copies by other codecs, and in copies of copies.
least   payloads of the smallest class at CRF 33.
files   size of the coded file and PSNR after coding, against those of the clip without marks.

The strength is found by trial, as ``cssv encode`` does it. A piece is right if at least one payload comes
back with its checksum; the reader knows neither time nor strength. Information is that of the soft values of
a window, in bits for each bit of its class, read at known times; the decoder needs 1.2 to 1.4. Times are
processor time. With ``--results`` rows are kept in a file, and those in it are not measured again.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
from survival.channel_rows import CHAINS, LEAST_CLASS, Study, copy_row, cut_row, size_row
from survival.clip import CLIPS, load
from survival.results import Results

from cssv.carriers.robust.recoding import DEFAULT_SURVIVE


def measure_pieces(study: Study, results: Results) -> None:
    table, key, size = "Any 4 s at CRF 28", study.clip.title, study.clip.class_bytes
    results.measure(table, key, partial(copy_row, study, size, DEFAULT_SURVIVE, "h264-28"))
    cuts = max(study.pieces // 3, 1)
    results.measure(table, f"{key}, cuts", partial(cut_row, study, size, DEFAULT_SURVIVE, 28, cuts))


def measure_codecs(study: Study, results: Results) -> None:
    for chain in CHAINS:
        row = partial(copy_row, study, study.clip.class_bytes, DEFAULT_SURVIVE, chain)
        results.measure("Other codecs, and copies of copies", f"{study.clip.title}, {chain}", row)


def measure_least(study: Study, results: Results) -> None:
    table, key = "The smallest class at CRF 33", study.clip.title
    results.measure(table, key, partial(copy_row, study, LEAST_CLASS, "h264-33", "h264-33"))
    cuts = max(study.pieces // 3, 1)
    results.measure(table, f"{key}, cuts", partial(cut_row, study, LEAST_CLASS, "h264-33", 33, cuts))


def measure_files(study: Study, results: Results) -> None:
    for crf in (20, 23, 28):
        row = partial(size_row, study, study.clip.class_bytes, DEFAULT_SURVIVE, crf)
        results.measure("Size of the file, and picture", f"{study.clip.title}, CRF {crf}", row)


ROWS: dict[str, Callable[[Study, Results], None]] = {
    "pieces": measure_pieces,
    "codecs": measure_codecs,
    "least": measure_least,
    "files": measure_files,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the test data")
    parser.add_argument("--clips", nargs="+", default=list(CLIPS))
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=ROWS)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=Fraction, help="frames a second, if the header is wrong")
    parser.add_argument("--pieces", type=int, default=40, help="random pieces of a copy")
    parser.add_argument("--results", type=Path, help="a JSON file that keeps rows")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    results = Results(options.results)
    for name in options.clips:
        study = Study(load(options.data, name, options.seconds, options.rate), options.pieces, results)
        for row in options.rows:
            ROWS[row](study, results)
    print(f"\n{results.to_markdown()}")


if __name__ == "__main__":
    main()
