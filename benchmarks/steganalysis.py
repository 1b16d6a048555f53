"""Steganalysis: how well classical and trained detectors tell stego frames from covers.

    python benchmarks/steganalysis.py CLIP CLIP... [--frames N] [--seconds S] [--rates R...] [--only TEXT...]

Each meter is trained on one half of the clips and tested on the other clips, for every choice of the half.
Every meter ends in a linear discriminant; where the meter gives one number, the discriminant chooses its sign
only. The area under the curve (AUC) is the probability that a stego frame scores higher than a cover: 0.5 is
guessing, 1 is certain detection. The table has the mean over the choices, the least and the largest. Covers
and stego frames of a test are the same frames of the same clips, without and with hidden data. Frames of one
clip are alike, so the clips count, not the frames. The analyst knows the carrier and has clips with and
without it, but no cover of a tested frame.

Rows in RGB (see ``rivals/embedders.py``) are compared with RGB covers, and PSNR is over the planes embedded
in. Packages blind-watermark and invisible-watermark are rivals where they are installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
from meters.chi_square import chi_square_score
from meters.discriminant import train_discriminant
from meters.flicker import flicker_share
from meters.lattice import Lattice, lattice_of, to_rgb
from meters.low_nibbles import low_nibble_histogram, zero_low_nibbles
from meters.roc import area_under_curve
from meters.rs import rs_rate
from meters.sample_pairs import sample_pairs_rate
from meters.spam import spam_features
from numpy.typing import NDArray
from psnr import Comparison
from rivals.embedders import Embedder, Excerpt, all_embedders

from cssv.frames import U8, Frame
from cssv.video.frame_reader import Planes

F64 = NDArray[np.float64]

#: Name of a meter -> features of each frame, (n, d).
Readings = Mapping[str, F64]

RATES = (0.0001, 0.003, 0.05, 0.5)


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame between its neighbours."""

    before: Frame
    frame: Frame
    after: Frame


def mean_over_planes(meter: Callable[[U8], float], shot: Shot) -> list[float]:
    """The mean of a meter over the planes, weighted by their sizes."""
    planes = shot.frame.split()
    found = [meter(np.ascontiguousarray(plane)) for plane in planes]
    return [float(np.average(found, weights=[plane.size for plane in planes]))]


@cache
def decoder_lattice() -> Lattice:
    """The RGB codes that FFmpeg decodes 4:2:0 video to."""
    return lattice_of(to_rgb)


def outside_lattice(shot: Shot) -> list[float]:
    """Share of the pixels outside the lattice, as a viewer decodes the frame."""
    frame = shot.frame
    picture = frame.planes if frame.layout == "rgb24" else to_rgb(frame.planes)
    return [decoder_lattice().share_outside(picture)]


def flicker(shot: Shot) -> list[float]:
    """Share of the still samples that change by one level in this frame only."""
    frames = shot.before, shot.frame, shot.after
    return [flicker_share(zip(*(frame.split() for frame in frames), strict=True))]


#: Name -> the meter: a frame and its neighbours to a vector of features.
METERS: Mapping[str, Callable[[Shot], Sequence[float] | F64]] = {
    "chi-square": lambda shot: mean_over_planes(chi_square_score, shot),
    "RS": lambda shot: mean_over_planes(rs_rate, shot),
    "sample pairs": lambda shot: mean_over_planes(sample_pairs_rate, shot),
    "zero nibbles": lambda shot: [zero_low_nibbles(shot.frame.planes)],
    "nibbles, LDA": lambda shot: low_nibble_histogram(shot.frame.planes),
    "SPAM, LDA": lambda shot: np.concatenate([spam_features(plane) for plane in shot.frame.split()]),
    "YUV lattice": outside_lattice,
    "flicker": flicker,
}
#: Meters that estimate a rate.
ESTIMATES = ("RS", "sample pairs")


def read_meters(excerpt: Excerpt, frames: Sequence[Frame]) -> Readings:
    """Apply all meters to the frames sampled; ``frames`` are those of ``excerpt.numbers``."""
    by_number = dict(zip(excerpt.numbers, frames, strict=True))
    shots = [Shot(*(by_number[centre + step] for step in (-1, 0, 1))) for centre in excerpt.centres]
    return {name: np.array([meter(shot) for shot in shots], np.float64) for name, meter in METERS.items()}


@dataclass(frozen=True, slots=True)
class Sample:
    """Readings of the frames of one clip.

    Attributes:
        covers: of the frames as they are.
        stegos: of the same frames with hidden data.
    """

    covers: Readings
    stegos: Readings


