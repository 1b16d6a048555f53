"""Forms of a file: the ways to hide the heat map and to code the frames that users choose from.

:data:`FORMS` is the only list of them. An estimate and the report of an encoding go through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from cssv.carriers.nibble.forms import FAMILY
from cssv.errors import OptionError
from cssv.pipeline.config import DEFAULT_CODEC, EncoderConfig, carrier_from_arguments
from cssv.video import CODECS, Codec, Effort


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a file.

    Attributes:
        name: for reports; one word.
        arguments: the arguments of :func:`cssv.encode` that choose it. The first is ``carrier``.
        summary: what it is, for a newcomer; a few words.
    """

    name: str
    arguments: Mapping[str, str | bool]
    summary: str


#: All forms, the one of a plain call first.
FORMS: tuple[Form, ...] = (
    Form("mixed", {"carrier": FAMILY}, "exact where the heat map is drawn, lossy elsewhere"),
    Form("sparse", {"carrier": FAMILY, "lossless": True}, "the heat map beside the objects, lossless"),
    Form("full", {"carrier": FAMILY, "fidelity": "full"}, "the heat map in every byte, lossless"),
    Form("constructive", {"carrier": "constructive"}, "what is needed to draw the heat map, lossless"),
    Form("robust", {"carrier": "robust"}, "the same in a lossy file; survives re-encoding"),
)


#: Strength of marks where none is given and no trial is made, in dB: in the middle of what trials find.
_SAMPLE_STRENGTH = 48


@dataclass(frozen=True, slots=True)
class FormChoice:
    """What a caller states beside the form: arguments of :func:`cssv.encode` of the same names.

    Attributes:
        codec, crf: of the video track; a form that has no such codec or quality takes its own.
        options: of carriers, by name, as texts or flags; a carrier takes those that it knows.
        effort: of lossless coding; lossy forms have none.
    """

    codec: Codec = DEFAULT_CODEC
    crf: int | None = None
    options: Mapping[str, object] | None = None
    effort: Effort | None = None

    def config(self, form: Form) -> EncoderConfig:
        """The configuration of a form.

        Raises:
            OptionError: a value that the form does not take.
        """
        arguments: dict[str, object] = dict(form.arguments)
        name, lossless = str(arguments.pop("carrier")), bool(arguments.pop("lossless", False))
        wanted = carrier_from_arguments(name, password=None, lossless=lossless, **arguments)
        known = wanted.options()
        options: dict[str, Any] = {key: value for key, value in (self.options or {}).items() if key in known}
        options |= arguments
        for crf, effort in product((self.crf, None), (self.effort, None)):
            try:
                config = EncoderConfig.from_arguments(
                    self.codec, name, crf=crf, effort=effort, password=None, lossless=lossless, **options
                )
            except OptionError:
                # What was stated is that of another form, such as hevc for a lossless one.
                continue
            # An effort chooses a lossless form.
            if config.carrier.name == wanted.name:
                return config
        return EncoderConfig.from_arguments(
            DEFAULT_CODEC, name, crf=None, effort=None, password=None, lossless=lossless, **options
        )

    def for_sample(self) -> FormChoice:
        """The same for a sample of a clip: without trial re-encodings, which take long."""
        options = dict(self.options or {})
        if options.get("strength") in (None, "auto"):
            options["strength"] = _SAMPLE_STRENGTH
        # In a part of a window payloads have less room than in a whole one.
        return replace(self, options=options | {"fit": True})


def form_of(config: EncoderConfig, choice: FormChoice) -> Form | None:
    """The form of a configuration; None if it is none of :data:`FORMS`."""
    for form in FORMS:
        try:
            other = choice.config(form)
        except OptionError:
            continue
        if other.carrier.name == config.carrier.name and _lossless(other) == _lossless(config):
            mine, theirs = config.carrier.options(), other.carrier.options()
            # What a clip adds to the options of a prepared carrier does not matter.
            if all(mine.get(key) == str(value) for key, value in form.arguments.items() if key in theirs):
                return form
    return None


def _lossless(config: EncoderConfig) -> bool:
    return config.crf is None and config.codec in CODECS
