"""The robust carrier: what comes back from copies, what it costs, and its rivals in the same run.

    python benchmarks/robust.py --data DATA [--clips NAME...] [--rows NAME...] [--seconds S] [--results FILE]

Clips are those of the test data by name (vtest, bigbuckbunny, bikes, traffic), or paths. Rows are:

pieces  random payloads of the class that is the aim for the size of the clip. Any 4 s of a copy at CRF 28,
        and any 4 s that are cut first and encoded by themselves.
codecs  the same payloads at the same strength in copies by other codecs, and in copies of copies.
least   payloads of the smallest class at CRF 33.
files   size of the coded file and PSNR after coding, against those of the clip without marks.
costs   bytes of clip and heat map by carrier, beside the two files that people keep today. Objects are those
        of the box file or of ``motion``, with temperature and density.
rivals  packages that are installed, and CSSV, on the same first frames and in the same copies. A rival has
        one message in all frames, and the majority of the frames counts.
scenes  objects and heat map from copies of the robust file of "costs", against the file itself.
speed   embedding, extraction and geometry, and the search in a clip in which nothing is hidden.
base    the base layer in pieces of 10 s at CRF 40. Shorter clips are played back and forth.

Geometry is measured by ``robust_geometry.py``, and what both sides draw from a payload by ``window_heat.py``.

The strength is found by trial, as ``cssv encode`` does it. A piece is right if at least one payload comes
back with its checksum; the reader knows neither time nor strength. Information is that of the soft values of
a window, in bits for each bit of its class, read at known times; the decoder needs 1.2 to 1.4. Times are
processor time. With ``--results`` rows are kept in a file, and those in it are not measured again.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
from survival.base_rows import back_and_forth, base_row
from survival.channel_rows import CHAINS, LEAST_CLASS, Study, copy_row, cut_row, size_row
from survival.clip import CLIPS, load
from survival.file_rows import FILES, TODAY, cost_today, own_cost, scene_row
from survival.results import Results
from survival.rival_rows import installed_rivals, made_row, missing_row, own_row
from survival.speed_rows import speed_row

from cssv.carriers.robust.codewords import PAYLOAD_CLASSES
from cssv.carriers.robust.recoding import DEFAULT_SURVIVE


def measure_pieces(study: Study, results: Results) -> None:
    table, key, size = "Any 4 s at CRF 28", study.title, study.class_bytes
    results.measure(table, key, partial(copy_row, study, size, study.survive, "h264-28"))
    cuts = max(study.pieces // 3, 1)
    results.measure(table, f"{key}, cuts", partial(cut_row, study, size, study.survive, 28, cuts))


def measure_codecs(study: Study, results: Results) -> None:
    for chain in study.chains:
        row = partial(copy_row, study, study.class_bytes, study.survive, chain)
        results.measure("Other codecs, and copies of copies", f"{study.title}, {chain}", row)


def measure_least(study: Study, results: Results) -> None:
    table, key = "The smallest class at CRF 33", study.clip.title
    results.measure(table, key, partial(copy_row, study, LEAST_CLASS, "h264-33", "h264-33"))
    cuts = max(study.pieces // 3, 1)
    results.measure(table, f"{key}, cuts", partial(cut_row, study, LEAST_CLASS, "h264-33", 33, cuts))


def measure_files(study: Study, results: Results) -> None:
    for crf in (20, 23, 28):
        row = partial(size_row, study, study.class_bytes, study.survive, crf)
        results.measure("Size of the file, and picture", f"{study.title}, CRF {crf}", row)


def measure_costs(study: Study, results: Results) -> None:
    table, clip, folder = "Cost of a heat map", study.clip, study.folder
    for name in FILES:
        results.measure(table, f"{clip.title}, {name}", partial(own_cost, clip, name, folder))
    keys = [f"{clip.title}, {name}" for name in TODAY]
    if not all(results.has(table, key) for key in keys):
        # Made together: they share the clip.
        for key, row in zip(keys, cost_today(clip, folder), strict=True):
            results.measure(table, key, lambda row=row: row)


def measure_rivals(study: Study, results: Results) -> None:
    table, clip = "Rivals", study.clip
    for name, make in installed_rivals(study.rival_frames):
        key = f"{clip.name}, {name}"
        row = partial(missing_row, clip, name) if make is None else partial(made_row, clip, name, make)
        results.measure(table, key, row)
    results.measure(table, f"{clip.name}, CSSV", partial(own_row, study))


def measure_scenes(study: Study, results: Results) -> None:
    for crf in (23, 28):
        row = partial(scene_row, study.clip, study.folder, crf)
        results.measure("Objects and heat map from copies", f"{study.clip.title}, CRF {crf}", row)


def measure_speed(study: Study, results: Results) -> None:
    results.measure("Processor time", study.clip.title, partial(speed_row, study))


def measure_base(study: Study, results: Results) -> None:
    clip = back_and_forth(study.clip)
    whole = study if clip is study.clip else replace(study, clip=clip)
    results.measure("Base layer at CRF 40", whole.clip.title, partial(base_row, whole))


ROWS: dict[str, Callable[[Study, Results], None]] = {
    "pieces": measure_pieces,
    "codecs": measure_codecs,
    "least": measure_least,
    "files": measure_files,
    "costs": measure_costs,
    "rivals": measure_rivals,
    "scenes": measure_scenes,
    "speed": measure_speed,
    "base": measure_base,
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
    parser.add_argument("--size", type=int, nargs=2, help="scale frames to a width and a height")
    parser.add_argument("--payload", type=int, choices=PAYLOAD_CLASSES, help="class of the payloads")
    parser.add_argument("--survive", default=DEFAULT_SURVIVE, help="re-encodings of the trial")
    parser.add_argument("--chains", nargs="+", default=CHAINS, help="copies of the row of codecs")
    parser.add_argument("--pieces", type=int, default=40, help="random pieces of a copy")
    parser.add_argument("--rival-frames", type=int, default=20, help="frames that rivals get")
    parser.add_argument("--results", type=Path, help="a JSON file that keeps rows")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    results, size = Results(options.results), tuple(options.size) if options.size else None
    with TemporaryDirectory() as folder:
        for name in options.clips:
            clip = load(options.data, name, options.seconds, options.rate, size)
            study = Study(
                clip,
                options.survive,
                options.chains,
                options.pieces,
                options.rival_frames,
                options.payload,
                Path(folder),
                results,
            )
            for row in options.rows:
                ROWS[row](study, results)
    print(f"\n{results.to_markdown()}")


if __name__ == "__main__":
    main()
