"""Choice of the reader for a path: a clip, a picture or a folder of pictures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Unpack

from cssv.errors import OptionError
from cssv.files.patched import PatchedFile, as_input_file
from cssv.video.ffmpeg import check_readable, opened
from cssv.video.frame_reader import FrameReader, PictureOptions, ReadOptions
from cssv.video.pictures import PictureReader
from cssv.video.png import is_png
from cssv.video.reader import VideoReader
from cssv.video.sequence import SequenceReader, is_sequence
from cssv.video.streams import choose_stream


def open_frames(path: str | os.PathLike[str], **options: Unpack[ReadOptions]) -> FrameReader:
    """Open frames that may carry something: PNGs with :class:`PictureReader`, all else as a clip.

    Options and errors are those of the two, and of :func:`open_clip`.
    """
    file = as_input_file(path)
    # Only video files are ever patched.
    if isinstance(file, PatchedFile):
        return VideoReader(file, **options)
    if is_sequence(file):
        reader = PictureReader if _holds_png(file) else SequenceReader
        return reader(file, **_picture_options(options))
    check_readable(file)
    # The first bytes decide, because a PNG may have any name.
    return PictureReader(file, **_picture_options(options)) if is_png(file) else VideoReader(file, **options)


def open_clip(path: str | os.PathLike[str], **options: Unpack[ReadOptions]) -> FrameReader:
    """Open a clip that carries nothing yet: numbered pictures with :class:`SequenceReader`, else a video."""
    file = as_input_file(path)
    if isinstance(file, PatchedFile) or not is_sequence(file):
        return VideoReader(file, **options)
    return SequenceReader(file, **_picture_options(options))


def streams_to_try(path: str | os.PathLike[str]) -> tuple[int, ...]:
    """The numbers of the video streams of a file that holds several, the best first; else none."""
    file = as_input_file(path)
    if not isinstance(file, PatchedFile):
        if is_sequence(file):
            return ()
        check_readable(file)
    with opened(file) as container:
        chosen = choose_stream(container, file)
        return (chosen.stream.index, *(other.index for other in chosen.others)) if chosen.others else ()


def _picture_options(options: ReadOptions) -> PictureOptions:
    """The options that readers of pictures take. Raises OptionError for a stream."""
    if options.get("stream") is not None:
        raise OptionError("pictures have no streams", found=options["stream"], remedy="Leave out `stream=`.")
    taken: PictureOptions = {}
    if "planes" in options:
        taken["planes"] = options["planes"]
    if "rate" in options:
        taken["rate"] = options["rate"]
    if "span" in options:
        taken["span"] = options["span"]
    return taken


def _holds_png(path: Path) -> bool:
    """Whether a path is a folder with a PNG, the only kind of picture that carries something."""
    return path.is_dir() and any(entry.suffix.lower() == ".png" for entry in path.iterdir())