@dataclass(frozen=True, slots=True)
class Areas:
    """Areas under the curve for every choice of the clips to train on.

    Attributes:
        values: one for each choice.
    """

    values: tuple[float, ...]

    def to_cell(self) -> str:
        """Format the mean, and the least and the largest where they differ from it."""
        mean, low, high = (f"{each:.2f}" for each in (np.mean(self.values), *self.ends))
        return mean if low == high else f"{mean} ({low} to {high})"

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the largest."""
        return min(self.values), max(self.values)


def cross_areas(meter: str, samples: Sequence[Sample]) -> Areas:
    """AUC of a meter on the clips that it was not trained on, for every half of the clips."""
    numbers = range(len(samples))
    return Areas(
        tuple(
            _area(
                _classes(meter, [samples[number] for number in half]),
                _classes(meter, [samples[number] for number in numbers if number not in half]),
            )
            for half in combinations(numbers, len(samples) // 2)
        )
    )


def _classes(meter: str, samples: Sequence[Sample]) -> tuple[F64, F64]:
    covers = np.concatenate([sample.covers[meter] for sample in samples])
    return covers, np.concatenate([sample.stegos[meter] for sample in samples])


def _area(training: tuple[F64, F64], test: tuple[F64, F64]) -> float:
    trained = train_discriminant(*training)
    covers, stegos = (trained.scores(features) for features in test)
    return area_under_curve(covers, stegos)


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the table.

    Attributes:
        name: of the embedder, and the clips that it does not take.
        psnr_db: cover against stego.
        areas: meter -> AUC.
        estimates: meter -> mean rate estimated for the stego frames.
    """

    name: str
    psnr_db: float
    areas: Mapping[str, Areas]
    estimates: Mapping[str, float]

    def to_row(self) -> str:
        """Format as a row of Markdown."""
        areas = (areas.to_cell() for areas in self.areas.values())
        rates = (f"{rate:.3f}" for rate in self.estimates.values())
        return f"| {' | '.join([self.name, f'{self.psnr_db:.1f}', *areas, *rates])} |"


def table_head() -> str:
    """Format the head of the table."""
    cells = ["embedding", "PSNR dB", *METERS, *(f"rate by {name}" for name in ESTIMATES)]
    return f"| {' | '.join(cells)} |\n|{'---|' * len(cells)}"


class Analysis:
    """Meters applied to excerpts of clips; readings of the covers are computed once.

    Args:
        excerpts: of at least two clips.
    """

    def __init__(self, excerpts: Sequence[Excerpt]) -> None:
        self._excerpts = excerpts
        self._covers: dict[tuple[Excerpt, Planes], tuple[list[Frame], Readings]] = {}

    def covers(self, excerpt: Excerpt, planes: Planes) -> tuple[list[Frame], Readings]:
        """The frames of the excerpt and their readings."""
        if (excerpt, planes) not in self._covers:
            frames = excerpt.covers(planes)
            self._covers[excerpt, planes] = frames, read_meters(excerpt, frames)
        return self._covers[excerpt, planes]

    def judge(self, embedder: Embedder) -> Finding:
        """Embed in all excerpts and apply all meters.

        Raises:
            ValueError: the embedder takes fewer than two of the clips.
        """
        difference = Comparison()
        samples: list[Sample] = []
        left_out: list[str] = []
        for excerpt in self._excerpts:
            frames, covers = self.covers(excerpt, embedder.planes)
            if frames[0].width * frames[0].height < embedder.least_pixels:
                left_out.append(excerpt.path.stem)
                continue
            stegos = embedder.embed(excerpt)
            for cover, stego in zip(frames, stegos, strict=True):
                difference.add(cover, stego)
            samples.append(Sample(covers, read_meters(excerpt, stegos)))
        if len(samples) < 2:
            raise ValueError(f"{embedder.name} does not take {', '.join(left_out)}, and two clips are needed")
        return Finding(
            name=embedder.name + (f" (without {', '.join(left_out)})" if left_out else ""),
            psnr_db=difference.psnr_db,
            areas={meter: cross_areas(meter, samples) for meter in METERS},
            estimates={meter: _mean_of_stegos(meter, samples) for meter in ESTIMATES},
        )


def _mean_of_stegos(meter: str, samples: Sequence[Sample]) -> float:
    return float(np.mean(np.concatenate([sample.stegos[meter] for sample in samples])))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path, nargs="+", help="at least two")
    parser.add_argument("--frames", type=int, default=12, help="sampled from each clip")
    parser.add_argument("--seconds", type=Fraction, default=Fraction(8), help="used of each clip")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, help="shares of samples that carry")
    parser.add_argument("--only", nargs="+", default=[""], help="rows whose names contain one of these")
    options = parser.parse_args()
    if len(options.clips) < 2:
        parser.error("one clip to train on and another to test on are needed")
    excerpts = [Excerpt.sample(clip, options.seconds, options.frames) for clip in options.clips]
    analysis = Analysis(excerpts)
    print(table_head(), flush=True)
    for embedder in all_embedders(options.rates):
        if any(text in embedder.name for text in options.only):
            print(analysis.judge(embedder).to_row(), flush=True)


if __name__ == "__main__":
    main()
