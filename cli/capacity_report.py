"""Report of ``cssv capacity``."""

from __future__ import annotations

from collections.abc import Iterator

import cssv
from cssv_cli.report import Report, notes_text, table
from cssv_cli.words import clock, count, rate_text

_HEAD = ("carrier", "window", "needs on average", "at most", "offers", "fits", "picture")


def measured(done: cssv.Capacity) -> Report:
    """What the clip is, the table of the carriers, and what follows from it."""
    lines = [
        f"{done.path}: {done.width}x{done.height} {done.layout}, {rate_text(float(done.rate))}, "
        f"{count(done.frames, 'frame')}, {clock(float(done.duration_s))}, {count(done.objects, 'object')}.",
        "",
        *table([_HEAD, *map(_row, done.carriers)]),
        "",
        *map(_sentence, done.carriers),
        *(line for each in done.carriers for line in _offers(each)),
        *notes_text(done.notes),
    ]
    return Report(lines, done.to_json(), is_result=True)


def _row(each: cssv.CarrierCapacity) -> tuple[str, ...]:
    fits = "yes" if each.fits else "no"
    if not each.has_payload:
        return each.carrier, "-", "-", "-", "-", fits, "-"
    window = "-" if each.window_s is None else f"{each.window_s:g} s"
    picture = "-" if each.psnr_db is None else f"{each.psnr_db:.1f} dB"
    needs = f"{each.mean_bytes:.0f} bytes", f"{each.largest_bytes:,} bytes"
    return each.carrier, window, *needs, f"{each.offered_bytes:,} bytes", fits, picture


def _offers(each: cssv.CarrierCapacity) -> Iterator[str]:
    """Table of what a window holds, a row for each strength, a column for each re-encoding."""
    if not each.offers:
        return
    recodings = list(dict.fromkeys(offer.recoding for offer in each.offers))
    strengths = list(dict.fromkeys(offer.psnr_db for offer in each.offers))
    held = {(offer.psnr_db, offer.recoding): offer.offered_bytes for offer in each.offers}
    yield ""
    yield f"{each.carrier}: bytes of a window that come back, by PSNR of brightness and by re-encoding"
    rows = [
        [f"{strength} dB", *(f"{held[strength, recoding]:,}" for recoding in recodings)]
        for strength in strengths
    ]
    yield from table([["strength", *recodings], *rows])


def _sentence(each: cssv.CarrierCapacity) -> str:
    """What a row of the table means."""
    if not each.has_payload:
        return f"{each.carrier}: hides the heat map itself, for which every frame has room."
    if not each.offered_bytes:
        return f"{each.carrier}: the frames are too small for it."
    needed = f"{each.carrier}: {each.bytes_per_s:.0f} bytes per second of the clip"
    if each.fits:
        return f"{needed}; the picture is the expected PSNR over all planes, against the clip."
    unfit = f"{each.unfit_windows:,} of {count(each.windows or 0, 'window')}"
    return f"{needed}; too many in {unfit}. Use longer windows, or a scene with fewer objects."
