"""Rows of the base layer: the identity of a clip in pieces of 10 s at CRF 40."""

from __future__ import annotations

from dataclasses import replace

from cssv.carriers.robust.base_message import message_bytes
from cssv.carriers.robust.identification import Identification
from cssv.carriers.robust.identity import shorten
from survival.channel_rows import Study, share
from survival.clip import Clip
from survival.coding import psnr_of_luma
from survival.results import Row

#: Seconds of a piece, and the re-encoding.
BASE_S, BASE_COPY = 10, "h264-40"


def back_and_forth(clip: Clip) -> Clip:
    """A clip shorter than a piece, played back and forth until it is as long."""
    count = round(BASE_S * clip.rate)
    turn = [*clip.planes, *clip.planes[-2:0:-1]]
    return (
        clip
        if len(clip.planes) >= count
        else replace(clip, planes=[turn[i % len(turn)] for i in range(count)])
    )


def base_row(study: Study) -> Row:
    """Successive pieces of one copy of the whole clip, each read by itself."""
    clip = study.clip
    _, marked = study.marked(study.class_bytes, study.survive)
    copy, _ = study.copy(study.class_bytes, study.survive, BASE_COPY)
    sent = shorten(marked.identity, message_bytes(clip.width, clip.height))
    count, found = round(BASE_S * clip.rate), list[bytes | None]()
    for first in range(0, len(copy) - count + 1, count):
        reader, message = Identification(), None
        for number in range(first, first + count):
            message = message or reader.add(clip.frame(number, copy[number]))
        found.append(message or reader.finish())
    return {
        "clip": clip.title,
        "copy": BASE_COPY,
        "message": f"{8 * len(sent)} bits",
        "cover dB": f"{psnr_of_luma(clip.planes, marked.planes):.2f}",
        f"pieces of {BASE_S} s right": share(found.count(sent), len(found)),
        "wrong": str(sum(each not in (sent, None) for each in found)),
    }
