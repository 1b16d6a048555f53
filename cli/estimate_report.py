"""Report of ``cssv encode --dry-run``."""

from __future__ import annotations

import math

import cssv
from cssv_cli.report import Report, notes_text, table
from cssv_cli.wording import to_command_line
from cssv_cli.words import count, size_text

_HEAD = ("form", "file", "of CLIP", "PSNR", "dE", "away from objects", "choose it by")
_LEGEND = (
    "PSNR: red, green and blue of the file against CLIP; more is better. dE: the median colour difference of "
    "a pixel (CIEDE2000); about 1 can just be seen. Away from objects: both where nothing is drawn.",
    "The sizes are estimates: objects are found in these frames alone.",
)


def estimated(done: cssv.Estimate) -> Report:
    """What was looked at, the table of the forms, and what its columns mean."""
    sampled = f"{count(done.sampled_frames, 'frame')} with {done.objects:.1f} objects each on average"
    rows = [_HEAD, *(_row(each) for each in done.forms if each.bytes is not None)]
    lines = [
        f"{done.path}: {count(done.frames, 'frame')}, clip of {size_text(done.source_bytes)}. Encoded as a "
        f"trial: {sampled}. No file was written.",
        "",
        *table(rows),
        "",
        *_LEGEND,
        *(_problem(each) for each in done.forms if each.problem is not None),
        *notes_text(done.notes),
    ]
    return Report(lines, done.to_json(), is_result=True)


def _row(each: cssv.FormCost) -> tuple[str, ...]:
    name = f"{each.form} (now)" if each.is_chosen else each.form
    times = "-" if each.times_source is None else f"{each.times_source:.1f} times"
    away = f"{_decibel(each.undrawn_psnr_db)}, dE {_de(each.undrawn_median_de)}"
    size = size_text(each.bytes or 0)
    return name, size, times, _decibel(each.rgb_psnr_db), _de(each.median_de), away, options_text(each)


def options_text(each: cssv.FormCost) -> str:
    """The options of ``cssv encode`` that choose a form."""
    return " ".join(
        f"--{name}" if value is True else f"--{name} {value}" for name, value in each.arguments.items()
    )


def _decibel(psnr_db: float | None) -> str:
    if psnr_db is None:
        return "-"
    return "equal" if math.isinf(psnr_db) else f"{psnr_db:.1f} dB"


def _de(median: float | None) -> str:
    return "-" if median is None else f"{median:.1f}"


def _problem(each: cssv.FormCost) -> str:
    return f"Not {each.form}: {to_command_line(each.problem or '')}"
