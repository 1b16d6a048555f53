"""Choice of the reader for a path: a clip, a picture or a folder of pictures."""

from __future__ import annotations

import os
from typing import Unpack

from cssv.files.patched import PatchedFile, as_input_file
from cssv.video.ffmpeg import check_readable
from cssv.video.frame_reader import FrameReader, ReadOptions
from cssv.video.pictures import PictureReader
from cssv.video.png import is_png
from cssv.video.reader import VideoReader


def open_frames(path: str | os.PathLike[str], **options: Unpack[ReadOptions]) -> FrameReader:
    """Open a PNG or a folder of PNGs with :class:`PictureReader`, all else with :class:`VideoReader`.

    Options and errors are those of the two.
    """
    file = as_input_file(path)
    # Only video files are ever patched.
    if isinstance(file, PatchedFile):
        return VideoReader(file, **options)
    if file.is_dir():
        return PictureReader(file, **options)
    check_readable(file)
    # The first bytes decide, because a PNG may have any name.
    return PictureReader(file, **options) if is_png(file) else VideoReader(file, **options)
