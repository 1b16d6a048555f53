"""Re-encodings that payloads must survive, as users state them: ``h264-28``."""

from __future__ import annotations

from dataclasses import dataclass

from cssv.errors import OptionError, check_choice

#: Codecs of re-encodings, and the largest quality number of each.
RECODING_CODECS = {"h264": 51, "hevc": 51, "vp9": 63, "av1": 63}


@dataclass(frozen=True, slots=True)
class Recoding:
    """A lossy codec at a quality.

    Attributes:
        codec: a key of :data:`RECODING_CODECS`.
        crf: quality number of the codec; the larger, the worse.

    Raises:
        OptionError: no such codec or quality.
    """

    codec: str
    crf: int

    def __post_init__(self) -> None:
        check_choice("codec of a re-encoding", self.codec, RECODING_CODECS)
        most = RECODING_CODECS[self.codec]
        if not 0 <= self.crf <= most:
            raise OptionError(
                f"the quality of {self.codec} is out of range", found=self.crf, bound=f"0 to {most}"
            )

    def __str__(self) -> str:
        return f"{self.codec}-{self.crf}"


#: What payloads survive by default.
DEFAULT_SURVIVE = "h264-28"


def read_recodings(text: str) -> tuple[Recoding, ...]:
    """Re-encodings from a text such as ``h264-28,vp9-36``. Inverse of :func:`write_recodings`.

    Raises:
        OptionError: not such a text.
    """
    found = []
    for part in text.split(","):
        codec, _, crf = part.strip().rpartition("-")
        if not (codec and crf.isascii() and crf.isdecimal() and len(crf) <= 2):
            raise OptionError(
                "not a codec and its quality",
                found=part.strip() or text,
                bound=f"for example {DEFAULT_SURVIVE}",
                remedy="Give `survive=` a codec, a hyphen and a CRF; several with commas.",
            )
        found.append(Recoding(codec, int(crf)))
    return tuple(found)


def write_recodings(recodings: tuple[Recoding, ...]) -> str:
    """The text of re-encodings. Inverse of :func:`read_recodings`."""
    return ",".join(map(str, recodings))
