"""Stego frames into other people's containers, pixel for pixel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cssv.api.gc import gc
from cssv.container import Revision
from cssv.errors import OptionError
from cssv.files.paths import Path_, check_distinct
from cssv.pipeline.arguments import Progress, counted
from cssv.pipeline.config import EXTENSION
from cssv.pipeline.decoder import Decoder
from cssv.video import FileCodec, VideoWriter, write_pictures

#: The lossless codec for each kind of file.
EXPORT_CODECS: dict[str, FileCodec] = {".mkv": "ffv1", ".mp4": "h264", ".webm": "vp9"}


@dataclass(frozen=True, slots=True)
class Exported:
    """What :func:`export` wrote.

    Attributes:
        path: the file or folder.
        frames: frames in it.
        notes: what the container could not hold.
        torn_bytes: behind the versions of a ``.cssv``: an append that broke off, or is under way.
    """

    path: Path
    frames: int
    notes: tuple[str, ...]
    torn_bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {
            "path": str(self.path),
            "frames": self.frames,
            "notes": list(self.notes),
            "torn_bytes": self.torn_bytes,
        }


def export(
    source: Path_, output: Path_, *, version: Revision = None, progress: Progress | None = None
) -> Exported:
    """Write the stego frames losslessly: ``.mkv`` FFV1, ``.mp4`` H.264, ``.webm`` VP9, or a folder of PNGs.

    The pixels are those of the source, so :func:`cssv.decode` reads the copy; the scene track stays
    behind. ``.cssv`` gets one version bit for bit, scene track and all, without the others. Audio is
    copied where the container can hold it. PNGs of yuv420p frames are grey, their planes stacked Y over
    Cb over Cr. Before the output gets its name it is read back and compared.

    Args:
        source: a ``.cssv`` or a lossless copy of one.
        output: the file or folder to write.
        version: of a ``.cssv``: number or tag; None for the version that plays.
        progress: called after every frame.

    Raises:
        OptionError: another extension.
        NibblesLostError: the source does not carry.
        OutputError: the output cannot be written; nothing is left of it.
        ChecksumError: the output does not read back; nothing is left of it. Or the source is damaged.
    """
    path = Path(output)
    suffix = path.suffix.lower()
    if suffix and suffix not in (*EXPORT_CODECS, EXTENSION):
        raise OptionError(
            "cannot export into this kind of file",
            found=str(path),
            bound=", ".join((*EXPORT_CODECS, EXTENSION)) + " or a folder (no extension)",
        )
    check_distinct(source, path)
    if suffix == EXTENSION:
        with Decoder(source, version) as decoder:
            gc(source, path, (version,), progress=progress)
            return Exported(path, len(decoder), (), _torn(decoder))
    with Decoder(source, version) as decoder:
        total = len(decoder)
        frames = counted((moment.frame for moment in decoder), "export", total, progress)
        if not suffix:
            return Exported(path, write_pictures(path, frames), (), _torn(decoder))
        info = decoder.info

        def checked(count: int) -> None:
            if progress is not None:
                progress("verify", count, total)

        writer = VideoWriter(
            path,
            info,
            codec=EXPORT_CODECS[suffix],
            audio=Path(source) if info.has_audio else None,
            check=True,
            checked=checked,
        )
        count = 0
        with writer:
            for count, frame in enumerate(frames, 1):  # noqa: B007 - the count is the result
                writer.write(frame)
        return Exported(path, count, writer.notes, _torn(decoder))


def _torn(decoder: Decoder) -> int:
    return 0 if decoder.reader is None else decoder.reader.torn_bytes
