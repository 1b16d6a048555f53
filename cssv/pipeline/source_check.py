"""Check of a clip that is a ``.cssv`` before it is encoded again or tracked."""

from __future__ import annotations

import numpy as np

from cssv.container import Reader, is_cssv
from cssv.pipeline.clip_plan import ClipPlan
from cssv.video import DEFAULT_DAMAGED


def check_source(plan: ClipPlan, *, has_audio: bool) -> None:
    """Raise ChecksumError if the clip is a ``.cssv`` with damaged frames in the part, or with damaged audio.

    A decoder may show a damaged frame without an error. Other files have no checksums. Frames are not checked
    if the plan passes damaged ones.

    Args:
        plan: the clip.
        has_audio: whether its audio is used.
    """
    if not (plan.source.is_file() and is_cssv(plan.source)):
        return
    with Reader(plan.source) as reader:
        if has_audio:
            reader.check_audio()
        if plan.damaged == DEFAULT_DAMAGED:
            video, end = reader.video.number, min(plan.end, len(reader))
            # Frames that are shown behind the part may be decoded before its last ones.
            breaks = reader.video.table.breaks
            stop = int(breaks[np.searchsorted(breaks, end)])
            for number in range(reader.key_before(video, plan.first), stop):
                reader.sample(video, number)
