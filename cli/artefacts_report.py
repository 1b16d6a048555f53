"""Report of ``cssv artefacts``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import cssv
from cssv.api import choices
from cssv_cli.report import Report
from cssv_cli.words import count

#: Edges of the bars of a histogram: from a quarter of the median to 16 times the median.
_EDGES = np.geomspace(0.25, 16, 25)
_BARS = " ▁▂▃▄▅▆▇█"
#: Patches that are listed; JSON has all.
_LISTED = 12


def measured(done: cssv.Artefacts, image: Path, *, is_healing: bool) -> Report:
    """The table of lengths, the outliers and what healing changed."""
    lines = [
        f"{image} in {done.model}",
        f"  weights sha256 {done.sha256}",
        f"  {done.columns} x {done.rows} patches of {done.patch_px} px",
        "",
        *_table(done),
        "",
        *_patches(done),
    ]
    if is_healing:
        lines += ["", *_healing(done)]
    if done.plot is not None:
        lines += ["", f"Wrote {done.plot}"]
    return Report(lines, done.to_json() | {"image": str(image)}, is_result=True)


def _table(done: cssv.Artefacts) -> Iterator[str]:
    yield "Lengths of the patches' tokens after each block, before the final LayerNorm:"
    yield ""
    yield "  block     median     spread    longest  outliers   median / 4 .. x 16"
    for block in done.blocks:
        longest, above = float(block.norms.max()), int(np.count_nonzero(block.norms > block.bound))
        numbers = f" {block.median:10.4g} {block.deviation:10.3g} {longest:10.4g}{above:10}"
        yield f"  {block.block:5}{numbers}   {bars(block.norms, block.median)}"


def bars(norms: NDArray[np.float64], median: float) -> str:
    """A histogram of lengths in one line, relative to the median, which is always in the same place."""
    relative = np.clip(norms / max(median, 1e-12), _EDGES[0], _EDGES[-1])
    counts, _ = np.histogram(relative, _EDGES)
    levels = np.ceil(counts / max(int(counts.max()), 1) * (len(_BARS) - 1)).astype(int)
    return "|" + "".join(_BARS[level] for level in levels.tolist()) + "|"


def _patches(done: cssv.Artefacts) -> Iterator[str]:
    places = done.patches
    if not places:
        bound = f"more than {choices.OUTLIER_DEVIATIONS:g} spreads above the median of its block"
        yield f"No artefacts: no patch lies {bound}."
        return
    several = "es" if len(places) > 1 else ""
    yield (
        f"Artefacts: {len(places)} patch{several} of {done.rows * done.columns} more than "
        f"{choices.OUTLIER_DEVIATIONS:g} spreads above the median of a block:"
    )
    for row, column in places[:_LISTED]:
        found = [each for each in done.outliers if (each.row, each.column) == (row, column)]
        worst = max(found, key=lambda each: each.deviations)
        first, last = found[0].block, found[-1].block
        span = f"block {first}" if first == last else f"blocks {first} to {last}"
        yield (
            f"  at pixel {worst.x_px:.0f},{worst.y_px:.0f} (column {column}, row {row}): {span}; "
            f"length {worst.norm:.4g} after block {worst.block}, {worst.deviations:.0f} spreads above"
        )
    if len(places) > _LISTED:
        yield f"  and {len(places) - _LISTED} more; --json lists all"


def _healing(done: cssv.Artefacts) -> Iterator[str]:
    if done.healed is None:
        yield "Nothing to heal." if not done.patches else "No test-time register removes these outliers."
        return
    left = len(done.healed.patches)
    yield (
        f"With a test-time register that takes over {count(len(done.neurons), 'neuron')}: "
        f"{left or 'no'} outlying patch{'' if left == 1 else 'es'} left."
    )
    named = ", ".join(f"{each.index} of block {each.block}" for each in done.neurons[:_LISTED])
    yield f"  register neurons: {named}{' ...' if len(done.neurons) > _LISTED else ''}"
