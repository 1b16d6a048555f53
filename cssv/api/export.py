"""Export the stego frames to other kinds of file, pixel for pixel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cssv.api.gc import gc
from cssv.container import Revision
from cssv.errors import OptionError, did_you_mean
from cssv.files.paths import Path_, check_distinct
from cssv.pipeline.arguments import Progress, counted
from cssv.pipeline.calls import checked_call
from cssv.pipeline.config import EXTENSION
from cssv.pipeline.decoder import Decoder
from cssv.video import FileCodec, VideoWriter, write_pictures

#: Extension -> lossless codec of the file.
EXPORT_CODECS: dict[str, FileCodec] = {".mkv": "ffv1", ".mp4": "h264", ".webm": "vp9"}


@dataclass(frozen=True, slots=True)
class Exported:
    """Result of :func:`export`.

    Attributes:
        path: the file or folder.
        frames: frames in it.
        notes: what the other kind of file cannot hold, such as audio; what is not known of a ``.cssv``
            because of damage outside of its frames.
        torn_bytes: bytes of an unfinished append after the last version of a ``.cssv``.
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


@checked_call
def export(
    source: Path_,
    output: Path_,
    *,
    version: Revision = None,
    stream: int | None = None,
    password: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write the stego frames losslessly: ``.mkv`` FFV1, ``.mp4`` H.264, ``.webm`` VP9, or a folder of PNGs.

    The pixels are those of the source, so :func:`cssv.decode` reads the copy, which has no scene track. A
    ``.cssv`` gets one version with its scene track, bit for bit, and no other version. Audio is copied if the
    kind of file can hold it. PNGs of yuv420p frames are grey: their planes stand one above the other, Y, Cb,
    Cr. The output is read back and compared before it gets its name.

    Args:
        source: a ``.cssv`` or a lossless copy of one.
        output: the file or folder to write.
        version: of a ``.cssv``: number or tag; None for the version that plays.
        stream: number of the video stream of a copy that holds several; None for the first that carries.
        password: that of the source; the copy has it, too. Ignored if the source has none.
        overwrite: replace an existing file, or a folder that holds nothing but pictures of CSSV.
        progress: called after every frame.

    Raises:
        OptionError: another extension.
        PasswordError: the source has a password, and none or another one is given.
        NibblesLostError: the pixels of the source carry nothing.
        OutputError: the output exists or cannot be written; no part of it is left.
        ChecksumError: the output does not read back, and no part of it is left; or the source is damaged.
    """
    path = Path(output)
    suffix = path.suffix.lower()
    if suffix and suffix not in (*EXPORT_CODECS, EXTENSION):
        raise OptionError(
            "cannot export into this kind of file",
            found=str(path),
            bound=", ".join((*EXPORT_CODECS, EXTENSION)) + " or a folder (no extension)",
            remedy=did_you_mean(suffix, (*EXPORT_CODECS, EXTENSION)),
        )
    check_distinct(source, path)
    if suffix == EXTENSION:
        with Decoder(source, version, password=password) as decoder:
            gc(source, path, (version,), overwrite=overwrite, progress=progress)
            return Exported(path, len(decoder), decoder.notes, decoder.torn_bytes)
    with Decoder(source, version, stream=stream, password=password) as decoder:
        total = len(decoder)
        frames = counted((moment.frame for moment in decoder), "export", total, progress)
        if not suffix:
            count = write_pictures(path, frames, overwrite=overwrite)
            return Exported(path, count, decoder.notes, decoder.torn_bytes)
        info = decoder.info
        # The audio is copied packet by packet, and no packet has a checksum of its own.
        if info.has_audio:
            decoder.check_audio()

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
            overwrite=overwrite,
        )
        count = 0
        with writer:
            for count, frame in enumerate(frames, 1):  # noqa: B007 - the count is the result
                writer.write(frame)
        return Exported(path, count, (*decoder.notes, *writer.notes), decoder.torn_bytes)
